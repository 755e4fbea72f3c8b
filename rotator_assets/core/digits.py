"""Digits of numbers that are shown to people."""

from __future__ import annotations

import math
from typing import Any

SIGNIFICANT = 3
"""Number of significant digits, as for the AUCs in the report."""


def shown(value: Any) -> Any:
    """Return a value for display: a fraction with three significant digits or, from 1000 on, as an integer.

    Other values, and those that are not finite, are returned as they are.
    """
    if not isinstance(value, float) or not math.isfinite(value) or not value:
        return value
    decimals = SIGNIFICANT - 1 - math.floor(math.log10(abs(value)))
    return round(float(value), max(decimals, 0))
