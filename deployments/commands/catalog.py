"""`orderpool warehouse|sku|area import` and `orderpool carrier add`: what a seller brings in files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.commands import app
from deployments.commands.shop import Given, GivenFile, ask_for, read_credentials
from deployments.person import by_hand
from models.errors import SetupError

if TYPE_CHECKING:
    from tasks.setup import Imported

PANEL = "Setting up"

warehouse = typer.Typer(help="Warehouses, from a CSV file, and their room.", no_args_is_help=True)
sku = typer.Typer(help="SKUs, from a CSV file.", no_args_is_help=True)
area = typer.Typer(help="Which warehouse serves which divisions, from a CSV file.", no_args_is_help=True)
carrier = typer.Typer(help="The services that track parcels.", no_args_is_help=True)
carrier_rate = typer.Typer(help="What carriers charge, from a CSV file.", no_args_is_help=True)
carrier_rule = typer.Typer(help="Which orders go with which carrier, from a CSV file.", no_args_is_help=True)
app.add_typer(warehouse, name="warehouse", rich_help_panel=PANEL)
app.add_typer(sku, name="sku", rich_help_panel=PANEL)
app.add_typer(area, name="area", rich_help_panel=PANEL)
app.add_typer(carrier, name="carrier", rich_help_panel=PANEL)
app.add_typer(carrier_rate, name="carrier-rate", rich_help_panel=PANEL)
app.add_typer(carrier_rule, name="carrier-rule", rich_help_panel=PANEL)

File = Annotated[Path, typer.Argument(help="CSV, UTF-8 or GB18030; docs/first-shop.md names the columns.")]


@warehouse.command("import")
def import_warehouses(file: File) -> None:
    """Add or change the warehouses of a file; others stay."""
    from tasks import setup

    _ensure_database()
    done = setup.import_warehouses(file)
    _tell("warehouses", done)
    for code, made in done.secrets.items():
        typer.echo(f"{code}: give these to its WMS; they are shown only now")
        typer.echo(f"  {'reports to':<15} {_hook_address(code)}")
        for what, value in made.items():
            typer.echo(f"  {what:<15} {value}")


@warehouse.command("limit")
def limit(
    code: str,
    in_progress: Annotated[str, typer.Option(help="Documents with it at once during a promo; `none`: no limit.")],
) -> None:
    """Set how many documents may be with a warehouse at once while a promo meters releases."""
    from tasks.warehouse_list import limit_in_progress

    _ensure_database()
    if in_progress != "none" and not in_progress.isdecimal():
        raise SetupError(f"warehouse {code}: in-progress {in_progress!r}: want a whole number, or none")
    changed = limit_in_progress(code, None if in_progress == "none" else int(in_progress), by_hand())
    said = "has no limit of its own" if in_progress == "none" else f"has room for {int(in_progress):,} documents"
    typer.echo(f"warehouse {code}: {said}" + ("" if changed else " already"))


@warehouse.command("carriers")
def import_carriers(file: File) -> None:
    """Make the file's carriers the whole carriers of the warehouses it names."""
    from tasks import carrier_files

    _ensure_database()
    _tell("carriers of warehouses", carrier_files.import_carriers(file))


@carrier_rate.command("import")
def import_rates(file: File) -> None:
    """Make the file's prices the whole prices of each warehouse and carrier it names."""
    from tasks import carrier_files

    _ensure_database()
    _tell("carrier rates", carrier_files.import_rates(file))


@carrier_rule.command("import")
def import_rules(file: File) -> None:
    """Make the file's rules all the carrier rules there are."""
    from tasks import carrier_files

    _ensure_database()
    _tell("carrier rules", carrier_files.import_rules(file))


@sku.command("import")
def import_skus(file: File) -> None:
    """Add or change the SKUs of a file; others stay."""
    from tasks import setup

    _ensure_database()
    _tell("SKUs", setup.import_skus(file))


@area.command("import")
def import_areas(file: File) -> None:
    """Make the file's areas the whole areas of the warehouses it names."""
    from tasks import setup

    _ensure_database()
    _tell("areas", setup.import_areas(file))


@area.command("coverage")
def show_coverage(
    as_csv: Annotated[bool, typer.Option("--csv", help="One uncovered division a line, for a spreadsheet.")] = False,
) -> None:
    """Say which divisions no warehouse serves by its areas; their orders go to the nearest warehouse with stock."""
    import csv
    import sys

    from tasks.areas import coverage, uncovered

    _ensure_database()
    gaps = coverage()
    if as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(("code", "name", "level", "province"))
        writer.writerows(uncovered(gaps))
        return
    for gap in gaps:
        typer.echo(str(gap))
    typer.echo("every division is covered" if not gaps else f"{len(uncovered(gaps))} divisions are uncovered")


@carrier.command("add")
def add_carrier(
    name: Annotated[str, typer.Argument(help="kuaidi100, or aliyun as second source")],
    credential: Given = None,
    credentials_file: GivenFile = None,
) -> None:
    """Store the credentials of a tracking service."""
    from tasks import setup

    _ensure_database()
    given = read_credentials(credential, credentials_file)
    given |= ask_for(setup.missing_carrier_credentials(name, given), f"carrier {name}")
    setup.add_carrier(name, given)
    typer.echo(f"carrier {name}: stored")


def _ensure_database() -> None:
    from deployments.databases import ensure_database

    ensure_database()


def _tell(what: str, done: "Imported") -> None:
    removed = f", {done.removed} removed" if done.removed else ""
    typer.echo(f"{what}: {done.added} added, {done.changed} changed{removed}, {done.same} as they were")
    _tell_ignored(done.ignored)


def _tell_ignored(columns: tuple[str, ...]) -> None:
    if columns:
        typer.echo(f"columns that mean nothing here: {', '.join(columns)}")


def _hook_address(code: str) -> str:
    from models.settings import settings

    try:
        return f"{settings().callback_base()}/hooks/wms/{code}"
    except SetupError:
        return f"<your public address>/hooks/wms/{code}"
