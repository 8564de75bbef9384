"""`orderpool stock-formula` and `orderpool stock-push`: what listings show, and telling the shops now."""

from pathlib import Path
from typing import Annotated

import typer

from deployments.commands import app
from deployments.person import by_hand
from models.errors import PipelineError

formula = typer.Typer(help="What stock listings show: try, use, show.", no_args_is_help=True)
app.add_typer(formula, name="stock-formula", rich_help_panel="Setting up")

File = Annotated[Path, typer.Argument(help="The formula (YAML); docs/stock-push.md explains every word.")]
Shop = Annotated[str | None, typer.Option(help="Only this shop.")]


@formula.command()
def show() -> None:
    """Print the formula in force, and since when it is by whose wish."""
    import yaml

    from deployments.databases import ensure_database
    from models.database import transaction
    from models.settings import SHANGHAI
    from tasks.stock_formula import formula_in_force

    ensure_database()
    with transaction() as conn:
        force = formula_in_force(conn)
    since = f", since {force.made_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M} by {force.made_by}" if force.made_at else ""
    note = f": {force.note}" if force.note else ""
    typer.echo(f"# version {force.version}{since}{note}")
    typer.echo(yaml.safe_dump(force.body, allow_unicode=True, sort_keys=False), nl=False)


@formula.command("try")
def try_(
    file: File, shop: Shop = None, limit: Annotated[int, typer.Option(min=0, help="Listings shown.")] = 20
) -> None:
    """Show what listings would show under another formula; nothing is written."""
    from deployments.databases import ensure_database
    from models.settings import clock
    from tasks.stock_formula import try_formula

    ensure_database()
    listings, differences = try_formula(file, clock().now(), shop)
    typer.echo(f"{len(differences):,} of {listings:,} listings would show something else")
    for found in sorted(differences, key=lambda found: -abs(found.then - found.now))[:limit]:
        typer.echo(f"{found.shop}  {found.sku}  {found.item_id}/{found.sku_ref or '-'}  {found.now} -> {found.then}")
    if len(differences) > limit:
        typer.echo(f"and {len(differences) - limit:,} more")


@formula.command()
def use(file: File, note: Annotated[str, typer.Option(help="Why, for those who read it later.")] = "") -> None:
    """Put a formula in force from the next push on."""
    from deployments.databases import ensure_database
    from tasks.stock_formula import use_formula

    ensure_database()
    why = by_hand()
    done = use_formula(file, note, why)
    if done.made_at == why.at:
        typer.echo(f"stock formula: version {done.version} is in force; `orderpool stock-push` tells the shops now")
    else:
        typer.echo(f"stock formula: version {done.version}, which is in force, is this very formula")


@app.command("stock-push", rich_help_panel="Running")
def stock_push(
    shop: Shop = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also tell what listings show already, and try refused ones again.")
    ] = False,
) -> None:
    """Decide what listings show and tell the shops now; exit 1 when some could not be told."""
    from deployments.databases import ensure_database
    from models.database import transaction
    from tasks.stock_push import decide_all, shops_to_tell, tell_listings

    ensure_database()
    why = by_hand()
    with transaction() as conn:
        count = decide_all(conn, why, shop, everything=everything)
    typer.echo(f"{sum(count.to_tell.values()):,} of {count.listings:,} listings are to be told")
    failed = 0
    for code in [code for code in shops_to_tell() if shop in {None, code}]:
        try:
            told, left = tell_listings(code, why, forced=everything)
        except PipelineError as error:  # the other shops are told all the same
            typer.echo(f"{code}: {error}", err=True)
            failed += 1
            continue
        typer.echo(f"{code}: {told.told:,} of {told.waiting:,} told")
        for row in left[:5]:
            typer.echo(f"  {row.sku} {row.item_id}: not shown {row.units}: {row.obstacle}", err=True)
        failed += len(left)
    if failed:
        raise typer.Exit(1)
