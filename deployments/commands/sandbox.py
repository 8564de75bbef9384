"""`orderpool sandbox`: the outside world on loopback, to try things against."""

from pathlib import Path
from typing import Annotated

import typer

from deployments.commands import app


@app.command(rich_help_panel="Running")
def sandbox(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON line with every endpoint.")] = False,
    self_check: Annotated[
        list[Path] | None,
        typer.Option(
            "--self-check", metavar="FILE", help="Check signatures against vectors and exit; may be repeated."
        ),
    ] = None,
    more: Annotated[list[Path] | None, typer.Argument(metavar="[FILE]...", hidden=True)] = None,
) -> None:
    """Serve simulated shops, warehouses and a tracking network until Ctrl-C."""
    from sandbox.cli import self_check as check
    from sandbox.cli import serve

    if more and not self_check:
        raise typer.BadParameter("files go with --self-check")
    raise typer.Exit(check([*self_check, *(more or [])]) if self_check else serve(port, as_json))
