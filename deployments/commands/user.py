"""`orderpool user ...`: who may sign in to the web console."""

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.commands import app
from deployments.person import by_hand
from models.errors import SetupError

if TYPE_CHECKING:
    pass

user = typer.Typer(help="Who may sign in to the web console.", no_args_is_help=True)
app.add_typer(user, name="user", rich_help_panel="Setting up")

Name = Annotated[str, typer.Argument(help="How the person signs in; capitals make no difference.")]
RoleName = Annotated[str, typer.Option(help="viewer, desk, warehouse or admin.")]
FromStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]
Generate = Annotated[bool, typer.Option("--generate", help="Make a password up and show it once.")]


@user.command()
def add(name: Name, role: RoleName, password_stdin: FromStdin = False, generate: Generate = False) -> None:
    """Add somebody; without an option the password is asked for, or made up where nobody can be asked."""
    from tasks.people import add_person, as_role

    _ensure_database()
    wish = as_role(role)
    password, is_made = _password(name, password_stdin, generate)
    kept = add_person(name, wish, password, by_hand())
    typer.echo(f"{kept}: may sign in to the console as {wish}")
    _tell(password, is_made)


@user.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False) -> None:
    """Show everybody with role and state."""
    from models.settings import SHANGHAI, clock
    from tasks.people import list_people

    _ensure_database()
    rows = list_people(clock().now())
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows], default=str, ensure_ascii=False, indent=2))
        return
    typer.echo(f"{'NAME':<24} {'ROLE':<10} STATE")
    for row in rows:
        waits = row.waits_until and f"waits until {row.waits_until.astimezone(SHANGHAI):%H:%M} (China)"
        typer.echo(f"{row.name:<24} {row.role:<10} {'switched off' if not row.active else waits or 'may sign in'}")


@user.command()
def role(name: Name, new_role: Annotated[str, typer.Argument(metavar="ROLE")]) -> None:
    """Give somebody another role; signing in again is needed."""
    from tasks.people import as_role, set_role

    _ensure_database()
    wish = as_role(new_role)
    set_role(name, wish, by_hand())
    typer.echo(f"{name}: is {wish}")


@user.command()
def password(name: Name, password_stdin: FromStdin = False, generate: Generate = False) -> None:
    """Give somebody another password; open sessions of that person end."""
    from tasks.people import set_password

    _ensure_database()
    text, is_made = _password(name, password_stdin, generate)
    set_password(name, text, by_hand())
    typer.echo(f"{name}: has another password")
    _tell(text, is_made)


@user.command()
def deactivate(name: Name) -> None:
    """Let somebody sign in no more; open sessions end at once."""
    from tasks.people import set_active

    _ensure_database()
    set_active(name, False, by_hand())
    typer.echo(f"{name}: may not sign in any more; `orderpool user activate {name}` takes that back")


@user.command()
def activate(name: Name) -> None:
    """Let somebody sign in again who was deactivated."""
    from tasks.people import set_active

    _ensure_database()
    set_active(name, True, by_hand())
    typer.echo(f"{name}: may sign in")


@user.command()
def unlock(name: Name) -> None:
    """Let somebody who waits after wrong passwords try again at once."""
    from tasks.people import unlock as let_in

    _ensure_database()
    let_in(name, by_hand())
    typer.echo(f"{name}: may try again now")


def _password(name: str, from_stdin: bool, generate: bool) -> tuple[str, bool]:
    """The password, and whether it was made up here."""
    from tasks.passwords import made_up_password

    if from_stdin and generate:
        raise SetupError("--password-stdin and --generate do not go together: the password is given or made up")
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n"), False
    if generate or not sys.stdin.isatty():
        return made_up_password(), True
    return typer.prompt(f"password of {name}", hide_input=True, confirmation_prompt=True), False


def _tell(text: str, is_made: bool) -> None:
    if is_made:
        typer.echo(f"password: {text}   (shown only now)")


def _ensure_database() -> None:
    from deployments.databases import ensure_database

    ensure_database()
