"""A mapping: the validated file that turns a channel's payloads into IncomingOrder.

docs/mapping.md is the reference of the format. A mapping is compiled once; reading runs closures.
"""

import hashlib
from collections import abc
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from connectors import paths
from connectors.fields import Field
from connectors.mapping_file import FileSpec, parse_file
from connectors.mapping_text import Node, read_yaml
from connectors.order_reader import Gate, OrderReader, parse_order_reader
from connectors.paths import EACH, PersonalPaths
from connectors.reading_faults import Fault, MappingError
from models.errors import SetupError
from models.incoming import IncomingOrder, OrderKind

__all__ = ["Fault", "Mapping", "MappingError", "join", "load_mapping", "parse_mapping"]

_HEAD: Final = ("name", "version", "kind", "money", "times", "time_zone", "file")
_BODY: Final = ("order", "pay_state", "receiver", "invoice", "lines", "line", "personal", "carriers")
_PRIVATE_RECEIVER: Final = ("name phone town address oaid name_cipher phone_cipher address_cipher merge_key").split()
_PRIVATE_ORDER: Final = ("buyer_note", "seller_note")
_PRIVATE_INVOICE: Final = ("title", "tax_no")

join = paths.join


@dataclass(frozen=True, slots=True)
class Mapping:
    """One version of one channel's mapping.

    `digest` is the SHA-256 of its text, `carriers` our carrier code -> the platform's.
    """

    name: str
    version: int
    kind: OrderKind
    digest: str
    carriers: abc.Mapping[str, str]
    file: FileSpec | None  # how to read a file of this kind, None for an API
    reader: OrderReader
    private: PersonalPaths

    def read(self, payload: dict[str, Any]) -> IncomingOrder:
        """The order in a payload; raises MappingError with every field that is wrong."""
        return self.reader.read(payload)

    def read_all(
        self, payloads: abc.Iterable[dict[str, Any]]
    ) -> tuple[list[tuple[int, IncomingOrder]], list[tuple[int, MappingError]]]:
        """The readable orders and the errors of the others, each with its position in `payloads`."""
        orders: list[tuple[int, IncomingOrder]] = []
        errors: list[tuple[int, MappingError]] = []
        for position, payload in enumerate(payloads):
            try:
                orders.append((position, self.reader.read(payload)))
            except MappingError as error:
                errors.append((position, error))
        return orders, errors

    def gated(self, gate: Gate) -> "Mapping":
        """The same mapping, reading an order as ready to ship only where the channel's predicate agrees."""
        return replace(self, reader=replace(self.reader, gate=gate))

    def external_id(self, payload: dict[str, Any]) -> str:
        """The platform's id of a payload that may be unreadable otherwise; "" when it has none."""
        return self.reader.external_id(payload)

    def cut(self, payload: dict[str, Any]) -> str:
        """The payload as JSON text with `{"$receiver": true}` in place of every personal value."""
        return self.private.cut(payload)

    def personal(self, payload: dict[str, Any]) -> dict[str, Any]:
        """The values that `cut` takes out, by their place; `join` puts them back."""
        return self.private.values(payload)


def load_mapping(path: Path) -> Mapping:
    """Read and check a mapping file; raises SetupError naming file, key and obstacle."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"mapping {path}: cannot be read: {error}") from error
    return parse_mapping(text, str(path))


def parse_mapping(text: str, source: str) -> Mapping:
    """Check and compile the text of a mapping; `source` names it in errors. Raises SetupError."""
    root = read_yaml(text, source)
    keys = root.children((*_HEAD, *_BODY))
    for needed in ("name", "version", "order", "pay_state"):
        if needed not in keys:
            raise root.error(f"lacks {needed}")
    kind = OrderKind(keys["kind"].one_of([kind.value for kind in OrderKind]) if "kind" in keys else OrderKind.GOODS)
    fields, reader = parse_order_reader(root, keys, kind)
    private = _personal_paths(keys, fields)
    return Mapping(
        name=keys["name"].word(),
        version=keys["version"].number(),
        kind=kind,
        digest=hashlib.sha256(text.encode()).hexdigest(),
        carriers=MappingProxyType(_carriers(keys)),
        file=parse_file(keys["file"], fields, kind) if "file" in keys else None,
        reader=reader.bound(private),
        private=private,
    )


def _personal_paths(keys: dict[str, Node], fields: dict[str, Field]) -> PersonalPaths:
    """What is listed, and what feeds the private fields even where nobody listed it."""
    names = [f"receiver.{name}" for name in _PRIVATE_RECEIVER] + [f"order.{name}" for name in _PRIVATE_ORDER]
    names += [f"invoice.{name}" for name in _PRIVATE_INVOICE]
    found = [path for name in names if name in fields for group in fields[name].sources for path in group]
    for item in keys["personal"].items() if "personal" in keys else ():
        try:
            paths.parse_path(item.word())
        except ValueError as error:
            raise item.error(str(error)) from error
        found.append(item.word())
    if "file" in keys:
        found += [f"{FileSpec.LINES}{EACH}.{path}" for path in found if EACH not in path]
    return PersonalPaths(found)


def _carriers(keys: dict[str, Node]) -> dict[str, str]:
    if "carriers" not in keys:
        return {}
    return {code: node.word() for code, node in keys["carriers"].children().items()}
