"""refresh: tokens of shops that end soon and lists of carriers that are a day old."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prefect import task
from prefect.cache_policies import NO_CACHE

from models.errors import PipelineError
from models.settings import clock
from tasks.failures import SHOP, fault_of
from tasks.runs import Obstacle, in_one_line, in_plain_words, leave_obstacles
from tasks.shop_carriers import carriers_without_code, reload_due
from tasks.tokens import refresh_due


@dataclass(frozen=True, slots=True)
class UpkeepCount:
    """The shops that were refreshed, and what stood in the way of each that could not be."""

    shops: tuple[str, ...]
    obstacles: tuple[Obstacle, ...]


def _count(what: str, done: Sequence[str], errors: Mapping[str, PipelineError]) -> UpkeepCount:
    obstacles = tuple(Obstacle(shop, 1, in_one_line(error), fault_of(error, SHOP)) for shop, error in errors.items())
    if obstacles:
        leave_obstacles("refresh", what, obstacles, f"Shops whose {what} could not be refreshed")
    return UpkeepCount(tuple(done), obstacles)


# a Retry must look again at what is due, so no result is taken over
@task(task_run_name="refresh tokens", tags=["stage:refresh"], cache_policy=NO_CACHE)
def refresh_tokens() -> UpkeepCount:
    """Refresh every access token that ends soon."""
    with in_plain_words("refresh", "tokens"):
        done, obstacles = refresh_due(clock().now())
    return _count("tokens", done, obstacles)


@task(task_run_name="reload carriers", tags=["stage:refresh"], cache_policy=NO_CACHE)
def reload_carriers() -> UpkeepCount:
    """Load the carriers of every platform that was not asked for a day."""
    with in_plain_words("refresh", "carrier lists"):
        done, obstacles = reload_due(clock().now())
    return _count("carrier lists", done, obstacles)


@task(task_run_name="carriers without a code", tags=["stage:refresh"], cache_policy=NO_CACHE)
def missing_codes() -> list[str]:
    """What warehouses ship with and shops cannot be told of, a sentence each."""
    with in_plain_words("refresh", "carrier codes"):
        return carriers_without_code()
