"""`orderpool shop`: add a shop, list the shops, check and set one, and see its carriers."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
import yaml

from deployments.commands import app
from models.errors import SetupError

if TYPE_CHECKING:
    from datetime import datetime

    from tasks.shop_carriers import CarrierList
    from tasks.tokens import TokenStanding

shop = typer.Typer(help="Shops: add, authorize, check, set.", no_args_is_help=True)
app.add_typer(shop, name="shop", rich_help_panel="Setting up")

Given = Annotated[
    list[str] | None,
    typer.Option("--credential", metavar="NAME=VALUE", help="One credential; may be given again."),
]
AsJson = Annotated[bool, typer.Option("--json", help="For machines.")]
GivenFile = Annotated[
    Path | None, typer.Option("--credentials-file", help="YAML or JSON with one credential per name.")
]


def read_credentials(given: list[str] | None, file: Path | None) -> dict[str, str]:
    """Credentials of a command line: those of the file, then those given one by one."""
    found: dict[str, str] = _credentials_in(file) if file else {}
    for pair in given or []:
        name, equals, value = pair.partition("=")
        if not (name and equals and value):
            # the text may hold the secret itself
            raise SetupError("--credential: want NAME=VALUE, such as consumer_key=ck_...")
        found[name.strip()] = value
    return found


def _credentials_in(file: Path) -> dict[str, str]:
    try:
        # the base loader leaves every value as it is written: 0123 stays 0123
        content = yaml.load(file.read_text("utf-8-sig"), yaml.BaseLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"{file}: cannot be read") from error
    except yaml.YAMLError as error:
        raise SetupError(f"{file}: is neither YAML nor JSON") from error
    if not isinstance(content, dict) or not all(isinstance(value, str) for value in content.values()):
        raise SetupError(f"{file}: want one line per credential, such as `consumer_key: ck_...`")
    return content


def ask_for(missing: tuple[str, ...], whose: str) -> dict[str, str]:
    """Ask on the terminal for credentials; elsewhere raise SetupError naming them."""
    if missing and not sys.stdin.isatty():
        raise SetupError(f"{whose} needs {', '.join(missing)}: give --credential NAME=VALUE or --credentials-file")
    return {name: typer.prompt(f"{whose}: {name}", hide_input=name != "endpoint") for name in missing}


@shop.command()
def add(
    code: Annotated[str, typer.Argument(help="Letters, digits and dashes, such as tmall-1.")],
    channel: Annotated[str, typer.Option(help="Where it sells; `orderpool channels` lists what there is.")],
    name: Annotated[str, typer.Option(help="What people call it; the code without it.")] = "",
    credential: Given = None,
    credentials_file: GivenFile = None,
    poll_minutes: Annotated[int | None, typer.Option(help="How often orders are fetched; 15 for a new shop.")] = None,
    lock_unpaid: Annotated[
        bool | None, typer.Option("--lock-unpaid/--no-lock-unpaid", help="Whether unpaid orders keep stock.")
    ] = None,
    mapping: Annotated[Path | None, typer.Option(help="A field mapping of its own instead of the channel's.")] = None,
) -> None:
    """Add a shop, or change one that is there; what is not given stays as it is."""
    from deployments.databases import ensure_database
    from tasks import setup

    ensure_database()
    given = read_credentials(credential, credentials_file)
    given |= ask_for(setup.missing_credentials(code, channel, given), f"{channel} shop {code}")
    added = setup.add_shop(
        code, channel, name, given, poll_minutes=poll_minutes, lock_unpaid=lock_unpaid, mapping=mapping
    )
    typer.echo(f"shop {code}: {'added' if added.is_new else 'changed'}")
    if added.made:
        _tell_webhook(code, channel, added.made["webhook_secret"])
    if setup.needs_consent(code):
        typer.echo(f"It waits for the seller's consent: orderpool shop authorize {code}")
    if channel != setup.FILE:
        _schedule(code)


def _tell_webhook(code: str, channel: str, secret: str) -> None:
    from models.settings import settings

    try:
        base = settings().callback_base()
    except SetupError:
        base = "<your public address>"
    typer.echo("Orders come within a minute when the shop sends webhooks of created and updated orders, with")
    typer.echo(f"  delivery URL  {base}/hooks/{channel}/{code}")
    typer.echo(f"  secret        {secret}   (shown only now)")


def _schedule(code: str) -> None:
    from deployments.addresses import read
    from deployments.parts import PREFECT
    from tasks.setup import list_shops

    if "prefect_api_url" not in read() or not PREFECT.is_healthy():
        typer.echo("Prefect is not running: `orderpool up` will schedule the shop.")
        return
    from deployments.prefect_setup import add_shop_schedule

    (minutes,) = [row.poll_minutes for row in list_shops() if row.code == code]
    add_shop_schedule(code, minutes)
    typer.echo(f"Its orders are fetched every {minutes} minutes.")


@shop.command("list")
def list_(as_json: AsJson = False) -> None:
    """Show every shop and which credentials it has."""
    from deployments.databases import ensure_database
    from models.settings import SHANGHAI
    from tasks.setup import list_shops

    ensure_database()
    rows = list_shops()
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows], default=str, ensure_ascii=False, indent=2))
        return
    typer.echo(f"{'CODE':<20} {'CHANNEL':<12} {'EVERY':>7}  {'READ UNTIL (China)':<19} NAME")
    for row in rows:
        until = f"{row.watermark.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}" if row.watermark else "never"
        off = "" if row.active else " (off)"
        typer.echo(f"{row.code:<20} {row.channel:<12} {row.poll_minutes:>3} min  {until:<19} {row.name}{off}")


@shop.command()
def check(code: str, as_json: AsJson = False) -> None:
    """Make one signed read, say what is missing and when the token ends; exit code 0 only if it works."""
    from deployments.databases import ensure_database
    from tasks.setup import check_shop, token_standing

    ensure_database()
    # the read may refresh the token
    health, token = check_shop(code), token_standing(code)
    if as_json:
        typer.echo(json.dumps({**asdict(health), "token": token and asdict(token)}, default=str, ensure_ascii=False))
    elif health.ok:
        typer.echo(f"shop {code}: works{'; ' + health.detail if health.detail else ''}")
    else:
        mend = f"; look at {', '.join(health.missing)}" if health.missing else ""
        typer.echo(f"shop {code}: does not work: {health.detail}{mend}")
    if token is not None and token.present and not as_json:
        typer.echo(token_line(token))
    if not health.ok:
        raise typer.Exit(1)


def token_line(token: "TokenStanding") -> str:
    """Until when a shop's token holds, and what happens then, in China's time."""
    if token.ends_at is None:
        return "token: when it ends is not known; a token that `orderpool shop authorize` gets says so"
    line = f"token: good until {_china(token.ends_at)}"
    if not token.refreshable:
        return f"{line}; then the seller agrees again: orderpool shop authorize {token.shop_code}"
    refresh_at = f", by itself from {_china(token.refresh_at)} on" if token.refresh_at else ""
    last = f"; refreshable until {_china(token.refresh_ends_at)}" if token.refresh_ends_at else "; refreshable"
    return line + last + refresh_at


def _china(at: "datetime") -> str:
    from models.settings import SHANGHAI

    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"


@shop.command("set")
def set_(
    code: str,
    wishes: Annotated[
        list[str] | None, typer.Argument(metavar="NAME=VALUE...", help="`NAME=` goes back to the usual value.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Change single values of what a shop's platform grants it, and when to alarm; without any, show them.

    Times are written as 90s, 30m, 2h or 90d, a missing limit as none, several words with commas between.
    """
    from deployments.databases import ensure_database
    from tasks.shop_settings import set_shop, settings_of

    ensure_database()
    rows = set_shop(code, dict(_wish(text) for text in wishes)) if wishes else settings_of(code)
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows], ensure_ascii=False, indent=2))
        return
    typer.echo(f"{'SETTING':<20} {'VALUE':<24} USUAL")
    for row in rows:
        typer.echo(f"{row.name:<20} {row.value:<24} {row.usual if row.is_own else ''}".rstrip())


def _wish(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise SetupError(f"{text!r}: want NAME=VALUE, such as page_size=50")
    return name.strip(), value


@shop.command()
def carriers(
    code: str,
    reload: Annotated[bool, typer.Option("--reload", help="Ask the platform first.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show our carriers with the codes of a shop's platform, and those of warehouses that have none there."""
    from deployments.databases import ensure_database
    from tasks.shop_carriers import carriers_of, load_carriers

    ensure_database()
    if reload:
        load_carriers(code)
    found = carriers_of(code)
    if as_json:
        typer.echo(json.dumps(asdict(found), default=str, ensure_ascii=False, indent=2))
        return
    typer.echo(f"{'OURS':<18} {'PLATFORM CODE':<15} {'FROM':<8} NAME")
    for row in found.rows:
        source = "platform" if row.listed else "mapping" if row.code else ""
        names = row.name + (f" = {row.platform_name}" if row.platform_name not in ("", row.name) else "")
        typer.echo(f"{row.carrier:<18} {row.code or '-':<15} {source:<8} {names}")
    _tell_carriers(code, found)


def _tell_carriers(code: str, found: "CarrierList") -> None:
    if found.loaded_at is not None:
        typer.echo(f"listed by the platform at {_china(found.loaded_at)}; one from the mapping was not in its list")
    else:
        typer.echo("the platform gave no list so far: `--reload` asks for it")
    for row in found.without_code:
        typer.echo(
            f"shop {code}: has no code for {row.name} ({row.carrier}), which {', '.join(row.used_by)} ships with"
        )
