"""Erasing receivers: what is personal goes, region and order stay, and a line says that it went and why."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from models.database import Connection
from models.order import Cause, write_events
from models.privacy import ErasureReason

WHAT: Final = "receiver_erased"

_GOES_TO_NULL: Final = (
    "name_enc phone_enc address_enc notes_enc cut_enc cipher_enc invoice_enc phone_hash address_hash receiver_hash"
).split()
_GOES_TO_EMPTY: Final = "phone_last4 town oaid merge_key".split()
_ERASED: Final = (
    "update receiver set "
    + ", ".join([*(f"{name} = null" for name in _GOES_TO_NULL), *(f"{name} = ''" for name in _GOES_TO_EMPTY)])
    + ", erased_at = %(at)s where order_id = any(%(ids)s) and erased_at is null"
)


def erase(conn: Connection, order_ids: Sequence[int], reason: ErasureReason, why: Cause) -> int:
    """Erase the personal data of these orders; returns how many had any left.

    Goes: all that is sealed of the receiver, its hashes, the last four digits, the town, platform handles and
    ciphertexts, the platform's name for the buyer, payloads of the order in quarantine, and what is left of look-ups
    by its phone; labels follow when no
    order of their document has a receiver. Stays: province, city, district, and the order. What the blacklist keeps is
    a keyed hash with a reason of its own, and stays.
    """
    if not order_ids:
        return 0
    rows = conn.execute(
        """select order_id, (
             select array_agg(key order by key) from jsonb_each_text(to_jsonb(r))
             where value is not null and value <> '' and key = any(%(fields)s))
           from receiver r where order_id = any(%(ids)s) and erased_at is null order by 1 for update""",
        {"fields": [*_GOES_TO_NULL, *_GOES_TO_EMPTY], "ids": list(order_ids)},
    ).fetchall()
    fields = {row[0]: [*(row[1] or ()), "buyer_key"] for row in rows}
    ids = list(fields)
    if not ids:
        return 0
    _forget_lookups(conn, ids)
    conn.execute(_ERASED.encode(), {"at": why.at, "ids": ids})
    conn.execute("update orders set buyer_key = '' where id = any(%s) and buyer_key <> ''", (ids,))
    conn.execute(
        """delete from quarantined_order q using orders o
           where o.id = any(%s) and q.shop_id = o.shop_id and q.external_id = o.external_id""",
        (ids,),
    )
    _log(conn, fields, reason, why)
    write_events(conn, ids, WHAT, why, {"reason": reason.value})
    _finish_requests(conn, ids, why.at)
    return len(ids)


def _forget_lookups(conn: Connection, order_ids: Sequence[int]) -> None:
    """Drop the codes and sessions of buyers' look-ups by phones of which no other order is kept."""
    for table in ("progress_code", "progress_session"):
        conn.execute(
            f"""delete from {table} where phone_hash in (
                  select phone_hash from receiver where order_id = any(%(ids)s) and phone_hash is not null
                  except select phone_hash from receiver where order_id <> all(%(ids)s) and phone_hash in (
                    select phone_hash from receiver where order_id = any(%(ids)s)))""".encode(),
            {"ids": list(order_ids)},
        )


def _log(conn: Connection, fields: Mapping[int, Sequence[str]], reason: ErasureReason, why: Cause) -> None:
    texts = ["{" + ",".join(names) + "}" for names in fields.values()]
    conn.execute(
        """insert into erasure (order_id, at, reason, fields, actor, flow_run_id, request_id)
           select n.id, %(at)s, %(reason)s, n.fields::text[], %(actor)s, %(run)s, (
             select max(request_id) from erasure_request_order q where q.order_id = n.id and q.erased_at is null)
           from unnest(%(ids)s::bigint[], %(fields)s::text[]) n(id, fields) order by n.id""",
        {
            "at": why.at,
            "reason": reason.value,
            "actor": why.actor,
            "run": why.flow_run_id,
            "ids": list(fields),
            "fields": texts,
        },
    )


def _finish_requests(conn: Connection, order_ids: Sequence[int], at: datetime) -> None:
    rows = conn.execute(
        """update erasure_request_order set erased_at = %s where order_id = any(%s) and erased_at is null
           returning request_id""",
        (at, list(order_ids)),
    ).fetchall()
    if rows:
        conn.execute(
            """update erasure_request r set done_at = %s where id = any(%s) and done_at is null and not exists (
                 select from erasure_request_order o where o.request_id = r.id and o.erased_at is null)""",
            (at, list({row[0] for row in rows})),
        )
