"""A batch as Great Expectations sees it: one row per order, amounts and times as differences, people as words."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from models.database import Connection
from models.incoming import PayState
from models.rules.contact_words import NONE, phone_kind, region_kind
from models.sealing import unseal

if TYPE_CHECKING:
    import pandas as pd

_TEXTS: Final = ("order_no", "external_id")
_WORDS: Final = ("receiver", "buyer", "phone", "region", "platform_status", "pay_state", "line_states")
_NUMBERS: Final = (
    "total_fen",
    "least_price_fen",
    "total_to_prices",
    "goods_gap_fen",
    "total_gap_fen",
    "shares_gap_fen",
    "least_quantity",
    "lines",
    "created_age_s",
    "paid_lag_s",
    "modified_lag_s",
    "ship_by_lag_s",
)
COLUMNS: Final = (*_TEXTS, *_WORDS, *_NUMBERS)
"""What an expectation can be about. Empty in a row: it does not speak of that order.

`receiver`    given, handle (the platform keeps the name), erased, withheld (not shown before the order may leave), none
`buyer`       given or none: whether the platform names the buyer
`phone`       mobile, virtual, landline, foreign, masked, handle, erased, withheld, odd, none
`region`      given, masked, erased, withheld, odd, none
`..._gap_fen` by how much amounts miss each other, per line of the order, in fen: the goods less the sum of price times
              quantity; goods less discount plus freight less the total; what the lines share less the total without
              freight, or with it where a platform counts it among the shares (only orders paid, ready and whole)
`total_to_prices` the total over price times quantity plus freight
`..._age_s`, `..._lag_s` seconds before now, and after creation (of `modified_lag_s`: after payment, or creation)
"""

LASTING: Final = frozenset(_NUMBERS) - {"created_age_s"}
"""Columns whose value in a row stays the same as long as the order does, and is nothing that a person wrote."""

_WITHHELD: Final = "withheld"
_HANDLE: Final = "handle"
_ERASED: Final = "erased"


def frame_of(conn: Connection, order_ids: Sequence[int], at: datetime) -> "pd.DataFrame":
    """The rows of these orders, by id, with `order_id` beside the COLUMNS.

    Orders without lines to ship are left out, and those that we made ourselves: no feed brought them.

    One query, whatever their number.
    """
    import pandas as pd

    rows = conn.execute(
        """select o.id, o.order_no, o.external_id, o.pay_state, o.platform_status <> '', o.buyer_key <> '',
                  o.goods_fen, o.discount_fen, o.freight_fen, o.total_fen,
                  o.created_at, o.paid_at, o.modified_at, o.ship_by,
                  r.name_enc is not null, r.phone_enc, r.cipher_enc is not null or r.oaid <> '', r.masked,
                  r.erased_at is not null, r.province, r.city, r.district,
                  coalesce(l.lines, 0), l.least_quantity, l.least_price, l.gross, l.shares, l.closed, l.states
           from orders o join receiver r on r.order_id = o.id
           left join (
             select order_id, count(*) as lines, min(quantity) as least_quantity, min(unit_price_fen) as least_price,
               sum(quantity * unit_price_fen) as gross, sum(paid_fen) as shares,
               count(*) filter (where state = 'closed') as closed,
               string_agg(distinct state, '+' order by state) as states
             from order_line where order_id = any(%(ids)s) group by 1) l on l.order_id = o.id
           where o.id = any(%(ids)s) and o.kind = 'goods'
             and not exists (select 1 from replacement p where p.order_id = o.id) order by o.id""",
        {"ids": list(order_ids)},
    ).fetchall()
    records = [_record(row, at) for row in rows]
    frame = pd.DataFrame.from_records(records, columns=["order_id", *COLUMNS])
    return frame.astype(
        dict.fromkeys((*_TEXTS, *_WORDS), "object") | dict.fromkeys(_NUMBERS, "float64") | {"order_id": "int64"}
    )


def _record(row: tuple[Any, ...], at: datetime) -> tuple[Any, ...]:
    (order_id, order_no, external_id, pay_state, has_status, has_buyer, *rest) = row
    (goods, discount, freight, total, created_at, paid_at, modified_at, ship_by, *rest) = rest
    (has_name, phone_enc, has_handle, masked, erased, province, city, district, *of_lines) = rest
    lines, least_quantity, least_price, gross, shares, closed, states = of_lines
    unseen = _ERASED if erased else _WITHHELD if pay_state != PayState.READY else NONE
    absent = _HANDLE if has_handle else unseen
    phone = phone_kind(unseal(phone_enc), masked) if phone_enc else NONE
    region = region_kind(province, city, district)
    whole = pay_state == PayState.READY and paid_at is not None and closed == 0
    return (
        order_id,
        order_no,
        external_id,
        "given" if has_name else absent,
        "given" if has_buyer else NONE,
        absent if phone == NONE else phone,
        unseen if region == NONE else region,
        "given" if has_status else NONE,
        pay_state,
        states,
        total,
        least_price,
        _ratio(total, gross, freight) if lines else None,
        (goods - int(gross)) / lines if lines else None,
        (goods - discount + freight - total) / lines if lines else None,
        _shares_gap(int(shares), total, freight) / lines if lines and whole else None,
        least_quantity,
        lines,
        (at - created_at).total_seconds(),
        (paid_at - created_at).total_seconds() if paid_at else None,
        (modified_at - (paid_at or created_at)).total_seconds(),
        (ship_by - created_at).total_seconds() if ship_by else None,
    )


def _ratio(total: int, gross: Any, freight: int) -> float | None:
    prices = int(gross) + freight
    return total / prices if prices > 0 and total > 0 else None


def _shares_gap(shares: int, total: int, freight: int) -> int:
    return min(abs(shares - max(total - freight, 0)), abs(shares - total))
