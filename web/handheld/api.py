"""What the handheld page asks: sign-in by badge, the work there is, and scans, which are applied in their order.

Answers are JSON, errors `{"error": sentence}`: 401 leads the page to its sign-in, 409 says that the scans are another
picker's. A scan that is refused is no error: it has an answer like any other.
"""

from dataclasses import asdict
from typing import Any

import psycopg
from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import JSONResponse

from models.settings import clock
from tasks.floor_people import Signed, find_session, sign_in, sign_out
from tasks.floor_rows import Refused
from tasks.floor_scan import Answer
from tasks.floor_scans import apply_scan
from tasks.floor_views import document_view, wave_view, work_of
from tasks.floor_waves import make_waves, take_wave
from tasks.sessions import ADDRESS_WINDOW, TooManyTries
from tasks.shortfalls import StillLocking
from web.console.session import address_of
from web.console.words import _
from web.handheld.bodies import NothingBody, NothingRead, ScansBody, ScansRead, SignInBody, SignInRead, sends
from web.handheld.session import COOKIE, SignedIn, forget_session, from_own_page, keep_session
from web.handheld.texts import sentence
from web.requests import Code

router = APIRouter(prefix="/handheld/api")
_OWN = [Depends(from_own_page)]


@router.post("/sign-in", dependencies=_OWN, openapi_extra=sends(SignInBody))
def do_sign_in(request: Request, body: SignInRead) -> Response:
    """Begin a session with what a badge's barcode says; whoever was signed in on this handheld no longer is."""
    try:
        token = sign_in(body.badge, address_of(request))
    except TooManyTries as error:
        wait_s = int(ADDRESS_WINDOW.total_seconds())
        text = _("Too many unknown badges. Wait %(minutes)s minutes.", minutes=str(wait_s // 60))
        raise HTTPException(429, text, {"Retry-After": str(wait_s)}) from error
    signed = find_session(token or "", clock().now())
    if token is None or signed is None:
        raise HTTPException(401, _("This badge is not known, or no longer. Ask your lead for a new one."))
    sign_out(request.cookies.get(COOKIE, ""))
    response = JSONResponse(_session(signed))
    keep_session(request, response, token)
    return response


@router.post("/sign-out", dependencies=_OWN, openapi_extra=sends(NothingBody))
def do_sign_out(request: Request, body: NothingRead) -> Response:
    """End the session."""
    sign_out(request.cookies.get(COOKIE, ""))
    response = JSONResponse({})
    forget_session(response)
    return response


@router.get("/session")
def session(signed: SignedIn) -> dict[str, Any]:
    """Who is signed in, and what time it is here: a handheld's own clock may be wrong."""
    return _session(signed)


def _session(signed: Signed) -> dict[str, Any]:
    return {
        "picker": signed.name,
        "warehouse": {"code": signed.warehouse_code, "name": signed.warehouse_name},
        "now": clock().now().isoformat(),
    }


@router.get("/work")
def work(signed: SignedIn) -> dict[str, Any]:
    """The waves of the warehouse that are not all shipped, and the documents whose goods go back to their shelves."""
    return asdict(work_of(signed))


@router.post("/waves", dependencies=_OWN, openapi_extra=sends(NothingBody))
def put_into_waves(signed: SignedIn, body: NothingRead) -> dict[str, Any]:
    """Put every document that waits into a wave; gives the work there is then."""
    make_waves(signed.warehouse_code, signed.cause(clock().now()))
    return asdict(work_of(signed))


@router.get("/waves/{no}")
def wave(signed: SignedIn, no: Code) -> dict[str, Any]:
    """A wave with its pick list and its documents."""
    try:
        return asdict(wave_view(signed.warehouse_id, no.upper()))
    except Refused as error:
        raise _refused(error) from error


@router.post("/waves/{no}/take", dependencies=_OWN, openapi_extra=sends(NothingBody))
def take(signed: SignedIn, no: Code, body: NothingRead) -> dict[str, Any]:
    """Begin a wave that nobody else has."""
    try:
        take_wave(signed, no.upper(), clock().now())
        return asdict(wave_view(signed.warehouse_id, no.upper()))
    except Refused as error:
        raise _refused(error) from error


@router.get("/documents/{no}")
def document(signed: SignedIn, no: Code) -> dict[str, Any]:
    """A document on the floor, by the number that its slip's barcode says."""
    try:
        return asdict(document_view(signed.warehouse_id, no.upper()))
    except Refused as error:
        raise _refused(error) from error


def _refused(error: Refused) -> HTTPException:
    return HTTPException(404 if error.said == "not_found" else 409, sentence(error.said, error.about))


@router.post("/scans", dependencies=_OWN, openapi_extra=sends(ScansBody))
def scans(signed: SignedIn, body: ScansRead) -> dict[str, Any]:
    """Apply scans in their order, each once however often it is sent.

    When the pool stops to answer in between, the answers end there: what has none is sent again.
    """
    if body.picker and (body.picker, body.warehouse) != (signed.name, signed.warehouse_code):
        raise HTTPException(409, _("These scans are %(name)s's.", name=body.picker))
    return {"answers": _told(signed, _apply(signed, body))}


def _apply(signed: Signed, body: ScansBody) -> list[Answer]:
    answers: list[Answer] = []
    for scan in body.scans:
        try:
            # each at a time of its own, which says in which order they counted
            answers.append(apply_scan(signed, scan.scan(clock().now())))
        except (psycopg.OperationalError, StillLocking) as error:
            if not answers:
                raise HTTPException(503, "try again later", {"Retry-After": "5"}) from error
            break
    return answers


def _told(signed: Signed, answers: list[Answer]) -> list[dict[str, Any]]:
    """The answers with their sentences; the last one about a document or a wave has its view as it is now."""
    last_document = {answer.document: answer.id for answer in answers if answer.document}
    last_wave = {answer.wave: answer.id for answer in answers if answer.wave}
    documents = {i: asdict(document_view(signed.warehouse_id, no)) for no, i in last_document.items()}
    waves = {i: asdict(wave_view(signed.warehouse_id, no)) for no, i in last_wave.items()}
    return [
        {
            "id": answer.id,
            "ok": answer.ok,
            "said": answer.said,
            "text": sentence(answer.said, answer.about),
            "repeated": answer.repeated,
            "document": documents.get(answer.id),
            "wave": waves.get(answer.id),
        }
        for answer in answers
    ]
