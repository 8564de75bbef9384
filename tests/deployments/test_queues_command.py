"""`orderpool queues` for people and for machines."""

import json

import pytest
from typer.testing import CliRunner

from deployments import commands
from tests.fakes import FakePool, payload


@pytest.fixture
def cli() -> CliRunner:
    commands.load()
    return CliRunner()


@pytest.fixture
def waiting(database: str) -> FakePool:
    """An order whose instruction waits to be sent."""
    pool = FakePool()
    pool.stock(TEA=10)
    pool.take([payload(1)])
    pool.through_the_stages()
    return pool


def test_each_queue_is_a_line(cli: CliRunner, waiting: FakePool) -> None:
    told = cli.invoke(commands.app, ["queues"]).output

    assert "outbox warehouse:WH-A outbound.created: 1 wait, oldest" in told
    assert "stands still" in told


def test_machines_get_every_figure(cli: CliRunner, waiting: FakePool) -> None:
    (queue,) = json.loads(cli.invoke(commands.app, ["queues", "--json"]).output)

    assert (queue["of"], queue["party"], queue["waiting"], queue["grows"], queue["drains_in_min"]) == (
        "outbox",
        "warehouse:WH-A",
        1,
        False,
        None,
    )


def test_an_empty_pool_is_said_so(cli: CliRunner, database: str) -> None:
    assert cli.invoke(commands.app, ["queues"]).output == "nothing waits\n"
