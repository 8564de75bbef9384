"""A written address made ready for reading, and the words around a name that change what it means."""

import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass

# An address is never longer; what follows are notes. It also bounds the work one text can cause.
LONGEST = 240

_HAN = "\u4e00-\u9fff\u3400-\u4dbf"
_SEPARATORS = re.compile(f"(?:收货|收件|详细|所在|寄件|配送|联系)?(?:地址|地区|人)\\s*[:：]|[^{_HAN}0-9A-Za-z]+")
# Rows of platforms and of the old tables that stand between a city and its districts and name no place.
_IN_BETWEEN = re.compile(
    "(?:省|自治区)?直辖(?:县级|县)(?:行政)?(?:区划|单位)?|市辖区|其[他它]区"
    f"|(?<=[^{_HAN}])(?:县|市?辖[区县])(?=[^{_HAN}])|(?<=重庆市)县(?=[^城])"
    f"|中华人民共和国|(?<![{_HAN}])中国(?=[{_HAN}])"
)
# Characters of division names as Hong Kong, Macau and Taiwan write them, each with its simplified one.
_TRADITIONAL = str.maketrans(
    {
        pair[0]: pair[1]
        for pair in (
            "臺台 灣湾 門门 東东 廣广 滬沪 蘇苏 無无 錫锡 揚扬 鎮镇 鹽盐 連连 雲云 漢汉 慶庆 貴贵 陽阳 鄭郑 濟济 煙烟 "
            "濰潍 萊莱 臨临 寧宁 陝陕 遼辽 瀋沈 龍龙 齊齐 爾尔 濱滨 蘭兰 烏乌 魯鲁 縣县 區区 鄉乡 號号 樓楼 國国 別别 "
            "島岛 黃黄 嶺岭 興兴 豐丰 長长 順顺 義义 懷怀 馬马 蕪芜 莊庄 棗枣 榮荣 澤泽 許许 驛驿 駐驻 羅罗 瀏浏 張张 "
            "婁娄 陸陆 欽钦 貢贡 瓊琼 邁迈 瀘泸 綿绵 樂乐 內内 資资 達达 畢毕 節节 銅铜 麗丽 滄沧 紅红 騰腾 衝冲 寶宝 "
            "雞鸡 關关 隴陇 涼凉 吳吴 銀银 衛卫 紹绍 蕭萧 餘余 閔闵 匯汇 楊杨 閘闸 靜静 師师 蓮莲 橋桥 灘滩 甌瓯 麥麦 "
            "贛赣 應应 晉晋 遠远 開开 靈灵 鳳凤 華华 灤滦 鄰邻 雙双 綠绿 園园 溫温 績绩 徑径 歷历 嶗崂 壽寿 濼泺 塢坞 "
            "鞏巩 輝辉 獲获 場场 頭头 鋼钢 鐵铁 錦锦 營营 盤盘 蘆芦 葉叶 賓宾 賀贺 貝贝 費费 車车 軍军 農农 運运 進进 "
            "遷迁 鄲郸 釣钓 錢钱 鐘钟 韓韩 鶴鹤 鷹鹰 岡冈 崗岗 譙谯 諸诸 賽赛"
        ).split()
    }
)

_DIRECTION = "(?:[东南西北中]{1,2}|[上下前后新老大小内外])?"
_NUMBER = "(?:[一二三四五六七八九十0-9]{1,3})?"
_STREET = (
    f"{_DIRECTION}{_NUMBER}(?:路|街|大街|大道|道(?![里外])|巷|弄|胡同|里弄|高架|环线|支路|横路|马路|公路|高速|国道)"
)
_KIND = "(?:新|大|老|小|国际|商务|世纪|中央|第[一二三四五六七八九十]|[一二三四五六七八九十])?"
_BUILDING = (
    "(?:大厦|大楼|广场|花园|花苑|小区|公寓|酒店|宾馆|饭店|饭庄|商场|商城|超市|市场|公司|集团|银行|医院|大学|学院|中学|小学"
    "|学校|嘉园|家园|佳苑|新苑|名苑|雅苑|新村|新城(?![镇街区铺])|山庄|别墅|会馆|会所|会展|机场|火车站|高铁站|汽车站|车站|站|码头|烤鸭"
    "|火锅|米粉|拉面|小吃|面馆|人家|人民|商会|驻|华联|同仁堂|移动|电信|联通|城建|建工|印象|故事|时光|宫|公馆|府邸|豪庭|豪园"
    "|壹号|一号|名邸|华府|华庭|之家|之星|之窗|之春|苑|园(?!区)|湾(?!里)|巴巴|大众|牌|电视"
    "|出版|日报|起义|纪念)(?![前后东南西北中]?[一二三]?(?:路|街|巷|道))"
)
_LOWER = "(?:街道|镇(?![江海])|乡|村|社区|居委会|办事处|苏木|农场|林场)"
# Right behind the place it lies in, a name is a division unless a road or a town goes on with it.
_ROAD_OR_TOWN = re.compile(
    f"(?:[东南西北中]{{1,2}}|[上下前后])?{_NUMBER}(?:路|大道|公路|高速)|(?:街|大街|巷|弄|胡同)|{_LOWER}"
)
_TRAP = re.compile(f"{_STREET}|{_KIND}{_BUILDING}|{_LOWER}|大?桥|城(?![东南西北中关区镇乡厢郊])")
_REST_OF_A_CITY = re.compile("[^城超都夜菜早闹门集街区县市0-9A-Za-z]市(?![场政区])")
_REST_OF_A_PREFECTURE = re.compile(f"[{_HAN}]{{1,4}}族[{_HAN}]{{0,8}}自治州")
_BUSINESS = re.compile(
    f"(?:(?:(?![镇街路村区乡县市])[{_HAN}]){{2,6}}(?:店|馆|厂|大厦|花园|公园|门市)"
    f"|[{_HAN}]{{0,6}}(?:酒家|饭庄|狗不理|(?:商品|皮革|皮具|啤酒|建材|家具|服装)城))(?=[^{_HAN}]|$)"
)
_TOWN = re.compile(f"[{_HAN}]{{2,3}}(?:镇|街道)")

_ZONE_KIND = (
    "(?:高新技术产业开发区|高新技术产业园区|高新技术开发区|高新技术区|高新产业开发区|高新开发区|高新区|高新园区"
    "|经济技术开发区|经济开发区|经开区|经济区|开发区|工业园区|产业园区|科技园区|产业集聚区|工业区|新区|自贸区|自由贸易区"
    "|自由贸易试验区|保税区|保税港区|综合保税区|综保区|示范区|度假区|旅游区|旅游度假区|管理区|实验区|试验区|合作区|港区"
    "|空港区|航空港区|新城区|大学城|科学城|高新)"
)
_ZONE = re.compile(f"(?:(?![区县市旗路街号])[{_HAN}]){{0,6}}?{_ZONE_KIND}")
_BARE_ZONE = re.compile(f"(?:国家级?)?{_ZONE_KIND}")


@dataclass(frozen=True, slots=True)
class Line:
    """An address without its separators; `breaks` are the places where one stood, ascending."""

    text: str
    breaks: tuple[int, ...]

    def starts_at(self, position: int) -> bool:
        """Tell whether a word begins here: at the start, after a separator, a digit or a letter."""
        return position == 0 or self.text[position - 1] < "\u3400" or position in self.breaks

    def ends_at(self, position: int) -> bool:
        """Tell whether a word ends here: at the end, before a separator, a digit or a letter."""
        return position >= len(self.text) or self.text[position] < "\u3400" or position in self.breaks

    def broken(self, start: int, end: int) -> bool:
        """Tell whether a separator stands inside the span."""
        return bool(self.breaks) and bisect_right(self.breaks, start) < bisect_right(self.breaks, end - 1)

    def respelt(self, start: int, end: int, name: str) -> "Line":
        """Return the line with the span replaced by a name."""
        shift = len(name) - (end - start)
        breaks = tuple(at if at <= start else at + shift for at in self.breaks if not start < at < end)
        return Line(self.text[:start] + name + self.text[end:], breaks)


def read_line(text: str) -> Line:
    """Fold widths and traditional characters, drop separators and the rows that stand for no place (市辖区)."""
    folded = text[: LONGEST * 2]
    if not folded.isascii():
        folded = unicodedata.normalize("NFKC", folded)
    folded = folded.translate(_TRADITIONAL)
    parts = [part for part in _SEPARATORS.split(_IN_BETWEEN.sub(" ", f" {folded} ")) if part]
    breaks, length = [], 0
    for part in parts:
        length += len(part)
        breaks.append(length)
    return Line("".join(parts)[:LONGEST], tuple(breaks[:-1]))


def is_part_of_a_word(text: str, end: int, *, in_its_place: bool) -> bool:
    """Tell whether the short name that ends here only names a road, a building, a town or a firm: 北京|东路.

    `in_its_place`: the name stands right behind the place it lies in, so it is hardly a firm: 厦门|海沧|第一中学.
    """
    return (_ROAD_OR_TOWN if in_its_place else _TRAP).match(text, end) is not None


def is_start_of_a_city(text: str, end: int) -> bool:
    """Tell whether a longer, unknown name of a city goes on here, perhaps a misspelt one: 防城|岗市."""
    return _REST_OF_A_CITY.match(text, end) is not None


def is_start_of_a_prefecture(text: str, end: int) -> bool:
    """Tell whether an unknown autonomous prefecture goes on here, perhaps a misspelt one: 黔南|西布依族苗族自治州."""
    return _REST_OF_A_PREFECTURE.match(text, end) is not None


def business_follows(text: str, end: int) -> bool:
    """Tell whether the words up to the next number or separator end as the name of a shop does: 云南|白药厂."""
    return _BUSINESS.match(text, end) is not None


def town_follows(text: str, end: int) -> bool:
    """Tell whether a town is named here, as it is behind a county but not behind a word like it: 中山|小榄镇."""
    return _TOWN.match(text, end) is not None


def zone_follows(text: str, end: int) -> bool:
    """Tell whether a development zone is named here, whatever its first word: 滨湖新区, 经开区."""
    return _ZONE.match(text, end) is not None


def bare_zone_follows(text: str, end: int) -> bool:
    """Tell whether the kind of a development zone stands right here: 苏州|高新区."""
    return _BARE_ZONE.match(text, end) is not None
