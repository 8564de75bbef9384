"""One field of a mapping: from its text to a function payload -> value.

A field is a path, or an object with one source (`from`, `const`, `plus`/`minus`, `earliest`) and what to
do with what is found (`as`, `table`, `otherwise`, `unset`, `default`, `rules`). docs/mapping.md is the
reference. Everything is checked here once; reading an order only runs the closures built here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from connectors.conditions import Condition, parse_when
from connectors.converters import BadValue, Converter, full_name, text
from connectors.mapping_text import Node
from connectors.paths import EACH, Getter, each_value, getter

Reader = Callable[[dict[str, Any]], Any]

REQUIRED: Final = object()
"""The `empty` of a field that every order must have."""

_KEYS: Final = frozenset(
    ("from", "join", "const", "plus", "minus", "earliest", "as", "table", "otherwise", "unset", "default", "rules")
)
_SOURCES: Final = ("from", "const", "plus", "minus", "earliest")


@dataclass(frozen=True, slots=True)
class Kind:
    """What a field of ours holds: its default converter, the others one may name, the values it may have."""

    default: Converter
    named: dict[str, Converter]
    amount: Converter  # how amounts in conditions are read
    values: dict[str, Any] | None = None  # of an enum: its words


@dataclass(frozen=True, slots=True)
class Field:
    """A compiled field.

    `paths` are the groups of alternatives it reads, of each group one must exist; `sources` are those
    among them that its value comes from.
    """

    read: Reader
    paths: tuple[tuple[str, ...], ...]
    sources: tuple[tuple[str, ...], ...]


def constant(value: Any) -> Field:
    """A field that is the same for every order."""
    return Field(lambda payload: value, (), ())


def parse_field(node: Node, kind: Kind, empty: Any) -> Field:
    """Compile one field; `empty` is its value when the payload has none, REQUIRED to refuse that.

    Raises SetupError naming file, key and obstacle.
    """
    if not isinstance(node.value, dict):
        node = Node(node.source, node.key, {"from": node.value})
    return _Parser(node, kind, empty).field()


class _Parser:
    def __init__(self, node: Node, kind: Kind, empty: Any) -> None:
        self.node = node
        self.keys = node.children(_KEYS)
        self.kind = kind
        self.sources: list[tuple[str, ...]] = []
        self.tested: list[tuple[str, ...]] = []
        self.convert = self._converter()
        self.empty = self._constant(self.keys["default"]) if "default" in self.keys else empty

    def field(self) -> Field:
        self._check_keys()
        rules = self._rules()
        read = self._source()
        return Field(_with_rules(rules, read) if rules else read, (*self.sources, *self.tested), tuple(self.sources))

    def _check_keys(self) -> None:
        sources = [key for key in _SOURCES if key in self.keys]
        if len(sources) > 1 and set(sources) != {"plus", "minus"}:
            raise self.node.error(f"has {' and '.join(sources)}; one of them is enough")
        if not sources and not ("rules" in self.keys and "otherwise" in self.keys):
            raise self.node.error("needs one of from, const, plus, earliest, or rules with otherwise")
        if self.kind.values is not None and "from" in self.keys and "table" not in self.keys:
            raise self.node.error("needs a table from their words to ours")
        if "join" in self.keys and "from" not in self.keys:
            raise self.node.error("has join without from")

    def _converter(self) -> Converter:
        if "as" not in self.keys:
            return self._tabled(self.kind.default)
        name = self.keys["as"].one_of(self.kind.named)
        return self._tabled(self.kind.named[name])

    def _tabled(self, convert: Converter) -> Converter:
        if "table" not in self.keys:
            return convert
        table = {text(key): self._constant(value) for key, value in self.keys["table"].children().items()}
        if "otherwise" not in self.keys:
            return lambda value: _look_up(table, text(value))
        if self.kind.values is None and self.keys["otherwise"].text() == "keep":
            return lambda value: table.get(found := text(value), found)
        otherwise = self._constant(self.keys["otherwise"])
        return lambda value: table.get(text(value), otherwise)

    def _constant(self, node: Node) -> Any:
        written = node.text()
        if self.kind.values is not None:
            return self.kind.values[node.one_of(self.kind.values)]
        try:
            return self.kind.default(written)
        except BadValue as error:
            raise node.error(f"{written!r} {error.why}") from error

    def _rules(self) -> list[tuple[Condition, Any]]:
        found = []
        for item in self.keys["rules"].items() if "rules" in self.keys else ():
            rule = item.children(("when", "is"))
            if len(rule) != 2:
                raise item.error("needs when and is")
            condition, paths = parse_when(rule["when"], self.kind.amount)
            self.tested += [(path,) for path in paths]
            found.append((condition, self._constant(rule["is"])))
        return found

    def _source(self) -> Reader:
        if "const" in self.keys:
            value = self._constant(self.keys["const"])
            return lambda payload: value
        if "plus" in self.keys or "minus" in self.keys:
            return self._sum()
        if "earliest" in self.keys:
            return self._earliest()
        if "from" in self.keys:
            return self._first()
        otherwise = self._constant(self.keys["otherwise"])
        return lambda payload: otherwise

    def _first(self) -> Reader:
        alternatives = [self._alternative(item) for item in self.keys["from"].items()]
        self.sources.append(tuple(path for paths, _ in alternatives for path in paths))
        if "unset" in self.keys:
            unset = frozenset(item.text() for item in self.keys["unset"].items())
            alternatives = [(paths, _without(find, unset)) for paths, find in alternatives]
        labelled = [(" + ".join(paths), find) for paths, find in alternatives]
        if len(labelled) == 1:
            return _one(*labelled[0], self.convert, self.empty)
        return _coalesce(labelled, self.convert, self.empty)

    def _alternative(self, node: Node) -> tuple[list[str], Getter]:
        if isinstance(node.value, dict):
            parts = node.children(("path", "when"))
            if len(parts) != 2:
                raise node.error("needs path and when")
            condition, read = parse_when(parts["when"], self.kind.amount)
            self.tested += [(path,) for path in read]
            paths, find = self._alternative(parts["path"])
            return paths, lambda payload: find(payload) if condition(payload) else None
        if isinstance(node.value, list):
            paths = [item.word() for item in node.items()]
            return paths, self._joined([_getter(item) for item in node.items()])
        return [node.word()], _getter(node)

    def _joined(self, getters: Sequence[Getter]) -> Getter:
        join = self.keys.get("join")
        if join is not None and join.text() == "full_name":
            if len(getters) != 2:
                raise join.error("full_name joins exactly two: last name, first name")
            last, first = getters
            return lambda payload: full_name(_part(last, payload), _part(first, payload)) or None
        between = join.text() if join is not None else ""
        return lambda payload: between.join(part for get in getters if (part := _part(get, payload))) or None

    def _sum(self) -> Reader:
        terms = [
            (sign, *self._term(item))
            for key, sign in (("plus", 1), ("minus", -1))
            for item in (self.keys[key].items() if key in self.keys else ())
        ]
        convert, empty = self.convert, self.empty

        def read(payload: dict[str, Any]) -> Any:
            total, seen = 0, False
            for sign, path, each in terms:
                for value in each(payload):
                    seen = True
                    try:
                        total += sign * convert(value)
                    except BadValue as error:
                        raise BadValue(error.why, path, value) from None
            return total if seen else _or_empty(empty, terms[0][1])

        return read

    def _term(self, node: Node) -> tuple[str, Callable[[dict[str, Any]], Any]]:
        if not isinstance(node.value, dict):
            self.sources.append((node.word(),))
            return node.word(), _each(node)
        parts = node.children(("path", "when"))
        if len(parts) != 2 or EACH + "." not in parts["path"].word():
            raise node.error("needs a list path and a when about its elements")
        keep, _ = parse_when(parts["when"], self.kind.amount)
        self.sources.append((parts["path"].word(),))
        return parts["path"].word(), each_value(parts["path"].word(), keep)

    def _earliest(self) -> Reader:
        terms = [self._term(item) for item in self.keys["earliest"].items()]
        convert, empty = self.convert, self.empty

        def read(payload: dict[str, Any]) -> Any:
            moments = [_converted(convert, path, value) for path, each in terms for value in each(payload)]
            known = [moment for moment in moments if moment is not None]
            return min(known) if known else _or_empty(empty, terms[0][0])

        return read


def _with_rules(rules: Sequence[tuple[Condition, Any]], read: Reader) -> Reader:
    def decide(payload: dict[str, Any]) -> Any:
        for condition, result in rules:
            if condition(payload):
                return result
        return read(payload)

    return decide


def _one(path: str, find: Getter, convert: Converter, empty: Any) -> Reader:
    def read(payload: dict[str, Any]) -> Any:
        value = find(payload)
        if value is None:
            return _or_empty(empty, path)
        try:
            found = convert(value)
        except BadValue as error:
            raise BadValue(error.why, path, value) from None
        return found if found is not None else _or_empty(empty, path)

    return read


def _coalesce(alternatives: Sequence[tuple[str, Getter]], convert: Converter, empty: Any) -> Reader:
    def read(payload: dict[str, Any]) -> Any:
        for path, find in alternatives:
            value = find(payload)
            if value is not None:
                found = _converted(convert, path, value)
                if found is not None:
                    return found
        return _or_empty(empty, " or ".join(path for path, _ in alternatives))

    return read


def _converted(convert: Converter, path: str, value: Any) -> Any:
    try:
        return convert(value)
    except BadValue as error:
        raise BadValue(error.why, path, value) from None


def _or_empty(empty: Any, path: str) -> Any:
    if empty is REQUIRED:
        raise BadValue("is empty or absent", path)
    return empty


def _look_up(table: dict[str, Any], value: str) -> Any:
    try:
        return table[value]
    except KeyError:
        raise BadValue("is not in the mapping's table") from None


def _without(find: Getter, unset: frozenset[str]) -> Getter:
    def get(payload: dict[str, Any]) -> Any:
        value = find(payload)
        return None if str(value) in unset else value

    return get


def _part(find: Getter, payload: dict[str, Any]) -> str:
    value = find(payload)
    return "" if value is None else text(value)


def _getter(node: Node) -> Getter:
    try:
        return getter(node.word())
    except ValueError as error:
        raise node.error(str(error)) from error


def _each(node: Node) -> Callable[[dict[str, Any]], Any]:
    try:
        return each_value(node.word())
    except ValueError as error:
        raise node.error(str(error)) from error
