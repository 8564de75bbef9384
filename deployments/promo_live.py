"""What a promo has the live process do: read shops more often, and keep Prefect in line with the pool."""

from dataclasses import dataclass
from datetime import timedelta

from deployments.usual_pace import SHOPS_AT_ONCE
from models.database import transaction
from models.errors import SetupError
from models.settings import clock
from tasks.promo import current_promo
from tasks.setup import FILE
from tasks.shop_settings import capabilities_of

PROMO = "promo"


def shops_at_once() -> int:
    """How many shops are worked on at a time now."""
    promo = current_promo()
    return promo.settings.shops_at_once if promo else SHOPS_AT_ONCE


def shops_to_read() -> list[str]:
    """Codes of the active shops that are to be read again during a promo, those not read for longest first.

    Their schedules stay: a shop is read by whatever comes first.
    """
    promo, now = current_promo(), clock().now()
    if promo is None:
        return []
    with transaction() as conn:
        rows = conn.execute(
            """select code, channel, settings->'capabilities', watermark from shop
               where active and channel <> %s order by watermark nulls first, id""",
            (FILE,),
        ).fetchall()
    pace = timedelta(seconds=promo.settings.poll_seconds)
    return [
        code
        for code, channel, own, watermark in rows
        if watermark is None or watermark + lag_of(code, channel, own or {}) + pace <= now
    ]


def lag_of(shop: str, channel: str, own: dict[str, object]) -> timedelta:
    """How long after a change a shop's platform lists it."""
    try:
        return capabilities_of(shop, channel, own).lag
    except SetupError:
        # the read will say what is wrong with this shop's settings; the other shops go on
        return timedelta()


@dataclass(slots=True)
class PromoKeeper:
    """Notices that a promo began or ended, whoever or whatever did it, and has Prefect follow.

    After a start it is not known what Prefect was told last, so it is told once.
    """

    told: int | None = -1

    def work(self) -> list[str]:
        """PROMO while Prefect has to be told."""
        return [PROMO] if _promo_id() != self.told else []

    def tell(self) -> None:
        """Bring Prefect in line."""
        from deployments.prefect_setup import client
        from deployments.promo_mode import bring_in_line

        known = _promo_id()
        with client() as prefect:
            bring_in_line(prefect)
        self.told = known


def _promo_id() -> int | None:
    promo = current_promo()
    return promo.id if promo else None
