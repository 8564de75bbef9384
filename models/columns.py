"""Column kinds that several tables share, so that each is spelled once."""

from enum import StrEnum

from sqlalchemy import CheckConstraint, DateTime, LargeBinary
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import UserDefinedType

AT = DateTime(timezone=True)
JSON = JSONB
SEALED = LargeBinary


class OneByte(UserDefinedType[str]):
    """PostgreSQL's one-byte type `"char"`, for a code that millions of rows carry."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """The type's name in SQL."""
        return '"char"'


def one_of(column: str, states: type[StrEnum], *, or_empty: bool = False) -> CheckConstraint:
    """A CHECK that a text column holds one of the enum's values, or "" where that is said."""
    values = ", ".join([*(["''"] if or_empty else []), *(f"'{state.value}'" for state in states)])
    return CheckConstraint(f"{column} in ({values})", name=f"{column}_known")


def check(expression: str, name: str) -> CheckConstraint:
    """A named CHECK."""
    return CheckConstraint(expression, name=name)
