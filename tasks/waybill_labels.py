"""Labels of e-waybills: fetched from the service when somebody first wants one, and kept sealed for the next time."""

import base64
from dataclasses import dataclass

from connectors.waybills import Account, Label, WaybillService
from models.database import Connection, transaction
from models.errors import ChannelRejected, SetupError
from models.order import Cause, write_own_events
from models.rules.purposes import Purpose
from models.sealing import seal, unseal
from tasks.openings import note_opening
from tasks.waybill_accounts import accounts_of, open_waybills
from tasks.waybill_wishes import Asked, asked_for


@dataclass(frozen=True, slots=True)
class _Kept:
    """What the pool has of a label: its address, and itself."""

    url: str
    image: str


def label_of(document_no: str, why: Cause, package_no: int = 1) -> Label | None:
    """The label of a document's package, with a line in the story of its orders; None: a printer of the service
    prints it again.

    Raises SetupError when there is no e-waybill, or its account has no labels made; ChannelError types when the service
    does not give it.
    """
    with transaction() as conn:
        asked, kept = _find(conn, document_no, package_no)
        code = f"{asked.service}/{asked.warehouse_code}"
        service, account = open_waybills(conn, code), asked.account(accounts_of(conn, code)) or {}
        _note_look(conn, asked, why)
    if kept.image:
        content = base64.b64decode(kept.image)
        return Label(content, service.media_type(content))
    label, url = _fetch(service, account, asked, kept.url)
    if label is not None:
        with transaction() as conn:
            _require_receiver(conn, asked)
            conn.execute(
                "update waybill set image_enc = %s, label_enc = %s where id = %s",
                (seal(base64.b64encode(label.content).decode()), seal(url), asked.id),
            )
    return label


def _find(conn: Connection, document_no: str, package_no: int) -> tuple[Asked, _Kept]:
    row = conn.execute(
        """select v.id, v.state, v.label_enc, v.image_enc from waybill v
           join outbound_document d on d.id = v.document_id where d.no = %s and v.package_no = %s""",
        (document_no, package_no),
    ).fetchone()
    if row is None:
        raise SetupError(f"document {document_no}: no e-waybill was asked for its package {package_no}")
    if row[1] not in ("got", "used"):
        raise SetupError(f"document {document_no}: has no label; its e-waybill is {row[1]}")
    asked = asked_for(conn, [row[0]])[row[0]]
    if asked.erased:
        raise _erased(document_no)
    return asked, _Kept(*(unseal(value) if value else "" for value in row[2:]))


def _require_receiver(conn: Connection, asked: Asked) -> None:
    """Raise SetupError when the receiver was erased meanwhile; else whoever erases him waits for us."""
    kept = conn.execute(
        """select 1 from receiver where order_id in (select order_id from allocation where document_id = %s)
           and erased_at is null order by order_id for share""",
        (asked.document_id,),
    ).fetchall()
    if not kept:
        raise _erased(asked.document_no)


def _erased(document_no: str) -> SetupError:
    return SetupError(f"document {document_no}: its label is not shown any more; the receiver was erased")


def _note_look(conn: Connection, asked: Asked, why: Cause) -> None:
    rows = conn.execute(
        "select distinct order_id from allocation where document_id = %s order by 1", (asked.document_id,)
    ).fetchall()
    detail = {"purpose": "label", "document": asked.document_no}
    ids = [row[0] for row in rows]
    note_opening(conn, Purpose.LABEL, why.actor, why.at, ids, detail={"document": asked.document_no})
    write_own_events(conn, ((row[0], "receiver_revealed", detail) for row in rows), why)


def _fetch(service: WaybillService, account: Account, asked: Asked, url: str) -> tuple[Label | None, str]:
    """The label and its address; one that is not there any more is printed again."""
    if url:
        try:
            return service.fetch_label(url), url
        except ChannelRejected:
            if not asked.task_id:
                raise
    if not asked.task_id:
        raise SetupError(f"document {asked.document_no}: its e-waybill was written in by hand, and has no label here")
    again = service.print_again(account, asked.task_id)
    return (service.fetch_label(again), again) if again else (None, "")
