"""The state of a simulated warehouse system: documents it was sent and what it did with them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sandbox.books import tally
from sandbox.errors import ControlError
from sandbox.waybills import WaybillPrinter

OPEN_STATES = frozenset({"received", "accepted"})
LANGUAGES = frozenset({"webhook", "qimen"})


@dataclass(slots=True)
class Document:
    """An instruction to ship, in its newest version."""

    outbound_no: str
    wms_no: str
    version: int
    data: dict[str, Any]
    state: str = "received"
    pull_url: str = ""
    pull_token: str = ""
    waybills: list[str] = field(default_factory=list)
    events: int = 0

    @property
    def is_thin(self) -> bool:
        """Whether its lines still have to be fetched."""
        return bool(self.pull_url) and "lines" not in self.data

    @property
    def order_nos(self) -> list[str]:
        """The shop orders it serves."""
        return [str(no) for no in (self.data.get("channel") or {}).get("order_nos") or []]

    @property
    def quantity(self) -> int:
        """Pieces to ship."""
        return sum(int(line["qty"]) for line in self.data.get("lines") or [])

    def next_event_id(self) -> str:
        """Return the number of the warehouse's next report about it."""
        self.events += 1
        return f"{self.wms_no}-{self.events}"


@dataclass(slots=True)
class Receipt:
    """One message as it arrived, and how often."""

    webhook_id: str
    type: str
    outbound_no: str
    version: int
    received: int = 1


@dataclass(slots=True)
class QimenHabits:
    """What Qimen leaves to each system, and how this one does it.

    `repeat` is what it answers to an order that it has (success or exists), `cancel` when a cancel is answered
    (final: at once, later: by a report), `refuses` are SKUs it does not know, `defective` units that cannot be sold.
    """

    sign_method: str = "md5"
    wrap: str = "both"
    repeat: str = "success"
    cancel: str = "final"
    refuses: frozenset[str] = frozenset()
    defective: dict[str, int] = field(default_factory=dict)

    def configure(self, body: dict[str, Any]) -> None:
        """Take over what a control body says; what it does not name stays."""
        choices = {
            "sign_method": ("md5", "hmac", "hmac-sha256"),
            "wrap": ("both", "trailing"),
            "repeat": ("success", "exists"),
            "cancel": ("final", "later"),
        }
        for name, known in choices.items():
            if (wish := body.get(name, getattr(self, name))) not in known:
                raise ControlError(f"qimen {name} {wish!r} is not one of {', '.join(known)}")
            setattr(self, name, wish)
        self.refuses = frozenset(map(str, body.get("refuses", self.refuses)))
        self.defective = {str(sku): int(units) for sku, units in body.get("defective", self.defective).items()}


@dataclass(slots=True)
class Warehouse:
    """One warehouse system. `secret` signs what it is sent, `callback_secret` what it sends.

    `stamps` says which time its callbacks carry: the wall's, as the published library verifies it, or the
    platform's, for a receiver that lives in simulated time. `stock` is what lies there, kept for documents or not;
    with `tells_changes` it also tells by how much shipping lowered it. With `batches` it sends its reports together.
    `speaks` is its language: webhooks or Qimen, where one app_key and its secret sign both ways.
    """

    code: str
    secret: str
    callback_secret: str
    callback_url: str = ""
    mode: str = "manual"
    ship_after_s: float = 0.0
    carrier: str = "yuantong"
    pull_token: str = ""
    cancel_reason: str = ""
    stamps: str = "wall"
    tells_changes: bool = False
    batches: bool = False
    speaks: str = "webhook"
    app_key: str = ""
    app_secret: str = ""
    qimen: QimenHabits = field(default_factory=QimenHabits)
    documents: dict[str, Document] = field(default_factory=dict)
    receipts: dict[str, Receipt] = field(default_factory=dict)
    stock: dict[str, int] = field(default_factory=dict)
    callbacks: Counter[str] = field(default_factory=Counter)
    pull_failures: int = 0

    @property
    def target(self) -> str:
        """How faults name it."""
        return f"wms:{self.code}"

    @property
    def customer_id(self) -> str:
        """What Qimen calls the contract between the seller and this warehouse."""
        return f"c{self.app_key}"

    def configure(self, body: dict[str, Any]) -> None:
        """Take over the settings of a control body; what it does not name stays."""
        mode = body.get("mode", self.mode)
        if mode not in {"auto", "manual"}:
            raise ControlError(f"warehouse {self.code}: mode {mode!r} is neither auto nor manual")
        stamps = body.get("stamps", self.stamps)
        if stamps not in {"wall", "platform"}:
            raise ControlError(f"warehouse {self.code}: stamps {stamps!r} is neither wall nor platform")
        speaks = body.get("speaks", self.speaks)
        if speaks not in LANGUAGES:
            raise ControlError(f"warehouse {self.code}: speaks {speaks!r}, which is not one of {sorted(LANGUAGES)}")
        self.qimen.configure(dict(body.get("qimen") or {}))
        self.mode, self.stamps, self.speaks = mode, stamps, speaks
        self.callback_url = str(body.get("callback_url", self.callback_url) or "")
        self.ship_after_s = float(body.get("ship_after_s", self.ship_after_s) or 0)
        self.carrier = str(body.get("carrier") or self.carrier)
        self.pull_token = str(body.get("pull_token", self.pull_token) or "")
        self.cancel_reason = str(body.get("cancel_reason", self.cancel_reason) or "")
        self.tells_changes = bool(body.get("tells_changes", self.tells_changes))
        self.batches = bool(body.get("batches", self.batches))
        self.stock |= {str(sku): int(quantity) for sku, quantity in (body.get("stock") or {}).items()}

    def change_stock(self, changes: dict[str, Any]) -> dict[str, int]:
        """Let units come or go, by SKU; more than there are cannot go. Return what really changed."""
        done = {}
        for sku, wish in changes.items():
            before = self.stock.get(str(sku), 0)
            self.stock[str(sku)] = max(0, before + int(wish))
            done[str(sku)] = self.stock[str(sku)] - before
        return {sku: change for sku, change in done.items() if change}

    def frozen(self) -> Counter[str]:
        """Return the units that are kept for documents in work, by SKU."""
        kept: Counter[str] = Counter()
        for document in self.documents.values():
            if document.state == "accepted":
                for line in document.data.get("lines") or []:
                    kept[str(line.get("sku"))] += int(line["qty"])
        return kept

    def stock_items(self) -> list[dict[str, Any]]:
        """Return what lies there, one line for each SKU."""
        kept = self.frozen()
        return [
            {
                "sku": sku,
                "stock_type": "GOOD",
                "available": quantity - min(kept[sku], quantity),
                "frozen": min(kept[sku], quantity),
                "batch": None,
            }
            for sku, quantity in sorted(self.stock.items())
        ]

    def outstanding(self, outbound_nos: list[str] | None, limit: int | None) -> list[Document]:
        """Return documents that still can ship, oldest first."""
        wanted = None if outbound_nos is None else set(outbound_nos)
        found = [
            document
            for document in self.documents.values()
            if document.state in OPEN_STATES and (wanted is None or document.outbound_no in wanted)
        ]
        return found if limit is None else found[:limit]

    def as_json(self) -> dict[str, Any]:
        """Return everything received. One document row for each message id, so that doubling shows."""
        created, others = [], []
        for receipt in self.receipts.values():
            document = self.documents.get(receipt.outbound_no)
            if receipt.type != "outbound.created" or document is None:
                others.append(
                    {
                        "type": receipt.type,
                        "outbound_no": receipt.outbound_no,
                        "webhook_id": receipt.webhook_id,
                        "received": receipt.received,
                    }
                )
                continue
            created.append(
                {
                    "outbound_no": receipt.outbound_no,
                    "version": receipt.version,
                    "webhook_id": receipt.webhook_id,
                    "received": receipt.received,
                    "order_nos": document.order_nos,
                    "qty": document.quantity,
                    "state": document.state,
                    "shipped": document.state == "shipped",
                    "waybills": document.waybills,
                }
            )
        return {
            "documents": created,
            "messages": others,
            "callbacks": tally(self.callbacks),
            "pull_failures": self.pull_failures,
            "stock": self.stock,
        }

    def summary(self) -> dict[str, Any]:
        """Return counts; `doubled` are documents sent under more than one message id."""
        rows = [receipt for receipt in self.receipts.values() if receipt.type == "outbound.created"]
        states = Counter(document.state for document in self.documents.values())
        return {
            "documents": len(self.documents),
            "messages": len(self.receipts),
            "received": sum(receipt.received for receipt in self.receipts.values()),
            "doubled": len(rows) - len({(row.outbound_no, row.version) for row in rows}),
            "shipped": states["shipped"],
            "cancelled": states["cancelled"],
            "outstanding": states["received"] + states["accepted"],
            "callbacks": tally(self.callbacks),
            "pull_failures": self.pull_failures,
        }


def shipped_quantities(document: Document, short: dict[str, Any]) -> list[tuple[dict[str, Any], int]]:
    """Return each line with the quantity that really leaves; `short` counts missing pieces by line number or SKU."""
    lines = document.data.get("lines") or []
    kept = []
    for line in lines:
        missing = int(short.get(str(line.get("line_no")), short.get(str(line.get("sku")), 0)))
        kept.append((line, max(0, int(line["qty"]) - missing)))
    return kept


def pack(
    document: Document, carrier: str, boxes: int, short: dict[str, Any], printer: WaybillPrinter
) -> list[dict[str, Any]]:
    """Put what leaves into at most `boxes` boxes, piece by piece in turn, each with its own waybill."""
    loads: list[Counter[int]] = [Counter() for _ in range(max(1, boxes))]
    shipped = shipped_quantities(document, short)
    piece = 0
    for position, (_, quantity) in enumerate(shipped):
        for _ in range(quantity):
            loads[piece % len(loads)][position] += 1
            piece += 1
    printed = str((document.data.get("carrier") or {}).get("tracking_no") or "")
    packages = []
    for number, load in enumerate((load for load in loads if load), start=1):
        lines = [
            {
                "line_no": str(shipped[position][0].get("line_no")),
                "sku": shipped[position][0].get("sku"),
                "qty": quantity,
                "batch": shipped[position][0].get("batch"),
            }
            for position, quantity in sorted(load.items())
        ]
        packages.append(
            {
                "package_no": f"P{number}",
                "carrier_code": carrier,
                "tracking_no": printed if printed and number == 1 else printer.next(carrier),
                "weight_kg": f"{0.1 + 0.38 * sum(load.values()):.2f}",
                "lines": lines,
            }
        )
    return packages
