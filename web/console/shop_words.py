"""What the settings of a shop mean, in words."""

from web.console.words import N_, _

DAILY = (
    "handling_hours",
    "unpaid_lock_minutes",
    "promise_priority",
    "merge",
    "merge_wait_minutes",
    "merge_most_orders",
    "exchange_ships",
    "short_ship",
    "intercept",
    "not_collected_h",
    "no_movement_days",
    "dispatch_due_h",
    "held_due_h",
    "erase_after_days",
    "ship_back_overdue_h",
    "stock_not_shown_h",
    "token_alarm_days",
)
"""Settings that people choose; the others say what a platform grants, and hardly ever change."""

_WORDS = {
    "handling_hours": N_("Hours a warehouse needs to send an order off"),
    "unpaid_lock_minutes": N_("Minutes that stock is kept for an unpaid order"),
    "promise_priority": N_("Who gets arriving stock first: the lower number"),
    "merge": N_("Orders of one receiver leave in one parcel"),
    "merge_wait_minutes": N_("Minutes an order waits for another one of its receiver"),
    "merge_most_orders": N_("Orders in one parcel at most"),
    "exchange_ships": N_("When the goods of an exchange leave: after_inspection or at_arrival"),
    "short_ship": N_("What becomes of units that a warehouse closes without: hold, reroute, refund or back_order"),
    "intercept": N_("Whether carriers are asked at once for parcels of an order called off: person or auto"),
    "not_collected_h": N_("Hours after which a parcel that left and was not collected is an alert"),
    "no_movement_days": N_("Days without a scan after which a parcel on its way is an alert"),
    "dispatch_due_h": N_("Hours before the promise to ship ends that an order which has not left is an alert"),
    "held_due_h": N_("Hours before the promise to ship ends that a held order is an alert"),
    "erase_after_days": N_("Days after an order's end that its receiver is kept, at most 90"),
    "ship_back_overdue_h": N_("Hours after which an unreported parcel is an alert"),
    "stock_not_shown_h": N_("Hours after which a listing with the wrong stock is an alert"),
    "token_alarm_days": N_("Days before a token ends for good that it is an alert"),
    "window_s": N_("Longest window the platform lists at once"),
    "lag_s": N_("How near to the present the platform lists all"),
    "overlap_s": N_("Overlap of one window with the next"),
    "history_s": N_("How far back the platform lists"),
    "paging": N_("How pages are read"),
    "page_size": N_("Orders on a page"),
    "deepest_row": N_("Last row that paging reaches"),
    "calls_per_s": N_("Calls in a second"),
    "masked_fields": N_("What of a receiver comes masked"),
    "merge_token": N_("By what the platform lets orders be merged"),
    "push": N_("How the platform tells of changes"),
    "tracking_unit": N_("What a waybill is reported for"),
    "parcels_per_order": N_("Parcels of an order that can be reported"),
    "numbers_at_once": N_("Waybills only all at once"),
    "reships": N_("How often a waybill may be changed"),
    "delivered_back": N_("What the shop does when told of a delivery: none, noted or completes"),
    "stock_batch": N_("Stock figures in one call"),
    "stock_modes": N_("How stock is told"),
    "merged_parcels": N_("Parcels of several orders can be reported"),
    "reports_shipping": N_("Shipping is reported at all"),
}


def setting_words(name: str) -> str:
    """What a setting means; "" for one without words."""
    return _(_WORDS[name]) if name in _WORDS else ""
