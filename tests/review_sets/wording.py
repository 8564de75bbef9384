"""What people write: each set has wordings of its own."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """The wordings of one set. Notes are by buyers where `buyers`, by the seller's staff where `staff`."""

    stopping_by_buyers: tuple[str, ...]
    stopping_by_staff: tuple[str, ...]
    harmless_by_buyers: tuple[str, ...]
    harmless_by_staff: tuple[str, ...]
    companies: tuple[str, ...]
    persons: tuple[str, ...]
    nowhere: tuple[tuple[str, str, str], ...]  # province, city, district that name no place


FIRST = Words(
    stopping_by_buyers=(
        # not now
        "先不要发货，等我通知",
        "暂时别发，我还要加一件一起寄",
        "晚两天发，家里没人",
        "下周一再发货，我出差",
        "12月1号以后再发，谢谢",
        "请等我电话再发货",
        "先留着别寄，回来了联系你们",
        "等我回来再寄",
        "Please don't ship before Friday, I'm away",
        "do NOT send yet, still waiting for my colleague",
        "pls hold this order until Monday",
        # not at all
        "拍多了，这单取消吧",
        "不要了，帮我退款",
        "不想买了",
        "please cancel, ordered twice by mistake",
        # elsewhere
        "地址填错了，改到文三路88号",
        "麻烦换个地址：南京市鼓楼区中山北路1号",
        "收货地址有误，请联系我",
        "收件人改成我同事李敏",
        "Can you change the delivery address? I moved.",
        # something else
        "颜色拍错了，要黑色",
        "换成M码",
        "白色改成灰色，谢谢",
        "wrong size ordered, need L",
    ),
    stopping_by_staff=(
        "客户要求暂缓发货",
        "买家说先别发，周五再联系",
        "等客户补差价后再发",
        "买家要改地址，等新地址",
        "客户要换颜色，已登记",
    ),
    harmless_by_buyers=(
        "请尽快发货，地址没错",
        "不要发错货哦",
        "别发错颜色",
        "不用改地址，就按原来的",
        "急用，今天能发吗",
        "不要发圆通，发顺丰",
        "不要发货单，送人的",
        "请放丰巢，不用打电话",
        "地址是对的，放门口即可",
        "发货前检查一下，不要有破损",
        "千万不要延迟发货",
        "不用发票，发货快点",
        "颜色不用换，就要白的",
        "昨晚拍的今天能发吗",
        "别寄到付",
        "It's for our household, please pack well",
        "Please ship to the address above, it is correct",
        "ship ASAP, can't wait!",
        "No need to change the address",
        "Do not delay shipping please",
    ),
    harmless_by_staff=("老客户，送小样", "已核对地址，可以发", "改价5元已退", "加急，今天发"),
    companies=(
        "杭州梧桐里茶业有限公司",
        "上海云帆科技股份有限公司",
        "宁波第三中学",
        "青岛海风贸易商行",
        "武汉东湖医院",
    ),
    persons=("个人", "张伟", "李雨欣"),
    nowhere=(
        ("", "老地址", ""),
        ("火星省", "奥林匹斯市", "北坡区"),
        ("California", "Palo Alto", ""),
        ("同上", "同上", "同上"),
    ),
)

SECOND = Words(
    stopping_by_buyers=(
        "这单先放一放，不要寄出",
        "等双十二一起发吧，现在别发货",
        "暂不发出，谢谢",
        "家里装修，月底再发",
        "先放着，我还要买",
        "这两天不在家，周六再寄",
        "先別發貨，等我消息",
        "Kindly hold off on shipping until Dec 1",
        "Don't dispatch until I confirm",
        "Please wait before sending this out",
        "Please delay shipment by a week",
        "买重了，请取消这单",
        "这件不要了",
        "不想要了",
        "请取消订单，谢谢",
        "I'd like to cancel this order",
        "地址变更为浦东新区世纪大道100号",
        "搬家了，请寄到新地址",
        "能不能改地址？",
        "门牌地址写错了，是18号不是8号",
        "My address has changed, please contact me",
        "Please update my shipping address",
        "收货电话换了，加我微信",
        "麻烦把尺码改成XL",
        "口味换成铁观音可以吗",
        "款式选错了",
        "please swap the red for green",
        "need size 42 instead of 41",
    ),
    stopping_by_staff=(
        "待确认，先不发",
        "买家未定，暂停发货",
        "客人叫停，不要发货",
        "买家改地址，见聊天记录",
        "客户申请退款，等处理",
    ),
    harmless_by_buyers=(
        "快点发，孩子生日",
        "麻烦今天寄出，地址准确无误",
        "地址不变，还是公司",
        "请勿发错型号",
        "不取消了，正常发货",
        "不需要改颜色，按下单的发",
        "别忘了发货呀",
        "不要发韵达，我这边收不到",
        "勿压，易碎品",
        "包装别写金额，送礼",
        "发货了说一声",
        "放物业，别放快递柜",
        "尺码正好，不用换",
        "这单不用取消，照常发",
        "请不要打电话，发短信",
        "缺货请联系我，不要擅自换货",
        "Please double-check the size before shipping",
        "Leave at the reception on Holden Road",
        "Shareholder gift, please wrap nicely",
        "Please don't ship the wrong colour again",
        "My address has not changed",
        "Handle with care, hold upright",
        "Thanks! No rush, normal shipping is fine",
    ),
    harmless_by_staff=("地址已电话确认", "VIP，优先发", "赠品已放", "无备注要求"),
    companies=(
        "Shanghai Cloudsail Technology Co., Ltd.",
        "深圳市南山区实验小学",
        "成都锦里文化传播工作室",
        "北京律和律师事务所",
        "广州天河百味酒店",
    ),
    persons=("个人", "Personal", "陈思远"),
    nowhere=(("", "家里", ""), ("未知", "未知", "未知"), ("Bavaria", "München", ""), ("默认", "公司", "")),
)
