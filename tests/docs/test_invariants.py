"""The table of invariants names proofs that exist."""

import re
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
PROOF = re.compile(r"`(tests/[\w/]+\.py)?(?:::(\w+))?`")


def test_every_proof_that_the_table_of_invariants_names_is_there() -> None:
    table = (CHECKOUT / "docs" / "invariants.md").read_text("utf-8")
    missing, file = [], ""
    for named, test in PROOF.findall(table):
        file = named or file
        path = CHECKOUT / file
        if not path.is_file() or (test and f"def {test}(" not in path.read_text("utf-8")):
            missing.append(f"{file}::{test}")

    assert not missing
    assert file


def test_every_invariant_has_a_line_in_the_table() -> None:
    table = (CHECKOUT / "docs" / "invariants.md").read_text("utf-8")

    assert [number for number in range(1, 27) if f"| I{number} |" not in table] == []
