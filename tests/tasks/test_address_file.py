from pathlib import Path

import pytest

from models.errors import FeedError
from tasks.address_file import parse_file


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_file_is_resolved_in_each_encoding(tmp_path: Path, encoding: str) -> None:
    src, dst = tmp_path / "in.csv", tmp_path / "out.csv"
    src.write_text('id,text\nA1,"杭州市西湖区,文三路"\nA2,西湖区站前路\n', encoding=encoding)

    count = parse_file(src, dst)

    assert (count.rows, count.resolved, count.refused) == (2, 1, 1)
    assert dst.read_text(encoding="utf-8") == (
        "id,province,city,district,code\nA1,浙江省,杭州市,西湖区,330106\nA2,,,,\n"
    )


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "needs one column 'id', its header has nothing"),
        ("id,address\n1,杭州\n".encode(), "needs one column 'text', its header has id, address"),
        (b"id,text,text\n1,a,b\n", "needs one column 'text'"),
        ("id,text\n1,杭州\n2\n".encode(), "line 3 has 1 columns, the header has 2"),
        (b'id,text\n1,"open\n', "line 2: unexpected end of data"),
        (b"id,text\n1,\xff\xff\n", "neither UTF-8 nor GB 18030"),
    ],
)
def test_a_bad_file_is_named_with_its_fault(tmp_path: Path, content: bytes, fault: str) -> None:
    src, dst = tmp_path / "in.csv", tmp_path / "out.csv"
    src.write_bytes(content)

    with pytest.raises(FeedError) as raised:
        parse_file(src, dst)

    assert str(raised.value).startswith(f"{src}: ")
    assert fault in str(raised.value)
    assert list(tmp_path.iterdir()) == [src]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match=r"nowhere\.csv: cannot be read: No such file"):
        parse_file(tmp_path / "nowhere.csv", tmp_path / "out.csv")
