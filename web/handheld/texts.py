"""What the handheld page says, in the language of the request: its texts, and a sentence for each answer to a scan."""

from collections.abc import Mapping

from models.floor import TaskState, WaveKind, WaveState
from models.shipment import BlockReason
from web.console.order_words import BLOCKS
from web.console.words import N_, _

_REFUSALS: Mapping[str, str] = {
    "wrong_sku": N_("Wrong item. It does not belong here."),
    "too_many": N_("Too many. No more of this item is wanted."),
    "blocked": N_("Stop: this document must not leave. Put its goods aside."),
    "not_found": N_("This number is not known in this warehouse."),
    "waybill_used": N_("This waybill is on another parcel already."),
    "waybill_format": N_("This is no waybill of the parcel's carrier."),
    "waybill_other": N_("Another waybill was made for this parcel."),
    "not_complete": N_("Something is still missing here."),
    "over": N_("This is over already: it is picked, shipped or called off."),
    "not_yours": N_("Somebody else has this wave."),
    "unreadable": N_("This code cannot be read. Scan it again."),
    "failed": N_("The server cannot take this scan. Tell your lead, and put the parcel aside."),
}
_ABOUT: Mapping[str, str] = {
    "too_many": N_("Too many. Still wanted: %(about)s."),
    "waybill_used": N_("This waybill is on the parcel of %(about)s already."),
    "waybill_format": N_("This is no waybill of %(about)s."),
    "waybill_other": N_("The waybill of this parcel is %(about)s."),
    "not_complete": N_("Still missing here: %(about)s."),
}
"""Sentences that name what a refusal is about: units, a document, a carrier."""

_DONE: Mapping[str, str] = {
    "picked": N_("Picked"),
    "checked": N_("Item checked"),
    "packed": N_("Packed"),
    "shipped": N_("Shipped"),
    "returned": N_("Back on its shelf"),
    "noted": N_("Noted"),
}
_CARRIERS: Mapping[str, str] = {
    "yuantong": N_("YTO"),
    "yunda": N_("Yunda"),
    "zhongtong": N_("ZTO"),
    "shentong": N_("STO"),
    "shunfeng": N_("SF Express"),
    "jtexpress": N_("J&T"),
    "jd": N_("JD Logistics"),
    "ems": N_("EMS"),
    "youzhengguonei": N_("China Post"),
    "debangkuaidi": N_("Deppon"),
}
_KINDS: Mapping[str, str] = {
    WaveKind.SINGLE_SKU: N_("One item, many orders"),
    WaveKind.SINGLE_ITEM: N_("Orders of one item"),
    WaveKind.MIXED: N_("Mixed orders"),
}
_WAVES: Mapping[str, str] = {
    WaveState.OPEN: N_("to be taken"),
    WaveState.PICKING: N_("being picked"),
    WaveState.PICKED: N_("at the bench"),
}
_TASKS: Mapping[str, str] = {
    TaskState.WAITING: N_("on the list"),
    TaskState.PICKED: N_("at the bench"),
    TaskState.PACKED: N_("packed"),
    TaskState.PUT_BACK: N_("to be put back"),
    TaskState.DONE: N_("done"),
}
_BLOCKS: Mapping[str, str] = {
    **{reason.value: name for reason, name in BLOCKS.items()},
    BlockReason.DESK: N_("the order desk stopped it"),
    "asked_back": N_("the order desk called it off"),
}
PAGE: Mapping[str, str] = {
    "scan_badge": N_("Scan your badge"),
    "sign_in_help": N_("The barcode on your badge signs you in. Your lead makes one for you."),
    "sign_in_queue": N_("{n} scans on this handheld wait for whoever made them to sign in again."),
    "not_signed_in": N_("Not signed in"),
    "hello": N_("Hello, {name}"),
    "work": N_("Work"),
    "bench": N_("Check and pack"),
    "batch": N_("Ship one-item orders"),
    "waves": N_("Waves"),
    "no_waves": N_("No wave waits."),
    "not_in_waves": N_("{n} more orders are not in a wave yet."),
    "make_waves": N_("Put them into waves"),
    "units": N_("{n} units"),
    "zone": N_("zone {zone}"),
    "leaves": N_("leaves {time}"),
    "wave_size": N_("{documents} orders, {units} units"),
    "taken_by": N_("{name} has it"),
    "left_by": N_("{name} is signed out: take it over"),
    "put_backs": N_("To be put back"),
    "put_back": N_("Put back"),
    "put_back_help": N_("Not to be shipped. Bring each unit back to its shelf and scan it there."),
    "put_back_done": N_("All back on its shelf"),
    "scan_item": N_("Scan the item"),
    "scan_waybill": N_("Scan the waybill"),
    "scan_document": N_("Scan the packing slip"),
    "walked": N_("All picked: to the bench"),
    "no_place": N_("no place"),
    "lacks": N_("Shelf lacks it"),
    "lacks_how_many": N_("{place}: how many of {item} are not there?"),
    "lost": N_("Lost or broken"),
    "lost_how_many": N_("How many of {item} are lost or broken?"),
    "missing_units": N_("{n} missing"),
    "many": N_("Units: {n}"),
    "how_many": N_("How many of {item} does the next scan stand for?"),
    "back": N_("Back"),
    "to_bench": N_("At the bench"),
    "blocked": N_("stopped"),
    "checked": N_("all checked"),
    "packed": N_("Packed"),
    "pack": N_("Close the parcel"),
    "more_boxes": N_("Another box follows"),
    "unconfirmed": N_("Kept, not confirmed yet"),
    "slot": N_("slot {slot}"),
    "do_not_ship": N_("Do not ship"),
    "bench_help": N_("Scan the barcode on the packing slip. Then each item, then the waybill."),
    "units_left": N_("{n} to go"),
    "waybill_of": N_("Now the waybill of {carrier}"),
    "batch_help": N_("For orders of one item each: scan the item once, then every waybill."),
    "batch_of": N_("Every waybill ships one of"),
    "batch_shipped": N_("shipped"),
    "other_item": N_("Another item"),
    "offline": N_("No network"),
    "queued": N_("{n} scans wait on this handheld. Go on."),
    "others_wait": N_("{n} scans of {who} wait for their sign-in."),
    "kept": N_("kept"),
    "not_on_device": N_("This was not opened here while there was a network. Scan it again when it is back."),
    "needs_network": N_("This needs the network. Try again when it is back."),
    "cannot_keep": N_("This browser keeps nothing. Do not go on; tell your lead."),
    "broken": N_("Something went wrong on this handheld. Load the page anew; what was scanned is kept."),
    "refused": N_("Refused"),
    "understood": N_("Understood"),
    "more_refusals": N_("and {n} more"),
}
"""The page's own texts; what stands in braces is filled in there."""

GROUPS: Mapping[str, Mapping[str, str]] = {
    "said": {**_REFUSALS, **_DONE},
    "carrier": _CARRIERS,
    "kind": _KINDS,
    "state": _WAVES,
    "task": _TASKS,
    "blocked": _BLOCKS,
}


def texts() -> dict[str, str]:
    """Every text of the page by its name there."""
    grouped = {f"{group}_{code}": text for group, words in GROUPS.items() for code, text in words.items()}
    return {name: _(text) for name, text in {**PAGE, **grouped}.items()}


def sentence(said: str, about: str) -> str:
    """What a person is told of an answer: its word, and where that helps, what it is about."""
    if about and about != "0" and said in _ABOUT:
        return _(_ABOUT[said], about=_named(said, about))
    if said == "blocked" and about:
        return f"{_(_REFUSALS[said])} {', '.join(_(_BLOCKS.get(reason, reason)) for reason in about.split(', '))}"
    known = GROUPS["said"].get(said)
    return _(known) if known else said


def _named(said: str, about: str) -> str:
    return _(_CARRIERS.get(about, about)) if said == "waybill_format" else about
