"""The console speaks Chinese throughout, and English when it is asked to."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from babel.messages.extract import extract
from babel.messages.pofile import read_po
from jinja2.ext import babel_extract

from tests.web.console.conftest import Browser
from web.console.words import TEMPLATES, TRANSLATIONS, WEB

KEYWORDS = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}
PLACES = sorted([*(path for folder in TEMPLATES for path in folder.rglob("*.html")), *WEB.rglob("*.py")])


def msgids() -> Iterator[tuple[str, str]]:
    """Every text that is to be translated, with the file that has it."""
    for path in PLACES:
        method: Any = "python" if path.suffix == ".py" else babel_extract
        with path.open("rb") as file:
            for _line, found, _comments, _context in extract(method, file, KEYWORDS, options={"silent": "false"}):
                for text in [found] if isinstance(found, str) else found:
                    yield str(text), path.name


def catalog(names: str = "*.po") -> dict[str, str]:
    known: dict[str, str] = {}
    for path in sorted(TRANSLATIONS.glob(names)):
        with path.open("rb") as file:
            messages = [message for message in read_po(file, locale="zh_CN", abort_invalid=True) if message.id]
        assert not [message.id for message in messages if message.fuzzy], path
        for message in messages:
            texts = message.string if isinstance(message.string, tuple | list) else [message.string]
            known |= {str(message.id): str(texts[0])} if isinstance(message.id, str) else {}
            known |= {str(part): str(texts[0]) for part in message.id} if not isinstance(message.id, str) else {}
    return known


def test_every_text_has_a_chinese_translation() -> None:
    known = catalog()

    missing = sorted({(text, place) for text, place in msgids() if not known.get(text)})

    assert missing == []


def names_in(text: str) -> set[str]:
    named = text.split("%(")[1:]
    return {part.partition(")")[0] for part in named}


def test_a_translation_fills_in_what_its_text_does() -> None:
    assert [text for text, said in catalog().items() if names_in(text) != names_in(said)] == []


@pytest.mark.parametrize("file", ["frame.po", "handheld.po", "progress.po", "setup.po"])
def test_no_translation_is_left_over(file: str) -> None:
    assert sorted(catalog(file).keys() - {text for text, _ in msgids()}) == []


def test_pages_are_chinese_until_english_is_chosen(browser: Browser) -> None:
    chinese = browser.get("/console/sign-in").text
    english = browser.get("/console/sign-in?lang=en").text

    assert "登录" in chinese
    assert "Sign in" in english
    assert "Sign in" in browser.get("/console/sign-in").text


def test_an_unknown_language_is_answered_in_chinese(browser: Browser) -> None:
    assert 'lang="zh-CN"' in browser.get("/console/sign-in?lang=xx", headers={"cookie": "orderpool_lang=yy"}).text


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_an_error_speaks_the_language_of_the_page(signed_in: Callable[[str], Browser], language: str) -> None:
    answer = signed_in("viewer").get(f"/console/people?lang={language}")

    assert (answer.status_code, "没有此权限" in answer.text) == (403, language == "zh-CN")
