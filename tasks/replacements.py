"""Orders that we make ourselves in place of what was shipped: exchanges of returns, and goods sent once more.

Such an order is one of its shop with a number of its own (`17-E1`, `17-R1`), paid, for nothing, to the receiver of the
order that it replaces. It goes through the stages like any other, alone in its outbound document, whose order type is
EXCHANGE or RESHIP; its platform does not know it and is told nothing of its parcels.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Final

from models.batch import BatchOrigin
from models.database import Connection, copy_rows, one
from models.errors import SetupError
from models.masking import brief
from models.order import LINE_COLUMNS, Cause, Stage, write_own_events
from models.receiver import RECEIVER_COLUMNS
from models.rules.returns import ExchangeShips, ReplacementKind, ReturnKind, ReturnState
from tasks.batches import close_batch, open_batch
from tasks.return_rows import ReturnRow, take_return
from tasks.returned_units import kits_of, pieces_in, take_shipped
from tasks.shop_settings import choice_of

_SUFFIX: Final = {ReplacementKind.EXCHANGE: "E", ReplacementKind.RESHIP: "R"}
_NOT_COPIED: Final = {"order_id", "notes_enc", "cut_enc", "invoice_enc"}
"""Of a receiver: notes and invoice are about the order that was paid, and what was cut out belongs to its payload."""

Pieces = Mapping[int, int]
"""Pieces per SKU id, of kits too."""


def exchange_ships_of(conn: Connection, order_id: int) -> ExchangeShips:
    """When exchanges of an order's shop leave by themselves."""
    settings = one(
        conn.execute(
            "select s.settings from orders o join shop s on s.id = o.shop_id where o.id = %s", (order_id,)
        ).fetchone()
    )
    return ExchangeShips(choice_of(settings, "exchange_ships"))


def leaves_by_itself(conn: Connection, return_id: int) -> bool:
    """Whether nothing speaks against sending an exchange out.

    The buyer wants no money, we know who gets it, and it was not made before: what was cancelled stays so.
    """
    row = conn.execute(
        """select f.state in ('none', 'refused') and c.erased_at is null
                  and not exists (select 1 from replacement p where p.return_id = r.id) from return_order r
           join refund f on f.return_id = r.id join receiver c on c.order_id = r.order_id where r.id = %s""",
        (return_id,),
    ).fetchone()
    return bool(row and row[0])


def wish_instead(conn: Connection, found: ReturnRow, pieces: Mapping[int, int], instead: Mapping[str, int]) -> None:
    """Note what an exchange sends out: pieces per SKU code, or of the very goods that come back.

    Raises SetupError for a code that is no SKU here, and for less than one piece.
    """
    wanted: Counter[int] = Counter()
    if instead:
        known: dict[str, int] = dict(
            conn.execute("select code, id from sku where code = any(%s)", (list(instead),)).fetchall()
        )
        for code, number in instead.items():
            if code not in known:
                raise SetupError(f"return {found.no}: cannot be exchanged for {code}; there is no such SKU")
            if number < 1:
                raise SetupError(f"return {found.no}: cannot be exchanged for {number} of {code}")
            wanted[known[code]] += number
    else:
        for line_no, sku_id in conn.execute(
            "select line_no, sku_id from order_line where order_id = %s", (found.order_id,)
        ):
            wanted[sku_id] += pieces.get(line_no, 0)
    copy_rows(
        conn,
        "exchange_line",
        ("return_id", "sku_id", "quantity"),
        ((found.id, sku_id, number) for sku_id, number in sorted(wanted.items()) if number),
    )


def make_exchange(conn: Connection, return_id: int, why: Cause) -> str:
    """The number of the order that sends an exchange out, made now where it is not there yet: one per return.

    Raises SetupError when the return is no exchange, was called off, its receiver is not known any more, or that order
    was cancelled.
    """
    found = take_return(conn, return_id)
    made = _replacement_of(conn, return_id)
    if made and not standing_replacement(conn, return_id):
        raise SetupError(
            f"return {found.no}: cannot be exchanged again; its order {made} was cancelled: send the goods once more"
        )
    if made:
        return made
    if found.kind is not ReturnKind.EXCHANGE:
        raise SetupError(f"return {found.no}: cannot be exchanged; it is for money back")
    if found.state is ReturnState.CALLED_OFF:
        raise SetupError(f"return {found.no}: cannot be exchanged; it is called off")
    rows = conn.execute("select sku_id, quantity from exchange_line where return_id = %s", (return_id,)).fetchall()
    take_shipped(conn, found.order_id)
    return _make(conn, found.order_id, ReplacementKind.EXCHANGE, dict(rows), why, found)


def reship(conn: Connection, order_id: int, pieces: Mapping[int, int], reason: str, why: Cause) -> str:
    """Send pieces of an order's lines once more, without anything coming back; gives the new order's number.

    Raises SetupError without a reason, and for more pieces of a SKU than left and were not sent once more already.
    """
    row = conn.execute("select order_no from orders where id = %s", (order_id,)).fetchone()
    if row is None:
        raise SetupError(f"order id {order_id}: is not in the pool")
    said = brief(reason)
    if not said:
        raise SetupError(f"order {row[0]}: cannot be sent again without a reason; say why")
    left = pieces_in(take_shipped(conn, order_id), kits_of(conn, order_id))
    again = _sent_again(conn, order_id)
    lines = conn.execute("select line_no, sku_id, sku_code from order_line where order_id = %s", (order_id,)).fetchall()
    wanted: Counter[int] = Counter()
    gone: Counter[int] = Counter()
    for line_no, sku_id, _ in lines:
        wanted[sku_id] += pieces.get(line_no, 0)
        gone[sku_id] += left[line_no]
    for line_no, sku_id, code in lines:
        if pieces.get(line_no, 0) < 0 or wanted[sku_id] > max(0, gone[sku_id] - again[sku_id]):
            raise SetupError(
                f"order {row[0]}: cannot send {wanted[sku_id]} of {code} again; {gone[sku_id]} left, "
                f"{again[sku_id]} of them were sent again already"
            )
    if not +wanted or set(pieces) - {line[0] for line in lines}:
        raise SetupError(f"order {row[0]}: nothing of it is to be sent again; name lines and how many pieces of each")
    return _make(conn, order_id, ReplacementKind.RESHIP, +wanted, why, None, said)


def _sent_again(conn: Connection, order_id: int) -> Counter[int]:
    """Pieces per SKU id that go out once more by orders that were not cancelled."""
    rows = conn.execute(
        """select l.sku_id, sum(l.quantity) from replacement p join order_line l on l.order_id = p.order_id
           join order_state s on s.order_id = p.order_id
           where p.replaces = %s and p.kind = 'reship' and s.stage <> 'cancelled' group by 1""",
        (order_id,),
    )
    return Counter({sku_id: int(number) for sku_id, number in rows})


def _replacement_of(conn: Connection, return_id: int) -> str:
    row = conn.execute(
        "select o.order_no from replacement p join orders o on o.id = p.order_id where p.return_id = %s", (return_id,)
    ).fetchone()
    return str(row[0]) if row else ""


def standing_replacement(conn: Connection, return_id: int) -> str:
    """The number of a return's exchange order that is not cancelled, "" when there is none."""
    row = conn.execute(
        """select o.order_no from replacement p join orders o on o.id = p.order_id
           join order_state s on s.order_id = p.order_id where p.return_id = %s and s.stage <> 'cancelled'""",
        (return_id,),
    ).fetchone()
    return str(row[0]) if row else ""


def _make(
    conn: Connection,
    replaces: int,
    kind: ReplacementKind,
    pieces: Pieces,
    why: Cause,
    found: ReturnRow | None,
    reason: str = "",
) -> str:
    """Write the order in a closed batch of its own, from where the next resume run takes it up.

    The caller holds what was shipped of the order that it replaces, so that numbers follow each other.
    """
    no, shop_id, erased = _replaced(conn, replaces)
    if erased:
        raise SetupError(f"order {no}: nothing can be sent for it; its receiver was erased")
    number = 1 + int(
        one(
            conn.execute(
                "select count(*) from replacement where replaces = %s and kind = %s", (replaces, kind.value)
            ).fetchone()
        )
    )
    order_id = int(one(conn.execute("select nextval('orders_id_seq')").fetchone()))
    suffix = f"-{_SUFFIX[kind]}{number}"
    _write_order(conn, order_id, replaces, suffix, pieces, why)
    batch_id = open_batch(conn, shop_id, BatchOrigin.RESUME, "", why.at)
    conn.execute("update batch set stored = 1 where id = %s", (batch_id,))
    close_batch(conn, batch_id, why.at)
    conn.execute(
        "insert into order_state (order_id, batch_id, stage, rule_version) values (%s, %s, %s, %s)",
        (order_id, batch_id, Stage.INGESTED.value, why.rule_version),
    )
    conn.execute(
        """insert into replacement (order_id, replaces, kind, number, return_id, made_at, waits)
           values (%s, %s, %s, %s, %s, %s, true)""",
        (order_id, replaces, kind.value, number, found.id if found else None, why.at),
    )
    of = {"return": found.no} if found else {}
    because = {"reason": reason} if reason else {}
    events = [
        (order_id, Stage.INGESTED.value, {"replaces": no, **of}),
        (replaces, f"{kind.value}_made", {"order": no + suffix, **of, **because}),
    ]
    write_own_events(conn, events, why)
    return no + suffix


def _replaced(conn: Connection, order_id: int) -> tuple[str, int, bool]:
    row = conn.execute(
        """select o.order_no, o.shop_id, r.erased_at is not null from orders o join receiver r on r.order_id = o.id
           where o.id = %s""",
        (order_id,),
    ).fetchone()
    if row is None:
        raise SetupError(f"order id {order_id}: is not in the pool")
    return str(row[0]), int(row[1]), bool(row[2])


def _write_order(conn: Connection, order_id: int, replaces: int, suffix: str, pieces: Pieces, why: Cause) -> None:
    conn.execute(
        """insert into orders (id, shop_id, external_id, order_no, kind, pay_state, platform_status, buyer_key,
             created_at, paid_at, modified_at, goods_fen, discount_fen, freight_fen, total_fen, paid_fen,
             refunded_fen, cod_fen, stored_at, not_ready, split_from)
           select %(id)s, shop_id, external_id || %(suffix)s, order_no || %(suffix)s, 'goods', 'ready', '', buyer_key,
             %(at)s, %(at)s, %(at)s, 0, 0, 0, 0, 0, 0, 0, %(at)s, '', '' from orders where id = %(replaces)s""",
        {"id": order_id, "suffix": suffix, "at": why.at, "replaces": replaces},
    )
    skus = conn.execute("select id, code, name from sku where id = any(%s) order by id", (list(pieces),)).fetchall()
    copy_rows(
        conn,
        "order_line",
        LINE_COLUMNS,
        (
            (order_id, number, str(number), code, sku_id, name or code, pieces[sku_id], 0, 0, "open")
            for number, (sku_id, code, name) in enumerate(skus, 1)
        ),
    )
    kept = [column for column in (*RECEIVER_COLUMNS, "address_hash", "receiver_hash") if column not in _NOT_COPIED]
    columns = ", ".join(kept)
    conn.execute(
        f"""insert into receiver (order_id, {columns}, erase_after, restricted_at)
            select %s, {columns}, erase_after, restricted_at from receiver where order_id = %s""".encode(),
        (order_id, replaces),
    )
    # who asked to be forgotten asked it of this one, too
    conn.execute(
        """insert into erasure_request_order (request_id, order_id, kept)
           select request_id, %s, 'the order is under way' from erasure_request_order
           where order_id = %s and erased_at is null""",
        (order_id, replaces),
    )


def waiting_replacements(conn: Connection) -> list[int]:
    """Orders of this kind that no run has taken up yet."""
    return [row[0] for row in conn.execute("select order_id from replacement where waits order by 1")]


def note_taken_up(conn: Connection, order_ids: Collection[int]) -> None:
    """Note that a run has these orders now; those that were cancelled meanwhile wait no longer either."""
    conn.execute(
        """update replacement p set waits = false from order_state s
           where p.waits and s.order_id = p.order_id and (p.order_id = any(%s) or s.stage = 'cancelled')""",
        (list(order_ids),),
    )
