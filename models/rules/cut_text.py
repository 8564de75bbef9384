"""Texts that fit into so many bytes: the limits of group robots count UTF-8, in which a Chinese character takes three.

Source: the platforms' descriptions of their group robots (2,048 and 4,096 bytes).
"""

from collections.abc import Callable, Sequence


def cut_lines(
    head: Sequence[str], lines: Sequence[str], tail: Sequence[str], left_out: Callable[[int], str], most_bytes: int
) -> str:
    """The lines between head and tail, as many whole ones as fit, and then how many were left out.

    Head and tail are always there; a line that does not even fit alone is cut within, never within a character.
    """
    for kept in range(len(lines), 0, -1):
        more = [left_out(len(lines) - kept)] if kept < len(lines) else []
        text = "\n".join([*head, *lines[:kept], *more, *tail])
        if _size(text) <= most_bytes:
            return text
    more = [left_out(len(lines) - 1)] if len(lines) > 1 else []
    around = _size("\n".join([*head, *more, *tail])) + 1
    first = [cut(lines[0], most_bytes - around)] if lines else []
    return cut("\n".join([*head, *first, *more, *tail]), most_bytes)


def cut(text: str, most_bytes: int) -> str:
    """The text if it fits, else as much of it as fits with an ellipsis; "" where not even that does."""
    if _size(text) <= most_bytes:
        return text
    room = most_bytes - _size("…")
    return text.encode()[:room].decode("utf-8", "ignore") + "…" if room >= 0 else ""


def _size(text: str) -> int:
    return len(text.encode())
