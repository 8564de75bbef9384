"""Who buys and where: invented people at streets that need not exist, in divisions that do."""

import random
from collections.abc import Iterator

from tests.review_sets.payloads import Receiver

PLACES = (
    ("浙江省", "杭州市", "西湖区"),
    ("浙江省", "宁波市", "鄞州区"),
    ("上海市", "上海市", "浦东新区"),
    ("江苏省", "苏州市", "吴江区"),
    ("江苏省", "南京市", "鼓楼区"),
    ("广东省", "深圳市", "南山区"),
    ("广东省", "广州市", "天河区"),
    ("北京市", "北京市", "朝阳区"),
    ("四川省", "成都市", "武侯区"),
    ("山东省", "青岛市", "市南区"),
    ("湖北省", "武汉市", "洪山区"),
    ("福建省", "厦门市", "思明区"),
    ("河南省", "郑州市", "金水区"),
    ("陕西省", "西安市", "雁塔区"),
    ("重庆市", "重庆市", "渝中区"),
    ("湖南省", "长沙市", "岳麓区"),
    ("辽宁省", "大连市", "甘井子区"),
    ("云南省", "昆明市", "五华区"),
)
SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高"
GIVEN = "子涵 雨欣 浩宇 思远 佳琪 明慧 建国 晓燕 志强 丽华 伟 芳 静 敏 俊杰 诗瑶".split()
LATIN = ("Li Wei", "Chen Hao", "Zhang Min", "Wang Fang", "Liu Yang", "Zhao Lei", "Anna Schmidt", "Tom Baker")
ROADS = "文三路 中山北路 人民路 学院路 科技园路 滨河路 和平里大街 长江西路 解放路 建设三路 新华街 湖滨路".split()
ESTATES = "阳光花园 翠湖名苑 锦绣华庭 金色家园 书香雅苑 滨江新村".split()
PREFIXES = "134 135 136 137 138 139 150 151 158 159 182 187 188 130 131 155 186 133 153 189 199".split()
WIDE = str.maketrans("0123456789", "０１２３４５６７８９")
NUMERALS = "零一二三四五六七八九"


class People:
    """New people, each with a phone and a flat of their own. `latin`: some write their names in Latin letters."""

    def __init__(self, draw: random.Random, taken: set[str], *, latin: bool) -> None:
        self._draw = draw
        self._latin = latin
        self._phones = self._unlike(taken)
        self._houses = iter(draw.sample(range(1, 4000), 3900))

    def another(self) -> Receiver:
        """Somebody who has not bought yet."""
        province, city, district = self._draw.choice(PLACES)
        return Receiver(self._name(), next(self._phones), province, city, district, self._street())

    def phone(self) -> str:
        """A mobile number that nobody else has."""
        return next(self._phones)

    def _name(self) -> str:
        if self._latin and self._draw.random() < 0.3:
            return self._draw.choice(LATIN)
        return self._draw.choice(SURNAMES) + self._draw.choice(GIVEN)

    def _unlike(self, taken: set[str]) -> Iterator[str]:
        seen = set(taken)
        while True:
            number = self._draw.choice(PREFIXES) + f"{self._draw.randrange(10**8):08d}"
            if number not in seen:
                seen.add(number)
                yield number

    def _street(self) -> str:
        house, flat = next(self._houses), self._draw.randrange(1, 9) * 100 + self._draw.randrange(1, 5)
        road = self._draw.choice(ROADS)
        forms = (
            f"{road}{house}号{self._draw.randrange(1, 20)}幢{flat}室",
            f"{road}{house}号{self._draw.choice(ESTATES)}{self._draw.randrange(1, 20)}号楼{flat}",
            f"{road}{house}号",
        )
        return self._draw.choice(forms)


def widened(text: str) -> str:
    """The same with full-width digits, as some input methods type them."""
    return text.translate(WIDE)


def in_words(number: int) -> str:
    """A number up to 99 in Chinese numerals: 12 is 十二."""
    tens, ones = divmod(number, 10)
    head = "" if not tens else "十" if tens == 1 else NUMERALS[tens] + "十"
    return head + (NUMERALS[ones] if ones or not tens else "")
