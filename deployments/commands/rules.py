"""`orderpool rules`: how orders are reviewed, and whom other rules would hold."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.commands import app
from deployments.person import by_hand, person

if TYPE_CHECKING:
    from models.hold import HoldCode
    from models.rules.review_rules import ReviewRules
    from tasks.review_again import Changes
    from tasks.rules_trial import Part

SHOWN = 20
"""Order numbers that are shown of each code."""

rules = typer.Typer(help="How orders are reviewed before they leave.", no_args_is_help=True)
app.add_typer(rules, name="rules", rich_help_panel="Setting up")

JSON = Annotated[bool, typer.Option("--json", help="For machines.")]
File = Annotated[Path, typer.Argument(help="YAML; docs/review.md names what it may say.")]
Note = Annotated[str, typer.Option(help="Why, for whoever looks later.")]


@rules.command("show")
def show(as_json: JSON = False) -> None:
    """Show the rules in force as a file may say them, and the versions before as comments."""
    from deployments.databases import ensure_database
    from deployments.rule_versions import as_line, as_row
    from tasks.review_rules import as_yaml, versions

    ensure_database()
    found = versions()
    if as_json:
        rows = [{**as_row(version), "reviewed_at": version.reviewed_at} for version in found]
        typer.echo(json.dumps(rows, default=str, ensure_ascii=False, indent=2))
        return
    typer.echo(f"# version {found[0].rules.version} is in force; those there were:")
    for version in found:
        typer.echo(f"# {as_line(version)}")
    typer.echo(as_yaml(found[0].rules), nl=False)


@rules.command("try")
def try_file(
    file: File,
    days: Annotated[int, typer.Option(min=1, max=366, help="How far back past orders are judged.")] = 30,
    every: Annotated[bool, typer.Option("--all", help=f"Every order number, not {SHOWN} of each code.")] = False,
    as_json: JSON = False,
) -> None:
    """Tell whom a file's rules would hold and free, of open orders and those of the last days; nothing is written."""
    from deployments.databases import ensure_database
    from models.settings import SHANGHAI, clock
    from tasks.openings import note_trial
    from tasks.review_rules import read_rules_file
    from tasks.rules_trial import ASSUMPTIONS, try_rules

    ensure_database()
    rules = read_rules_file(file)
    note_trial(person(), clock().now(), days=days)
    trial = try_rules(rules, days, clock().now())
    if as_json:
        parts = {"open": _numbers(trial.open, every=every), "past": _numbers(trial.past, every=every)}
        head = {"rules": str(file), "against_version": trial.version, "since": trial.since, "until": trial.until}
        typer.echo(json.dumps({**head, **parts, "assumptions": ASSUMPTIONS}, default=str, ensure_ascii=False, indent=2))
        return
    since = f"{trial.since.astimezone(SHANGHAI):%Y-%m-%d}"
    typer.echo(f"{file} against version {trial.version}, which is in force:")
    typer.echo(f"{trial.open.orders:,} open orders; putting these rules in force would change")
    _tell(trial.open, every=every)
    typer.echo(f"{trial.past.orders:,} past orders since {since}; of them these rules find otherwise")
    _tell(trial.past, every=every)
    for sentence in ASSUMPTIONS:
        typer.echo(f"assumed: {sentence}")


@rules.command("use")
def use(file: File, note: Note) -> None:
    """Put the rules of a file in force, and review the open orders again by them at once."""
    from deployments.databases import ensure_database
    from tasks.review_rules import read_rules_file

    ensure_database()
    _put_in_force(read_rules_file(file), note)


@rules.command("reset")
def reset(note: Note) -> None:
    """Put the rules that come with OrderPool in force again."""
    from deployments.databases import ensure_database
    from tasks.review_rules import shipped_rules

    ensure_database()
    _put_in_force(shipped_rules(), note)


def _put_in_force(wanted: "ReviewRules", note: str) -> None:
    from tasks.review_rules import use_rules

    used = use_rules(wanted, note, by_hand())
    known = "" if used.is_new else " already, with these settings"
    typer.echo(f"review rules: version {used.rules.version} is in force{known}")
    typer.echo(_done(used.changes))


def _done(changes: "Changes") -> str:
    return (
        f"{changes.orders:,} open orders reviewed again: {len(changes.held)} holds placed, {len(changes.freed)} ended, "
        f"{len(changes.renewed)} for another reason than before"
    )


def _kinds(part: "Part") -> dict[str, dict["HoldCode", list[str]]]:
    return {"held": part.held, "freed": part.freed, "for another reason": part.renewed}


def _tell(part: "Part", *, every: bool) -> None:
    for kind, by_code in _kinds(part).items():
        for code, numbers in sorted(by_code.items()):
            shown = numbers if every else numbers[:SHOWN]
            more = f" and {len(numbers) - len(shown)} more" if len(shown) < len(numbers) else ""
            typer.echo(f"  {kind} {code}: {len(numbers)} - {', '.join(shown)}{more}")
    if not any(_kinds(part).values()):
        typer.echo("  nothing")


def _numbers(part: "Part", *, every: bool) -> dict[str, Any]:
    """A part for machines: per kind and code the count and order numbers."""
    return {
        "orders": part.orders,
        **{
            kind.replace(" ", "_"): {
                code.value: {"count": len(numbers), "orders": numbers if every else numbers[:SHOWN]}
                for code, numbers in sorted(by_code.items())
            }
            for kind, by_code in _kinds(part).items()
        },
    }
