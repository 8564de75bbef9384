"""`orderpool replay`: read stored payloads again with the present mapping."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.commands import app
from deployments.person import person

if TYPE_CHECKING:
    from tasks.replay import ReplayCount

_FORMATS = ["%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]


@app.command(rich_help_panel="Orders")
def replay(
    shop: Annotated[str, typer.Option(help="The shop whose payloads are read again.")],
    since: Annotated[
        datetime,
        typer.Option(formats=_FORMATS, help="Stored, or changed on the platform, from then on (China's time)."),
    ],
    until: Annotated[datetime, typer.Option(formats=_FORMATS, help="And before then.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count only; write nothing.")] = False,
    go_on: Annotated[
        bool, typer.Option("--go-on", help="Let the orders go on, also those an earlier replay left waiting.")
    ] = False,
    limit: Annotated[int, typer.Option(min=0, help="How many orders past review, and obstacles, are listed.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Read stored payloads again with the shop's present mapping; no platform is called, nothing is sent.

    Orders before dispatch that read otherwise, and unreadable ones that can be read now, wait under REPLAYED until
    `--go-on`. Orders past review are listed and left alone.
    """
    from deployments.databases import ensure_database
    from deployments.mapping_screen import for_machines, progress
    from tasks.replay import replay_shop

    ensure_database()
    with progress(f"reading {shop} again", hidden=as_json) as tell:
        count = replay_shop(shop, since, until, person(), dry_run=dry_run, go_on=go_on, limit=limit, progress=tell)
    if as_json:
        typer.echo(for_machines(count))
        return
    _tell(count, dry_run=dry_run, go_on=go_on)


def _tell(count: "ReplayCount", *, dry_run: bool, go_on: bool) -> None:
    rows = {
        "read": count.read,
        "same": count.same,
        "changed": count.changed,
        "freed from quarantine": count.freed,
        "still unreadable": count.unreadable,
        "past review and different": count.past_review,
        "read with another mapping": count.other_mapping,
    }
    for name, number in rows.items():
        if number or name != "read with another mapping":
            typer.echo(f"{name:<26} {number:>9,}")
    for name, number in count.fields.most_common():
        typer.echo(f"  changed {name}: {number:,}")
    for name, number in count.past_fields.most_common():
        typer.echo(f"  past review, would differ in {name}: {number:,}")
    for order_no, fields in count.listed:
        typer.echo(f"past review, left alone: order {order_no}: {', '.join(fields)}")
    for _, problem in count.obstacles:
        typer.echo(f"unreadable: {problem}")
    if dry_run:
        typer.echo("Nothing was written.")
    elif go_on:
        typer.echo(f"{count.released:,} orders go on with the next resume_orders run.")
    elif count.held:
        typer.echo(f"{count.held:,} orders wait under REPLAYED; the same command with --go-on lets them go on.")
