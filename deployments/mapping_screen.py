"""What the commands about mappings and replays print."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from typing import Any

import typer
from rich.cells import cell_len

from connectors.reading_differences import NOTHING
from tasks.mapping_trial import DERIVED, SHARED, Cell, FieldPlan, Trial, TrialCount

_UNFILLED = {**DERIVED, "line.paid_fen": SHARED, "kind": "the mapping", "receiver.masked": "the mapping"}


def tell_plan(fields: Sequence[FieldPlan]) -> None:
    """Where each field comes from, and what those are that no path fills."""
    width = max(len(field.name) for field in fields)
    typer.echo("FILLED FROM")
    for field in fields:
        if field.paths:
            typer.echo(f"  {field.name:<{width}} <- {', '.join(field.paths)}")
    typer.echo("NOT FILLED")
    for field in fields:
        if not field.paths:
            typer.echo(f"  {field.name:<{width}} is {'empty' if field.otherwise == NOTHING else field.otherwise}")


def tell_trial(trial: Trial) -> None:
    """One payload: what each field became and from where, or everything that is wrong with it."""
    if trial.faults:
        typer.echo(f"{trial.place}: order {trial.order_no}: cannot be read")
        for fault in trial.faults:
            typer.echo(f"  {fault}")
        return
    typer.echo(f"{trial.place}: order {trial.order_no}: ready to ship: {trial.ready}")
    cells = [cell for cell in trial.cells if cell.paths or cell.value != NOTHING]
    rows = [(_titled(cell.field, cell.line), _origin(cell), cell.value) for cell in cells]
    left, middle = (max(cell_len(row[column]) for row in rows) for column in (0, 1))
    for name, paths, value in rows:
        typer.echo(f"  {_padded(name, left)} <- {_padded(paths, min(middle, 60))}  {value}")


def tell_totals(count: TrialCount) -> None:
    """How many payloads could be read, and which fields are at fault for how many of the others."""
    typer.echo(f"{count.readable} readable, {count.unreadable} not")
    for name, number in count.faults.most_common():
        typer.echo(f"  {name}: at fault in {number}")


def tell_counts(title: str, rows: Mapping[str, Counter[str]], columns: Sequence[str]) -> None:
    """A table of counts: a row per field or kind, a column per standing, without the columns that are all zero."""
    used = [column for column in columns if any(counts[column] for counts in rows.values())]
    if not used:
        return
    width = max(len(title), *map(len, rows))
    typer.echo(f"{title:<{width}}" + "".join(f"  {column.upper():>{max(len(column), 7)}}" for column in used))
    for name, counts in rows.items():
        typer.echo(f"{name:<{width}}" + "".join(f"  {counts[column]:>{max(len(column), 7)},}" for column in used))


@contextmanager
def progress(what: str, *, hidden: bool) -> Iterator[Callable[[int], None]]:
    """A counter on stderr while something long goes on; gives the function that sets it."""
    from rich.console import Console
    from rich.progress import Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), TextColumn("{task.completed:,.0f} payloads"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=hidden) as bar:
        reading = bar.add_task(what, total=None)
        yield lambda done: bar.update(reading, completed=done)


def for_machines(content: Any) -> str:
    """What was found, for machines; dataclasses become objects."""
    return json.dumps(content, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    # not asdict: it does not survive counters
    return {one.name: getattr(value, one.name) for one in fields(value)} if is_dataclass(value) else str(value)


def _origin(cell: Cell) -> str:
    return ", ".join(cell.paths) or f"({_UNFILLED.get(cell.field, 'default')})"


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cell_len(text))


def _titled(name: str, line: int) -> str:
    return f"{name} ({line})" if line else name
