"""The page of the review rules: what is in force, other rules tried on past orders, and putting them in force."""

import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from models.errors import SetupError
from models.hold import HoldCode
from models.rules.hold_words import NAMES
from models.sealing import keyed_digest
from models.settings import clock
from tasks.openings import note_trial
from tasks.review_rules import as_yaml, read_rules_text, use_rules, versions
from tasks.rules_trial import Part, Trial, try_rules
from web.console.frame import Fields, Person, Posted, _, address_of, allowed, cause, go, page, posts
from web.console.sentences import in_words
from web.console.words import CHINESE, language

router = APIRouter()

RULES = "/console/rules"
DAYS = range(1, 91)
USUAL_DAYS = 30
EXAMPLES = 10
_MOST_CHARS = 100_000
Looker = Annotated[Person, allowed("look")]
Ruler = Annotated[Person, allowed("rules")]


@dataclass(frozen=True, slots=True)
class Difference:
    """What a trial says of one code: how many orders are newly held, freed and held with other words; some of each."""

    code: HoldCode
    name: str
    counts: tuple[int, int, int]
    examples: tuple[list[str], list[str], list[str]]


@router.get(RULES, response_class=HTMLResponse)
def show_rules(
    request: Request, person: Looker, version: Annotated[int | None, Query(ge=0, le=2**31 - 1)] = None
) -> Response:
    """The rules in force, or those of a former version, as text."""
    there = {row.rules.version: row.rules for row in versions()}
    wish = max(there) if version is None else version
    if wish not in there:
        raise SetupError(f"review rules: there is no version {wish}")
    return _page(request, person, as_yaml(there[wish]), shown_version=wish)


def _page(request: Request, person: Person, text: str, status: int = 200, **context: Any) -> Response:
    usual: dict[str, Any] = {
        "days": USUAL_DAYS,
        "trial": None,
        "tried": "",
        "note": "",
        "problem": "",
        "shown_version": None,
    }
    return page(
        request, person, "rules.html", status, text=text, versions=versions(), differences=_differences,
        **{**usual, **context},
    )  # fmt: skip


@router.post(RULES + "/try", response_class=HTMLResponse, openapi_extra=posts("text", "days", "note"))
def try_text(request: Request, person: Ruler, fields: Posted) -> Response:
    """Say what the rules of the text would change, of open orders and of past ones; nothing is written."""
    text, note = _text(fields), fields.text("note")
    days = fields.number("days")
    try:
        if days not in DAYS:
            raise SetupError(f"review rules: want from {DAYS[0]} to {DAYS[-1]} days, not {days}")
        rules, now = read_rules_text(text, _("the text")), clock().now()
        note_trial(f"person:{person.name}", now, address_of(request), days=days)
        trial = try_rules(rules, days, now)
    except SetupError as error:
        return _page(request, person, text, 409, days=days, note=note, problem=in_words(str(error)))
    return _page(request, person, text, days=days, note=note, trial=trial, tried=_sign(text, trial))


@router.post(RULES + "/use", response_class=HTMLResponse, openapi_extra=posts("text", "note", "tried", "version"))
def put_in_force(request: Request, person: Ruler, fields: Posted) -> Response:
    """Put the rules of a text that was tried in force; open orders are reviewed by them at once."""
    text, note = _text(fields), fields.text("note")
    try:
        rules = read_rules_text(text, _("the text"))
        _require_tried(fields, text)
        used = use_rules(rules, note, cause(person))
    except SetupError as error:
        return _page(request, person, text, 409, note=note, problem=in_words(str(error)))
    if not used.is_new:
        return go(RULES, _("These are the rules in force already."))
    return go(
        RULES,
        _(
            "Version %(version)s is in force: %(held)s holds placed, %(freed)s ended.",
            version=str(used.rules.version), held=str(len(used.changes.held)), freed=str(len(used.changes.freed)),
        ),
    )  # fmt: skip


def _text(fields: Fields) -> str:
    return fields.text("text", _MOST_CHARS).replace("\r\n", "\n")


def _require_tried(fields: Fields, text: str) -> None:
    """Raise SetupError unless this very text was tried against the version that is in force still."""
    current = versions()[0].rules.version
    if not hmac.compare_digest(fields.text("tried").encode(), _digest(text, current).encode()):
        raise SetupError(_("Try these rules first: the text or the version in force has changed since."))


def _sign(text: str, trial: Trial) -> str:
    return _digest(text, trial.version)


def _digest(text: str, version: int) -> str:
    return keyed_digest("tried rules", f"{version}\n{text}").hex()


def _differences(part: Part) -> Iterator[Difference]:
    """A line per code that would be placed, ended or said in other words, in the order of the codes."""
    for code in HoldCode:
        numbers = [found.get(code, []) for found in (part.held, part.freed, part.renewed)]
        if any(numbers):
            held, freed, renewed = numbers
            yield Difference(
                code,
                NAMES[code][1 if language() == CHINESE else 0],
                (len(held), len(freed), len(renewed)),
                (held[:EXAMPLES], freed[:EXAMPLES], renewed[:EXAMPLES]),
            )
