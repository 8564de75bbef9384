"""Two versions of personal data become the fuller one: empty or masked values never hide what is known."""

from collections.abc import Mapping
from typing import Any

from models.incoming import IncomingReceiver

_REGION = ("province", "city", "district", "town")


def fuller_receiver(known: IncomingReceiver, new: IncomingReceiver) -> IncomingReceiver:
    """The receiver as a newer version says, with what that one leaves empty or masks as it was known.

    The region counts as one value: parts of two do not mix, and a street goes with its region.
    """
    moved = _is_elsewhere(known, new)
    name = _fuller_part("name", known, new)
    phone = _fuller_part("phone", known, new)
    address = (new.address, new) if moved else _fuller_part("address", known, new)
    parts = (name, phone, address)
    return IncomingReceiver(
        name=name[0],
        phone=phone[0],
        **_fuller_region(known, new),
        address=address[0],
        oaid=new.oaid or known.oaid,
        masked=any(_is_mask(text, of) for text, of in parts if text),
        name_cipher=new.name_cipher or known.name_cipher,
        phone_cipher=new.phone_cipher or known.phone_cipher,
        address_cipher=new.address_cipher or known.address_cipher,
        merge_key=new.merge_key or known.merge_key,
    )


def _fuller_part(part: str, known: IncomingReceiver, new: IncomingReceiver) -> tuple[str, IncomingReceiver]:
    before, now = str(getattr(known, part)), str(getattr(new, part))
    hides = bool(before) and new.masked and "*" in now and not (known.masked and "*" in before)
    return (before, known) if not now or hides else (now, new)


def _is_mask(text: str, of: IncomingReceiver) -> bool:
    # a receiver can be masked by its mapping's word alone, without a star anywhere
    return of.masked and ("*" in text or "*" not in of.name + of.phone + of.address)


def _fuller_region(known: IncomingReceiver, new: IncomingReceiver) -> dict[str, str]:
    told = {part: str(getattr(new, part)) for part in _REGION}
    kept = {part: str(getattr(known, part)) for part in _REGION}
    says_less = all(not text or "*" in text or text == kept[part] for part, text in told.items())
    return kept if says_less or not (new.province or new.city) else told


def _is_elsewhere(known: IncomingReceiver, new: IncomingReceiver) -> bool:
    region = _fuller_region(known, new)
    return any(getattr(known, part) and region[part] != getattr(known, part) for part in _REGION[:3])


def fuller_notes(known: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """The notes by who wrote them; one that a newer version leaves empty stays."""
    return {key: text for key in ("buyer", "seller") if (text := new.get(key) or known.get(key, ""))}


def fuller_values(known: Any, new: Any, *, masked: bool) -> Any:
    """A cut-out value of a newer version, filled up from the known one; objects are filled up key by key.

    `masked`: stars in the newer version hide something; elsewhere people type stars into addresses.
    """
    if new is None or new in ("", [], {}):
        return new if known is None else known
    if isinstance(new, dict) and isinstance(known, dict):
        return {key: fuller_values(known.get(key), new.get(key), masked=masked) for key in {**known, **new}}
    hidden = masked and isinstance(new, str) and "*" in new
    plain = bool(known) and not (isinstance(known, str) and "*" in known)
    return known if hidden and plain else new
