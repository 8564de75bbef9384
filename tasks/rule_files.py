"""YAML files of rules: every scalar stays as it is written, and nothing in them can build anything."""

from pathlib import Path
from typing import Any

import yaml

from models.errors import SetupError

MAX_CHARS = 500_000


class PlainLoader(yaml.BaseLoader):
    """Leaves every scalar as it is written (a code of digits is no number), and refuses a key that appears twice."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """The next node; raises YAMLError for one that stands for another."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not allowed")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """The settings of a node; raises YAMLError for one that is named twice."""
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.YAMLError(f"line {key.start_mark.line + 1}: a name has to be plain text")
            if key.value in seen:
                raise yaml.YAMLError(f"line {key.start_mark.line + 1}: {key.value} appears twice")
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_rule_file(path: Path, what: str) -> Any:
    """The content of a YAML file, scalars as text; `what` it is, for errors. Raises SetupError naming the file."""
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise SetupError(f"{what} {path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SetupError(f"{what} {path}: is no UTF-8 text") from error
    return read_rule_text(text, what, str(path))


def read_rule_text(text: str, what: str, source: str) -> Any:
    """The content of a YAML text, scalars as text. Raises SetupError naming what it is and its source."""
    if len(text) > MAX_CHARS:
        raise SetupError(f"{what} {source}: has {len(text):,} characters; {MAX_CHARS:,} are allowed")
    try:
        return yaml.load(text, PlainLoader)
    except (yaml.YAMLError, RecursionError) as error:
        raise SetupError(f"{what} {source}: is no YAML: {' '.join(str(error).split())}") from error
