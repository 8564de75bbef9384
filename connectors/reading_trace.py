"""Where a field's value comes from: asked of the field itself, so that the answer cannot differ from the reading."""

from collections.abc import Callable, Sequence
from typing import Any

from connectors.converters import BadValue
from connectors.fields import Field
from connectors.paths import EACH, each_value, parse_path


def used_paths(field: Field, payload: dict[str, Any]) -> list[str]:
    """The paths that decide the field's value in this payload, in the mapping's order.

    A path is used when the field reads something else without it. Where none is (two alternatives hold the same),
    the first one that is filled; [] when nothing is filled.
    """
    value = _read(field.read, payload)
    filled = [path for path in _candidates(field) if _is_filled(path, payload)]
    used = [path for path in filled if _read(field.read, _without(payload, parse_path(path))) != value]
    return used or filled[:1]


def _candidates(field: Field) -> list[str]:
    return list(dict.fromkeys(path for group in field.paths for path in group))


def _read(read: Callable[[dict[str, Any]], Any], payload: dict[str, Any]) -> tuple[bool, Any]:
    try:
        return True, read(payload)
    except (BadValue, AttributeError, KeyError):
        return False, None


def _is_filled(path: str, payload: dict[str, Any]) -> bool:
    try:
        return bool(each_value(path)(payload))
    except (BadValue, AttributeError, KeyError):
        return True


def _without(value: Any, steps: Sequence[str]) -> Any:
    """A copy in which nothing stands at the path; what does not lie on the way to it is shared."""
    if not steps:
        return None
    if steps[0] == EACH and isinstance(value, list):
        return [_without(element, steps[1:]) for element in value]
    if isinstance(value, dict) and steps[0] in value:
        return {**value, steps[0]: _without(value[steps[0]], steps[1:])}
    return value
