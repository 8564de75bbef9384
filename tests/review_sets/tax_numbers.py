"""Tax numbers as companies have them, and slips that people make when they copy one.

Check characters after GB 32100-2015 (unified social credit code) and GB 11714-1997 (organisation code).
"""

import random

CREDIT_SIGNS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
DIVISIONS = ("110108", "310115", "330106", "440305", "510107", "320583", "370202", "420106")


def credit_check(first17: str) -> str:
    """The 18th character: weights 1, 3, 9, ... modulo 31."""
    total, weight = 0, 1
    for sign in first17:
        total += CREDIT_SIGNS.index(sign) * weight
        weight = weight * 3 % 31
    return CREDIT_SIGNS[-total % 31]


def organisation_check(first8: str) -> str:
    """The ninth character of an organisation code; letters count from A = 10."""
    total = sum(int(sign, 36) * weight for sign, weight in zip(first8, (3, 7, 9, 10, 5, 8, 4, 2), strict=True))
    rest = 11 - total % 11
    return {10: "X", 11: "0"}.get(rest, str(rest))


def organisation_code(draw: random.Random) -> str:
    """Nine characters: mostly the MA series of companies registered since 2015."""
    body = "MA" + "".join(draw.choice(CREDIT_SIGNS) for _ in range(6)) if draw.random() < 0.6 else _digits(draw, 8)
    return body + organisation_check(body)


def credit_code(draw: random.Random) -> str:
    """A right unified social credit code of a company."""
    head = draw.choice(("91", "91", "91", "92", "51", "12")) + draw.choice(DIVISIONS)
    first17 = head + organisation_code(draw)
    return first17 + credit_check(first17)


def one_sign_off(code: str, draw: random.Random) -> str:
    """The code with one character of its middle read wrong."""
    place = draw.randrange(8, 16)
    other = draw.choice([sign for sign in "0123456789" if sign != code[place]])
    return code[:place] + other + code[place + 1 :]


def two_signs_swapped(code: str) -> str:
    """The code with the first two unlike neighbours after its division swapped."""
    place = next(n for n in range(8, 16) if code[n] != code[n + 1])
    return code[:place] + code[place + 1] + code[place] + code[place + 2 :]


def wrong_inside(draw: random.Random) -> str:
    """A code whose last character is right and whose organisation code is not."""
    right = organisation_code(draw)
    wrong = right[:8] + draw.choice([sign for sign in "0123456789X" if sign != right[8]])
    first17 = "91" + draw.choice(DIVISIONS) + wrong
    return first17 + credit_check(first17)


def letters_for_digits(draw: random.Random) -> str:
    """A code typed with the letter O, which no code has, for a nought."""
    while "0" not in (code := credit_code(draw))[8:]:
        continue
    return code[:8] + code[8:].replace("0", "O", 1)


def old_number(draw: random.Random) -> str:
    """Fifteen characters, from before 2015: division and organisation code."""
    body = _digits(draw, 8)
    return draw.choice(DIVISIONS) + body + organisation_check(body)


def old_trader_number(draw: random.Random) -> str:
    """Twenty digits: the number of a sole trader from before 2015, an identity card's and two more."""
    born = f"19{draw.randrange(60, 90)}{draw.randrange(1, 13):02d}{draw.randrange(1, 29):02d}"
    return draw.choice(DIVISIONS) + born + _digits(draw, 6)


def _digits(draw: random.Random, count: int) -> str:
    return "".join(str(draw.randrange(10)) for _ in range(count))
