"""`orderpool channels`: what each channel can do."""

import json
from itertools import zip_longest
from typing import Annotated, Any

import typer

from deployments.commands import app


@app.command(rich_help_panel="Looking inside")
def channels(as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False) -> None:
    """Print the capability matrix: ingest, merging, splitting, ship-back and stock push go by it."""
    from connectors.registry import CHANNELS

    matrix = {name: _row(kind) for name, kind in CHANNELS.items()}
    if as_json:
        typer.echo(json.dumps(matrix, ensure_ascii=False, indent=2))
        return
    columns = [["", *next(iter(matrix.values()))], *([name, *row.values()] for name, row in matrix.items())]
    widths = [max(len(word) for cell in column for word in cell.split(",")) for column in columns]
    for cells in zip(*columns, strict=True):
        # several words of one cell stand below each other
        for words in zip_longest(*(cell.split(",") for cell in cells), fillvalue=""):
            typer.echo("  ".join(word.ljust(width) for word, width in zip(words, widths, strict=True)).rstrip())


def _row(kind: Any) -> dict[str, str]:
    from dataclasses import fields

    from tasks.shop_settings import as_text

    able = {field.name: as_text(getattr(kind.capabilities, field.name)) for field in fields(kind.capabilities)}
    return {
        **able,
        "authorisation": "yes" if kind.authoriser is not None else "no",
        "ship_back": kind.ship_back_class.value,
        "credentials": ",".join(kind.needs) or "none",
    }
