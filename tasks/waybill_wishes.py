"""What e-waybills are asked for with: the parcel's two ends, read when the call is made."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.waybills import Account, Contact, MadeWaybill, WaybillWish
from models.database import Connection
from models.rules.divisions import division
from models.rules.divisions import place as place_of
from models.sealing import unseal
from models.waybill import WaybillState
from tasks.waybill_accounts import account_for

_QUERY = """
  select v.id, d.id, d.no, v.package_no, v.service, v.carrier, v.order_key, v.state, v.number, v.task_id, v.service_no,
         coalesce(v.asked_at, v.wanted_at), coalesce(x.in_doubt, false), s.channel, coalesce(r.masked, false),
         w.code, w.sender_name, w.sender_phone, w.division_code, w.address,
         r.order_id, r.name_enc, r.phone_enc, r.address_enc, r.cipher_enc, r.province, r.city, r.district, r.town,
         r.oaid, o.order_no, o.cod_fen
  from waybill v join outbound_document d on d.id = v.document_id
  join warehouse w on w.id = d.warehouse_id join shop s on s.id = d.shop_id
  cross join lateral (
    select min(order_no) as order_no,
           sum(case when d.id = (select min(document_id) from allocation where order_id = orders.id)
               then cod_fen else 0 end) as cod_fen
    from orders where id in (select order_id from allocation where document_id = d.id)) o
  left join lateral (
    select bool_or(in_doubt) as in_doubt from outbox where kind = 'waybill' and subject_id = v.id) x on true
  left join lateral (
    -- orders of one document go to the same door; the one that the platform sent in clear says most
    select * from receiver where order_id in (select order_id from allocation where document_id = d.id)
      and erased_at is null order by masked, order_id limit 1) r on true
  where v.id = any(%s)"""


@dataclass(frozen=True, slots=True)
class Asked:
    """An e-waybill that the service is asked about. `since` is when the first call left that may have arrived.

    `in_doubt`: one of its calls may have made it. `ends` are the sealed and plain columns of sender and receiver.
    """

    id: int
    document_id: int
    document_no: str
    package_no: int
    service: str
    carrier: str
    order_key: str
    state: WaybillState
    number: str
    task_id: str
    service_no: str
    since: datetime
    in_doubt: bool
    channel: str
    masked: bool
    warehouse_code: str
    ends: Sequence[Any]

    @property
    def made(self) -> MadeWaybill:
        """It as the service gave it."""
        return MadeWaybill(self.number, self.task_id, self.service_no, "")

    @property
    def erased(self) -> bool:
        """Whether nothing of its receiver is kept any more."""
        return self.ends[4] is None

    def account(self, accounts: Mapping[str, Account]) -> Account | None:
        """The account it goes by, None when the warehouse has none for it."""
        return account_for(accounts, self.carrier, self.channel, masked=self.masked)

    def obstacle(self, accounts: Mapping[str, Account]) -> str:
        """Why it cannot be asked for, "" when it can."""
        if self.erased:
            return "the receiver was erased"
        if self.account(accounts) is not None:
            return ""
        if self.masked:
            wish = f"{self.carrier}@{self.channel}"
            return f"{self.channel} masks the receiver, and {self.warehouse_code} has no account {wish}"
        return f"{self.warehouse_code} has no account {self.carrier}"

    def wish(self, accounts: Mapping[str, Account]) -> WaybillWish:
        """What the service is told; the receiver is opened here and nowhere else. Nothing stands in its way."""
        sender_name, sender_phone, code, address, _, *receiver, order_no, cod_fen = self.ends
        account = self.account(accounts) or {}
        by_platform = account is accounts.get(f"{self.carrier}@{self.channel}")
        return WaybillWish(
            self.order_key,
            self.carrier,
            account,
            Contact(sender_name, sender_phone, _place(code) + address),
            _receiver(receiver),
            handle=receiver[8] if self.masked else "",
            platform_order=order_no if by_platform else "",
            cod_fen=int(cod_fen) if self.package_no == 1 else 0,
        )


def asked_for(conn: Connection, waybill_ids: Sequence[int]) -> dict[int, Asked]:
    """These e-waybills with what they are asked for with."""
    rows = conn.execute(_QUERY.encode(), (list(waybill_ids),)).fetchall()
    return {row[0]: Asked(*(*row[:7], WaybillState(row[7]), *row[8:16], row[16:])) for row in rows}


def _receiver(columns: Sequence[Any]) -> Contact:
    name, phone, address = (unseal(value) if value else "" for value in columns[:3])
    sent: Mapping[str, str] = json.loads(unseal(columns[3])) if columns[3] else {}
    province, city, district, town = columns[4:8]
    # a municipality is its own province
    region = "".join(part for part in (province if province != city else "", city, district, town) if part)
    whole = address if address.startswith((province or "?", city or "?")) else region + address
    return Contact(sent.get("name") or name, sent.get("phone") or phone, sent.get("address") or whole)


def _place(code: str) -> str:
    if not division(code):
        return ""
    at = place_of(code)
    return (at.province if at.province != at.city else "") + at.city + at.district
