"""How personal data is shown: enough to recognise, not enough to use."""

import re

_MOBILE = re.compile(r"(?<!\d)(1[3-9]\d)\d{4}(\d{4})(?!\d)")
_LANDLINE = re.compile(r"(?<!\d)(0\d{2,3}-?)\d{3,4}(\d{4})(?!\d)")


def mask_name(name: str) -> str:
    """The first character and a star for each further one: 张*; a Latin name keeps its first letter: J***."""
    if not name or "*" in name:
        return name
    if name.isascii():
        return name[0] + "***"
    return name[0] + "*" * max(1, len(name) - 1)


def mask_phone(phone: str) -> str:
    """138****1234; a virtual number's extension is hidden; what is masked already stays."""
    if not phone or "*" in phone:
        return phone
    number, _, extension = phone.partition("-") if phone.startswith("1") else (phone, "", "")
    masked = mask_text(number)
    if masked == number:
        masked = number[:2] + "****" + number[-2:] if len(number) > 4 else "****"
    return f"{masked}-****" if extension else masked


def mask_text(text: str) -> str:
    """The text with every phone number in it masked."""
    return _LANDLINE.sub(r"\1****\2", _MOBILE.sub(r"\1****\2", text))
