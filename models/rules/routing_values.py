"""What routing decides from: an order's wish, and the warehouses with their carriers, areas and prices."""

from dataclasses import dataclass
from datetime import datetime, time
from typing import NamedTuple

from models.rules.shipping_report import Limits
from models.warehouse import WarehouseKind

COUNTRY = ""
"""The division code of an area, a price or a carrier rule that means the whole country."""


class Item(NamedTuple):
    """Units of one SKU that a line wants; a line that is a kit has an item for each of its components.

    `weight_g` and `value_fen` are per unit. `per_kit` is how many units one kit holds, 0 where the line is no kit or
    that is not known.
    """

    line_no: int
    sku_id: int
    units: int
    weight_g: int = 0
    value_fen: int = 0
    per_kit: int = 0


class Wish(NamedTuple):
    """What an order asks of routing.

    `division` is the code of the receiver's division ("" unknown), `point` its degrees (latitude, longitude),
    `ship_by` the time by which it has to leave, `limits` what its shop can be told of parcels.
    """

    order_id: int
    shop_code: str
    items: tuple[Item, ...]
    division: str
    point: tuple[float, float] | None
    ship_by: datetime | None
    paid_at: datetime | None
    cod: bool
    limits: Limits


@dataclass(frozen=True, slots=True)
class Carrier:
    """A carrier that calls at a warehouse: its cut-off (China local time), the parcels it takes, cash on delivery."""

    code: str
    cutoff: time | None = None
    min_weight_g: int = 0
    max_weight_g: int | None = None
    cod: bool = True


@dataclass(frozen=True, slots=True)
class Site:
    """A warehouse that ships.

    `kind` is a WarehouseKind: a supplier serves only where its areas say so, and neither gives nor takes a transfer.
    `point` is in degrees, None when not known; `cutoff` in China local time, after which an order leaves on the
    next day; `carriers` in order of preference. `room` is how many more parcels it can take on for today, tomorrow
    and so on; days beyond the tuple have no room; None: any number on any day.
    """

    id: int
    code: str
    point: tuple[float, float] | None
    carriers: tuple[Carrier, ...]
    kind: str = WarehouseKind.OWN
    cutoff: time | None = None
    room: tuple[int, ...] | None = None


class Area(NamedTuple):
    """A division (any level, "" the whole country) that a warehouse serves; a lower priority goes first."""

    warehouse_id: int
    division: str
    priority: int = 1


@dataclass(frozen=True, slots=True)
class Price:
    """What a carrier charges from a warehouse into a division (any level, "" the whole country; most local wins).

    `first_fen` up to `first_g`, then `step_fen` for every `step_g` begun. `transit_days` from leaving to arrival,
    None when not known.
    """

    warehouse_id: int
    carrier: str
    division: str
    first_g: int
    first_fen: int
    step_g: int
    step_fen: int
    transit_days: int | None = None


@dataclass(frozen=True, slots=True)
class CarrierRule:
    """What is asked (`effect`, a CarrierEffect) of a carrier, for the parcels that match.

    None and "" match everything; weights are inclusive. All rules that match count: `never` removes its carrier,
    `only` leaves the carriers that some matching `only` names, and preferred carriers go before the others.
    """

    effect: str
    carrier: str
    shop_code: str = ""
    warehouse_code: str = ""
    division: str = COUNTRY
    min_weight_g: int = 0
    max_weight_g: int | None = None
    cod: bool | None = None
