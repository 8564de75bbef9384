"""The carriers we know by our own code, which is Kuaidi100's `com`."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

import yaml


@dataclass(frozen=True, slots=True)
class CarrierCode:
    """One carrier: Chinese name, its code at other parties ("" unknown), whether tracking needs a phone."""

    name: str
    taobao: str = ""
    woo: str = ""
    qimen: str = ""
    needs_phone: bool = False
    aliyun: str = ""


@cache
def carrier_codes() -> Mapping[str, CarrierCode]:
    """Every carrier of codes.yaml by our code."""
    rows = yaml.load((Path(__file__).parent / "codes.yaml").read_text("utf-8"), yaml.BaseLoader)
    return MappingProxyType({code: _carrier(row) for code, row in rows.items()})


def carrier_name(code: str) -> str:
    """The carrier's Chinese name; of an unknown carrier its code."""
    known = carrier_codes().get(code)
    return known.name if known else code


def needs_phone(code: str) -> bool:
    """Whether this carrier's parcels can be followed only with the last four digits of a phone."""
    known = carrier_codes().get(code)
    return known is not None and known.needs_phone


def _carrier(row: dict[str, str]) -> CarrierCode:
    taobao, woo, qimen, aliyun = (row.get(system, "") for system in ("taobao", "woo", "qimen", "aliyun"))
    return CarrierCode(row["name"], taobao, woo, qimen, row.get("phone") == "yes", aliyun)
