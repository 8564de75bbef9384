"""Generated ways of parcels, told in every disorder that vendors are known for, end where a plain model says."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.base import Scan, Trace
from models.database import transaction
from tasks.trace import apply_traces, take_parcels
from tests.fakes import NOON, FakePool, why

ON_THE_WAY = (
    "collected",
    "in_transit",
    "in_transit",
    "problem",
    "out_for_delivery",
    "at_pickup_point",
    "returning",
    "",
)
ENDS = ("delivered", "returned", "cancelled")
CARRIERS = ("yuantong", "shentong", "zhongtong")


@dataclass(frozen=True)
class Way:
    """What happened to a parcel, oldest first: minute, stage ("" where a vendor has no code), and the words of it."""

    parcel: int
    scans: tuple[tuple[int, str, str], ...]


@dataclass(frozen=True)
class Telling:
    """One trace about a parcel: its first `length` scans, by a source, perhaps as another carrier's or as given up."""

    parcel: int
    length: int
    source: str
    found_at: str = ""
    gives_up: bool = False


@st.composite
def ways(draw: st.DrawFn) -> list[Way]:
    found = []
    for parcel in range(1, draw(st.integers(1, 3)) + 1):
        minutes = sorted(draw(st.lists(st.integers(1, 12), min_size=1, max_size=7)))
        stages = draw(st.lists(st.sampled_from(ON_THE_WAY), min_size=len(minutes), max_size=len(minutes)))
        # now and then an end, and something after it, which comes too late
        for place in draw(st.lists(st.integers(0, len(stages) - 1), max_size=2)):
            stages[place] = draw(st.sampled_from(ENDS))
        found.append(
            Way(
                parcel,
                tuple((m, s, f"scan {n} of {parcel}") for n, (m, s) in enumerate(zip(minutes, stages, strict=True))),
            )
        )
    return found


@st.composite
def told(draw: st.DrawFn) -> tuple[list[Way], list[Telling]]:
    """Ways, and tellings of them: shuffled, repeated, cut short, by two sources, each way told whole at least once."""
    found = draw(ways())
    tellings = []
    for way in found:
        whole = len(way.scans)
        tellings.append(Telling(way.parcel, whole, "kuaidi100"))
        for length in draw(st.lists(st.integers(1, whole), max_size=5)):
            source = draw(st.sampled_from(("kuaidi100", "kuaidi100", "aliyun")))
            found_at = draw(st.sampled_from(("", "", *CARRIERS[1:]))) if source == "kuaidi100" else ""
            gives_up = source == "kuaidi100" and draw(st.integers(0, 4)) == 0
            tellings.append(Telling(way.parcel, length, source, found_at, gives_up))
    repeats = draw(st.lists(st.sampled_from(tellings), max_size=4))
    return found, draw(st.permutations([*tellings, *repeats]))


def trace(way: Way, telling: Telling) -> Trace:
    """What the vendor says: its full history so far, newest first; the second source has no codes."""
    known = way.scans[: telling.length][::-1]
    coded = telling.source == "kuaidi100"
    scans = tuple(
        Scan(NOON + timedelta(minutes=minute), stage if coded else "", "", text, "") for minute, stage, text in known
    )
    state = known[0][1] or None
    said = Trace(telling.found_at or "yuantong", f"YT{way.parcel}", state, scans, source=telling.source)
    if telling.gives_up:
        return replace(said, stage=None, closed=True, aborted="60天无变化")
    return replace(said, corrected_carrier=telling.found_at)


@dataclass
class Model:
    """A parcel told of one telling after the other, as a person with a notebook would keep it."""

    scans: dict[str, tuple[datetime, str]] = field(default_factory=dict)
    stage: str = "label_created"
    ended: bool = False
    carrier: str = "yuantong"

    def hear(self, way: Way, telling: Telling) -> None:
        for place, (minute, stage, text) in enumerate(way.scans[: telling.length]):
            newest = place == telling.length - 1 and not telling.gives_up
            knows = telling.source == "kuaidi100" or newest
            before = self.scans.get(text, (None, ""))[1]
            self.scans[text] = (NOON + timedelta(minutes=minute), before or (stage if knows else ""))
        if telling.found_at and not telling.gives_up:
            self.carrier = telling.found_at

    def look(self) -> None:
        """Where the parcel is by what was heard so far; what has ended is not looked at again."""
        coded = [(at, stage) for at, stage in self.scans.values() if stage]
        ends = [(at, stage) for at, stage in coded if stage in ENDS]
        if self.ended or not coded:
            return
        if ends:
            first = min(at for at, _ in ends)
            self.stage, self.ended = max((s for at, s in ends if at == first), key=ENDS.index), True
        else:
            last = max(at for at, _ in coded)
            order = ("collected", "in_transit", "out_for_delivery", "at_pickup_point", "problem", "returning")
            self.stage = max((stage for at, stage in coded if at == last), key=order.index)


def empty(pool: FakePool, parcels: int) -> None:
    pool.execute("truncate parcel, parcel_event, outbox restart identity")
    pool.execute(
        """insert into parcel (id, document_id, package_no, carrier, waybill, stage, stage_at, shipped_at, heard_at,
             salt_enc, callback_token, note)
           select n, 1, 'P' || n, 'yuantong', 'YT' || n, 'label_created', %s, %s, %s, '', 'token-' || n, ''
           from generate_series(1, %s::int) n""",
        NOON,
        NOON,
        NOON,
        parcels,
    )


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told(), st.integers(1, 4))
def test_traces_in_any_disorder_end_in_the_right_timeline(
    pool: FakePool, case: tuple[list[Way], list[Telling]], at_once: int
) -> None:
    found, tellings = case
    by_id = {way.parcel: way for way in found}
    empty(pool, len(found))
    models = {way.parcel: Model() for way in found}
    ended: dict[int, tuple[str, datetime]] = {}

    for start in range(0, len(tellings), at_once):
        chunk = tellings[start : start + at_once]
        with transaction() as conn:
            parcels = take_parcels(conn, "id", [telling.parcel for telling in chunk])
            traces = [(n, parcels[t.parcel], trace(by_id[t.parcel], t)) for n, t in enumerate(chunk)]
            apply_traces(conn, traces, why())
        for telling in chunk:
            models[telling.parcel].hear(by_id[telling.parcel], telling)
        for telling in chunk:
            models[telling.parcel].look()
        for parcel_id, stage, stage_at in pool.rows("select id, stage, stage_at from parcel"):
            assert ended.get(parcel_id, (stage, stage_at)) == (stage, stage_at), "an ended parcel was reopened"
            if stage in ENDS:
                ended[parcel_id] = (stage, stage_at)

    for parcel_id, model in models.items():
        ((stage, carrier),) = pool.rows("select stage, carrier from parcel where id = %s", parcel_id)
        assert (stage, carrier) == (model.stage, model.carrier)
        kept = pool.rows("select text, at, stage from parcel_event where parcel_id = %s", parcel_id)
        assert {text: (at, stage) for text, at, stage in kept} == model.scans
        assert len(kept) == len(by_id[parcel_id].scans), "every scan once"
