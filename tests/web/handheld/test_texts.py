"""The page's modules name the texts that there are."""

import re

from web.handheld.page import STATIC
from web.handheld.texts import GROUPS, PAGE, texts

MODULES = "\n".join(path.read_text("utf-8") for path in sorted(STATIC.rglob("*.js")))
NAMED = set(re.findall(r'\bsay\("(\w+)"', MODULES))
GROUPED = set(re.findall(r'\bword\("(\w+)"', MODULES)) | set(re.findall(r"\bsay\(`(\w+)_\$", MODULES))


def test_every_text_that_is_named_is_there_and_none_is_left_over() -> None:
    ours = {name for name in NAMED if name not in texts()}
    assert ours == set()
    assert {name for name in PAGE if name not in NAMED} == set()


def test_every_group_of_words_is_used() -> None:
    assert set(GROUPS) == GROUPED


def test_a_text_is_given_what_it_names() -> None:
    wanted = {name: set(re.findall(r"\{(\w+)\}", text)) for name, text in PAGE.items()}
    given = {name: set(re.findall(r"\w+", said)) for name, said in re.findall(r'say\("(\w+)", \{([^}]*)', MODULES)}
    assert {
        name: names - given.get(name, set()) for name, names in wanted.items() if names - given.get(name, set())
    } == {}
