"""A run of deliver_outbox tells of alerts beside everything else that is due."""

from collections.abc import Iterator

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.deliver_outbox import deliver_outbox
from models.alert import AlertRule
from models.database import transaction
from models.settings import clock
from models.telling import Language, RecipientKind, Severity
from sandbox.server import Sandbox
from tasks.alerts import raise_alerts
from tasks.recipients import Recipient, add_recipient
from tests.fakes import why


@pytest.fixture(autouse=True)
def prefect(prefect_server: str) -> Iterator[None]:
    """The session's Prefect server, also when Prefect was imported before its address was known."""
    with temporary_settings({PREFECT_API_URL: prefect_server}):
        yield


def test_a_run_tells_people_and_counts_whom_it_could_not_tell(database: str, running_sandbox: Sandbox) -> None:
    running_sandbox.do("POST", "/reset")
    running_sandbox.do("POST", "/robots/wecom", {"key": "of-the-pipeline"})
    running_sandbox.do("POST", "/faults", {"target": "robot:wecom", "kind": "expired_token", "times": 1})
    robot = {"webhook_url": running_sandbox.robot("wecom")["webhook_url"]}
    wish = Recipient("on-call", RecipientKind.WECOM, Language.CHINESE, tuple(Severity), 1)
    with transaction() as conn:
        add_recipient(conn, wish, robot, why(at=clock().now()))
        raise_alerts(conn, AlertRule.INGEST_SILENT, lambda *_: {"shop:A": "shop A: silent"}, clock().now())

    refused = deliver_outbox(return_state=True)
    with transaction() as conn:
        conn.execute("update outbox set next_at = %s", (clock().now(),))
    told = deliver_outbox(return_state=True)

    assert refused.message == "0 delivered; 1 not to on-call: on-call: tell: errcode 93000 invalid webhook url"
    assert told.message == "1 delivered"
    assert running_sandbox.do("GET", "/books?summary=1")["robots"]["wecom"] == {"messages": 1, "refused": 1}
