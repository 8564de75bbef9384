import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.wms.qimen_xml import MAX_BYTES, BadXml, Content, read_xml, text_of, write_xml

LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">
<!ENTITY lol1 "&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;"><!ENTITY lol2 "&lol1;&lol1;&lol1;&lol1;&lol1;">
]><request>&lol2;</request>"""
OUTSIDE = b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/hostname">]><request>&x;</request>'


@pytest.mark.parametrize("body", [LAUGHS, OUTSIDE, b'<!DOCTYPE r SYSTEM "http://127.0.0.1:9/x.dtd"><r/>'])
def test_a_document_type_is_refused(body: bytes) -> None:
    with pytest.raises(BadXml, match="document type"):
        read_xml(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"<a>",
        b"<a/><b/>",
        b"<a>&nbsp;</a>",
        b"\xff\xfe<\x00a\x00",
        "<a>红</a>".encode("gbk"),
        b"<a>" * 21 + b"</a>" * 21,
        b"<a>" + b" " * MAX_BYTES + b"</a>",
    ],
)
def test_what_is_no_xml_is_refused(body: bytes) -> None:
    with pytest.raises(BadXml):
        read_xml(body)


def test_utf8_is_read_whatever_encoding_is_declared() -> None:
    body = '\ufeff<?xml version="1.0" encoding="gbk"?><a><b> 红 </b></a>'.encode()

    assert text_of(read_xml(body), "b") == "红"


texts = st.text()
contents = st.recursive(texts, lambda inner: st.lists(st.tuples(st.sampled_from("abc"), inner), max_size=3))


@given(contents)
def test_whatever_is_written_can_be_read(content: Content) -> None:
    read_xml(write_xml("request", content))


@given(st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"], exclude_characters="\ufffe\uffff")))
def test_a_text_comes_back_as_it_was(text: str) -> None:
    assert text_of(read_xml(write_xml("request", [("a", text)])), "a") == text.strip()


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with contextlib.suppress(BadXml):
        read_xml(body)
