"""The text of a mapping file: YAML that can only be texts, lists and objects, checked key by key.

Every scalar is read as text, so `no`, `1.10` and dates keep their spelling. Aliases, tags that build
objects and repeated keys are refused.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

import yaml

from models.errors import SetupError

MAX_CHARS: Final = 200_000


class _Loader(yaml.BaseLoader):
    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not allowed")
        node: yaml.Node | None = super().compose_node(parent, index)
        if isinstance(node, yaml.MappingNode):
            _refuse_repeated_keys(node)
        return node


def _refuse_repeated_keys(node: yaml.MappingNode) -> None:
    seen: set[str] = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise yaml.YAMLError("a key must be text")
        if key.value in seen:
            raise yaml.YAMLError(f"key {key.value!r} appears twice, line {key.start_mark.line + 1}")
        seen.add(key.value)


@dataclass(frozen=True, slots=True)
class Node:
    """One place in a mapping file; `key` is its full name, `source` the file."""

    source: str
    key: str
    value: Any

    def error(self, obstacle: str) -> SetupError:
        """The SetupError that names file, key and obstacle."""
        return SetupError(f"mapping {self.source}: {self.key or 'the file'}: {obstacle}")

    def children(self, allowed: Collection[str] | None = None) -> dict[str, "Node"]:
        """The nodes of an object by key. Raises SetupError for another kind or a key outside `allowed`."""
        if not isinstance(self.value, dict):
            raise self.error("must be a set of `key: value`")
        unknown = [key for key in self.value if allowed is not None and key not in allowed]
        if unknown:
            raise self.error(f"does not know {', '.join(unknown)}; it knows {', '.join(sorted(allowed or ()))}")
        return {key: Node(self.source, self._name(key), value) for key, value in self.value.items()}

    def items(self) -> list["Node"]:
        """The nodes of a list; a single value counts as a list of one."""
        values = self.value if isinstance(self.value, list) else [self.value]
        if not values:
            raise self.error("is an empty list")
        return [Node(self.source, f"{self.key}[{position}]", value) for position, value in enumerate(values)]

    def text(self) -> str:
        """A text, possibly empty."""
        if not isinstance(self.value, str):
            raise self.error("must be a single value")
        return self.value

    def word(self) -> str:
        """A text that is not empty."""
        found = self.text()
        if not found:
            raise self.error("is empty")
        return found

    def one_of(self, allowed: Collection[str]) -> str:
        """A text out of `allowed`."""
        if self.text() not in allowed:
            raise self.error(f"{self.text()!r} is not one of {', '.join(sorted(allowed))}")
        return self.text()

    def flag(self) -> bool:
        """`true` or `false`."""
        return self.one_of(("true", "false")) == "true"

    def number(self) -> int:
        """A whole number from 1 up."""
        if not self.text().isascii() or not self.text().isdigit() or int(self.text()) < 1:
            raise self.error(f"{self.text()!r} is not a whole number from 1 up")
        return int(self.text())

    def _name(self, key: str) -> str:
        return f"{self.key}.{key}" if self.key else key


def read_yaml(text: str, source: str) -> Node:
    """The root of a mapping file. Raises SetupError when it is no such YAML."""
    root = Node(source, "", None)
    if len(text) > MAX_CHARS:
        raise root.error(f"has {len(text)} characters, at most {MAX_CHARS} are read")
    try:
        value = yaml.load(text, _Loader)
    except (yaml.YAMLError, RecursionError) as error:
        raise root.error(f"is not readable YAML: {' '.join(str(error).split())[:300]}") from error
    if not isinstance(value, dict):
        raise root.error("is not a set of `key: value`")
    return Node(source, "", value)
