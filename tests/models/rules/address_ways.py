"""The ways to write a place: for each category which places, and templates.

`{full}` is province, city and district in full; `{p}`, `{c}` and `{d}` are the short names; the other fields are words
that the writer picks.
"""

WAYS: dict[str, tuple[str, tuple[str, ...]]] = {
    "full": (
        "counties",
        ("{full}{detail}",),
    ),
    "platform_fields": (
        "with_city",
        ("{province} {city} {district} {detail}",),
    ),
    "no_province": (
        "in_prefecture",
        (
            "{city}{district}{detail}",
            "{city} {district} {detail}",
        ),
    ),
    "unique_district": (
        "unique_long",
        ("{district}{detail}",),
    ),
    "dup_district": (
        "namesakes",
        (
            "{city}{district}{detail}",
            "{c}{district}{detail}",
            "{full}{detail}",
            "{p}{c}{district}{detail}",
        ),
    ),
    "trap_road": (
        "with_city",
        (
            "{full}{trap}",
            "{city}{district}{trap}{number}号",
            "{c}{district}{town}{trap}",
            "{full}{street}{trap}3楼",
        ),
    ),
    "trap_own_road": (
        "with_city",
        (
            "{full}{elsewhere}路8号",
            "{full}{elsewhere}东路8号",
            "{full}{elsewhere}大道",
            "{full}{elsewhere}北街1号",
        ),
    ),
    "town_like_district": (
        "with_city",
        (
            "{full}{elsewhere}街道{street}",
            "{city}{district}{elsewhere}镇{street}",
            "{full}{elsewhere}乡{number}号",
        ),
    ),
    "area_words": (
        "with_city",
        (
            "{full}清华东区12栋",
            "{full}芳古园一区5号楼",
            "{full}学校家属区 北区3栋",
            "{full}工业区B区{number}",
            "{full}新城区 二期",
        ),
    ),
    "company_before": (
        "in_prefecture",
        (
            "北京某某科技有限公司 {full}{street}",
            "{full}{street} 上海某某贸易公司{c}分部",
            "广州服饰批发 {person} {full}{detail}",
        ),
    ),
    "abbrev": (
        "shortened",
        (
            "{p}{c}{d}文三路478号华星中心",
            "{p}{c}{d}宜山路700号",
            "{p}{c}{d}芳古园街12号",
            "{c}{d}科华北路65号",
            "{c}{d}小寨东路8号",
        ),
    ),
    "abbrev_municipal": (
        "municipal",
        (
            "{p}{d}文三路478号",
            "{p}{district}{detail}",
            "{p}{d} 宜山路700号",
            "{p}市{d}芳古园一区5号楼",
        ),
    ),
    "short_all": (
        "in_prefecture",
        (
            "{p}{c}{district}{detail}",
            "{p} {c} {district} {detail}",
        ),
    ),
    "mixed_short": (
        "shortened",
        (
            "{c}{d}文三路8号",
            "{city}{d}翠柏街{number}号",
            "{province}{c}{d} 桂花巷2号",
            "{c}{d} 临溪镇",
            "{p}{mark}{c}{mark}{d}{mark}{street}",
        ),
    ),
    "landmarks": (
        "shortened",
        (
            "{p}{c}{d}第一中学",
            "{p}{c}{d}人民医院对面",
            "{p}{c}{d} 火车站旁",
            "{c}{d}某某小区2-3-401",
            "{p}{c}{d}南环路{number}号",
            "{city}{d}山水文园",
        ),
    ),
    "separators": (
        "in_prefecture",
        ("{province}{mark}{city}{mark}{district}{mark}{detail}",),
    ),
    "prefixes": (
        "in_prefecture",
        (
            "中国{full}{detail}{note}",
            "中国 {full}{detail}",
            "地址：{full}{detail}",
            "收货地址:{full}{detail}{note}",
            "😀{full}{detail}",
            "【{province}】{city}{district}{detail}",
            "({province}{city}){district}{detail}",
            "中华人民共和国{full}{detail}",
            "所在地区：{full} 详细地址：{detail}{note}",
            "{province}，{city}，{district}，{detail}",
        ),
    ),
    "repeated": (
        "in_prefecture",
        (
            "{province}{full}{detail}",
            "{province}{city}{city}{district}{detail}",
            "{province} {city} {district} {full}{detail}",
            "{full}{district}{detail}",
            "{p}{full}{detail}",
            "{province} {city} {district} {district}{detail}",
            "{province} {city} {city}{district}{detail}",
        ),
    ),
    "in_between": (
        "urban",
        (
            "{province} {city} 市辖区 {district} {street}",
            "{province}/{city}/市辖区/{district}/{street}",
            "{city}市辖区{district}{street}",
        ),
    ),
    "in_between_county": (
        "municipal_counties",
        (
            "{province} 县 {district} {street}",
            "{province} {province} 县 {district} {street}",
        ),
    ),
    "notes": (
        "with_city",
        (
            "{full}{detail}{note}",
            "{note}{full}{detail}",
        ),
    ),
    "embedded": (
        "in_prefecture",
        (
            "{person} {phone} {full}{detail}",
            "{person}{phone}{full}{detail}",
            "{full}{detail} {person} {phone}",
            "{phone},{full}{detail},{person}",
            "{city}{district}{detail}，{person}，{phone}",
            "{full}{detail}{phone}{person}",
            "{phone}{person}{full}{detail}",
        ),
    ),
    "place_like_name": (
        "in_prefecture",
        (
            "{namesake} {phone} {full}{street}",
            "{namesake}{phone}{full}{street}",
            "{full}{street} {namesake} {phone}",
            "{full}{street}{namesake}{phone}",
            "收件人：{namesake}，电话：{phone}，地址：{full}{street}",
            "{namesake}，{full}{street}，{phone}",
        ),
    ),
    "direct_county": (
        "direct",
        (
            "{province} 省直辖县级行政区划 {district} {street}",
            "{province}{district}{street}",
            "{p}{district}{street}",
            "{p}{d} {street}",
            "{province} {district} {district} {street}",
            "{province}自治区直辖县级行政区划{district}{street}",
            "{district}{street}",
        ),
    ),
    "devzone": (
        "prefecture_cities",
        (
            "{full}{zone}{detail}",
            "{city}{zone}{detail}",
            "{p}{c}{zone}{detail}",
            "{province} {city} {zone} {detail}",
        ),
    ),
    "city_only": (
        "cities",
        (
            "{full}某某路1号",
            "{city}{street}",
            "{province} {city} {trap}",
            "{p}{city}{trap}",
            "{full}",
            "{city}{trap}",
        ),
    ),
    "ethnic": (
        "autonomous",
        (
            "{full}{street}",
            "{p}{c}{district}{street}",
            "{city}{district}{street}",
        ),
    ),
    "ethnic_short": (
        "autonomous_counties",
        (
            "{p}{c}{d}吹麻滩镇",
            "{full}{street}",
            "{province}{city}{d}双江镇",
            "{c}{d} 临溪镇",
            "{city}{d}县{street}",
            "{p}{c}{d}自治县石桥村",
        ),
    ),
    "reversed": (
        "in_prefecture",
        (
            "{district}{city}",
            "{district}，{city}，{province}",
            "{street} {district} {city}",
            "{district}{street} {city}",
            "{district} {city} {province} {street}",
        ),
    ),
    "province_and_district": (
        "unique_in_province",
        (
            "{province}{district}{detail}",
            "{p}{district}{detail}",
            "{province} {district} {detail}",
        ),
    ),
    "county_city": (
        "unique_county_cities",
        (
            "{district}玉山镇{number}号",
            "{p}{district}城中大道",
            "{province}{district}{street}",
        ),
    ),
    "same_stem": (
        "same_stem",
        (
            "{full}{street}",
            "{city}{district}{street}",
            "{p}{c}{district}{street}",
            "{c}{district}{street}",
            "{p}{district}{street}",
        ),
    ),
    "widths": (
        "with_city",
        (
            "{full}科技园Ａ座Ｂuilding １２－{number}",
            "{full}ABC大厦B1-{number}室",
        ),
    ),
    "common_name": (
        "common_names",
        (
            "{full}{detail}",
            "{city}{district}{detail}",
            "{c}{district}{detail}",
        ),
    ),
}
