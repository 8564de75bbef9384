"""Words for phones and regions: what can be called or recognised is told from what is neither."""

import pytest

from models.rules.contact_words import phone_kind, region_kind


@pytest.mark.parametrize(
    ("phone", "kind"),
    [
        ("13800005678", "mobile"),
        ("+86 138-0000-5678", "mobile"),
        ("0086-13800005678", "mobile"),
        ("13800005678/0571-88886666", "mobile"),
        ("13800005678-1234", "virtual"),
        ("17816116666转0042", "virtual"),
        ("4008201234-5678", "virtual"),
        ("0571-88886666", "landline"),
        ("(0571)8888666", "landline"),
        ("021 5888 6666-802", "landline"),
        ("88886666", "landline"),
        ("400-820-1234", "landline"),
        ("+852 9123 4567", "foreign"),
        ("0912345678", "foreign"),
        ("+1 415 555 2671", "foreign"),
        ("138****5678", "masked"),
        ("*******0021", "masked"),
        ("", "none"),
        (" ", "none"),
        ("1380000567", "odd"),
        ("138000056789", "odd"),
        ("12345678901", "odd"),
        ("12345", "odd"),
        ("call me", "odd"),
    ],
)
def test_a_phone_is_one_of_these(phone: str, kind: str) -> None:
    assert phone_kind(phone) == kind


def test_what_stands_for_a_masked_phone_is_a_mask() -> None:
    assert phone_kind("$MTM4$AgAAAA==$1$$", masked=True) == "masked"


@pytest.mark.parametrize(
    ("region", "kind"),
    [
        (("浙江省", "杭州市", "西湖区"), "given"),
        (("", "上海市", ""), "given"),
        (("浙江省", "杭州市", "***"), "masked"),
        (("", " ", ""), "none"),
        (("Zhejiang", "Hangzhou", ""), "odd"),
        (("浙江\ufffd", "杭州市", ""), "odd"),
        (("330000", "330100", "330106"), "odd"),
    ],
)
def test_a_region_is_one_of_these(region: tuple[str, str, str], kind: str) -> None:
    assert region_kind(*region) == kind
