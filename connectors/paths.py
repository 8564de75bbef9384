"""Where things are in a payload: dotted paths, their readers, and the cutting out of personal values.

`billing.phone` is a key in an object, `line_items[].total` one key of every element of a list,
`meta_data[key=colour].value` one of those elements alone whose `key` is `colour`. A dot inside a key is written `\\.`.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import orjson

from connectors.converters import BadValue

Getter = Callable[[dict[str, Any]], Any]
POINTER: Final[dict[str, bool]] = {"$receiver": True}
"""What stands in a stored payload where a personal value was cut out."""

EACH: Final = "[]"
_LISTED = re.compile(r"\[(?:(?P<key>[^\[\]=]+)=(?P<value>[^\[\]]*))?\]")
_STEP = re.compile(r"((?:[^.\\]|\\.)*)(?:\.|$)", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def parse_path(path: str) -> tuple[str, ...]:
    """The steps of a path; a list is a step `[]`, whichever of its elements are meant.

    Raises ValueError for an empty or malformed path.
    """
    steps: list[str] = []
    for part in _split(path):
        listed = _LISTED.search(part)
        key = part[: listed.start()] if listed and listed.end() == len(part) else part
        if not key:
            raise ValueError(f"path {path!r} has an empty step")
        steps += [key] if key == part else [key, EACH]
    return tuple(steps)


def _split(path: str) -> list[str]:
    found, end = [], 0
    while end <= len(path):
        part = _STEP.match(path, end)
        if part is None:
            raise ValueError(f"path {path!r} ends in a backslash")
        found.append(_ESCAPED.sub(r"\1", part[1]))
        end = part.end() if part[0] != part[1] else len(path) + 1
    return found


def getter(path: str) -> Getter:
    """A reader of the value at `path`: None when absent, null or empty text.

    Of a list path it reads the first value that is not empty. Raises BadValue where the payload has
    another shape than the path.
    """
    steps = parse_path(path)
    if EACH in steps:
        every = each_value(path)
        return lambda payload: next(iter(every(payload)), None)
    if len(steps) == 1:
        return _one_step(steps[0])
    return _deep(path, steps)


def _one_step(key: str) -> Getter:
    def get(payload: dict[str, Any]) -> Any:
        value = payload.get(key)
        return None if value == "" else value

    return get


def _deep(path: str, steps: tuple[str, ...]) -> Getter:
    *outer, last = steps

    def get(payload: dict[str, Any]) -> Any:
        inner: Any = payload
        for key in outer:
            inner = inner.get(key)
            if type(inner) is not dict:
                if inner:
                    raise BadValue(f"has no object at {key!r}", path)
                return None
        value = inner.get(last)
        return None if value == "" else value

    return get


def each_value(
    path: str, keep: Callable[[dict[str, Any]], bool] | None = None
) -> Callable[[dict[str, Any]], list[Any]]:
    """A reader of every value a path leads to that is neither absent nor empty.

    Of a list path only the elements that `keep` accepts are read. Raises ValueError for a path that ends at a list.
    """
    listed = next((found for found in _LISTED.finditer(path) if path[found.end() :].startswith(".")), None)
    if listed is None:
        if EACH in parse_path(path):
            raise ValueError(f"path {path!r} ends at a list; name a key of its elements")
        single = getter(path)
        return lambda payload: [value] if (value := single(payload)) is not None else []
    elements, inner = list_at(path[: listed.start()]), getter(path[listed.end() + 1 :])
    if listed["key"] is not None:
        keep = _is_named(_ESCAPED.sub(r"\1", listed["key"]), _ESCAPED.sub(r"\1", listed["value"]))
    if keep is None:
        return lambda payload: [found for one in elements(payload) if (found := inner(one)) is not None]
    return lambda payload: [found for one in elements(payload) if keep(one) and (found := inner(one)) is not None]


def _is_named(key: str, value: str) -> Callable[[dict[str, Any]], bool]:
    return lambda element: str(element.get(key)) == value


def list_at(path: str) -> Callable[[dict[str, Any]], list[dict[str, Any]]]:
    """A reader of a list of objects, [] when absent. Raises BadValue when it is something else than a list."""
    find = getter(path)

    def get(payload: dict[str, Any]) -> list[dict[str, Any]]:
        found = find(payload)
        if not found:
            return []
        if type(found) is not list:
            raise BadValue("is not a list of objects", path)
        return found

    return get


class PersonalPaths:
    """The personal places of a channel's payloads: cuts their values out and puts them back."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._steps = _outermost([parse_path(path) for path in paths])
        self._tree = _tree(self._steps)

    def __or__(self, other: "PersonalPaths") -> "PersonalPaths":
        both = PersonalPaths(())
        both._steps = _outermost([*self._steps, *other._steps])
        both._tree = _tree(both._steps)
        return both

    def covers(self, path: str) -> bool:
        """Whether `path` is personal, or lies in or round something personal."""
        steps = parse_path(path)
        return any(steps[: len(own)] == own or own[: len(steps)] == steps for own in self._steps)

    def cut(self, payload: dict[str, Any]) -> str:
        """The payload as JSON text with POINTER at every personal place; the payload stays as it was."""
        return orjson.dumps(_cut(payload, self._tree) if self._steps else payload).decode()

    def values(self, payload: dict[str, Any]) -> dict[str, Any]:
        """The personal values by their place: `billing.phone`, `line_items.0.note`."""
        places = (found for steps in self._steps for found in _places(payload, steps, ()))
        return {_write(place): value for place, value in places}


def join(cut_text: str, personal: dict[str, Any]) -> dict[str, Any]:
    """The payload again from its cut text and its personal values.

    Values kept from an earlier version whose object or list element this one lacks are left out.
    """
    payload: dict[str, Any] = orjson.loads(cut_text)
    for place, value in personal.items():
        *outer, last = _split(place)
        inner: Any = payload
        for key in outer:
            inner = _step_into(inner, key)
        if isinstance(inner, dict):
            inner[last] = value
        elif isinstance(inner, list) and last.isdigit() and int(last) < len(inner):
            inner[int(last)] = value
    return payload


def _step_into(inner: Any, key: str) -> Any:
    if isinstance(inner, list):
        return inner[int(key)] if key.isdigit() and int(key) < len(inner) else None
    return inner.get(key) if isinstance(inner, dict) else None


_Tree = dict[str, "_Tree"]


def _outermost(paths: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    kept: list[tuple[str, ...]] = []
    for steps in sorted(set(paths)):
        if not any(steps[: len(outer)] == outer for outer in kept):
            kept.append(steps)
    return kept


def _tree(paths: list[tuple[str, ...]]) -> _Tree:
    root: _Tree = {}
    for steps in paths:
        node = root
        for step in steps:
            node = node.setdefault(step, {})
    return root


def _cut(value: Any, tree: _Tree) -> Any:
    if not tree:
        return value if value is None or value == "" else POINTER
    if isinstance(value, list):
        return [_cut(element, tree[EACH]) for element in value] if EACH in tree else value
    if not isinstance(value, dict):
        return value
    inner = {step: _cut(value[step], branch) for step, branch in tree.items() if step in value}
    return {**value, **inner}


def _places(value: Any, steps: tuple[str, ...], place: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not steps:
        if value is not None and value != "":
            yield place, value
    elif isinstance(value, list):
        for position, element in enumerate(value if steps[0] == EACH else ()):
            yield from _places(element, steps[1:], (*place, str(position)))
    elif isinstance(value, dict) and steps[0] in value:
        yield from _places(value[steps[0]], steps[1:], (*place, steps[0]))


def _write(place: tuple[str, ...]) -> str:
    return ".".join(key.replace("\\", "\\\\").replace(".", "\\.") for key in place)
