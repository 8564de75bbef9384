"""`orderpool order show`, `accept-batch`, `abandon` and `reconcile`: looking after orders."""

import json
from typing import Annotated

import typer

from deployments.commands import app
from deployments.person import by_hand, person

order = typer.Typer(help="Single orders.", no_args_is_help=True)
app.add_typer(order, name="order", rich_help_panel="Orders")

JSON = Annotated[bool, typer.Option("--json", help="For machines.")]


@order.command("show")
def show(order_no: Annotated[str, typer.Argument(help="The number the buyer sees.")], as_json: JSON = False) -> None:
    """Tell an order's story: what it holds, where it stands, and each step with its time, run and reason."""
    from deployments import addresses
    from deployments.databases import ensure_database
    from tasks.story import as_text, find_stories

    ensure_database()
    stories = find_stories(order_no, by_hand())
    if as_json:
        typer.echo(json.dumps(stories, default=str, ensure_ascii=False, indent=2))
        return
    ui_url = addresses.read().get("prefect_ui_url", "")
    typer.echo("\n\n".join(as_text(story, ui_url) for story in stories))


@app.command("accept-batch", rich_help_panel="Orders")
def accept_batch(
    batch: Annotated[int, typer.Argument(help="The batch named by the failed run.")],
    reason: Annotated[str, typer.Option(help="Why the feed is right as it is.")],
) -> None:
    """Accept a batch whose feed looks wrong; Retry of its run then holds the doubtful orders one by one."""
    from deployments.databases import ensure_database
    from tasks.accept import accept

    ensure_database()
    findings = accept(batch, reason, person())
    typer.echo(f"batch {batch} accepted: {findings}; retry its run to go on")


@app.command(rich_help_panel="Orders")
def abandon(
    batch: Annotated[int, typer.Argument(help="The batch of a failed run.")],
    reason: Annotated[str, typer.Option(help="Why the run will not be retried.")] = "given up by a person",
) -> None:
    """Give up a failed run's batch; `resume_orders` takes its orders up within a minute."""
    from deployments.databases import ensure_database
    from models.database import transaction
    from tasks.resume import abandon_batch

    ensure_database()
    with transaction() as conn:
        left = abandon_batch(conn, batch, by_hand(), reason)
    typer.echo(f"batch {batch} abandoned; {left} of its orders go on with the next resume_orders run")


@app.command(rich_help_panel="Orders")
def reconcile(as_json: JSON = False) -> None:
    """Recompute every fact of the pool; print those that differ, and exit 1 if any does."""
    from dataclasses import asdict

    from deployments.databases import ensure_database
    from tasks.reconcile import reconcile as run

    ensure_database()
    found = run()
    if as_json:
        typer.echo(json.dumps([asdict(mismatch) for mismatch in found], ensure_ascii=False))
    else:
        for mismatch in found:
            typer.echo(mismatch.sentence)
    if found:
        raise typer.Exit(1)
