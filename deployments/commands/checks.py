"""`orderpool sign-check` and `parse-addresses`: checks that need no running service."""

from pathlib import Path
from typing import Annotated

import typer

from deployments.commands import app


@app.command("sign-check", rich_help_panel="Looking inside")
def sign_check(
    files: Annotated[list[Path], typer.Argument(help="Files of signature vectors (JSON).")],
    require: Annotated[
        str, typer.Option(help="Systems that must be checked, with commas between: taobao,woocommerce,...")
    ] = "",
) -> None:
    """Sign and verify vectors with the connectors' own code; exit 1 on any mismatch."""
    from deployments.sign_check import sign_check as run

    raise typer.Exit(run(files, [name for name in require.split(",") if name]))


@app.command("parse-addresses", rich_help_panel="Looking inside")
def parse_addresses(
    source: Annotated[Path, typer.Argument(metavar="IN.csv", help="A CSV with the columns id and text.")],
    target: Annotated[Path, typer.Argument(metavar="OUT.csv", help="Gets id, province, city, district and code.")],
) -> None:
    """Resolve free-text addresses to divisions; what the text does not decide stays empty."""
    from tasks.address_file import parse_file

    count = parse_file(source, target)
    typer.echo(f"{count.resolved} of {count.rows} addresses resolved, {count.refused} refused")
