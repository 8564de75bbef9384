"""replay: read a batch's payloads again after its mapping was mended."""

import json
from typing import Any

import orjson

from connectors.mapping import Mapping, MappingError, join
from models.database import Connection
from models.errors import SetupError
from models.order import Cause
from models.sealing import unseal
from tasks.batches import take_batch
from tasks.counterparts import mapping_version_id, shop_mapping
from tasks.store import Arrival, free_from_quarantine, split_known, store_changed, store_new


def replay_batch(conn: Connection, batch_id: int, why: Cause) -> int:
    """Read the batch's orders that no stage has taken on yet with the shop's present mapping; returns how many changed.

    Only payloads last read by another version of the mapping are read again, and those in quarantine. One that the
    new mapping cannot read keeps what was read before. Safe to repeat.
    """
    batch = take_batch(conn, batch_id)
    try:
        mapping = shop_mapping(conn, batch.shop_code)
    except SetupError:  # a file shop whose files each come with a mapping of their own
        return 0
    version = mapping_version_id(conn, mapping)
    again = _read_again(conn, batch_id, mapping, version)
    store_changed(conn, batch_id, again, mapping, version, why)
    freed = _free_quarantined(conn, batch.shop_id, batch_id, mapping, version, why)
    conn.execute(
        """update batch set stored = stored + %s, rejected = (
             select count(*) from quarantined_order where batch_id = %s and released_at is null) where id = %s""",
        (freed, batch_id, batch_id),
    )
    return len(again) + freed


def _read_again(conn: Connection, batch_id: int, mapping: Mapping, version: int) -> list[tuple[int, Arrival]]:
    rows = conn.execute(
        """select distinct on (w.order_id) w.order_id, w.body, r.cut_enc, w.mapping_version_id
           from order_state s join raw_order w on w.order_id = s.order_id join receiver r on r.order_id = s.order_id
           where s.batch_id = %s and s.stage = 'ingested' order by w.order_id, w.revision desc""",
        (batch_id,),
    ).fetchall()
    found = []
    for order_id, body, cut_enc, read_with in rows:
        if read_with == version:
            continue
        payload = join(body, orjson.loads(unseal(cut_enc)) if cut_enc else {})
        try:
            found.append((order_id, Arrival(mapping.read(payload), payload)))
        except MappingError:
            continue
    return found


def _free_quarantined(conn: Connection, shop_id: int, batch_id: int, mapping: Mapping, version: int, why: Cause) -> int:
    rows = conn.execute(
        "select body_enc from quarantined_order where batch_id = %s and released_at is null order by id", (batch_id,)
    ).fetchall()
    payloads: list[dict[str, Any]] = [json.loads(unseal(row[0])) for row in rows]
    good, _ = mapping.read_all(payloads)
    arrivals = [Arrival(order, payloads[index]) for index, order in good]
    fresh, _ = split_known(conn, shop_id, arrivals)
    free_from_quarantine(conn, shop_id, arrivals, why.at)
    return len(store_new(conn, shop_id, batch_id, fresh, mapping, version, why))
