"""Orders whose defects were planted by somebody who does not know the rules: all are held, and no clean one is."""

import pytest

from tests.fakes import FakePool
from tests.tasks.labelled import figures, review_all, rows_of, set_up


@pytest.mark.parametrize("name", ["first", "second"])
def test_every_planted_defect_is_held_under_its_code_and_no_clean_order_is(pool: FakePool, name: str) -> None:
    set_up(pool)

    judged = review_all(pool, rows_of(name))

    print(f"\nthe {name} set: {len(judged)} orders", *figures(judged), sep="\n  ")
    wrong = [str(one) for one in judged if one.found != one.labelled]
    assert not wrong, "\n".join(wrong)
