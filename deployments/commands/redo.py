"""`orderpool redo` and `skip`: what on-call does about a stage of a run, for some orders or a whole batch."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.commands import app
from deployments.person import by_hand
from models.errors import SetupError

if TYPE_CHECKING:
    from tasks.order_numbers import Numbered
    from tasks.redo import Redone

Batch = Annotated[int, typer.Option(help="All orders of this batch; a run names its batch.")]
Nos = Annotated[list[str] | None, typer.Option("--order", metavar="NO", help="One order; may be given repeatedly.")]
Reason = Annotated[str, typer.Option(help="Why, for the orders' stories.")]
Shop = Annotated[str, typer.Option(help="The orders' shop, where several have orders with such a number.")]

MOST_TOLD = 10
"""Sentences about single orders of a batch that are printed; of the rest it is said how many they are."""


@app.command(rich_help_panel="Orders")
def redo(
    stage: Annotated[str, typer.Argument(help="validate, lock_stock, route or dispatch.")],
    reason: Reason,
    batch: Batch = 0,
    order: Nos = None,
    shop: Shop = "",
) -> None:
    """Undo a stage and all later ones of orders that are not dispatched; they do it again within a minute."""
    from tasks.redo import redo as redo_these
    from tasks.redo import redo_batch

    _ensure_database()
    if _is_batch(batch, order):
        redone = redo_batch(stage, batch, reason, by_hand())
        back = len(redone.done) - len(redone.stood)
        typer.echo(
            f"batch {batch}: {back:,} orders go back and do {stage} again, {len(redone.stood):,} had not done it yet; "
            "all go on with the next resume_orders run"
        )
        _refuse(redone.refused.values())
        return
    found = _find(order or [], shop)
    redone = redo_these(stage, list(found.orders), reason, by_hand())
    for order_id in redone.done:
        no, code = found.orders[order_id]
        typer.echo(f"order {no} of {code}: {_what_happens(redone, order_id, stage)}")
    _refuse([*found.refused, *redone.refused.values()])


@app.command(rich_help_panel="Orders")
def skip(
    reason: Reason,
    batch: Batch = 0,
    stage: Annotated[str, typer.Option(help="Of the batch only the orders that wait for this stage.")] = "",
    order: Nos = None,
    shop: Shop = "",
) -> None:
    """Park orders that are not dispatched under SKIPPED, so that their run can finish; they keep their stock."""
    from tasks.skip import skip as skip_these
    from tasks.skip import skip_batch

    _ensure_database()
    if _is_batch(batch, order):
        decided = skip_batch(batch, reason, by_hand(), stage)
        typer.echo(f"batch {batch}: {len(decided.done):,} orders are parked under SKIPPED; now its run can be retried")
        return
    if stage:
        raise SetupError(f"--stage {stage} goes with --batch: a single order is parked wherever it stands")
    found = _find(order or [], shop)
    decided = skip_these(list(found.orders), reason, by_hand())
    for order_id in decided.done:
        no, code = found.orders[order_id]
        typer.echo(f"order {no} of {code}: parked; `orderpool order release {no} --code SKIPPED` lets it go on")
    _refuse([*found.refused, *decided.refused.values()])


def _is_batch(batch: int, nos: Sequence[str] | None) -> bool:
    """Whether a whole batch is meant. Raises SetupError where both or neither are named."""
    if bool(batch) == bool(nos):
        raise SetupError("name either a batch with --batch or orders with --order")
    return bool(batch)


def _find(nos: Sequence[str], shop: str) -> "Numbered":
    from models.database import transaction
    from tasks.order_numbers import by_numbers

    with transaction() as conn:
        return by_numbers(conn, nos, shop.strip())


def _what_happens(redone: "Redone", order_id: int, stage: str) -> str:
    if order_id in redone.stood:
        return f"had not done {stage} yet, it is {redone.stood[order_id]}; it goes on with the next resume_orders run"
    return f"goes back and does {stage} again with the next resume_orders run"


def _refuse(sentences: Iterable[str]) -> None:
    refused = list(sentences)
    for sentence in refused[:MOST_TOLD]:
        typer.echo(f"orderpool: {sentence}", err=True)
    if len(refused) > MOST_TOLD:
        typer.echo(f"orderpool: and {len(refused) - MOST_TOLD:,} orders more", err=True)
    if refused:
        raise typer.Exit(1)


def _ensure_database() -> None:
    from deployments.databases import ensure_database

    ensure_database()
