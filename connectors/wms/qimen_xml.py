"""XML of the Qimen protocol: read in bounds, without document types and entities; written from plain values."""

import re
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias
from xml.etree.ElementTree import Element, TreeBuilder, tostring
from xml.parsers import expat

MAX_BYTES: Final = 1_000_000
MAX_DEPTH: Final = 20

Content: TypeAlias = "str | Sequence[tuple[str, Content]]"
"""What an element holds: a text, or elements by name, in their order. Empty ones are left out."""

_DECLARATION: Final = '<?xml version="1.0" encoding="utf-8"?>'
_UNWRITABLE = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class BadXml(Exception):
    """Why a body cannot be read as XML, in words without what it holds."""


def read_xml(body: bytes) -> Element:
    """The root of a document in UTF-8, whatever encoding it declares; raises BadXml.

    One with a DOCTYPE is refused: no entity beyond XML's own five is ever expanded, and nothing outside is read.
    """
    if len(body) > MAX_BYTES:
        raise BadXml(f"it has {len(body)} bytes, at most {MAX_BYTES} are read")
    return _Reading().root_of(body)


def write_xml(root: str, content: Content) -> bytes:
    """A document in UTF-8; characters that XML cannot hold are left out."""
    return (_DECLARATION + tostring(_element(root, content), "unicode")).encode()


def text_of(element: Element | None, path: str) -> str:
    """The text of the first element at a path, without outer spaces; "" where there is none."""
    return "" if element is None else (element.findtext(path) or "").strip()


class _Reading:
    """One document on its way from bytes to elements."""

    def __init__(self) -> None:
        self._builder = TreeBuilder()
        self._depth = 0

    def root_of(self, body: bytes) -> Element:
        parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._refuse
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._builder.data
        try:
            parser.Parse(body, True)
        except expat.ExpatError as error:
            raise BadXml(f"line {error.lineno}: {expat.ErrorString(error.code)}") from error
        return self._builder.close()

    def _refuse(self, name: str, system_id: str | None, public_id: str | None, has_subset: bool) -> None:
        raise BadXml("it declares a document type")

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise BadXml(f"its elements lie more than {MAX_DEPTH} deep")
        self._builder.start(name, dict(attributes))

    def _end(self, name: str) -> None:
        self._depth -= 1
        self._builder.end(name)


def _element(name: str, content: Content) -> Element:
    element = Element(name)
    if isinstance(content, str):
        # a reader would make one line end of each kind, which the signature of the written bytes does not know
        element.text = _UNWRITABLE.sub("", content.replace("\r\n", "\n").replace("\r", "\n"))
    else:
        element.extend(_element(inner, part) for inner, part in content if part)
    return element
