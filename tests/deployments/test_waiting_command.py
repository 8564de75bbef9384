"""`orderpool waiting` says what does not move, without any server of Prefect's."""

import json

from typer.testing import CliRunner

from deployments import commands
from models.database import transaction
from models.settings import clock
from tests.fakes import FakePool


def run(*arguments: str) -> str:
    commands.load()
    result = CliRunner().invoke(commands.app, ["waiting", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def held_order() -> None:
    pool = FakePool()
    pool.stock(TEA=5)
    pool.batch_of([{"TEA": 1}])
    with transaction() as conn:
        conn.execute(
            """insert into hold (order_id, code, sentence, evidence, rule_version, placed_at, resume_due)
               values (1, 'REMARK', '', '{}', 1, %s, false)""",
            (clock().now(),),
        )


def test_what_does_not_move_is_told_with_its_owner(database: str) -> None:
    assert run() == "everything moves\n"
    held_order()

    assert "order desk: note to be seen to (validated): 1 orders, 1 under 1 h; oldest 1 of WOO since " in run()
    told = json.loads(run("--json"))
    assert (told["total"], told["standings"][0]["reason"], told["standings"][0]["owner"]) == (1, "REMARK", "order desk")
