"""Parcels that Kuaidi100's label service is asked to have brought back: `interceptOrder` of `label/order`.

Source: the vendor's document centre (e-waybill v2). The names of the parameters beyond `interceptType`, and of the
method, are not confirmed; a credential may say otherwise.
"""

from typing import Final

import httpx

from connectors.base import Credentials, Now, RepeatClass
from connectors.carriers.kuaidi100_label_order import LabelOrder

METHOD: Final = "interceptOrder"


class Kuaidi100Label:
    """The label service as far as it brings parcels back. Credentials: key, secret; label_endpoint, intercept_method
    and intercept_carriers (Kuaidi100's codes with commas between; none: any) where they differ.
    """

    # nothing tells whether an earlier wish arrived, and a second one may be charged for
    repeat_class = RepeatClass.MANUAL

    def __init__(self, client: httpx.Client, name: str, credentials: Credentials, now: Now) -> None:
        self.name = name
        self._service = LabelOrder(client, name, credentials, now)
        self._method = credentials.get("intercept_method") or METHOD

    @staticmethod
    def can_intercept(credentials: Credentials, carrier: str) -> bool:
        """Whether these credentials let this carrier be asked; else people phone."""
        named = credentials.get("intercept_carriers", "").replace(",", " ").split()
        return bool(credentials.get("key") and credentials.get("secret")) and (not named or carrier in named)

    def intercept(self, carrier: str, waybill: str, wish: str, reason: str) -> None:
        """Ask for a parcel back; `wish` is RETURN_SEND_STATION or RETURN_SEND_ADDR.

        Raises ChannelRejected when it is refused, OutcomeUnknown when nobody can say whether it was taken on.
        """
        param = {"kuaidicom": carrier, "kuaidinum": waybill, "interceptType": wish, "reason": reason}
        self._service.ask(f"intercept {carrier} {waybill}", self._method, param, changes=True)
