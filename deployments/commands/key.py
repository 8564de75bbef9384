"""`orderpool key ...`: the keys that personal data and credentials are sealed under."""

import os
from typing import Annotated

import typer

from deployments.commands import app
from deployments.person import by_hand
from models.errors import SetupError

key = typer.Typer(help="The keys that personal data and credentials are sealed under.", no_args_is_help=True)
app.add_typer(key, name="key", rich_help_panel="Personal data")


@key.command()
def status() -> None:
    """Show the data keys, and how many values of each table are sealed under which."""
    from deployments.databases import ensure_database
    from models.data_keys import keys_of, usage
    from models.database import transaction
    from models.sealing import LOOKUP, active_key
    from models.settings import SHANGHAI

    ensure_database()
    with transaction() as conn:
        keys, used = keys_of(conn), usage(conn)
    active = active_key()
    for key_id, made_at, retired_at, destroyed_at in keys:
        state = "the secret of hashes" if key_id == LOOKUP else "in use" if key_id == active else "retired"
        for word, at in (("made", made_at), ("retired", retired_at), ("destroyed", destroyed_at)):
            state += f", {word} {at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}" if at else ""
        typer.echo(f"key {key_id}: {state}")
    for table, counts in used.items():
        told = ", ".join(f"{count:,} under key {key_id}" for key_id, count in sorted(counts.items()))
        typer.echo(f"{table}: {told}")


@key.command()
def rotate() -> None:
    """Make a new data key and seal everything anew under it, beside what runs; begun again it goes on."""
    from deployments.databases import ensure_database
    from models.data_keys import rotate as make_key
    from models.database import in_transaction
    from tasks.access import log_access

    ensure_database()
    why = by_hand()
    key_id = in_transaction(lambda conn: make_key(conn, why.at))
    in_transaction(lambda conn: log_access(conn, why.actor, "key_rotated", why.at, detail={"key": key_id}))
    typer.echo(f"key {key_id} is in use from now on; processes that run take it within a minute")
    _reseal()


@key.command()
def reseal() -> None:
    """Go on sealing values anew under the newest key, and destroy keys that nothing is sealed under any more."""
    from deployments.databases import ensure_database

    ensure_database()
    _reseal()


def _reseal() -> None:
    from models.data_keys import destroy_unused
    from models.data_keys import reseal as seal_anew
    from models.database import in_transaction
    from models.sealing import active_key

    done = seal_anew(active_key())
    typer.echo(f"{done.values:,} values sealed anew under key {active_key()}")
    if done.unreadable:
        typer.echo(f"{done.unreadable:,} values open under no key of this pool, and were left as they are", err=True)
    if done.left > 0:
        typer.echo(f"{done.left:,} values are left, which others worked on: `orderpool key reseal` in a few minutes")
    if gone := in_transaction(lambda conn: destroy_unused(conn, by_hand().at)):
        typer.echo(f"destroyed, for nothing is sealed under them: key {', '.join(map(str, gone))}")


@key.command()
def rewrap(
    new: Annotated[bool, typer.Option("--new", help="Make a new key file first; the old one ends in .old.")] = False,
) -> None:
    """Seal the data keys under the master key of now, instead of the one in ORDERPOOL_KEY_OLD or the file's .old."""
    from deployments.databases import ensure_database
    from models.data_keys import rewrap as wrap
    from models.database import in_transaction
    from models.sealing import former_key_file
    from tasks.access import log_access

    ensure_database()
    why = by_hand()
    if new:
        _new_key_file()
    count = in_transaction(lambda conn: wrap(conn, why.at))
    in_transaction(lambda conn: log_access(conn, why.actor, "master_key_changed", why.at, detail={"keys": count}))
    typer.echo(f"{count} data keys are sealed under the master key of now")
    typer.echo(f"When everything was started again with it, remove ORDERPOOL_KEY_OLD or {former_key_file()}.")
    typer.echo("Copies of the pool from before need the former one: keep it, apart, as long as you keep them.")


def _new_key_file() -> None:
    from models.sealing import former_key_file, master_key
    from models.settings import settings

    if settings().key:
        raise SetupError("key rewrap --new: ORDERPOOL_KEY gives the key; put the new one there, the old one into _OLD")
    if former_key_file().exists():
        raise SetupError(f"key rewrap --new: {former_key_file()} is there; go on without --new, then remove it")
    master_key()  # made, where there was none
    path = settings().key_file
    draft = path.with_suffix(".new")
    draft.touch(mode=0o600)
    draft.write_text(os.urandom(32).hex())
    # the former key is never without a name: a crash in between leaves both
    os.link(path, former_key_file())
    os.replace(draft, path)
