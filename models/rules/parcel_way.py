"""The way of a parcel: which tellings are of one scan, and where it is by all of them, in whatever order they came.

Sources: the vendors' own words on their traces. A trace may come late, twice, or shorter than one before; none of it
takes anything away from what is known.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from models.shipment import PARCEL_ENDS, ParcelStage

_RANKS: Final = {"": -1, **{stage.value: rank for rank, stage in enumerate(ParcelStage)}}
_SIGNS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class WayEvent:
    """A scan as it is kept: `stage` "" when nobody said one, `twin` the digest under which another source told it."""

    digest: str
    at: datetime
    stage: str
    text: str
    place: str = ""
    source: str = ""
    twin: str = ""


def union(known: Sequence[WayEvent], told: Iterable[WayEvent]) -> list[WayEvent]:
    """What has to be written so that `known` also says what one source tells: events that are new or say more.

    A scan that was told before (the same digest) is the same event. So is one that *another* source told in the same
    minute with the same text, signs aside, or else with the same stage; an event has one such twin at most, and none
    that its own source tells beside it, so two scans of one minute stay two. Of two stages that are said of one scan
    the later one on a parcel's usual way counts.
    """
    events = {event.digest: event for event in known}
    home = {event.twin: event.digest for event in known if event.twin} | {digest: digest for digest in events}
    changed: dict[str, WayEvent] = {}

    def keep(event: WayEvent) -> None:
        events[event.digest] = changed[event.digest] = event

    fresh: dict[str, WayEvent] = {}
    for scan in sorted(told, key=lambda scan: (scan.at, scan.digest)):
        other = events[home[scan.digest]] if scan.digest in home else None
        if other is not None and scan.digest == other.twin and scan.source == other.source:
            keep(replace(other, twin=""))  # it tells both of them: they are two
            del home[scan.digest]
        if scan.digest in home:
            _tell_more(events[home[scan.digest]], scan, keep)
        else:
            fresh[scan.digest] = _richer(fresh[scan.digest], scan) if scan.digest in fresh else scan
    for same in (_same_words, _same_stage):
        for scan in list(fresh.values()):
            twin = next((event for event in events.values() if _may_be_twins(event, scan) and same(event, scan)), None)
            if twin is not None:
                keep(replace(_richer(twin, scan), twin=scan.digest))
                del fresh[scan.digest]
    for scan in fresh.values():
        changed[scan.digest] = scan
    return list(changed.values())


def standing(events: Iterable[WayEvent]) -> tuple[ParcelStage, datetime] | None:
    """The stage that these events come to and since when, by the vendors' time; None when none of them says a stage.

    Once a parcel was delivered, came back or was called off, nothing reopens it: the first such event counts, whatever
    follows. Else the stage is that of the newest event; of several at one moment, the later one on the usual way.
    """
    stated = sorted((event for event in events if event.stage), key=lambda event: (event.at, _RANKS[event.stage]))
    ends = [event for event in stated if event.stage in PARCEL_ENDS]
    if ends:
        first = min(ends, key=lambda event: (event.at, -_RANKS[event.stage]))
        return ParcelStage(first.stage), first.at
    if not stated:
        return None
    since = stated[-1]
    for event in reversed(stated):
        if event.stage != since.stage:
            break
        since = event
    return ParcelStage(since.stage), since.at


def _tell_more(event: WayEvent, scan: WayEvent, keep: Callable[[WayEvent], None]) -> None:
    said = _richer(event, scan)
    if said != event:
        keep(said)


def _richer(event: WayEvent, scan: WayEvent) -> WayEvent:
    stage = max(event.stage, scan.stage, key=_RANKS.__getitem__)
    return replace(event, stage=stage, place=event.place or scan.place)


def _may_be_twins(event: WayEvent, scan: WayEvent) -> bool:
    return (
        event.source != scan.source
        and not event.twin
        and event.at.replace(second=0, microsecond=0) == scan.at.replace(second=0, microsecond=0)
    )


def _same_words(event: WayEvent, scan: WayEvent) -> bool:
    words = _SIGNS.sub("", event.text)
    return words != "" and words == _SIGNS.sub("", scan.text)


def _same_stage(event: WayEvent, scan: WayEvent) -> bool:
    return event.stage != "" and event.stage == scan.stage
