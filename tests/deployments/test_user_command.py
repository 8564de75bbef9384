"""`orderpool user` as a person gives it."""

import json

import pytest

from tests.deployments.calling import answer

pytestmark = pytest.mark.usefixtures("database")

PASSWORD = "correct horse battery"


def user(*arguments: str, given: str = "") -> tuple[int, str]:
    return answer("user", *arguments, given=given)


def test_somebody_is_added_listed_changed_and_switched_off() -> None:
    assert user("add", "Li", "--role", "admin", "--password-stdin", given=f"{PASSWORD}\n") == (
        0,
        "li: may sign in to the console as admin\n",
    )
    assert user("deactivate", "li")[0] == 1  # the only admin
    made = user("add", "Wang", "--role", "viewer")[1]
    assert user("role", "wang", "desk") == (0, "wang: is desk\n")
    assert user("unlock", "wang") == (0, "wang: may try again now\n")
    assert user("deactivate", "wang")[0] == 0
    listed = json.loads(user("list", "--json")[1])

    assert "password: " in made
    assert [(row["name"], row["role"], row["active"]) for row in listed] == [
        ("li", "admin", True),
        ("wang", "desk", False),
    ]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("add", "li", "--role", "boss", "--generate"), "role 'boss': is not known; there are viewer, desk"),
        (("add", "li li", "--role", "desk", "--generate"), "person 'li li': a name has up to 40 letters"),
        (("password", "nobody", "--generate"), "person nobody: is not known"),
    ],
)
def test_a_bad_wish_is_one_sentence(arguments: tuple[str, ...], sentence: str) -> None:
    code, said = user(*arguments)

    assert (code, sentence in said, "Traceback" in said) == (1, True, False)
