"""What the tasks say in English reaches people in their language, and the templates follow the tasks' own words."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from models.hold import HoldCode
from models.rules.hold_ends import ENDED_BY_NAME, ENDS_OTHERWISE
from tests.fakes import FakePool, payload
from tests.web.console.conftest import Browser
from web.console.sentences import SENTENCES, in_words
from web.console.words import CHINESE, ENGLISH, speak

ROOT = SENTENCES.parents[3]
SPEAKING = [
    ROOT / "tasks" / f"{name}.py"
    for name in (
        "accept", "blacklist", "desk_intercepts", "desk_orders", "desk_shorts", "desk_stops", "merging",
        "orders_under_way", "passwords", "people", "redo", "refunds", "release", "replacements", "return_rows",
        "return_verdicts", "returns", "reveal",
        "shop_edit", "shortage_choices", "skip", "sku_list", "warehouse_list", "written_waybills",
    )
]  # fmt: skip
"""What the console's pages do: every obstacle that these name has a template."""

HOLE = "\x00"
PLACE = re.compile(r"%\(\w+\)s")


def plain(template: str) -> str:
    """A template with every place, or several in a row, alike."""
    return re.sub(f"{HOLE}+", HOLE, template)


def worded(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return plain("".join(str(part.value) if isinstance(part, ast.Constant) else HOLE for part in node.values))
    return None


def texts(paths: list[Path]) -> Iterator[ast.AST]:
    for path in paths:
        yield from ast.walk(ast.parse(path.read_text("utf-8")))


def obstacles(paths: list[Path]) -> Iterator[str]:
    """What is raised as a SetupError, and what an order is refused with."""
    for node in texts(paths):
        found = None
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "SetupError":
            found = worded(node.args[0])
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).startswith("decided.refused["):
            found = worded(node.value)
        if found:
            yield found


def told() -> dict[str, str]:
    with SENTENCES.open("rb") as file:
        return {str(one.id): str(one.string) for one in read_po(file, locale="zh_CN", abort_invalid=True) if one.id}


def templates() -> set[str]:
    return {plain(PLACE.sub(HOLE, english)) for english in told()}


def test_a_translation_fills_in_what_its_template_does() -> None:
    assert [one for one in told().items() if not one[1] or len({*map(frozenset, map(PLACE.findall, one))}) > 1] == []


def test_every_obstacle_that_pages_meet_has_a_template() -> None:
    assert sorted(set(obstacles(SPEAKING)) - templates()) == []


def test_no_template_is_left_of_words_that_nobody_says_any_more() -> None:
    code = [path for folder in ("tasks", "models", "connectors", "web") for path in (ROOT / folder).rglob("*.py")]
    said = {text.strip() for node in texts(code) if (text := worded(node))}

    assert sorted(templates() - said) == []


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("order A1: cannot reject; it is cancelled", "订单 A1：不能驳回，订单已取消"),
        (
            "order A1: cannot hold; its warehouse has OB1, OB2, or may have it: only there can it be stopped",
            "订单 A1：不能挂起，仓库已收到或可能已收到 OB1, OB2，只能在仓库拦截",
        ),
        (
            f"order A1: approved (BAD_AMOUNT), and still held - UNPAID: {ENDS_OTHERWISE[HoldCode.UNPAID][0]}; "
            f"PRESALE: {ENDED_BY_NAME[HoldCode.PRESALE][0]}",
            "订单 A1：已审核通过（金额异常），但仍挂起：未付款：店铺回传已付款后自动解除；"
            "预售未到发货日：到发货日自动解除，也可按代码单独解除",
        ),
        (
            "s.csv: 2 of 9 rows cannot be used; nothing was written\n  line 3, code: is empty",
            "s.csv：9 行中有 2 行不可用，未写入任何内容\n  第 3 行 code：不能为空",
        ),
        ("something that no template has", "something that no template has"),
    ],
)
def test_a_sentence_is_said_in_the_language_of_the_page(english: str, chinese: str) -> None:
    speak(CHINESE)
    assert in_words(english) == chinese
    speak(ENGLISH)
    assert in_words(english) == english
    speak(CHINESE)


def test_a_refused_decision_is_told_in_chinese(pool: FakePool, signed_in: Callable[[str], Browser]) -> None:
    pool.take([payload(1)])
    ((order_id,),) = pool.rows("select id from orders")
    answer = signed_in("desk").submit("/console/orders/decide", id=order_id, action="approve", reason="看过了")

    assert "订单 1：未挂起，无需审核" in answer.text


def test_an_error_page_is_told_in_chinese(pool: FakePool, signed_in: Callable[[str], Browser]) -> None:
    answer = signed_in("admin").submit("/console/people", name="a b", role="desk")

    assert (answer.status_code, "不能有空格" in answer.text) == (409, True)
