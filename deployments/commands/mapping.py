"""`orderpool mapping`: check a mapping, compare it on stored payloads, put it to use."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.commands import app
from deployments.person import by_hand, person
from models.errors import SetupError

if TYPE_CHECKING:
    from connectors.mapping import Mapping
    from tasks.mapping_diff import MappingDiff

mapping = typer.Typer(help="Field mappings: check, compare, use.", no_args_is_help=True)
app.add_typer(mapping, name="mapping", rich_help_panel="Setting up")

USE_LOOKS_BACK_DAYS = 7

JSON = Annotated[bool, typer.Option("--json", help="For machines.")]
ShopCode = Annotated[str, typer.Argument(help="The shop's code.")]
Limit = Annotated[int, typer.Option(min=0, help="How many orders are shown as examples.")]


@mapping.command()
def check(
    file: Annotated[Path, typer.Argument(help="The mapping.")],
    sample: Annotated[
        Path | None,
        typer.Option(help="Payloads: JSON (one, a list, or one per line); for a mapping of files a CSV or XLSX."),
    ] = None,
    channel: Annotated[str, typer.Option(help="Also ask this channel what is ready to ship.")] = "",
    limit: Annotated[int, typer.Option(min=0, help="How many orders are shown in full; all faults are.")] = 20,
    as_json: JSON = False,
) -> None:
    """Check a mapping and show what each field becomes; exit 1 when it or a payload is at fault."""
    from deployments import mapping_screen as screen
    from tasks import mapping_trial as trial

    found = trial.load_mapping(file, channel)
    head = {"name": found.name, "version": found.version, "kind": found.kind.value}
    if not as_json:
        typer.echo(f"mapping {found.name} version {found.version}, {found.kind}: nothing is wrong with the file itself")
    if sample is None:
        fields = trial.plan(found)
        if as_json:
            typer.echo(screen.for_machines({"mapping": head, "fields": fields}))
        else:
            screen.tell_plan(fields)
        return
    count = trial.TrialCount()
    shown = []
    for tried in trial.try_file(found, sample):
        count.add(tried)
        if not tried.faults and count.readable > limit:
            continue
        if as_json:
            shown.append(tried)
        else:
            screen.tell_trial(tried)
    if as_json:
        typer.echo(screen.for_machines({"mapping": head, "count": count, "payloads": shown}))
    else:
        screen.tell_totals(count)
    if count.unreadable:
        raise typer.Exit(1)


@mapping.command()
def diff(
    shop: ShopCode,
    file: Annotated[Path, typer.Argument(help="The changed mapping.")],
    days: Annotated[int, typer.Option(min=1, help="How far back payloads are read again.")] = 7,
    limit: Limit = 10,
    as_json: JSON = False,
) -> None:
    """Show what a changed mapping would read differently from the stored payloads; nothing is written."""
    from deployments.databases import ensure_database
    from deployments.mapping_screen import for_machines
    from tasks.mapping_use import load_for

    ensure_database()
    changed = load_for(shop, file)
    found = _compared(shop, changed, days, limit, hidden=as_json)
    if as_json:
        typer.echo(for_machines(found))
        return
    typer.echo(f"{changed.name} version {changed.version} against what {shop} is read with now, the last {days} days:")
    _tell_diff(found)


@mapping.command()
def use(
    shop: ShopCode,
    file: Annotated[Path | None, typer.Argument(help="The mapping.")] = None,
    channel_default: Annotated[
        bool, typer.Option("--channel-default", help="Go back to the mapping that comes with the channel.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Read a shop with another mapping from the next run on, after showing what it changes; stored orders stay."""
    from connectors.registry import mapping_for
    from deployments.databases import ensure_database
    from tasks.mapping_diff import present_mapping
    from tasks.mapping_use import channel_of, load_for, use_mapping

    if (file is None) is not channel_default:
        raise SetupError(f"shop {shop}: name a mapping file, or give --channel-default; one of the two")
    ensure_database()
    chosen = load_for(shop, file or mapping_for(channel_of(shop)))
    if present_mapping(shop) is not None:
        typer.echo(f"{chosen.name} version {chosen.version} against what {shop} is read with now, the last 7 days:")
        _tell_diff(_compared(shop, chosen, USE_LOOKS_BACK_DAYS, 10, hidden=False))
    if not yes:
        _confirm(shop, chosen)
    why = by_hand()
    done = use_mapping(shop, None if channel_default else chosen, file.name if file else "", why)
    if not done.is_new:
        typer.echo(f"shop {shop}: is read with this very mapping already")
        return
    typer.echo(f"shop {shop}: read with {done.name} version {done.version} from its next run on")
    typer.echo(
        f"Stored orders stay as they are: `orderpool replay --shop {shop} --since ... --until ...` reads them again."
    )


@mapping.command()
def show(shop: ShopCode, as_json: JSON = False) -> None:
    """Say which mapping a shop is read with, since when and by whose wish, and which came before."""
    from deployments.databases import ensure_database
    from deployments.mapping_screen import for_machines
    from models.settings import SHANGHAI
    from tasks.mapping_use import Use, uses

    ensure_database()
    present, log = uses(shop)
    if as_json:
        typer.echo(for_machines({"present": present, "log": log}))
        return

    def told(entry: Use) -> str:
        since = f", since {entry.at.astimezone(SHANGHAI):%Y-%m-%d %H:%M} by {entry.by}" if entry.at else ""
        return f"{entry.name} version {entry.version}, {entry.source or 'as it comes with the channel'}{since}"

    typer.echo(f"shop {shop}: {told(present) if present else 'has no mapping; each of its files comes with one'}")
    for entry in log[1:]:
        typer.echo(f"  before: {told(entry)}")


def _compared(shop: str, changed: "Mapping", days: int, limit: int, *, hidden: bool) -> "MappingDiff":
    from datetime import timedelta

    from deployments.mapping_screen import progress
    from models.settings import clock
    from tasks.mapping_diff import diff_mapping
    from tasks.openings import note_trial

    note_trial(person(), clock().now(), shop=shop, days=days)
    with progress("reading", hidden=hidden) as tell:
        return diff_mapping(shop, changed, clock().now() - timedelta(days=days), limit, tell)


def _confirm(shop: str, chosen: "Mapping") -> None:
    if not sys.stdin.isatty():
        raise SetupError(f"shop {shop}: nobody is there to confirm {chosen.name} version {chosen.version}; give --yes")
    typer.confirm(f"Read {shop} with {chosen.name} version {chosen.version} from now on?", abort=True)


def _tell_diff(found: "MappingDiff") -> None:
    from deployments.mapping_screen import tell_counts
    from tasks.mapping_diff import QUARANTINE
    from tasks.stored_payloads import Standing

    columns = [*(standing.value for standing in Standing), QUARANTINE]
    typer.echo(f"{found.read:,} payloads read, {found.same:,} of them the same")
    if found.other_mapping:
        typer.echo(f"{found.other_mapping:,} more were read with a mapping of another name and are left out")
    kinds = {
        "differ": found.different,
        "become readable": found.newly_readable,
        "can no longer be read": found.newly_unreadable,
        "cannot be read by either": found.still_unreadable,
    }
    tell_counts("ORDERS", {kind: counts for kind, counts in kinds.items() if counts}, columns)
    tell_counts("FIELD", dict(sorted(found.fields.items())), columns)
    for name, number in found.faults.most_common():
        typer.echo(f"no longer readable because of {name}: {number:,}")
    if found.renames:
        typer.echo(
            f"WARNING: {found.renames:,} orders would go by another platform id; the next version of each would enter "
            "the pool as a second order. Replay them at once after the change."
        )
    for example in found.examples:
        typer.echo(f"order {example.order_no} ({example.standing})")
        for change in example.changes:
            typer.echo(f"  {change}")
