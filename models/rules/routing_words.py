"""Plans, refusals and ways out in words, English and Chinese."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from models.rules.routing_plan import NoPlan, Part, Plan, Why
from models.rules.routing_shortage import Option
from models.settings import SHANGHAI
from models.stock import Basis
from models.warehouse import OptionKind


class Words(NamedTuple):
    """The same sentences in both languages, one fact each."""

    en: tuple[str, ...]
    zh: tuple[str, ...]


_SAID: dict[Why, tuple[str, str]] = {
    Why.LACKS_STOCK: ("does not have all units", "库存不足"),
    Why.NO_ROOM: ("has no room on any day up to the horizon", "可发货日内产能已满"),
    Why.NO_CARRIER: ("has no carrier that takes such a parcel there", "没有可承运的快递"),
    Why.OUT_OF_AREA: ("may not serve this division", "不服务该地区"),
    Why.SPLIT_FORBIDDEN: ("several warehouses could, but the rules forbid splits", "需拆单，但规则禁止拆单"),
    Why.TOO_MANY_PARCELS: ("takes more parcels than the rules allow", "包裹数超过规则上限"),
    Why.UNTELLABLE: ("the channel could not be told of such parcels", "平台无法回传这样的包裹"),
    Why.PART_TOO_SMALL: ("a part would be worth less than the rules ask", "拆出的部分低于规则的最低金额"),
    Why.LATER: ("misses the promise, or by more", "超出承诺时效，或超出更多"),
    Why.WAITS: ("waits longer for a day with room", "等待产能更久"),
    Why.FARTHER_AREA: ("comes later in the service areas", "服务区域优先级更低"),
    Why.UNPREFERRED: ("cannot use a preferred carrier", "无法使用优先快递"),
    Why.DEARER: ("costs more", "费用更高"),
    Why.SLOWER: ("costs the same and arrives later", "费用相同但更晚送达"),
    Why.EQUAL: ("is as good, but farther or later by code", "同样好，但更远或编码靠后"),
    Why.NO_AREA: ("no service area covers the receiver", "没有服务区域覆盖收货地"),
    Why.SEVERAL: ("several warehouses come first alike, so the rest decided", "多个仓库优先级相同，按其余标准选择"),
}


def why_words(why: Why) -> tuple[str, str]:
    """A code in English and Chinese."""
    return _SAID[why]


def plan_words(plan: Plan, sku_codes: Mapping[int, str]) -> Words:
    """What ships where, why not simply the area's warehouse, what was rejected, and how far from the best it may be."""
    parts = [_part_words(part, sku_codes) for part in plan.parts]
    if plan.basis is Basis.AREA:
        return _words([*parts, area_words()])
    rejected = [(" + ".join(each.warehouses), _SAID[each.why]) for each in plan.rejected]
    told = [(f"not {codes}: {en}", f"未选 {codes}：{zh}") for codes, (en, zh) in rejected]
    return _words([*parts, *_first_words(plan.why), *told, *_gap_words(plan)])


def area_words() -> tuple[str, str]:
    """Why an order without a stored plan is served as it is."""
    return "the area's warehouse serves it whole", "由区域首选仓整单发货"


def no_plan_words(refusal: NoPlan, sku_codes: Mapping[int, str]) -> Words:
    """Why nothing serves the order, what each warehouse says, what the fullest lacks, when it is tried again."""
    en, zh = _SAID[refusal.why]
    each = [(code, _SAID[why]) for code, why in refusal.warehouses.items()]
    missing = [
        (
            f"{wanted} of {sku_codes.get(sku, sku)} wanted, {there} there",
            f"{sku_codes.get(sku, sku)} 需 {wanted} 有 {there}",
        )
        for sku, (wanted, there) in refusal.missing.items()
    ]
    at = _time(refusal.next_try_at)
    return _words(
        [
            (f"no plan: {en}", f"无法分仓：{zh}"),
            *((f"{code}: {said_en}", f"{code}：{said_zh}") for code, (said_en, said_zh) in each),
            *(
                (f"at {refusal.fullest or 'no warehouse'}: {m_en}", f"{refusal.fullest or '无仓库'}：{m_zh}")
                for m_en, m_zh in missing
            ),
            (f"tried again from {at}", f"{at} 起重试"),
        ]
    )


def option_words(option: Option, sku_codes: Mapping[int, str]) -> Words:
    """What a way out does, costs and takes."""
    codes = " + ".join(option.warehouses)
    what = {
        OptionKind.TRANSFER: (f"transfer to {codes} and ship from there", f"调拨到 {codes} 后发货"),
        OptionKind.SPLIT: (f"split: ship from {codes}", f"拆单：由 {codes} 发货"),
        OptionKind.WAIT: (f"wait, then ship from {codes}", f"等待后由 {codes} 发货"),
    }[option.kind]
    moves = [
        (
            f"bring {move.units} of {sku_codes.get(move.sku_id, move.sku_id)} from {move.source}",
            f"从 {move.source} 调拨 {sku_codes.get(move.sku_id, move.sku_id)} × {move.units}",
        )
        for move in option.moves
    ]
    obstacle = [] if option.obstacle is None else [_SAID[option.obstacle]]
    against = [(f"in its way: {en}", f"障碍：{zh}") for en, zh in obstacle]
    at, yuan = _time(option.ready_at), _yuan(option.cost_fen)
    return _words([what, *moves, *against, (f"costs {yuan} yuan, leaves from {at}", f"费用 {yuan} 元，{at} 起可发")])


def _words(pairs: Iterable[tuple[str, str]]) -> Words:
    pairs = list(pairs)
    return Words(tuple(en for en, _ in pairs), tuple(zh for _, zh in pairs))


def _part_words(part: Part, sku_codes: Mapping[int, str]) -> tuple[str, str]:
    units: dict[int, int] = {}
    for (_, sku), count in part.units.items():
        units[sku] = units.get(sku, 0) + count
    goods = ", ".join(f"{count} × {sku_codes.get(sku, sku)}" for sku, count in units.items())
    yuan = _yuan(part.cost_fen)
    late = ("", "") if part.kept else (", after the promise", "，超出承诺时效")
    return (
        f"{part.warehouse} ships {goods} by {part.carrier} on {part.ship_day} for {yuan} yuan, "
        f"there on {part.arrives_on}{late[0]}",
        f"{part.warehouse} 于 {part.ship_day} 由 {part.carrier} 发出 {goods}，运费 {yuan} 元，"
        f"预计 {part.arrives_on} 送达{late[1]}",
    )


def _first_words(why: Why | None) -> list[tuple[str, str]]:
    if why is None:
        return []
    en, zh = _SAID[why]
    if why in (Why.NO_AREA, Why.SEVERAL):
        return [(en, zh)]
    return [(f"the area's warehouse {en}", f"区域首选仓{zh}")]


def _gap_words(plan: Plan) -> list[tuple[str, str]]:
    if plan.gap is None:
        return []
    parcels, yuan = plan.gap.parcels, _yuan(plan.gap.cost_fen)
    return [
        (
            f"not proven best: at most {parcels} parcels and {yuan} yuan above what is possible",
            f"未证明最优：与下界最多相差 {parcels} 个包裹、{yuan} 元",
        )
    ]


def _yuan(fen: int) -> str:
    return f"{fen / 100:.2f}"


def _time(at: datetime) -> str:
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
