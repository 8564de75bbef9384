"""What became of a person's decision on several orders: done for some, refused for others, each with its reason."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Decided:
    """Ids of the orders it was done for, and for each order it was refused for, the sentence that says why.

    `asked` are those of the done ones that a warehouse has: it is asked for them, and until it answers they stay there.
    """

    done: list[int] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)
