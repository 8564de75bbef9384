"""`orderpool promo`: a named set of changes for the days when everything comes at once; it expires by itself."""

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.commands import app
from deployments.person import by_hand

if TYPE_CHECKING:
    from models.rules.promo import PromoSettings

_FORMATS = ["%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]

promo = typer.Typer(help="Promo mode: faster, more at once, releases metered; expires by itself.", no_args_is_help=True)
app.add_typer(promo, name="promo", rich_help_panel="Running")

JSON = Annotated[bool, typer.Option("--json", help="For machines.")]
File = Annotated[Path | None, typer.Option("--file", help="YAML with profiles of your own; docs/promo.md says how.")]


@promo.command("on")
def on(
    until: Annotated[datetime, typer.Option(formats=_FORMATS, help="When it ends by itself (China's time).")],
    profile: Annotated[str, typer.Option(help="Which set of changes.")] = "usual",
    reason: Annotated[str, typer.Option(help="Why, for whoever looks later.")] = "",
    file: File = None,
) -> None:
    """Put a profile in force until a time; it takes the place of another one that is in force."""
    from deployments.databases import ensure_database
    from tasks.promo import promo_on, read_profiles
    from tasks.windows import in_china

    ensure_database()
    began = promo_on(profile, in_china(until), reason, by_hand(), read_profiles(file) if file else None)
    typer.echo(f"{began} is in force")
    _tell_prefect()


@promo.command("off")
def off() -> None:
    """End the promo that is in force; orders that wait for room go on."""
    from deployments.databases import ensure_database
    from tasks.promo import promo_off

    ensure_database()
    ended = promo_off(by_hand())
    typer.echo(f"{ended}: ended" if ended else "no promo is in force")
    _tell_prefect()


@promo.command("show")
def show(as_json: JSON = False) -> None:
    """Show what is otherwise now, until when and by whom, and how many orders wait for room in each warehouse."""
    from deployments.databases import ensure_database
    from deployments.usual_pace import usual_settings
    from models.database import transaction
    from models.settings import clock
    from tasks.promo import promo_in_force
    from tasks.release_room import room_waits, rooms_of

    ensure_database()
    now = clock().now()
    with transaction() as conn:
        found, waits, rooms = promo_in_force(conn, now), room_waits(conn), rooms_of(conn, now)
    differs = _differences(found.settings.to_json() if found else {}, usual_settings())
    waiting = {wait.warehouse: wait.orders for wait in waits}
    if as_json:
        told = found and {"profile": found.profile, "until": found.until, "by": found.by, "reason": found.reason}
        metered = [{"warehouse": r.warehouse, "limit": r.limit, "in_progress": r.in_progress} for r in rooms]
        rows = {"promo": told, "differs": differs, "metered": metered, "waiting": waiting}
        typer.echo(json.dumps(rows, default=str, ensure_ascii=False, indent=2))
        return
    typer.echo(f"{found} is in force" if found else "no promo is in force")
    for name, (value, usual) in differs.items():
        typer.echo(f"  {name}: {value}" + (f"  (usually {usual})" if usual is not None else ""))
    for room in rooms:
        typer.echo(f"  {room.warehouse}: {room.in_progress:,} of {room.limit:,} documents in progress")
    for wait in waits:
        typer.echo(f"  {wait.orders:,} orders wait for room in {wait.warehouse}")


@promo.command("profiles")
def profiles(file: File = None, as_json: JSON = False) -> None:
    """List the profiles that come with OrderPool, or those of a file, with their settings."""
    from tasks.promo import read_profiles, shipped_profiles

    found: dict[str, PromoSettings] = read_profiles(file) if file else shipped_profiles()
    if as_json:
        rows = {name: settings.to_json() for name, settings in found.items()}
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    for name, settings in found.items():
        typer.echo(f"{name}:")
        for setting, value in settings.to_json().items():
            typer.echo(f"  {setting}: {_shown(value)}")


def _differences(settings: dict[str, Any], usual: dict[str, Any]) -> dict[str, tuple[str, str | None]]:
    """What is otherwise than without a promo, and what is usual where something is."""
    return {
        name: (_shown(value), _shown(usual[name]) if name in usual else None)
        for name, value in settings.items()
        if usual.get(name) != value
    }


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) or "none" if isinstance(value, list) else str(value)


def _tell_prefect() -> None:
    from deployments.addresses import read
    from deployments.parts import PREFECT

    if "prefect_api_url" not in read() or not PREFECT.is_healthy():
        typer.echo("Prefect is not running: `orderpool up` and the live process tell it.")
        return
    from deployments.prefect_setup import client
    from deployments.promo_mode import bring_in_line

    with client() as prefect:
        for change in bring_in_line(prefect):
            typer.echo(f"Prefect: {change}")
