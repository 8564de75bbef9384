"""The `file` section of a mapping: which columns a file has and how they may be spelled."""

import unicodedata
from dataclasses import dataclass
from typing import ClassVar

from connectors.fields import Field
from connectors.mapping_text import Node
from connectors.order_reader import FILE_LINES
from connectors.paths import EACH, parse_path
from models.incoming import OrderKind


@dataclass(frozen=True, slots=True)
class FileSpec:
    """How to read a CSV or a workbook into payloads.

    `spellings` maps every accepted header (as `plain_header` writes it) to the column's name in the mapping.
    `wanted` are groups of columns; of each group a file must have one.
    """

    LINES: ClassVar[str] = FILE_LINES

    spellings: dict[str, str]
    wanted: tuple[tuple[str, ...], ...]
    order_no: tuple[str, ...]  # the columns of the order number, first filled one counts
    grouped: bool  # one row per line, rows of an order belong together
    sheet: str  # "" is the first
    header_row: int  # from 1
    encoding: str  # "" finds out


def plain_header(written: str) -> str:
    """A header as it is compared: no spaces of any kind, no BOM, full-width forms folded."""
    folded = unicodedata.normalize("NFKC", written)
    return "".join(char for char in folded if not char.isspace() and unicodedata.category(char) != "Cf")


def parse_file(node: Node, fields: dict[str, Field], kind: OrderKind) -> FileSpec:
    """Check the `file` section against the columns that the fields read; raises SetupError."""
    keys = node.children(("columns", "optional", "sheet", "header_row", "encoding"))
    optional = {item.word() for item in keys["optional"].items()} if "optional" in keys else set()
    groups = [tuple(_column(path) for path in group) for field in fields.values() for group in field.paths]
    columns = {column for group in groups for column in group} - {FILE_LINES}
    order_no = tuple(_column(path) for group in fields["order.order_no"].sources for path in group)
    if not order_no:
        raise node.error("order.order_no must be read from a column")
    return FileSpec(
        spellings=_spellings(node, keys.get("columns"), columns),
        wanted=tuple(dict.fromkeys(group for group in groups if not optional.intersection(group))),
        order_no=order_no,
        grouped=kind is OrderKind.GOODS,
        sheet=keys["sheet"].word() if "sheet" in keys else "",
        header_row=keys["header_row"].number() if "header_row" in keys else 1,
        encoding=_encoding(keys["encoding"]) if "encoding" in keys else "",
    )


def _column(path: str) -> str:
    steps = parse_path(path)
    return steps[2] if steps[:2] == (FILE_LINES, EACH) and len(steps) > 2 else steps[0]


def _spellings(node: Node, declared: Node | None, columns: set[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    given = declared.children() if declared is not None else {}
    for name in [*given, *sorted(columns - set(given))]:
        written = [item.word() for item in given[name].items()] if name in given else [name]
        for header in map(plain_header, written):
            if found.setdefault(header, name) != name:
                raise node.error(f"header {header!r} is given to both {found[header]} and {name}")
    return found


def _encoding(node: Node) -> str:
    try:
        "".encode(node.word())
    except LookupError as error:
        raise node.error(f"no encoding is called {node.word()!r}") from error
    return node.word()
