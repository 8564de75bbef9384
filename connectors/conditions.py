"""The `when` of a mapping: which payloads a rule or a path is meant for.

`when` is an object of path -> test, and all must hold. A test is a value or a list of values (equal to
one of them), `{not: ...}`, `{empty: true}`, `{zero: true}` (an amount that is 0 or absent) or
`{at_least: other.path}` (an amount at least as large as another; an absent one counts as 0).
"""

from collections.abc import Callable
from typing import Any

from connectors.converters import BadValue, Converter, text
from connectors.mapping_text import Node
from connectors.paths import Getter, getter

Condition = Callable[[dict[str, Any]], bool]


def parse_when(node: Node, amount: Converter) -> tuple[Condition, list[str]]:
    """The condition and the paths it reads. Raises SetupError."""
    tests: list[Condition] = []
    paths: list[str] = []
    for path, test in node.children().items():
        condition, read = _parse_test(_path_getter(test, path), path, test, amount)
        tests.append(condition)
        paths += [path, *read]
    if not tests:
        raise node.error("names no path")
    return _all(tests), paths


def _parse_test(find: Getter, path: str, node: Node, amount: Converter) -> tuple[Condition, list[str]]:
    if not isinstance(node.value, dict):
        return _equals(find, path, frozenset(item.text() for item in node.items())), []
    tests = node.children(("not", "empty", "zero", "at_least"))
    if len(tests) != 1:
        raise node.error("must hold exactly one of not, empty, zero, at_least")
    name, wanted = next(iter(tests.items()))
    if name == "not":
        equal = _equals(find, path, frozenset(item.text() for item in wanted.items()))
        return lambda payload: not equal(payload), []
    if name == "empty":
        expected = wanted.flag()
        return lambda payload: (find(payload) is None) == expected, []
    worth = _amount_at(find, path, amount)
    if name == "zero":
        is_zero = wanted.flag()
        return lambda payload: (worth(payload) == 0) == is_zero, []
    other = _amount_at(_path_getter(wanted, wanted.word()), wanted.word(), amount)
    return lambda payload: worth(payload) >= other(payload), [wanted.word()]


def _equals(find: Getter, path: str, wanted: frozenset[str]) -> Condition:
    def test(payload: dict[str, Any]) -> bool:
        value = find(payload)
        if type(value) is str:
            return value in wanted
        if value is None:
            return "" in wanted
        if isinstance(value, bool):
            return str(value).lower() in wanted
        try:
            return text(value) in wanted
        except BadValue as error:
            raise BadValue(error.why, path, value) from None

    return test


def _amount_at(find: Getter, path: str, amount: Converter) -> Callable[[dict[str, Any]], int]:
    def worth(payload: dict[str, Any]) -> int:
        value = find(payload)
        if value is None:
            return 0
        try:
            found: int = amount(value)
        except BadValue as error:
            raise BadValue(error.why, path, value) from None
        return found

    return worth


def _all(tests: list[Condition]) -> Condition:
    if len(tests) == 1:
        return tests[0]
    if len(tests) == 2:
        first, second = tests
        return lambda payload: first(payload) and second(payload)
    return lambda payload: all(test(payload) for test in tests)


def _path_getter(node: Node, path: str) -> Getter:
    try:
        return getter(path)
    except ValueError as error:
        raise node.error(str(error)) from error
