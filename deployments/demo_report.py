"""The demo's last page: tables of what happened, links to look at, and summary.json."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from deployments.demo_dirt import DirtTally
from deployments.demo_runs import RunStory
from deployments.demo_summary import Tally
from models.database import Connection

_TEXTS = frozenset({"name", "held as", "for example"})
_COLUMNS = ("orders_in", "accepted", "held", "short", "dispatched", "shipped", "delivered", "lost", "doubled")

_WAREHOUSES = """
    select w.code, w.name, count(d.id), count(d.id) filter (where d.state = 'shipped'),
           coalesce(sum((select count(*) from parcel p where p.document_id = d.id and p.stage = 'delivered')), 0)
    from warehouse w left join outbound_document d on d.warehouse_id = w.id group by 1, 2 order by 1"""


def print_shops(console: Console, shops: Mapping[str, Tally], total: Tally) -> None:
    """One line per shop, one column per stage, and why orders were held."""
    table = _table("What happened to the orders", "shop", *(name.replace("_", " ") for name in _COLUMNS))
    for code, tally in shops.items():
        table.add_row(code, *_cells(tally))
    table.add_section()
    table.add_row("all", *_cells(total), style="bold")
    console.print(table)


def print_holds(console: Console, total: Tally) -> None:
    """One line per code under which orders were held at first sight; an order with two codes counts under both."""
    table = _table("Held for review at first sight", "code", "orders", "for example")
    for code, number in total.holds.items():
        table.add_row(code, f"{number:,}", escape(total.examples[code]))
    console.print(table)


def print_dirt(console: Console, tallies: Sequence[DirtTally]) -> None:
    """One line per kind of dirty order, and where they ended."""
    table = _table("Dirty orders", "kind", "orders", "held as", "held", "quarantined", "for example")
    for tally in tallies:
        figures = (f"{tally.orders:,}", tally.code, f"{tally.held:,}", f"{tally.quarantined:,}")
        table.add_row(tally.kind, *figures, escape(tally.example))
    console.print(table)


def print_warehouses(console: Console, conn: Connection) -> None:
    """One line per warehouse."""
    table = _table("What the warehouses did", "warehouse", "name", "documents", "shipped", "delivered")
    for code, name, *numbers in conn.execute(_WAREHOUSES).fetchall():
        table.add_row(code, name, *(f"{number:,}" for number in numbers))
    console.print(table)


def print_failures(console: Console, failed: Sequence[tuple[RunStory, str]], ui_url: str) -> None:
    """Each run that failed, what it said, and where to see it."""
    for run, said in failed:
        console.print(f"{run.name}: failed, now {run.state.lower()} after {run.attempts} tries", highlight=False)
        console.print(f"     {said}", highlight=False, markup=False, soft_wrap=True)
        console.print(f"     {run_link(ui_url, run)}", highlight=False, soft_wrap=True)


def run_link(ui_url: str, run: RunStory) -> str:
    """The page of a run in the Prefect UI."""
    return f"{ui_url}/runs/flow-run/{run.id}"


def write_summary(
    path: Path,
    total: Tally,
    shops: Mapping[str, Tally],
    runs: Sequence[RunStory],
    phases: Mapping[str, float],
    dirt: Sequence[DirtTally],
    wrong: Sequence[str],
) -> None:
    """Write the figures, overall and per shop, the dirty orders, the runs and the seconds of each phase."""
    summary = {
        **asdict(total),
        "shops": {code: asdict(tally) for code, tally in shops.items()},
        "runs": [asdict(run) for run in runs],
        "phases": dict(phases),
        "dirt": [asdict(tally) for tally in dirt],
        "wrong": list(wrong),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(summary, ensure_ascii=False, indent=2, default=str) + "\n", encoding="utf-8")


def _cells(tally: Tally) -> list[str]:
    return [f"{getattr(tally, name):,}" for name in _COLUMNS]


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for position, name in enumerate(columns):
        is_text = position == 0 or name in _TEXTS
        table.add_column(name, justify="left" if is_text else "right", no_wrap=name != "for example", overflow="fold")
    return table
