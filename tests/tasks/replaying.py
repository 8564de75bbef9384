"""What the tests of mappings and replays share: another mapping for the web shop, a replay, and going on."""

from datetime import timedelta
from pathlib import Path

from psycopg.types.json import Jsonb

from connectors.registry import mapping_for
from models.database import transaction
from tasks.replay import ReplayCount, replay_shop
from tasks.resume import resume_waiting
from tests.fakes import NOON, FakePool, why

SINCE, UNTIL = NOON - timedelta(days=1), NOON + timedelta(days=1)
"""A span that holds every order of a test."""


def woo_text(*changes: tuple[str, str]) -> str:
    """WooCommerce's mapping with parts of its text replaced; each must be there."""
    text = mapping_for("woocommerce").read_text("utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text


def woo_file(folder: Path, *changes: tuple[str, str]) -> Path:
    """The same in a file of its own."""
    path = folder / f"mapping-{len(list(folder.iterdir()))}.yaml"
    path.write_text(woo_text(*changes), "utf-8")
    return path


def read_with(pool: FakePool, *changes: tuple[str, str]) -> None:
    """From now on the web shop is read with its mapping changed so; without changes with the channel's own."""
    own = {"mapping": {"source": "test.yaml", "body": woo_text(*changes)}} if changes else {}
    pool.execute("update shop set settings = %s", Jsonb(own))


def replay(*, dry_run: bool = False, go_on: bool = False) -> ReplayCount:
    """Replay the test's whole time."""
    return replay_shop("WOO", SINCE, UNTIL, "person:li", dry_run=dry_run, go_on=go_on)


def go_on(pool: FakePool) -> int:
    """Let orders whose wait ended go through the stages; returns how many."""
    with transaction() as conn:
        count = resume_waiting(conn, why("resume", NOON + timedelta(hours=1)))
    pool.through_the_stages(batches=count.batch_ids)
    return count.orders
