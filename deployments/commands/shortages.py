"""`orderpool shortages`: orders that no warehouses can serve, and what people decide about them."""

import csv
import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.commands import app
from deployments.person import by_hand

if TYPE_CHECKING:
    pass

shortages = typer.Typer(help="Orders that no warehouses can serve, and what can be done.", invoke_without_command=True)
app.add_typer(shortages, name="shortages", rich_help_panel="Orders")

OptionId = Annotated[int, typer.Argument(metavar="ID", help="The number that `orderpool shortages` shows.")]


@shortages.callback()
def show(
    ctx: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """List what can be done for orders that no warehouses can serve: the nearest promise first."""
    if ctx.invoked_subcommand is not None:
        return
    from deployments.databases import ensure_database
    from models.database import transaction
    from tasks.shortage_choices import open_options

    ensure_database()
    with transaction() as conn:
        found = open_options(conn)
    if as_json:
        rows = [
            {
                "id": each.id,
                "shop": each.shop,
                "order_no": each.order_no,
                "ship_by": each.ship_by,
                "kind": each.option.kind.value,
                "cost_fen": each.option.cost_fen,
                "ready_at": each.option.ready_at,
                **each.option.to_json(),
            }
            for each in found
        ]
        typer.echo(json.dumps(rows, default=str, ensure_ascii=False, indent=2))
        return
    for each in found:
        late = ", after the promise" if each.ship_by and each.option.ready_at > each.ship_by else ""
        typer.echo(f"{each.id}  order {each.order_no} of {each.shop}  {each.option.kind}: {each.words()}{late}")
    typer.echo(f"{len(found)} options open" if found else "nothing to decide")


@shortages.command("choose")
def choose(option_id: OptionId) -> None:
    """Decide for an option; a transfer is printed as CSV lines for whoever moves the goods."""
    from deployments.databases import ensure_database
    from models.database import transaction
    from tasks import shortage_choices

    ensure_database()
    with transaction() as conn:
        done = shortage_choices.choose(conn, option_id, by_hand())
    typer.echo(f"option {option_id}: {_THEN[done.chosen.option.kind.value].format(done.chosen.order_no)}")
    if done.transfers:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerows((shortage_choices.TRANSFER_COLUMNS, *done.transfers))


@shortages.command("dismiss")
def dismiss(option_id: OptionId) -> None:
    """Decide against an option; it is not offered again."""
    from deployments.databases import ensure_database
    from models.database import transaction
    from tasks import shortage_choices

    ensure_database()
    with transaction() as conn:
        done = shortage_choices.dismiss(conn, option_id, by_hand())
    typer.echo(f"option {option_id}: not for order {done.chosen.order_no}")


_THEN = {
    "transfer": "order {} goes on when what is moved has arrived",
    "split": "order {} leaves in parts; it goes on with the next resume_orders run",
    "wait": "order {} waits",
}
