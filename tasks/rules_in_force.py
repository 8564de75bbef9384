"""Which review rules count: those that come with OrderPool, or the newest version that a person put in force."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from models.database import Connection, transaction
from models.errors import SetupError
from models.rules.review_rules import ReviewRules, rules_from
from tasks.rule_files import read_rule_file, read_rule_text

SHIPPED_FILE = Path(__file__).resolve().parent.parent / "models" / "rules" / "review_rules.yaml"
_WHAT = "review rules"


@dataclass(frozen=True, slots=True)
class RulesVersion:
    """A version of the rules: who put it in force, when and why. Of version 0, which comes with us, nobody did.

    `reviewed_at` is when all open orders were reviewed again by it; None while that is under way.
    """

    rules: ReviewRules
    note: str
    made_at: datetime | None
    made_by: str
    reviewed_at: datetime | None


@lru_cache(maxsize=1)
def shipped_rules() -> ReviewRules:
    """The rules that come with OrderPool, version 0."""
    return rules_from(read_rule_file(SHIPPED_FILE, _WHAT), 0, SHIPPED_FILE.name)


def current_rules(conn: Connection) -> ReviewRules:
    """The rules in force."""
    row = conn.execute("select version, body from review_rules order by version desc limit 1").fetchone()
    return _stored(row[0], row[1]) if row else shipped_rules()


def rules_to_review_by(conn: Connection) -> ReviewRules:
    """The rules in force, which stay so until the transaction ends: others are put in force after it.

    So every order that was reviewed by former rules is there to be found when new ones review the open orders.
    """
    conn.execute("lock table review_rules in row share mode")
    return current_rules(conn)


def versions() -> list[RulesVersion]:
    """Every version, the one in force first."""
    with transaction() as conn:
        rows = conn.execute(
            "select version, body, note, made_at, made_by, reviewed_at from review_rules order by version desc"
        ).fetchall()
    own = [RulesVersion(_stored(version, body), *rest) for version, body, *rest in rows]
    return [*own, RulesVersion(shipped_rules(), "comes with OrderPool", None, "", None)]


def _stored(version: int, body: object) -> ReviewRules:
    # a setting that came later is as it comes with us
    return rules_from(body, version, f"version {version}", shipped_rules())


def read_rules_file(path: Path) -> ReviewRules:
    """The rules of a file; what it leaves out is as it comes with us.

    Raises SetupError naming the file and every fault in it.
    """
    return _written(read_rule_file(path, _WHAT), str(path))


def read_rules_text(text: str, source: str) -> ReviewRules:
    """The rules of a text as of a file; `source` is what errors call it."""
    return _written(read_rule_text(text, _WHAT, source), source)


def _written(content: object, source: str) -> ReviewRules:
    if not content:
        raise SetupError(f"{_WHAT} {source}: says nothing; want a section per rule")
    return rules_from(content, 0, source, shipped_rules())
