"""The console's languages: msgids are English, the Chinese comes from web/translations/*.po, read once at the start."""

import io
from collections.abc import Callable
from contextvars import ContextVar
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from models.console import Role
from models.settings import SHANGHAI

WEB = Path(__file__).resolve().parent.parent
HERE = WEB / "console"
TEMPLATES = (HERE / "templates", WEB / "handheld" / "templates", WEB / "progress" / "templates")
TRANSLATIONS = WEB / "translations"

CHINESE = "zh-CN"
ENGLISH = "en"
LANGUAGES = {CHINESE: "中文", ENGLISH: "English"}
"""The languages of the console, each by its own name; the first is the usual one."""

_language: ContextVar[str] = ContextVar("console_language", default=CHINESE)


def language() -> str:
    """The language of the request that is answered now."""
    return _language.get()


def speak(wish: str) -> None:
    """Answer the present request in this language; the usual one when there is no such language."""
    _language.set(wish if wish in LANGUAGES else CHINESE)


def _(text: str, **values: Any) -> str:
    """The text in the language of the request, its `%(name)s` filled in from `values`."""
    said = translations(language()).ugettext(text)
    return said % values if values else said


def N_(text: str) -> str:
    """Mark a text that is translated where it is shown."""
    return text


@lru_cache(maxsize=len(LANGUAGES))
def translations(wish: str) -> NullTranslations:
    """All texts of a language: every .po file of web/translations, merged."""
    if wish == ENGLISH:
        return NullTranslations()
    merged = Translations()
    for path in sorted(TRANSLATIONS.glob("*.po")):
        compiled = io.BytesIO()
        with path.open("rb") as file:
            write_mo(compiled, read_po(file, locale="zh_CN"))
        compiled.seek(0)
        merged.merge(Translations(compiled))
    return merged


@lru_cache(maxsize=len(LANGUAGES))
def environment(wish: str) -> Environment:
    """The templates in a language."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        extensions=["jinja2.ext.i18n"],
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    install: Callable[..., None] = made.install_gettext_translations  # type: ignore[attr-defined]  # by the extension
    install(translations(wish), newstyle=True)
    made.filters["china"] = china
    made.filters["yuan"] = yuan
    return made


def role_name(role: Role) -> str:
    """A role as people call it."""
    names = {
        Role.VIEWER: _("viewer"),
        Role.DESK: _("order desk"),
        Role.WAREHOUSE: _("warehouse lead"),
        Role.ADMIN: _("admin"),
    }
    return names[role]


def china(at: datetime | None) -> str:
    """A time as people in China read it, "" when there is none."""
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}" if at else ""


def yuan(fen: int | None) -> str:
    """An amount with two decimals and groups of three digits, "" when there is none."""
    return "" if fen is None else f"{'-' if fen < 0 else ''}{abs(fen) // 100:,}.{abs(fen) % 100:02d}"
