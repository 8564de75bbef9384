"""The rules of review that a seller sets, each as a function of an order and the rules in force."""

from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any, Final

from models.hold import Finding, HoldCode
from models.incoming import InvoiceKind
from models.rules.divisions import lineage, place
from models.rules.remarks import Hit, hits_of
from models.rules.review_rules import AmountRule, ReviewRules, RuleName, Undeliverable
from models.rules.reviewed import Reviewed, ReviewedLine, UsualPrice
from models.rules.tax_number import tax_fault
from models.rules.waiting import latest_end
from models.settings import SHANGHAI

_PPM: Final = 1_000_000


def repeat_finding(order: Reviewed, rules: ReviewRules) -> Finding | None:
    """Hold an order that repeats one of the same buyer: the same goods, paid within the minutes, the last included."""
    rule, earlier = rules.repeat, order.repeats
    if earlier is None or earlier.seconds > rule.within_minutes * 60 or not rule.scope.covers(order.shop):
        return None
    return Finding(
        HoldCode.REPEATED,
        f"the same buyer paid for the same goods {_span(earlier.seconds)} before, as order {earlier.order_no}",
        {"rule": RuleName.REPEAT.value, "earlier": earlier.order_no, "seconds": earlier.seconds},
    )


def _span(seconds: int) -> str:
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"


def amount_finding(order: Reviewed, rules: ReviewRules) -> Finding | None:
    """Hold an order whose amount is too small or too large to be meant; what replaces goods costs nothing."""
    rule = rules.amount
    if order.replaces or not rule.scope.covers(order.shop) or _is_believable(order.total_fen, rule):
        return None
    limit = rule.least_fen if order.total_fen < rule.least_fen else rule.absurd_fen
    kind = "less than" if order.total_fen < rule.least_fen else "more than"
    return Finding(
        HoldCode.BAD_AMOUNT,
        f"the order is to cost {_yuan(order.total_fen)} yuan, {kind} the {_yuan(limit)} yuan that are believable",
        {
            "rule": RuleName.AMOUNT.value,
            "total_fen": order.total_fen,
            "against": {"least_fen": rule.least_fen, "absurd_fen": rule.absurd_fen},
        },
    )


def _is_believable(total_fen: int, rule: AmountRule) -> bool:
    return rule.least_fen <= total_fen <= rule.absurd_fen


def price_finding(order: Reviewed, rules: ReviewRules) -> Finding | None:
    """Hold an order with a line whose units cost far less or more than they usually do; gifts are no line's price."""
    rule = rules.price
    if not order.usual_prices or not rule.scope.covers(order.shop):
        return None
    low, high = round(rule.low_share * _PPM), round(rule.high_share * _PPM)
    odd: list[tuple[ReviewedLine, UsualPrice]] = []
    for line in order.lines:
        usual = order.usual_prices.get(line.sku_code)
        if usual is None or not line.counts or line.quantity <= 0 or line.paid_fen <= 0:
            continue
        if not usual.given and usual.line_count < rule.least_lines:
            continue
        paid, usually = line.paid_fen * _PPM, usual.fen * line.quantity
        if paid < low * usually or paid > high * usually:
            odd.append((line, usual))
    return _odd_prices(odd) if odd else None


def _odd_prices(odd: list[tuple[ReviewedLine, UsualPrice]]) -> Finding:
    units = [(line, usual, round(line.paid_fen / line.quantity)) for line, usual in odd]
    told = ", ".join(
        f"{line.sku_code} for {_yuan(unit)} yuan (usually {_yuan(usual.fen)})" for line, usual, unit in units[:3]
    )
    more = f" and {len(units) - 3} more" if len(units) > 3 else ""
    return Finding(
        HoldCode.ODD_PRICE,
        f"a unit costs far from what is usual: {told}{more}",
        {
            "rule": RuleName.PRICE.value,
            "lines": [{"line": line.number, "sku": line.sku_code, "unit_fen": unit} for line, _, unit in units],
            "against": {"usual_fen": {line.sku_code: usual.fen for line, usual, _ in units}},
        },
    )


def blacklist_finding(order: Reviewed, rules: ReviewRules) -> Finding | None:
    """Hold an order whose phone, address or buyer a person has put on the blacklist."""
    if not order.listed or not rules.blacklist.scope.covers(order.shop):
        return None
    told = "; ".join(f"{entry.kind} (entry {entry.id}: {entry.reason})" for entry in order.listed)
    entries = [{"id": entry.id, "kind": entry.kind, "reason": entry.reason} for entry in order.listed]
    return Finding(
        HoldCode.BLACKLISTED, f"on the blacklist: {told}", {"rule": RuleName.BLACKLIST.value, "entries": entries}
    )


_INVOICE_WORDS: Final = {
    "title_missing": "the title is missing",
    "tax_no_missing": "the company's tax number is missing",
    "tax_no_form": "the tax number is none",
    "tax_no_check": "the tax number's check character is wrong",
}


def invoice_finding(order: Reviewed, rules: ReviewRules) -> Finding | None:
    """Hold an order that wants an invoice which cannot be issued as it is asked for."""
    rule, invoice = rules.invoice, order.invoice
    if invoice is None or not rule.scope.covers(order.shop):
        return None
    wrong = [] if invoice.title.strip() else ["title_missing"]
    if invoice.kind is not InvoiceKind.PERSONAL:
        if invoice.tax_no.strip():
            fault = tax_fault(invoice.tax_no, old_numbers=rule.old_numbers)
            wrong += [fault.value] if fault else []
        elif invoice.kind is InvoiceKind.COMPANY:
            wrong.append("tax_no_missing")
    if not wrong:
        return None
    words = " and ".join(_INVOICE_WORDS[part] for part in wrong)
    return Finding(
        HoldCode.BAD_INVOICE,
        f"the invoice that is asked for: {words}",
        {"rule": RuleName.INVOICE.value, "wrong": wrong},
    )


def region_finding(order: Reviewed, rules: ReviewRules) -> Finding | None:
    """Hold an order to a division that nobody delivers to; of several entries the most specific counts."""
    rule = rules.region
    if not rule.undeliverable or not order.division_code or not rule.scope.covers(order.shop):
        return None
    steps = lineage(order.division_code)
    for step in steps:
        for entry in rule.undeliverable:
            ends = _begins(entry.until) if entry.until else None
            if entry.division == step and (ends is None or ends > order.at):
                return _undeliverable(entry, ends)
    return None


def _undeliverable(entry: Undeliverable, ends: datetime | None) -> Finding:
    where = place(entry.division)
    name = where.district or where.city or where.province
    until = f" until {entry.until}" if entry.until else ""
    why = f": {entry.reason}" if entry.reason else ""
    evidence: dict[str, Any] = {
        "rule": RuleName.REGION.value,
        "division": entry.division,
        "name": name,
        "reason": entry.reason,
        "until": entry.until.isoformat() if entry.until else "",
    }
    return Finding(HoldCode.UNDELIVERABLE, f"nobody delivers to {name}{until}{why}", evidence, ends)


_ASKS: Final = {
    "do_not_ship": "not to ship",
    "cancel": "to cancel",
    "change_address": "for another receiver or address",
    "change_goods": "for other goods",
}


def remark_finding(order: Reviewed, rules: ReviewRules) -> Finding | None:
    """Hold an order whose notes ask for something a person must see to."""
    rule = rules.remark
    if not order.notes or not rule.scope.covers(order.shop):
        return None
    topics = [topic for topic in rule.topics if topic.hold]
    hits = [(by, hit) for by, note in sorted(order.notes.items()) for hit in hits_of(note, topics)]
    if not hits:
        return None
    told = "; ".join(_asks(by, hit) for by, hit in hits)
    return Finding(
        HoldCode.REMARK,
        told,
        {
            "rule": RuleName.REMARK.value,
            "hits": [
                {"by": by, "topic": hit.topic.name, "keyword": hit.keyword, "note": order.note_marks.get(by, "")}
                for by, hit in hits
            ],
        },
    )


def _asks(by: str, hit: Hit) -> str:
    return f"the {by}'s note asks {_ASKS.get(hit.topic.name, f'for {hit.topic.name}')} ({hit.keyword})"


def stopping_topics(notes: Mapping[str, str], shop: str, rules: ReviewRules) -> frozenset[str]:
    """Who asks in the notes for what stops a parcel, as `buyer:do_not_ship`."""
    if not notes or not rules.remark.scope.covers(shop):
        return frozenset()
    topics = [topic for topic in rules.remark.topics if topic.hold and topic.stops]
    return frozenset(f"{by}:{hit.topic.name}" for by, note in notes.items() for hit in hits_of(note, topics))


def presale_finding(order: Reviewed, rules: ReviewRules) -> Finding | None:
    """Hold an order with a SKU that must not leave before its day, until then or as long as its promise allows."""
    rule = rules.presale
    if not rule.items or not rule.scope.covers(order.shop):
        return None
    days = {
        line.sku_code: max(items)
        for line in order.lines
        if line.counts and (items := [item.begins for item in rule.items if item.is_about(line.sku_code)])
    }
    if not days:
        return None
    last = max(days.values())
    ends = latest_end(_begins(last), order.ship_by, order.handling)
    if ends is None or ends <= order.at:
        return None
    early = sorted(sku for sku, day in days.items() if day == last)
    return Finding(
        HoldCode.PRESALE,
        f"{', '.join(early)} is not to leave before {last}",
        {"rule": RuleName.PRESALE.value, "skus": early, "from": last.isoformat()},
        ends,
    )


def _begins(day: date) -> datetime:
    return datetime.combine(day, time(), SHANGHAI)


def high_value_finding(order: Reviewed, rules: ReviewRules) -> Finding | None:
    """Hold an order so dear that a second person looks at it; one whose amount is not believable is held for that."""
    rule = rules.high_value
    if order.total_fen < rule.limit_fen or not rule.scope.covers(order.shop) or amount_finding(order, rules):
        return None
    return Finding(
        HoldCode.HIGH_VALUE,
        f"the order is to cost {_yuan(order.total_fen)} yuan; from {_yuan(rule.limit_fen)} a second person looks at it",
        {
            "rule": RuleName.HIGH_VALUE.value,
            "total_fen": order.total_fen,
            "against": {"limit_fen": rule.limit_fen},
        },
    )


def _yuan(fen: int) -> str:
    return f"{fen / 100:,.2f}"
