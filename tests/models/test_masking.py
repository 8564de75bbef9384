import pytest

from models.masking import brief, mask_contacts


@pytest.mark.parametrize(
    ("written", "masked"),
    [
        ("派件人 王五13900000000", "派件人 王五139****0000"),
        ("电话0571-88663344。", "电话0571-****3344。"),
        ("02188663344", "021-****3344"),
        ("18412345566-1234", "184****5566-****"),
        ("139 0000 0000", "139****0000"),
        ("取件码：8-2-1234，请取", "取件码：****，请取"),
        ("凭提货码 A1234 取", "凭提货码 **** 取"),
        ("请凭取件码领取", "请凭取件码领取"),
        ("单号75329012345678", "单号75329012345678"),
        ("YT9693083639795", "YT9693083639795"),
        ("", ""),
    ],
)
def test_contacts_are_masked(written: str, masked: str) -> None:
    assert mask_contacts(written) == masked


def test_an_answer_is_cut_to_one_short_line() -> None:
    assert brief("a\n b" + "c" * 500, 6) == "a bccc"
