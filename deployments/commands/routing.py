"""`orderpool routing`: the rules by which orders find their warehouses, and how others would have done."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.commands import app
from deployments.person import by_hand

if TYPE_CHECKING:
    from tasks.routing_trial import Tally

routing = typer.Typer(help="How orders find their warehouses.", no_args_is_help=True)
app.add_typer(routing, name="routing", rich_help_panel="Setting up")

JSON = Annotated[bool, typer.Option("--json", help="For machines.")]
File = Annotated[Path, typer.Argument(help="YAML; docs/routing.md names what it may say.")]


@routing.command("show")
def show(as_json: JSON = False) -> None:
    """Show the rules in force, setting by setting, and the versions before."""
    from deployments.databases import ensure_database
    from deployments.rule_versions import as_line, as_row
    from tasks.routing_rules import versions

    ensure_database()
    found = versions()
    if as_json:
        typer.echo(json.dumps([as_row(version) for version in found], default=str, ensure_ascii=False, indent=2))
        return
    usual = found[-1].rules.to_json()
    typer.echo(f"version {found[0].rules.version} is in force:")
    for name, value in found[0].rules.to_json().items():
        differs = "" if value == usual[name] else f"  (usually {usual[name]})"
        typer.echo(f"  {name}: {value}{differs}")
    for version in found:
        typer.echo(as_line(version))


@routing.command("use")
def use(
    file: File,
    note: Annotated[str, typer.Option(help="Why, for whoever looks later.")],
) -> None:
    """Put the rules of a file in force, from the next batch on; what is routed stays."""
    from deployments.databases import ensure_database
    from models.errors import SetupError
    from tasks.routing_rules import read_routing_file, rules_in, use_rules

    ensure_database()
    content = read_routing_file(file)
    rules = rules_in(file, content)
    if rules is None:
        raise SetupError(f"{file}: has no section rules; there is nothing to put in force")
    rules, is_new = use_rules(rules, note.strip(), by_hand())
    typer.echo(
        f"routing rules: version {rules.version} is in force" + ("" if is_new else " already, with these settings")
    )
    for section, command in _OWN_COMMANDS.items():
        if section in content:
            typer.echo(f"{section}: only tried, not taken over; use `orderpool {command}`")


@routing.command("try")
def try_file(
    file: File,
    days: Annotated[int, typer.Option(min=1, max=366, help="How far back orders are routed again.")] = 30,
    as_json: JSON = False,
) -> None:
    """Route the orders of the last days again under a file's rules, next to those in force; nothing is written."""
    from deployments.databases import ensure_database
    from models.settings import SHANGHAI, clock
    from tasks.routing_trial import ASSUMPTIONS, try_rules

    ensure_database()
    trial = try_rules(file, days, clock().now())
    if as_json:
        sides = {"now": _numbers(trial.now), "tried": _numbers(trial.tried)}
        head = {"since": trial.since, "until": trial.until, "orders": trial.orders, "changed": trial.changed}
        typer.echo(json.dumps({**head, **sides, "assumptions": ASSUMPTIONS}, default=str, ensure_ascii=False, indent=2))
        return
    since, until = (at.astimezone(SHANGHAI) for at in (trial.since, trial.until))
    typer.echo(f"{trial.orders:,} orders routed from {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M}, routed again:")
    width = max(len(trial.now.name), len(trial.tried.name), 14)
    typer.echo(f"  {'':<24} {trial.now.name:>{width}} {trial.tried.name:>{width}}")
    before, after = _figures(trial.now), _figures(trial.tried)
    for name in [*before, *(name for name in after if name not in before)]:
        typer.echo(f"  {name:<24} {before.get(name, '-'):>{width}} {after.get(name, '-'):>{width}}")
    typer.echo(f"{trial.changed:,} orders are served otherwise")
    for sentence in ASSUMPTIONS:
        typer.echo(f"assumed: {sentence}")


def _numbers(side: "Tally") -> dict[str, Any]:
    """What one side came to, for machines."""
    busiest = {code: side.busiest(code) or (None, 0) for code in sorted(side.limits)}
    return {
        "rules": side.name,
        "routed": side.routed,
        "unroutable": side.unroutable,
        "parcels": side.parcels,
        "split": side.split,
        "cost_fen": side.cost_fen,
        "distance_m": side.metres,
        "promised": side.promised,
        "kept": side.kept,
        "warehouses": {
            code: {
                "documents": side.load(code),
                "busiest_day": day,
                "busiest_documents": number,
                "daily_limit": side.limits[code],
            }
            for code, (day, number) in busiest.items()
        },
    }


def _figures(side: "Tally") -> dict[str, str]:
    """What one side came to, line by line."""
    figures = {
        "routed": f"{side.routed:,}",
        "no warehouses can serve": f"{side.unroutable:,}",
        "parcels": f"{side.parcels:,}",
        "orders split": f"{side.split:,}",
        "cost, yuan": f"{side.cost_fen / 100:,.2f}",
        "distance, km": f"{side.metres / 1000:,.0f}",
        "promises kept": f"{side.kept:,} of {side.promised:,}",
    }
    for code, limit in sorted(side.limits.items()):
        figures[f"{code} documents"] = f"{side.load(code):,}"
        if busiest := side.busiest(code):
            of = "" if limit is None else f" of {limit:,}"
            figures[f"{code} busiest day"] = f"{busiest[1]:,}{of} ({busiest[0]:%m-%d})"
    return figures


_OWN_COMMANDS = {
    "areas": "area import",
    "rates": "carrier-rate import",
    "warehouses": "warehouse import",
}
