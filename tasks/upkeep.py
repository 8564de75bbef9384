"""refresh: tokens of shops that end soon and lists of carriers that are a day old."""

from dataclasses import dataclass

from prefect import task
from prefect.cache_policies import NO_CACHE

from models.settings import clock
from tasks.runs import in_plain_words
from tasks.shop_carriers import carriers_without_code, reload_due
from tasks.tokens import refresh_due


@dataclass(frozen=True, slots=True)
class UpkeepCount:
    """The shops that were refreshed, and a sentence per shop that could not be."""

    shops: tuple[str, ...]
    obstacles: tuple[str, ...]


# a Retry must look again at what is due, so no result is taken over
@task(task_run_name="refresh tokens", tags=["stage:refresh"], cache_policy=NO_CACHE)
def refresh_tokens() -> UpkeepCount:
    """Refresh every access token that ends soon."""
    with in_plain_words("refresh", "tokens"):
        done, obstacles = refresh_due(clock().now())
    return UpkeepCount(tuple(done), tuple(obstacles.values()))


@task(task_run_name="reload carriers", tags=["stage:refresh"], cache_policy=NO_CACHE)
def reload_carriers() -> UpkeepCount:
    """Load the carriers of every platform that was not asked for a day."""
    with in_plain_words("refresh", "carrier lists"):
        done, obstacles = reload_due(clock().now())
    return UpkeepCount(tuple(done), tuple(obstacles.values()))


@task(task_run_name="carriers without a code", tags=["stage:refresh"], cache_policy=NO_CACHE)
def missing_codes() -> list[str]:
    """What warehouses ship with and shops cannot be told of, a sentence each."""
    with in_plain_words("refresh", "carrier codes"):
        return carriers_without_code()
