"""Waybills that people write down: which carrier, which number."""

from connectors.converters import BadValue
from models.errors import SetupError
from tasks.cells import as_carrier
from tasks.parcel_numbers import NUMBER


def read_waybill(carrier: str, waybill: str) -> tuple[str, str]:
    """Our code of the carrier ("" where none is named) and its number, without spaces; raises SetupError for others."""
    number = "".join(waybill.split())
    if not NUMBER.fullmatch(number):
        raise SetupError(f"waybill {number[:64]}: is none; it has 6 to 32 letters, digits and dashes")
    try:
        return (as_carrier(carrier.strip()) if carrier.strip() else "", number)
    except BadValue as error:
        raise SetupError(f"carrier {carrier.strip()[:40]}: {error.why}") from error
