"""How orders are reviewed: the rules of a version as values, read strictly from YAML or stored JSON.

The rules that come with OrderPool are `review_rules.yaml`, version 0; docs/review.md says what each one means.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any

from models.errors import SetupError
from models.rules.review_reading import Section, Source


class RuleName(StrEnum):
    """The rules; an evidence names the one that hit."""

    REPEAT = "repeat"
    AMOUNT = "amount"
    PRICE = "price"
    BLACKLIST = "blacklist"
    INVOICE = "invoice"
    REGION = "region"
    REMARK = "remark"
    REFUND = "refund"
    PAYMENT = "payment"
    PRESALE = "presale"
    HIGH_VALUE = "high_value"
    DUPLICATE = "duplicate"
    SKU = "sku"


@dataclass(frozen=True, slots=True)
class Scope:
    """Whether a rule is asked, and for which shops by their codes; none named means all."""

    active: bool
    shops: tuple[str, ...]

    def covers(self, shop: str) -> bool:
        """Tell whether the rule is asked for orders of this shop."""
        return self.active and (not self.shops or shop in self.shops)

    def to_json(self) -> dict[str, Any]:
        """As a rule's section begins."""
        return {"active": self.active, "shops": list(self.shops)}


@dataclass(frozen=True, slots=True)
class RepeatRule:
    """The same goods for the same buyer within so many minutes, the last second included."""

    scope: Scope
    within_minutes: int


@dataclass(frozen=True, slots=True)
class AmountRule:
    """From `least_fen` to `absurd_fen`, both included, an amount is believable."""

    scope: Scope
    least_fen: int
    absurd_fen: int


@dataclass(frozen=True, slots=True)
class PriceRule:
    """The shares of the usual price between which a unit's price is not odd, and when a median is relied on."""

    scope: Scope
    low_share: float
    high_share: float
    least_lines: int
    learn_days: int


@dataclass(frozen=True, slots=True)
class PlainRule:
    """A rule without settings of its own."""

    scope: Scope


@dataclass(frozen=True, slots=True)
class InvoiceRule:
    """`old_numbers`: tax numbers of 15 and 20 characters do as well."""

    scope: Scope
    old_numbers: bool


@dataclass(frozen=True, slots=True)
class Undeliverable:
    """A division that nobody delivers to, until the beginning of a day in China if one is given."""

    division: str
    until: date | None
    reason: str

    def to_json(self) -> dict[str, Any]:
        """As an entry of the list."""
        until = {"until": self.until.isoformat()} if self.until else {}
        return {"division": self.division, **until, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class RegionRule:
    """The divisions that nobody delivers to."""

    scope: Scope
    undeliverable: tuple[Undeliverable, ...]


@dataclass(frozen=True, slots=True)
class Topic:
    """What notes may ask for: keywords that say so, and words that take a keyword's meaning away.

    `hold`: an order whose note says so is held. `stops`: so is the document of one that was dispatched.
    """

    name: str
    hold: bool
    stops: bool
    keywords: tuple[str, ...]
    unless: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As the topic's entry."""
        return {
            "hold": self.hold,
            "stops": self.stops,
            "keywords": list(self.keywords),
            "unless": list(self.unless),
        }


@dataclass(frozen=True, slots=True)
class RemarkRule:
    """What notes are looked through for."""

    scope: Scope
    topics: tuple[Topic, ...]


@dataclass(frozen=True, slots=True)
class PaymentRule:
    """Per channel, the platform's statuses that say that a payment was tried and failed."""

    failed: tuple[tuple[str, tuple[str, ...]], ...]

    def is_failed(self, channel: str, status: str) -> bool:
        """Tell whether the platform says by this status that the payment failed."""
        return any(name == channel and status in statuses for name, statuses in self.failed)


@dataclass(frozen=True, slots=True)
class Presale:
    """A SKU, or all whose codes begin alike, not to leave before a day in China; one of the two names is ""."""

    sku: str
    prefix: str
    begins: date

    def is_about(self, sku_code: str) -> bool:
        """Tell whether this code is meant."""
        return sku_code == self.sku if self.sku else sku_code.startswith(self.prefix)

    def to_json(self) -> dict[str, Any]:
        """As an entry of the list."""
        name = {"sku": self.sku} if self.sku else {"prefix": self.prefix}
        return {**name, "from": self.begins.isoformat()}


@dataclass(frozen=True, slots=True)
class PresaleRule:
    """What must not leave before its day."""

    scope: Scope
    items: tuple[Presale, ...]


@dataclass(frozen=True, slots=True)
class HighValueRule:
    """From `limit_fen` on a second person looks at an order."""

    scope: Scope
    limit_fen: int


@dataclass(frozen=True, slots=True)
class ReviewRules:
    """How a seller wants orders reviewed; `version` is stored with every hold."""

    version: int
    repeat: RepeatRule
    amount: AmountRule
    price: PriceRule
    blacklist: PlainRule
    invoice: InvoiceRule
    region: RegionRule
    remark: RemarkRule
    refund: PlainRule
    payment: PaymentRule
    presale: PresaleRule
    high_value: HighValueRule

    def to_json(self) -> dict[str, Any]:
        """Every setting but the version, as a file may say them."""
        return {
            "repeat": {**self.repeat.scope.to_json(), "within_minutes": self.repeat.within_minutes},
            "amount": {
                **self.amount.scope.to_json(),
                "least_fen": self.amount.least_fen,
                "absurd_fen": self.amount.absurd_fen,
            },
            "price": {
                **self.price.scope.to_json(),
                "low_share": self.price.low_share,
                "high_share": self.price.high_share,
                "least_lines": self.price.least_lines,
                "learn_days": self.price.learn_days,
            },
            "blacklist": self.blacklist.scope.to_json(),
            "invoice": {**self.invoice.scope.to_json(), "old_numbers": self.invoice.old_numbers},
            "region": {
                **self.region.scope.to_json(),
                "undeliverable": [entry.to_json() for entry in self.region.undeliverable],
            },
            "remark": {
                **self.remark.scope.to_json(),
                "topics": {topic.name: topic.to_json() for topic in self.remark.topics},
            },
            "refund": self.refund.scope.to_json(),
            "payment": {"failed": {channel: list(statuses) for channel, statuses in self.payment.failed}},
            "presale": {**self.presale.scope.to_json(), "items": [item.to_json() for item in self.presale.items]},
            "high_value": {**self.high_value.scope.to_json(), "limit_fen": self.high_value.limit_fen},
        }

    def shops(self) -> set[str]:
        """The codes of all shops that some rule is limited to."""
        scopes = (
            self.repeat.scope,
            self.amount.scope,
            self.price.scope,
            self.blacklist.scope,
            self.invoice.scope,
            self.region.scope,
            self.remark.scope,
            self.refund.scope,
            self.presale.scope,
            self.high_value.scope,
        )
        return {shop for scope in scopes for shop in scope.shops}


_SECTIONS = frozenset(name.value for name in RuleName) - {RuleName.DUPLICATE.value, RuleName.SKU.value}


def rules_from(body: Any, version: int, source: str, usual: ReviewRules | None = None) -> ReviewRules:
    """The rules that a file or a stored version says; what it leaves out is as in `usual`, or missing without that.

    Scalars may be typed, or text as it is written. Raises SetupError that names the source and every unknown name,
    wrong kind and value out of its range, each with its rule.
    """
    at = Source(source)
    if not isinstance(body, Mapping):
        raise SetupError(f"review rules {source}: want a section per rule: {', '.join(sorted(_SECTIONS))}")
    for name in body:
        if name not in _SECTIONS:
            always = "; it cannot be set" if name in set(RuleName) else ""
            at.fault(f"{name}: is no rule{always}; there are {', '.join(sorted(_SECTIONS))}")

    def section(rule: RuleName) -> Section:
        own = getattr(usual, rule.value) if usual else None
        return Section(at, rule.value, body.get(rule.value, {}), own)

    rules = ReviewRules(
        version=version,
        repeat=_repeat(section(RuleName.REPEAT)),
        amount=_amount(section(RuleName.AMOUNT)),
        price=_price(section(RuleName.PRICE)),
        blacklist=_plain(section(RuleName.BLACKLIST)),
        invoice=_invoice(section(RuleName.INVOICE)),
        region=_region(section(RuleName.REGION)),
        remark=_remark(section(RuleName.REMARK)),
        refund=_plain(section(RuleName.REFUND)),
        payment=_payment(section(RuleName.PAYMENT)),
        presale=_presale(section(RuleName.PRESALE)),
        high_value=_high_value(section(RuleName.HIGH_VALUE)),
    )
    at.require_clean()
    return rules


def numbered(rules: ReviewRules, version: int) -> ReviewRules:
    """The same rules under a version's number."""
    return replace(rules, version=version)


_MOST_FEN = 100_000_000_000


def _scope(section: Section) -> Scope:
    usual: Scope | None = section.usual.scope if section.usual else None
    active = section.flag("active", usual.active if usual else None)
    shops = section.texts("shops", usual.shops if usual else None)
    return Scope(active, tuple(sorted(set(shops))))


def _plain(section: Section) -> PlainRule:
    rule = PlainRule(_scope(section))
    section.end()
    return rule


def _repeat(section: Section) -> RepeatRule:
    rule = RepeatRule(_scope(section), section.number("within_minutes", 1, 10_080))
    section.end()
    return rule


def _amount(section: Section) -> AmountRule:
    scope = _scope(section)
    least = section.number("least_fen", 1, _MOST_FEN)
    absurd = section.number("absurd_fen", 1, _MOST_FEN)
    if absurd < least:
        section.fault("absurd_fen", f"is {absurd}; it has to be at least least_fen, which is {least}")
    section.end()
    return AmountRule(scope, least, absurd)


def _price(section: Section) -> PriceRule:
    rule = PriceRule(
        _scope(section),
        section.share("low_share", 0, 1),
        section.share("high_share", 1, 1000),
        section.number("least_lines", 1, 1_000_000),
        section.number("learn_days", 1, 366),
    )
    section.end()
    return rule


def _invoice(section: Section) -> InvoiceRule:
    rule = InvoiceRule(_scope(section), section.flag("old_numbers"))
    section.end()
    return rule


def _region(section: Section) -> RegionRule:
    scope = _scope(section)
    usual = section.usual.undeliverable if section.usual else None
    entries = [_undeliverable(entry) for entry in section.entries("undeliverable", short="division")]
    kept = usual if usual is not None and not section.says("undeliverable") else tuple(entries)
    section.end()
    return RegionRule(scope, kept)


def _undeliverable(entry: Section) -> Undeliverable:
    found = Undeliverable(
        entry.division("division"), entry.day("until", optional=True), entry.text("reason", optional=True)
    )
    entry.end()
    return found


def _remark(section: Section) -> RemarkRule:
    scope = _scope(section)
    usual = section.usual.topics if section.usual else None
    topics = [_topic(name, entry) for name, entry in section.named("topics")]
    kept = usual if usual is not None and not section.says("topics") else tuple(topics)
    section.end()
    return RemarkRule(scope, kept)


def _topic(name: str, entry: Section) -> Topic:
    topic = Topic(
        name, entry.flag("hold", True), entry.flag("stops", False), entry.phrases("keywords"), entry.phrases("unless")
    )
    entry.end()
    return topic


def _payment(section: Section) -> PaymentRule:
    usual = section.usual.failed if section.usual else None
    failed = tuple(sorted((channel, tuple(sorted(set(of)))) for channel, of in section.lists("failed")))
    kept = usual if usual is not None and not section.says("failed") else failed
    section.end()
    return PaymentRule(kept)


def _presale(section: Section) -> PresaleRule:
    scope = _scope(section)
    usual = section.usual.items if section.usual else None
    items = [_presale_item(entry) for entry in section.entries("items", short="sku")]
    kept = usual if usual is not None and not section.says("items") else tuple(items)
    section.end()
    return PresaleRule(scope, kept)


def _presale_item(entry: Section) -> Presale:
    sku, prefix = entry.text("sku", optional=True), entry.text("prefix", optional=True)
    if bool(sku) == bool(prefix):
        entry.fault("sku", "or prefix: one of the two has to be given")
    found = Presale(sku, prefix, entry.day("from") or date.max)
    entry.end()
    return found


def _high_value(section: Section) -> HighValueRule:
    rule = HighValueRule(_scope(section), section.number("limit_fen", 1, _MOST_FEN))
    section.end()
    return rule
