"""`orderpool shop`: add a shop, list the shops, check whether one can be reached."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
import yaml

from deployments.commands import app
from models.errors import SetupError

shop = typer.Typer(help="Shops: add, list, check.", no_args_is_help=True)
app.add_typer(shop, name="shop", rich_help_panel="Setting up")

Given = Annotated[
    list[str] | None,
    typer.Option("--credential", metavar="NAME=VALUE", help="One credential; may be given again."),
]
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
    channel: Annotated[str, typer.Option(help="taobao, tmall, woocommerce or file.")],
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
        _tell_webhook(code, added.made["webhook_secret"])
    if channel != setup.FILE:
        _schedule(code)


def _tell_webhook(code: str, secret: str) -> None:
    from models.settings import settings

    try:
        base = settings().callback_base()
    except SetupError:
        base = "<your public address>"
    typer.echo("In WooCommerce, add a webhook for `Order updated` and one for `Order created` with")
    typer.echo(f"  delivery URL  {base}/hooks/woocommerce/{code}")
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
def list_(as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False) -> None:
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
def check(code: str, as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False) -> None:
    """Make one signed read and say what is missing; exit code 0 only if it works."""
    from deployments.databases import ensure_database
    from tasks.setup import check_shop

    ensure_database()
    health = check_shop(code)
    if as_json:
        typer.echo(json.dumps(asdict(health), ensure_ascii=False))
    elif health.ok:
        typer.echo(f"shop {code}: works{'; ' + health.detail if health.detail else ''}")
    else:
        mend = f"; look at {', '.join(health.missing)}" if health.missing else ""
        typer.echo(f"shop {code}: does not work: {health.detail}{mend}")
    if not health.ok:
        raise typer.Exit(1)
