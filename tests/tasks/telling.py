"""Alerts, recipients and the robots that are told, for tests."""

from collections.abc import Mapping, Sequence
from datetime import datetime, time
from typing import Any
from uuid import uuid4

from models.alert import AlertRule
from models.database import transaction
from models.settings import clock
from models.telling import Language, RecipientKind, Severity
from sandbox.server import Sandbox
from tasks.alerts import raise_alerts
from tasks.outbox import Delivery
from tasks.recipients import Recipient, add_recipient
from tasks.tell import tell
from tests.clocks import StoppedClock
from tests.fakes import FakePool, why

P1, P2 = AlertRule.INGEST_SILENT, AlertRule.INGEST_MISSING


class World:
    """A pool whose alerts are told to the robots of a sandbox, on one clock that the test moves."""

    def __init__(self, pool: FakePool, sandbox: Sandbox, stopped: StoppedClock) -> None:
        self.pool, self.sandbox, self._clock = pool, sandbox, stopped
        # the calls to a robot are counted by its address: those of another test's are none of ours
        for code in ("wecom", "dingtalk"):
            sandbox.do("POST", f"/robots/{code}", {"key": uuid4().hex})
        self.pass_time()

    def pass_time(self, **span: float) -> None:
        """Move both clocks on."""
        self._clock.advance(**span)
        self.sandbox.do("POST", "/clock", {"now": self._clock.at.isoformat()})

    def add(
        self,
        name: str,
        kind: RecipientKind,
        rank: int = 1,
        quiet: tuple[time, time] | None = None,
        severities: Sequence[Severity] = tuple(Severity),
        escalate: tuple[int, str] | None = None,
        language: Language = Language.CHINESE,
        secrets: Mapping[str, str] | None = None,
    ) -> None:
        """Add a recipient that is reached at the sandbox's robot of its kind, unless `secrets` say otherwise."""
        if secrets is None:
            found = self.sandbox.robot(kind.value)
            secrets = {key: str(found[key]) for key in ("webhook_url", "secret", "keyword")}
        wish = Recipient(name, kind, language, tuple(severities), rank, quiet, *(escalate or (None, None)))
        with transaction() as conn:
            add_recipient(conn, wish, secrets, why(at=self._clock.at))

    def alert(self, *subjects: str, rule: AlertRule = P1, sentence: str = "") -> None:
        """Have exactly these subjects alerted."""
        found = {subject: sentence or f"{subject}: no orders were fetched" for subject in subjects}
        with transaction() as conn:
            raise_alerts(conn, rule, lambda *_: found, self._clock.at)

    def tell(self, **later: float) -> Delivery:
        """Tell what is due, after some time."""
        if later:
            self.pass_time(**later)
        return tell()

    def fail(self, code: str, kind: str = "expired_token", times: int | None = None) -> None:
        """Have a robot refuse."""
        self.sandbox.do("POST", "/faults", {"target": f"robot:{code}", "kind": kind, "times": times})

    def heal(self) -> None:
        """Have every robot take messages again."""
        self.sandbox.do("DELETE", "/faults")

    def texts(self, code: str) -> list[str]:
        """What a robot took, oldest first."""
        said = [row["body"]["markdown"] for row in self.book(code)["messages"]]
        return [str(markdown.get("content") or markdown["text"]) for markdown in said]

    def book(self, code: str) -> dict[str, Any]:
        """What a robot took and refused."""
        found: dict[str, Any] = self.sandbox.do("GET", "/books")["robots"][code]
        return found

    def outbox(self) -> list[tuple[Any, ...]]:
        """Counterpart, state and attempts of each message."""
        return self.pool.rows("select counterpart, state, attempts from outbox where kind = 'alert' order by id")


def now() -> datetime:
    """The time on the clock in force."""
    return clock().now()
