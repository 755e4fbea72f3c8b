import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotator_assets.core.number_text import decimals_for, p_text, with_interval


@pytest.mark.parametrize(
    ("error", "decimals"),
    [  # examples of the Particle Data Group: 0.827 +- 0.119 is 0.83 +- 0.12, 0.827 +- 0.367 is 0.8 +- 0.4
        (0.119, 2), (0.367, 1), (0.0175, 3), (0.039, 2), (0.0999, 2), (0.95, 1), (0.354, 2), (0.355, 1),
        (3.0, 1), (5.0, 0), (120.0, 0),
    ],
)  # fmt: skip
def test_decimals_follow_the_rule_of_the_particle_data_group(error, decimals):
    assert decimals_for(error) == decimals


@pytest.mark.parametrize("error", [0.0, -1.0, math.nan, math.inf])
def test_without_an_error_there_are_three_decimals(error):
    assert decimals_for(error) == 3


@given(st.floats(1e-6, 10.0))
def test_rounding_changes_a_value_by_less_than_half_its_error(error):
    assert 0.5 * 10.0 ** -decimals_for(error) <= 0.5 * max(error, 1)
    assert 10.0 ** -decimals_for(error) <= max(1.0, 2.9 * error)


@pytest.mark.parametrize(
    ("numbers", "signed", "text"),
    [
        ((0.8132, 0.7241, 0.8784), False, "0.81 [0.72, 0.88]"),
        ((0.7742, 0.7381, 0.8072), False, "0.774 [0.738, 0.807]"),
        ((0.0821, -0.0185, 0.1827), True, "+0.08 [-0.02, +0.18]"),
        ((-0.0001, -0.08, 0.08), True, "+0.00 [-0.08, +0.08]"),
        ((0.5, math.nan, math.nan), False, "0.500"),
        ((0.62, 0.5021, 0.73), False, "0.620 [0.502, 0.730]"),
        ((-0.08, -0.15, 0.0021), True, "-0.080 [-0.150, +0.002]"),
        ((0.08, 0.0, 0.16), True, "+0.08 [+0.00, +0.16]"),
        ((math.nan, 0.1, 0.2), False, "not defined"),
    ],
)
def test_values_have_the_digits_that_their_interval_allows(numbers, signed, text):
    assert with_interval(*numbers, signed=signed) == text


@pytest.mark.parametrize(
    ("p_value", "text"),
    [
        (0.109, "p = 0.11"),
        (0.0449, "p = 0.04"),
        (8.4e-4, "p = 0.0008"),
        (4e-6, "p < 0.0001"),
        (math.nan, "no test"),
        (0.0496, "p = 0.0496"),
        (0.0504, "p = 0.0504"),
    ],
)
def test_p_values(p_value, text):
    assert p_text(p_value) == text
