"""The Poisson quantile: how many units are sold in a while at most."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.poisson import compound_quantile, poisson_quantile


@pytest.mark.parametrize(
    ("an_hour", "half_a_minute", "a_minute", "five_minutes", "a_quarter"),
    [(12, 2, 3, 5, 10), (60, 4, 5, 13, 28), (600, 13, 21, 73, 189)],
)
def test_the_999th_thousandth_of_known_rates(
    an_hour: int, half_a_minute: int, a_minute: int, five_minutes: int, a_quarter: int
) -> None:
    found = [poisson_quantile(an_hour * seconds / 3600, 0.999) for seconds in (30, 60, 300, 900)]

    assert found == [half_a_minute, a_minute, five_minutes, a_quarter]


@given(st.floats(0.001, 300), st.floats(0.5, 0.9999))
def test_it_is_the_first_number_whose_probability_reaches_the_quantile(mean: float, quantile: float) -> None:
    found = poisson_quantile(mean, quantile)

    def reached(k: int) -> float:
        return math.fsum(math.exp(i * math.log(mean) - mean - math.lgamma(i + 1)) for i in range(k + 1))

    assert reached(found) >= quantile - 1e-9
    assert found == 0 or reached(found - 1) < quantile + 1e-9


def test_a_large_mean_does_not_vanish() -> None:
    assert poisson_quantile(1e6, 0.999) == pytest.approx(1e6 + 3.09 * 1e3, abs=5)


def test_nothing_is_sold_at_no_rate() -> None:
    assert poisson_quantile(0, 0.999) == 0


@pytest.mark.parametrize(("mean", "quantile"), [(-1, 0.5), (math.inf, 0.5), (1, 0), (1, 1), (math.nan, 0.5)])
def test_what_is_no_rate_or_quantile_is_refused(mean: float, quantile: float) -> None:
    with pytest.raises(ValueError, match="a Poisson quantile needs"):
        poisson_quantile(mean, quantile)


def test_orders_of_one_unit_have_the_plain_quantile() -> None:
    assert compound_quantile(5, 5, 0.999) == poisson_quantile(5, 0.999) == 13


def test_orders_of_several_units_need_more_of_a_buffer() -> None:
    assert compound_quantile(50, 500, 0.999) == 10 * poisson_quantile(5, 0.999)
