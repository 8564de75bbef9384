"""Reading the sections of a rules file strictly: every fault is noted with its place, and all are told together."""

import math
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from models.errors import SetupError
from models.rules.address import division, resolve_text

_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_WHOLE = re.compile(r"[+-]?\d{1,15}")
_SHARE = re.compile(r"\d{1,6}(\.\d{1,6})?")
_LONGEST = 200
_MOST_ENTRIES = 5000


class Source:
    """Where rules come from, and the faults that were found there."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._faults: list[str] = []

    def fault(self, words: str) -> None:
        """Note what is wrong."""
        self._faults.append(words)

    def require_clean(self) -> None:
        """Raise SetupError with every fault, if there is any."""
        if self._faults:
            raise SetupError(f"review rules {self.name}: {'; '.join(self._faults)}")


class Section:
    """One rule's settings, or one entry of a list in it; what is never asked for is unknown and refused at the end.

    `usual` is what counts for a setting that is left out; None where it has to be there.
    """

    def __init__(self, source: Source, name: str, body: Any, usual: Any = None) -> None:
        self.usual = usual
        self._source = source
        self._name = name
        self._asked: list[str] = []
        self._body: Mapping[str, Any] = body if isinstance(body, Mapping) else {}
        if body not in ({}, None, "") and not isinstance(body, Mapping):
            source.fault(f"{name}: is {_shown(body)}; it has to be settings, one per line")

    def fault(self, setting: str, words: str) -> None:
        """Note what is wrong with a setting."""
        self._source.fault(f"{self._name}: {setting} {words}")

    def says(self, setting: str) -> bool:
        """Tell whether the setting is given."""
        return setting in self._body

    def end(self) -> None:
        """Refuse every setting that was not asked for."""
        for setting in self._body:
            if setting not in self._asked:
                self.fault(str(setting), f"is not a setting; the settings are {', '.join(dict.fromkeys(self._asked))}")

    def _ask(self, setting: str) -> Any:
        self._asked.append(setting)
        return self._body.get(setting)

    def _missing(self, setting: str, usual: Any) -> Any:
        """What counts for a setting that is not given."""
        found = getattr(self.usual, setting, None) if usual is None else usual
        if found is None:
            self.fault(setting, "is missing")
        return found

    def flag(self, setting: str, usual: bool | None = None) -> bool:
        """True or false."""
        written = self._ask(setting)
        if not self.says(setting):
            return bool(self._missing(setting, usual))
        word = str(written).strip().lower()
        if word not in _WORDS:
            self.fault(setting, f"is {_shown(written)}; it has to be true or false")
        return _WORDS.get(word, False)

    def number(self, setting: str, least: int, most: int) -> int:
        """A whole number within a range."""
        written = self._ask(setting)
        if not self.says(setting):
            return int(self._missing(setting, None) or least)
        digits = str(written).strip().replace("_", "").replace(",", "")
        if isinstance(written, bool) or not _WHOLE.fullmatch(digits):
            self.fault(setting, f"is {_shown(written)}; it has to be a whole number")
        elif not least <= int(digits) <= most:
            self.fault(setting, f"is {_shown(written)}; it has to be from {least} to {most}")
        else:
            return int(digits)
        return least

    def share(self, setting: str, least: float, most: float) -> float:
        """A number with at most six places within a range."""
        written = self._ask(setting)
        if not self.says(setting):
            return float(self._missing(setting, None) or least)
        text = str(written).strip()
        if isinstance(written, bool) or not _SHARE.fullmatch(text):
            self.fault(setting, f"is {_shown(written)}; it has to be a number with at most six places")
        elif not least <= float(text) <= most:
            self.fault(setting, f"is {_shown(written)}; it has to be from {least:g} to {most:g}")
        else:
            return float(text)
        return math.inf

    def text(self, setting: str, *, optional: bool = False) -> str:
        """A short text on one line; "" when it is not given."""
        written = self._ask(setting)
        if written is None or isinstance(written, (Mapping, list)) or not str(written).strip():
            if not optional or isinstance(written, (Mapping, list)):
                self.fault(setting, "is missing" if written is None else f"is {_shown(written)}; it has to be a text")
            return ""
        text = str(written).strip()
        if len(text) > _LONGEST or any(ord(char) < 32 for char in text):
            self.fault(setting, f"is {_shown(text)}; it has to be one line of at most {_LONGEST} characters")
        return text

    def texts(self, setting: str, usual: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """A list of short texts, in its order."""
        written = self._ask(setting)
        if not self.says(setting):
            return tuple(self._missing(setting, usual) or ())
        if not isinstance(written, list) or not all(_is_text(one) for one in written):
            self.fault(setting, f"is {_shown(written)}; it has to be a list of texts")
            return ()
        return tuple(str(one).strip() for one in written)

    def phrases(self, setting: str) -> tuple[str, ...]:
        """A list of keywords, each once; none where it is not given. A keyword is more than stars and spaces."""
        found = tuple(dict.fromkeys(self.texts(setting, ())))
        for phrase in found:
            if len(phrase.replace("*", "").replace(" ", "")) < 2 or len(phrase) > _LONGEST or phrase[0] == "*":
                self.fault(setting, f"holds {_shown(phrase)}; a keyword is 2 to {_LONGEST} characters, no * in front")
        return found

    def day(self, setting: str, *, optional: bool = False) -> date | None:
        """A day as 2026-12-01; None when it is not given."""
        written = self._ask(setting)
        if written in (None, ""):
            if not optional:
                self.fault(setting, "is missing")
            return None
        try:
            return date.fromisoformat(str(written).strip())
        except ValueError:
            self.fault(setting, f"is {_shown(written)}; it has to be a day such as 2026-12-01")
            return None

    def division(self, setting: str) -> str:
        """The code of a division, given by code or by a name that can mean one only."""
        name = self.text(setting)
        if not name:
            return ""
        found = division(name) if name.isdigit() else resolve_text(name)
        if found is None:
            self.fault(setting, f"is {_shown(name)}; it names no division, or more than one can be meant")
            return ""
        return found.code

    def entries(self, setting: str, short: str) -> list["Section"]:
        """A list of entries with settings of their own; a bare text counts as the setting `short`."""
        written = self._ask(setting)
        if not self.says(setting):
            self._missing(setting, None)
            return []
        if not isinstance(written, list) or len(written) > _MOST_ENTRIES:
            self.fault(setting, f"is {_shown(written)}; it has to be a list of at most {_MOST_ENTRIES} entries")
            return []
        return [
            Section(
                self._source,
                f"{self._name}: {setting} {number}",
                {short: entry} if _is_text(entry) else entry,
            )
            for number, entry in enumerate(written, 1)
        ]

    def named(self, setting: str) -> list[tuple[str, "Section"]]:
        """Entries with settings of their own, by name."""
        written = self._ask(setting)
        if not self.says(setting):
            self._missing(setting, None)
            return []
        if not isinstance(written, Mapping):
            self.fault(setting, f"is {_shown(written)}; it has to be names, each with settings")
            return []
        return [
            (str(name), Section(self._source, f"{self._name}: {setting} {name}", entry))
            for name, entry in written.items()
        ]

    def lists(self, setting: str) -> list[tuple[str, tuple[str, ...]]]:
        """Lists of texts by name."""
        written = self._ask(setting)
        if not self.says(setting):
            self._missing(setting, None)
            return []
        if not isinstance(written, Mapping):
            self.fault(setting, f"is {_shown(written)}; it has to be names, each with a list of texts")
            return []
        inner = Section(self._source, f"{self._name}: {setting}", written)
        return [(str(name), inner.texts(str(name))) for name in written]


def _is_text(value: Any) -> bool:
    return isinstance(value, (str, int, float)) and not isinstance(value, bool) and bool(str(value).strip())


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
