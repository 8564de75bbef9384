"""`orderpool quality`: how the feeds of the shops did in each expectation, and which drift."""

from typing import TYPE_CHECKING, Annotated

import typer

from deployments.commands import app

if TYPE_CHECKING:
    from tasks.quality_history import Course, ShopQuality


@app.command("quality", rich_help_panel="Orders")
def quality(
    shop: Annotated[str, typer.Option(help="Only this shop, by its code.")] = "",
    every: Annotated[bool, typer.Option("--all", help="Also expectations that every order met.")] = False,
) -> None:
    """Show for each shop which expectations its orders failed in the last 7 days, and the batches over a limit."""
    from deployments.databases import ensure_database
    from models.database import transaction
    from models.settings import clock
    from tasks.quality_history import quality_of_shops

    ensure_database()
    with transaction() as conn:
        found = quality_of_shops(conn, clock().now(), shop.strip())
    if not found:
        typer.echo("no batch was checked in the last 7 days")
    for one in found:
        for line in _lines(one, every=every):
            typer.echo(line)


def _lines(shop: "ShopQuality", *, every: bool) -> list[str]:
    shown = [course for course in shop.courses if every or course.recent.failed or course.before.failed]
    met = len(shop.courses) - len(shown)
    return [
        f"{shop.shop}: {shop.batches:,} batches, {shop.rows:,} orders in 7 days",
        *(f"  {line}" for course in shown for line in _course_lines(course)),
        *([f"  {met} {'other ' if shown else ''}expectations met by every order"] if met else []),
        *(f"  {line}" for line in _stop_lines(shop)),
    ]


def _course_lines(course: "Course") -> list[str]:
    from tasks.quality import percent
    from tasks.quality_history import told_of

    days = [f"{day:%m-%d} {percent(tally.share)}" for day, tally in course.days.items() if tally.rows]
    return [told_of(course), f"    by day: {', '.join(days)}"] if days else [told_of(course)]


def _stop_lines(shop: "ShopQuality") -> list[str]:
    from models.settings import SHANGHAI

    lines = []
    for stop in shop.stops:
        by = f" by {stop.accepted_by}: {stop.accepted_reason}" if stop.accepted_by else ""
        lines.append(f"batch {stop.batch_id}: {stop.verdict} {stop.at.astimezone(SHANGHAI):%m-%d %H:%M}{by}")
        for over in stop.failing:
            examples = f"; e.g. {', '.join(over.examples)}" if over.examples else ""
            lines.append(f"  {over.failed} of {over.rows} orders: {over.sentence} ({over.name}){examples}")
    return lines
