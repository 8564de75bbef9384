"""What the page of a backfill's run shows: a progress bar and a table of its shops, brought up to date in place."""

import json
from contextlib import suppress
from typing import Any
from uuid import UUID

import httpx
from prefect.artifacts import create_progress_artifact, create_table_artifact
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import ArtifactUpdate

from models.database import transaction
from tasks.backfill_progress import Problem, Progress, problems_of, progress_of, total_of


class Board:
    """The artifacts of one attempt, made from what the pool says."""

    def __init__(self, backfill_id: int, prefect: SyncPrefectClient) -> None:
        self._backfill_id = backfill_id
        self._prefect = prefect
        parts = self._parts()
        told = f"Backfill {backfill_id} by shop; without Prefect: `orderpool backfill show {backfill_id}`"
        self._bar: UUID = create_progress_artifact(_percent(parts), key=f"backfill-{backfill_id}-progress")  # type: ignore[assignment]
        self._table: UUID = create_table_artifact(rows_of(parts), key=f"backfill-{backfill_id}", description=told)  # type: ignore[assignment]

    def show(self) -> None:
        """Bring both to what the pool says now; a server that is away shows it next time."""
        parts = self._parts()
        with suppress(httpx.HTTPError):
            bar = ArtifactUpdate(data=_percent(parts), description=str(total_of(parts)))
            self._prefect.update_artifact(self._bar, bar)
            self._prefect.update_artifact(self._table, ArtifactUpdate(data=json.dumps(rows_of(parts))))

    def total(self) -> Progress:
        """All shops together."""
        return total_of(self._parts())

    def problems(self) -> list[Problem]:
        """The windows whose last run did not finish."""
        with transaction() as conn:
            return problems_of(conn, self._backfill_id)

    def _parts(self) -> list[Progress]:
        with transaction() as conn:
            return progress_of(conn, self._backfill_id)


def rows_of(parts: list[Progress]) -> list[dict[str, Any]]:
    """A row per shop."""
    return [
        {
            "shop": part.shop,
            "windows": part.windows,
            "read": part.read,
            "done": part.done,
            "did not finish": part.failed,
            "new": part.stored,
            "changed": part.joined,
            "unreadable": part.rejected,
            "open batches": part.open_batches,
        }
        for part in parts
    ]


def _percent(parts: list[Progress]) -> float:
    total = total_of(parts)
    return round(100 * total.done / total.windows, 1) if total.windows else 100.0
