"""Digits of numbers that are shown to people."""

import math

import numpy as np
import pytest

from rotator_assets.core.digits import shown


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.7741935483870968, 0.774),
        (np.float64(0.00123456), 0.00123),
        (198.0368, 198.0),
        (123456.7, 123457.0),
        (-16.5542, -16.6),
        (0.0, 0.0),
        (math.inf, math.inf),
    ],
)
def test_numbers_have_three_digits(value, expected):
    assert shown(value) == expected


@pytest.mark.parametrize("value", [2190817, True, "0.7741935", None])
def test_other_values_are_unchanged(value):
    assert shown(value) is value
