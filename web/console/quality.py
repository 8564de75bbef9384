"""Data quality: how each shop's feed did in each expectation, the batches that stayed put, and their Data Docs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import FileResponse, HTMLResponse

from models.database import transaction
from models.settings import clock
from tasks.accept import accept
from tasks.quality import percent
from tasks.quality_docs import POLICY, RESULTS, docs_of, docs_page
from tasks.quality_history import Course, Point, ShopQuality, last_points, quality_of_shops
from web.console.frame import Person, Posted, _, allowed, cause, go, page, posts

router = APIRouter()

HERE = "/console/quality"
BATCHES = 30
"""How many of a shop's newest batches a line shows."""

WIDTH, HEIGHT = 150, 24
_DOCS_HEADERS = {"Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'; sandbox"}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of shares as SVG points; `limit_y` is the height of the limit, None when there is none in sight."""

    points: str
    limit_y: float | None
    highest: str


@dataclass(frozen=True, slots=True)
class CourseView:
    """An expectation of a shop as a row of the page."""

    course: Course
    line: Line | None

    @property
    def is_shown(self) -> bool:
        """Whether any order failed it lately."""
        return bool(self.course.recent.failed or self.course.before.failed or self.line)


@dataclass(frozen=True, slots=True)
class ShopView:
    """A shop as a section of the page."""

    quality: ShopQuality
    courses: tuple[CourseView, ...]
    with_docs: frozenset[int]

    @property
    def shown(self) -> list[CourseView]:
        """What some orders failed."""
        return [view for view in self.courses if view.is_shown]

    @property
    def met(self) -> list[CourseView]:
        """What every order met."""
        return [view for view in self.courses if not view.is_shown]


@router.get(HERE, response_class=HTMLResponse)
def show(request: Request, person: Annotated[Person, allowed("look")], shop: str = "") -> Response:
    """The checks of the last week, of every shop or of one."""
    with transaction() as conn:
        found = quality_of_shops(conn, clock().now(), shop.strip())
        views = [_view(one, last_points(conn, one.shop, BATCHES)) for one in found]
    size = (WIDTH, HEIGHT)
    return page(request, person, "quality.html", shops=views, percent=percent, size=size, first_page=RESULTS)


def _view(shop: ShopQuality, points: dict[str, list[Point]]) -> ShopView:
    courses = tuple(CourseView(course, line_of(course, points[course.expected.name])) for course in shop.courses)
    with_docs = frozenset(stop.batch_id for stop in shop.stops if docs_of(stop.batch_id))
    return ShopView(shop, courses, with_docs)


def line_of(course: Course, points: Sequence[Point]) -> Line | None:
    """The course as a line, the highest share or the limit at its top; None when no order failed in any batch."""
    highest = max((point.share for point in points), default=0.0)
    if not highest:
        return None
    limit = course.expected.limit.share if course.expected.limit else 0.0
    top = max(highest, limit if limit <= 4 * highest else 0.0)
    step = WIDTH / max(len(points) - 1, 1)
    drawn = [f"{at * step:.1f},{_y(point.share, top):.1f}" for at, point in enumerate(points)]
    if len(drawn) == 1:
        drawn.append(f"{WIDTH},{_y(points[0].share, top):.1f}")
    return Line(" ".join(drawn), _y(limit, top) if 0 < limit <= top else None, percent(highest))


def _y(share: float, top: float) -> float:
    return HEIGHT - 2 - share / top * (HEIGHT - 4)


@router.post(HERE + "/{batch_id}/accept", openapi_extra=posts("reason"))
def accept_batch(batch_id: int, person: Annotated[Person, allowed("decide")], fields: Posted) -> Response:
    """Let a batch through; its failed run goes on when it is retried."""
    accept(batch_id, fields.text("reason"), cause(person).actor)
    return go(HERE, _("Batch %(batch)s is accepted. Retry its run in Prefect to go on.", batch=str(batch_id)))


@router.get(HERE + "/{batch_id}/docs/{name}", response_class=HTMLResponse)
def docs(batch_id: int, name: str, person: Annotated[Person, allowed("look")]) -> Response:
    """A page of a batch's Data Docs, which may load nothing and run nothing."""
    found = docs_page(batch_id, name)
    if found is None:
        raise HTTPException(404, _("The Data Docs of this batch are not kept, or not on this machine."))
    return FileResponse(found, media_type="text/html; charset=utf-8", headers=_DOCS_HEADERS)
