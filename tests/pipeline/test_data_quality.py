"""A feed that is wrong as a whole, as people see it in Prefect: the step says why, and goes on once accepted."""

from tasks.accept import accept
from tasks.quality_docs import docs_of
from tests.fakes import FakePool, payload
from tests.pipeline.prefect_api import PrefectApi
from tests.pipeline.processes import run_to_its_end


def test_a_run_whose_feed_is_wrong_says_why_and_goes_on_when_accepted(database: str, prefect_api: PrefectApi) -> None:
    pool = FakePool()
    no_phone = {"shipping": payload(1)["shipping"] | {"phone": ""}}
    pool.take([payload(n) | no_phone for n in range(1, 41)])
    # a file's batch is taken up by the next run of its shop
    pool.execute("update shop set channel = 'file'")
    pool.execute("update batch set origin = 'file', flow_run_id = 'import:1'")
    run = prefect_api.open_run("process_orders", {"shop": "WOO"})

    run_to_its_end("process_orders", run)

    assert prefect_api.state(run)["message"].startswith(
        "validate: 40 of 40 orders: the receiver has no phone (receiver can be called), limit 5 %; e.g. 1, 10, 11"
        " (batch 1). What to do: mend the feed and press Retry, or let it through: orderpool accept-batch."
    )
    table = prefect_api.artifacts(run)["quality-1"]["data"]
    assert "over its limit: the batch stays put" in table
    assert "orders can be read" in table
    assert docs_of(1) is not None

    accept(1, "neighbours fetch it", "person:li")
    prefect_api.retry(run, force=True)
    run_to_its_end("process_orders", run)

    assert prefect_api.state(run)["type"] == "COMPLETED"
    assert "over its limit, accepted" in prefect_api.artifacts(run)["quality-1"]["data"]
    assert pool.rows("select verdict from quality_check") == [("accepted",)]
