"""`orderpool waiting`: orders that do not move, why, since when, and whose turn it is."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.commands import app

if TYPE_CHECKING:
    from tasks.waiting import Standing

AGES = ("under 1 h", "1 to 4 h", "4 to 24 h", "1 to 3 days", "older")


@app.command(rich_help_panel="Looking inside")
def waiting(as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False) -> None:
    """List every reason why orders stand, by age, with its owner and the oldest order; needs the database alone."""
    from deployments.databases import ensure_database
    from models.database import transaction
    from models.settings import SHANGHAI, clock
    from tasks.waiting import waiting_orders

    ensure_database()
    with transaction() as conn:
        found = waiting_orders(conn, clock().now())
    if as_json:
        rows = [_row(standing) for standing in found.standings]
        told = {"total": found.total, "quarantined": found.quarantined, "standings": rows}
        typer.echo(json.dumps(told, default=str, ensure_ascii=False, indent=2))
        return
    for standing in found.standings:
        row = _row(standing)
        ages = ", ".join(f"{count} {age}" for age, count in row["ages"].items() if count)
        since = f"{standing.since.astimezone(SHANGHAI):%m-%d %H:%M}"
        typer.echo(
            f"{row['owner']}: {row['why']} ({standing.stage}): {standing.total} orders, {ages}; "
            f"oldest {standing.oldest_no} of {standing.oldest_shop} since {since}"
        )
    typer.echo(f"{found.total} orders wait" if found.total else "everything moves")
    if found.quarantined:
        typer.echo(f"{found.quarantined} more could not be read and are in quarantine")


def _row(standing: "Standing") -> dict[str, Any]:
    from models.hold import HoldCode
    from models.rules.hold_words import NAMES
    from models.rules.owners import owner_words, standstill_words

    reason = standing.reason
    words = NAMES[reason] if isinstance(reason, HoldCode) else standstill_words(reason)
    return {
        "owner": owner_words(standing.owner)[0],
        "reason": reason.value,
        "why": words[0],
        "stage": standing.stage.value,
        "ages": dict(zip(AGES, standing.ages, strict=True)),
        "total": standing.total,
        "oldest_order_no": standing.oldest_no,
        "oldest_shop": standing.oldest_shop,
        "since": standing.since,
    }
