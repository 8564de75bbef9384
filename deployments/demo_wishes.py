"""What the demo's buyers write beside their orders: notes, and the invoices they want."""

from deployments.demo_draw import draw

STOPPING = (
    "先别发货，等我通知",
    "麻烦改一下地址，改好再发",
    "拍错了，请取消这单",
    "颜色要换成红色，谢谢",
    "Please don't ship before Friday",
)
HARMLESS = (
    "请尽快发货，地址没错",
    "送人的，不要放发货单",
    "不要发错颜色哦",
    "放门卫就好，不用打电话",
    "Please pack it well",
)
_STOPPING_OF = 250
_HARMLESS_OF = 15

COMPANIES = (
    ("杭州梧桐里百货有限公司", "91330106MA9DEM01XB"),
    ("上海云帆礼品有限公司", "91310115MA9DEM0284"),
    ("深圳小满家居有限公司", "91440305MA9DEM036W"),
)
"""Invented companies with tax numbers whose check characters are right."""

_INVOICES_OF = 100


def note_of(order_no: str) -> str:
    """What the buyer wrote: mostly nothing, now and then a word, rarely that the order is to wait or to change."""
    drawn = draw("note", order_no)
    if drawn % _STOPPING_OF == 0:
        return STOPPING[drawn // _STOPPING_OF % len(STOPPING)]
    return HARMLESS[drawn // _HARMLESS_OF % len(HARMLESS)] if drawn % _HARMLESS_OF == 1 else ""


def invoice_of(order_no: str) -> dict[str, str] | None:
    """The invoice asked for: of a hundred orders seven have one in order, two lack or misspell the tax number."""
    drawn = draw("invoice", order_no)
    title, tax_no = COMPANIES[drawn // _INVOICES_OF % len(COMPANIES)]
    match drawn % _INVOICES_OF:
        case 0 | 1 | 2 | 3:
            return {"title": title, "tax_no": tax_no}
        case 4 | 5 | 6:
            return {"title": "个人"}
        case 7:
            return {"title": title}
        case 8:
            return {"title": title, "tax_no": tax_no[:-1] + "0"}
        case _:
            return None
