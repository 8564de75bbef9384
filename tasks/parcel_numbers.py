"""Correcting the number of a parcel: it is followed under the right one, and its shop is told as its channel allows."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from psycopg.errors import UniqueViolation

from connectors.base import Capabilities
from connectors.carriers.codes import carrier_codes
from models.database import Connection
from models.errors import SetupError
from models.messages import OutboxKind
from models.order import Cause, write_events
from models.rules.returns import UNJUDGED
from models.sealing import seal
from models.shipment import PARCEL_ENDS, ParcelStage
from tasks.corrections import again_key
from tasks.effects import Effect, post
from tasks.ship_backs import message_key
from tasks.shop_settings import capabilities_of
from tasks.waybills import owner_of, use_waybills

NUMBER: Final = re.compile(r"(?=.*[0-9])[0-9A-Za-z][0-9A-Za-z-]{5,31}")
"""What a waybill looks like at every carrier we know."""


_OF_ANOTHER: Final = frozenset({ParcelStage.DELIVERED, ParcelStage.RETURNED})
"""Ends that a carrier tells, which may have been those of somebody else's parcel."""


@dataclass(frozen=True, slots=True)
class Correction:
    """The wish to give the parcel with number `waybill` the number `to`; `carrier` "" stays as it is.

    `track_only`: the shop keeps the number that it was told. `heard_of_another`: the end of its way that is known was
    that of somebody else's parcel, under the wrong number.
    """

    waybill: str
    to: str
    carrier: str = ""
    reason: str = ""
    track_only: bool = False
    heard_of_another: bool = False


@dataclass(frozen=True, slots=True)
class Renumbered:
    """A parcel after a correction, of which document, and a phrase about what its shop hears of it.

    `changed` is False when the parcel had the number already.
    """

    document_no: str
    carrier: str
    waybill: str
    shop: str
    changed: bool


@dataclass(frozen=True, slots=True)
class _Parcel:
    id: int
    document_id: int
    waybill: str
    carrier: str
    stage: ParcelStage
    renumbered: int
    told_waybill: str
    document_no: str
    batch_id: int
    shop_code: str
    channel: str
    capabilities: Capabilities


@dataclass(frozen=True, slots=True)
class _News:
    """What a correction means to a shop: whether to send a message, the number it replaces, and a phrase for people."""

    send: bool
    replaces: str
    phrase: str


_PARCEL = """select p.id, p.document_id, p.waybill, p.carrier, p.stage, p.renumbered, p.told_waybill, d.no, d.batch_id,
                    s.code, s.channel, s.settings->'capabilities', exists (
                      select 1 from parcel_line l join replacement r on r.order_id = l.order_id
                      where l.parcel_id = p.id)
             from parcel p join outbound_document d on d.id = p.document_id join shop s on s.id = d.shop_id
             where {} order by p.id for update of p"""
_BY_NUMBER = _PARCEL.format("p.waybill = %s").encode()
_BY_FORMER = _PARCEL.format("p.renumbered > 0 and p.former_waybills && array[%s]").encode()


def renumber_parcel(conn: Connection, wish: Correction, why: Cause) -> Renumbered:
    """Give a parcel its right number, with the messages that say so and an event on its orders, in one transaction.

    What was heard under the wrong number was about something else, so its way begins anew. Safe to repeat. Raises
    SetupError naming the parcel and what stands in the way: the form of the number, another parcel that has it, a
    parcel that has arrived, a shop that takes no (further) correction, or one that is just being told.
    """
    parcel = _find(conn, wish)
    carrier = wish.carrier or parcel.carrier
    if (parcel.waybill, parcel.carrier) == (wish.to, carrier):
        return Renumbered(parcel.document_no, carrier, wish.to, f"shop {parcel.shop_code} hears nothing new", False)
    _check(conn, parcel, wish, carrier)
    news = _news(conn, parcel, wish)
    _write(conn, parcel, wish, carrier, news.replaces, why)
    _post(conn, parcel, news, why)
    use_waybills(conn, [(parcel.document_id, wish.to)], why)
    orders = conn.execute("select distinct order_id from parcel_line where parcel_id = %s", (parcel.id,)).fetchall()
    detail = {"from": parcel.waybill, "to": wish.to, "carrier": carrier, "reason": wish.reason, "shop": news.phrase}
    write_events(conn, [row[0] for row in orders], "parcel_renumbered", why, detail)
    return Renumbered(parcel.document_no, carrier, wish.to, news.phrase, True)


def _find(conn: Connection, wish: Correction) -> _Parcel:
    rows = conn.execute(_BY_NUMBER, (wish.waybill,)).fetchall()
    if len(rows) > 1:
        carriers = ", ".join(row[3] for row in rows)
        raise SetupError(f"parcel {wish.waybill}: is the number of several parcels, by {carriers}")
    if not rows:
        rows = conn.execute(_BY_FORMER, (wish.waybill,)).fetchall()
        if not rows:
            raise SetupError(f"parcel {wish.waybill}: is not in the pool")
        if rows[-1][2] != wish.to:
            raise SetupError(f"parcel {wish.waybill}: became {rows[-1][2]} by a correction; renumber that")
    i, document_id, waybill, carrier, stage, renumbered, told, document_no, batch_id, shop, channel, *rest = rows[-1]
    own, unknown_there = rest
    capabilities = capabilities_of(shop, channel, own or {})
    return _Parcel(
        i,
        document_id,
        waybill,
        carrier,
        ParcelStage(stage),
        renumbered,
        told,
        document_no,
        batch_id,
        shop,
        channel,
        replace(capabilities, reports_shipping=False) if unknown_there else capabilities,
    )


def _check(conn: Connection, parcel: _Parcel, wish: Correction, carrier: str) -> None:
    _check_way(parcel, wish)
    _check_wanted(conn, parcel)
    if not NUMBER.fullmatch(wish.to):
        raise SetupError(f"number {wish.to}: want 6 to 32 letters, digits and dashes")
    if carrier not in carrier_codes():
        raise SetupError(f"carrier {carrier}: is none we know; use Kuaidi100's code, such as yuantong")
    taken = conn.execute(
        """select d.no from parcel p join outbound_document d on d.id = p.document_id
           where p.waybill = %s and p.id <> %s""",
        (wish.to, parcel.id),
    ).fetchone()
    if taken:
        raise SetupError(f"parcel {parcel.waybill}: cannot be renumbered to {wish.to}; a parcel of {taken[0]} has it")
    owner = owner_of(conn, [wish.to]).get(wish.to)
    if owner not in (None, parcel.document_id):
        (no,) = conn.execute("select no from outbound_document where id = %s", (owner,)).fetchone() or ("",)
        raise SetupError(f"parcel {parcel.waybill}: cannot be renumbered to {wish.to}; it is the e-waybill of {no}")
    listed = conn.execute(
        "select c.pattern from shop_carrier c join shop s on s.id = c.shop_id where s.code = %s and c.carrier = %s",
        (parcel.shop_code, carrier),
    ).fetchone()
    if listed and not wish.track_only and not _fits(listed[0], wish.to):
        known = f"{parcel.channel} knows numbers of {carrier} as {listed[0]}"
        raise SetupError(f"parcel {parcel.waybill}: cannot be renumbered to {wish.to}; {known}")


def _check_way(parcel: _Parcel, wish: Correction) -> None:
    if parcel.stage not in PARCEL_ENDS or (wish.heard_of_another and parcel.stage in _OF_ANOTHER):
        return
    way_out = "; if that was heard of another parcel under a wrong number, say --heard-of-another"
    raise SetupError(
        f"parcel {parcel.waybill}: cannot be renumbered; it is {parcel.stage}"
        + (way_out if parcel.stage in _OF_ANOTHER else "")
    )


def _check_wanted(conn: Connection, parcel: _Parcel) -> None:
    """What is on its way back, or came back unseen, is known by the number that its carrier was told."""
    wish = conn.execute(
        "select state from parcel_intercept where parcel_id = %s and state not in ('done', 'missed')", (parcel.id,)
    ).fetchone()
    if wish:
        until = "that ends when the parcel comes back or is delivered under this number"
        raise SetupError(f"parcel {parcel.waybill}: cannot be renumbered; it is wanted back ({wish[0]}), and {until}")
    unseen = conn.execute(
        "select no from return_order where parcel_id = %s and state = any(%s) order by id",
        (parcel.id, sorted(state.value for state in UNJUDGED)),
    ).fetchall()
    if unseen:
        nos = ", ".join(row[0] for row in unseen)
        way_out = f"say what came first: orderpool returns inspect {unseen[0][0]}"
        raise SetupError(f"parcel {parcel.waybill}: cannot be renumbered; it came back as {nos}; {way_out}")


def _fits(pattern: str, number: str) -> bool:
    try:
        return not pattern or re.fullmatch(pattern, number) is not None
    except re.error:  # another dialect: the platform will judge
        return True


def _news(conn: Connection, parcel: _Parcel, wish: Correction) -> _News:
    """What the shop is to hear, by what it may know: every message that reached it, or may have.

    A message is sent with the number of its parcel at that moment. So one that has not left never outlives a
    correction: another takes its place, and the newest that was delivered carried `waybill` if it is of the parcel's
    last correction, and `told_waybill` if it is older.
    """
    rows = _messages(conn, OutboxKind.SHIP_BACK, parcel)
    shop = f"shop {parcel.shop_code}"
    if not parcel.capabilities.reports_shipping:
        return _News(False, "", f"{shop} is told of no parcels")
    if not rows:
        return _News(False, "", f"{shop} hears of it with the order's last parcel")
    revision, state, in_doubt = rows[-1]
    current = revision == parcel.renumbered + 1
    reached = state == "delivered" or (in_doubt and not parcel.told_waybill)
    replaces = parcel.waybill if current and reached else parcel.told_waybill
    if in_doubt and state == "pending" and (wish.track_only or parcel.told_waybill):
        obstacle = f"{shop} is just being told of {parcel.waybill}; try again when that is settled"
        raise SetupError(f"parcel {parcel.waybill}: cannot be renumbered yet; {obstacle}")
    if wish.track_only and state == "pending":
        return _News(True, replaces, f"{shop} is still to hear of it")
    if wish.track_only and replaces:
        return _News(False, replaces, f"{shop} keeps {replaces}")
    if not replaces:
        return _News(True, "", f"{shop} is told of this number only")
    number = _correction_number(parcel, wish, sum(row[1] == "delivered" for row in rows))
    return _News(True, replaces, f"{shop} is told, by correction {number} of {parcel.capabilities.reships}")


def _correction_number(parcel: _Parcel, wish: Correction, delivered: int) -> int:
    """Which correction this is to the shop; raises SetupError when that is one too many."""
    number, most = max(1, delivered), parcel.capabilities.reships
    if number <= most:
        return number
    limit = f"{most} correction{'' if most == 1 else 's'}" if most else "no correction"
    raise SetupError(
        f"parcel {parcel.waybill}: cannot be renumbered to {wish.to} at shop {parcel.shop_code}; {parcel.channel} "
        f"takes {limit} of a reported number. With --track-only it is followed under the right one all the same"
    )


def _messages(conn: Connection, kind: OutboxKind, parcel: _Parcel) -> Sequence[tuple[int, str, bool]]:
    """Revision, state and doubt of a parcel's messages, oldest first, locked: none begins to leave meanwhile."""
    return conn.execute(
        "select revision, state, in_doubt from outbox where key = any(%s) order by revision for update",
        (_keys(kind, parcel),),
    ).fetchall()


def _keys(kind: OutboxKind, parcel: _Parcel) -> list[str]:
    return [message_key(kind, parcel.id, revision) for revision in range(1, parcel.renumbered + 2)]


def _write(conn: Connection, parcel: _Parcel, wish: Correction, carrier: str, replaces: str, why: Cause) -> None:
    former = [parcel.waybill] if parcel.waybill != wish.to else []
    values: dict[str, Any] = {
        "id": parcel.id,
        "waybill": wish.to,
        "carrier": carrier,
        "former": former,
        "replaces": replaces,
        "at": why.at,
        "salt": seal(secrets.token_hex(16)),
        "token": secrets.token_urlsafe(18),
        "note": f"was {parcel.carrier} {parcel.waybill}",
    }
    try:
        # with another salt and address no late push about the wrong number is taken for one about the right one
        conn.execute(
            """update parcel set waybill = %(waybill)s, carrier = %(carrier)s, told_waybill = %(replaces)s,
                      former_waybills = former_waybills || %(former)s::text[], renumbered = renumbered + 1,
                      stage = 'label_created', stage_at = shipped_at, heard_at = %(at)s,
                      scanned_at = null, dropped_at = null, unasked_at = null,
                      salt_enc = %(salt)s, callback_token = %(token)s, note = %(note)s
               where id = %(id)s""",
            values,
        )
    except UniqueViolation as error:
        raise SetupError(f"parcel {parcel.waybill}: cannot be renumbered to {wish.to}; another just got it") from error
    conn.execute("delete from parcel_event where parcel_id = %s", (parcel.id,))
    # of this number nothing is known again; when it was asked about still counts
    conn.execute("update tracking_question set digest = '', empty_since = null where waybill = %s", (wish.to,))


def _post(conn: Connection, parcel: _Parcel, news: _News, why: Cause) -> None:
    revision = parcel.renumbered + 2
    to = {OutboxKind.SUBSCRIBE: "carrier:kuaidi100"}
    if news.send:
        to[OutboxKind.SHIP_BACK] = f"shop:{parcel.shop_code}"
    kinds = (OutboxKind.SUBSCRIBE, OutboxKind.SHIP_BACK)
    overtaken = [key for kind in kinds for key in _keys(kind, parcel)] + [again_key(parcel.id, revision - 1)]
    conn.execute(
        "update outbox set state = 'withdrawn' where key = any(%s) and state in ('pending', 'refused')", (overtaken,)
    )
    effects = [
        Effect(kind, counterpart, parcel.id, message_key(kind, parcel.id, revision), parcel.batch_id, revision)
        for kind, counterpart in to.items()
    ]
    post(conn, effects, why.at)
