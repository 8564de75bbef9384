"""The codes that a platform has for our carriers, from the list that it gives to a shop."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors import registry
from connectors.base import PlatformCarrier
from connectors.carriers.codes import carrier_codes, carrier_name
from models.database import copy_rows, transaction
from models.errors import PipelineError
from models.settings import clock
from tasks.counterparts import open_channel, shop_mapping

RELOAD_AFTER = timedelta(days=1)

_PARCEL = "parcel"
_FREIGHT = "freight"
# 物流 says nothing: 京东物流 carries parcels, 德邦物流 carries freight
_ENDINGS: Mapping[str, str] = {
    "快递包裹": _PARCEL,
    "快递": _PARCEL,
    "速递": _PARCEL,
    "速运": _PARCEL,
    "快运": _FREIGHT,
    "物流": "",
}


@dataclass(frozen=True, slots=True)
class CarrierRow:
    """One of our carriers as a shop's platform knows it.

    `code` is "" when it does not; without `listed` the code is only the mapping's. `used_by`: warehouses that ship
    with it.
    """

    carrier: str
    name: str
    code: str
    platform_name: str
    listed: bool
    used_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CarrierList:
    """What a shop's platform knows of our carriers, when it was asked (None: never), and whether it takes any text."""

    rows: tuple[CarrierRow, ...]
    loaded_at: datetime | None
    takes_any: bool

    @property
    def without_code(self) -> tuple[CarrierRow, ...]:
        """The carriers that warehouses ship with and whose parcels this shop cannot be told of."""
        return tuple(row for row in self.rows if row.used_by and not row.code and not self.takes_any)


def match_carriers(listed: Sequence[PlatformCarrier], mapped: Mapping[str, str]) -> dict[str, PlatformCarrier]:
    """Our carriers (Kuaidi100's codes) among those a platform lists: by the mapping's code, else by their name.

    A mapped code that the platform gives to another carrier of ours is not believed when our name is listed too.
    Names are the same when they are written the same, or when only the ending differs (快递, 速递, 速运) and no
    other carrier has the beginning in common. What stays open is not guessed.
    """
    by_code = {carrier.code: carrier for carrier in listed}
    by_name = {plain_name(carrier.name): carrier for carrier in listed if carrier.name}
    names = {ours: plain_name(known.name) for ours, known in carrier_codes().items()}
    others = set(names.values())
    found = _by_beginning(names, by_name) | {ours: by_name[name] for ours, name in names.items() if name in by_name}
    for ours, code in mapped.items():
        if code in by_code and not (plain_name(by_code[code].name) in others and names.get(ours) in by_name):
            found[ours] = by_code[code]
    return found


def _by_beginning(names: Mapping[str, str], listed: Mapping[str, PlatformCarrier]) -> dict[str, PlatformCarrier]:
    ours = {code: _cut(name) for code, name in names.items()}
    shared = Counter(stem for stem, _ in ours.values())
    theirs: dict[str, list[tuple[str, PlatformCarrier]]] = defaultdict(list)
    for name, carrier in listed.items():
        stem, kind = _cut(name)
        theirs[stem].append((kind, carrier))
    found = {}
    for code, (stem, kind) in ours.items():
        same = [carrier for other, carrier in theirs[stem] if kind and other == kind]
        if not same and shared[stem] == 1:
            same = [carrier for _, carrier in theirs[stem]]
        if len(same) == 1:
            found[code] = same[0]
    return found


def plain_name(name: str) -> str:
    """A carrier's name as it is compared: no spaces, brackets or full-width forms, capitals."""
    folded = unicodedata.normalize("NFKC", name).upper()
    return "".join(char for char in folded if char.isalnum())


def _cut(name: str) -> tuple[str, str]:
    """The beginning of a name, and the kind of carrier that its ending tells."""
    for ending, kind in _ENDINGS.items():
        if name.endswith(ending) and name != ending:
            return name.removesuffix(ending), kind
    return name, ""


def load_carriers(shop_code: str) -> int:
    """Ask a shop's platform for its carriers and keep those that are ours; returns how many.

    A platform that lists none takes any text: then nothing is changed. Raises ChannelError types and SetupError.
    """
    with transaction() as conn:
        channel = open_channel(conn, shop_code)
        mapped = shop_mapping(conn, shop_code).carriers
    listed = channel.list_carriers()
    if not listed:
        return 0
    found = match_carriers(listed, mapped)
    now = clock().now()
    with transaction() as conn:
        # two who load at once must not both insert
        row = conn.execute("select id from shop where code = %s for update", (shop_code,)).fetchone()
        shop_id = row[0] if row else None
        conn.execute("delete from shop_carrier where shop_id = %s", (shop_id,))
        copy_rows(
            conn,
            "shop_carrier",
            ("shop_id", "carrier", "code", "name", "pattern", "loaded_at"),
            ((shop_id, ours, c.code, c.name, c.pattern, now) for ours, c in sorted(found.items())),
        )
    return len(found)


def carriers_of(shop_code: str) -> CarrierList:
    """Our carriers as a shop's platform knows them: listed ones, those of the mapping only, then what is unknown.

    The unknown ones are those that a warehouse ships with. Raises SetupError when there is no such shop.
    """
    with transaction() as conn:
        mapped = shop_mapping(conn, shop_code).carriers
        loaded = conn.execute(
            """select c.carrier, c.code, c.name, c.loaded_at from shop_carrier c join shop s on s.id = c.shop_id
               where s.code = %s""",
            (shop_code,),
        ).fetchall()
        used = dict(
            conn.execute(
                """select carrier, array_agg(code order by code) from warehouse
                   where active and carrier <> '' group by 1"""
            ).fetchall()
        )
    listed = {row[0]: row for row in loaded}
    rows = [
        CarrierRow(
            ours,
            carrier_name(ours),
            listed[ours][1] if ours in listed else mapped.get(ours, ""),
            listed[ours][2] if ours in listed else "",
            ours in listed,
            tuple(used.get(ours, ())),
        )
        for ours in {**listed, **mapped, **used}
    ]
    rows.sort(key=lambda row: (not row.listed, not row.code, row.carrier))
    return CarrierList(tuple(rows), max((row[3] for row in loaded), default=None), not (listed or mapped))


def reload_due(now: datetime) -> tuple[list[str], dict[str, PipelineError]]:
    """Load the carriers of every shop not asked for a day: the shops asked, and what stood in the way of others.

    Shops that wait for their seller's consent are left alone.
    """
    obstacles: dict[str, PipelineError] = {}
    codes = _due(now)
    for code in codes:
        try:
            load_carriers(code)
        except PipelineError as error:
            obstacles[code] = error
        except Exception as error:  # noqa: BLE001  one shop's strange answer must not stop the others
            obstacles[code] = PipelineError(f"{code}: list carriers: {type(error).__name__}")
    return [code for code in codes if code not in obstacles], obstacles


def _due(now: datetime) -> list[str]:
    pulling = {name: kind.token for name, kind in registry.CHANNELS.items() if kind.capabilities.pulls}
    with transaction() as conn:
        rows = conn.execute(
            """select s.code from shop s join unnest(%(channels)s::text[], %(tokens)s::text[]) as k(channel, token)
                 on k.channel = s.channel
               where s.active
                 and not exists (select 1 from shop_carrier c where c.shop_id = s.id and c.loaded_at > %(since)s)
                 and (k.token = '' or exists (select 1 from credential c where c.owner_kind = 'shop'
                                              and c.owner_code = s.code and c.name = k.token))
               order by s.code""",
            {"channels": list(pulling), "tokens": list(pulling.values()), "since": now - RELOAD_AFTER},
        ).fetchall()
    return [row[0] for row in rows]


def carriers_without_code() -> list[str]:
    """One sentence per shop and carrier that a warehouse ships with but the shop cannot be told of."""
    with transaction() as conn:
        rows = conn.execute("select code, channel from shop where active order by code").fetchall()
    reporting = [code for code, channel in rows if registry.CHANNELS[channel].capabilities.reports_shipping]
    return [
        f"{code}: no code for {row.name} ({row.carrier}) of {', '.join(row.used_by)}"
        for code in reporting
        for row in carriers_of(code).without_code
    ]
