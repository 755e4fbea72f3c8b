"""Numbers as text, with as many digits as their error allows."""

from __future__ import annotations

import math

INTERVAL_SIGMAS = 3.92
"""Width of a 95 % interval of a normal distribution in standard deviations."""
MISSING = "–"
_MOST_DECIMALS = 6


def decimals_for(error: float) -> int:
    """Return the number of decimals of a value with this standard error (at least 0).

    The rule is that of the Particle Data Group (Review of Particle Physics, Introduction, section 5.3): an error
    whose first three digits are below 355 keeps two of them, another one keeps one.
    """
    if not (math.isfinite(error) and error > 0):
        return 3
    exponent = math.floor(math.log10(error))
    first_three = round(error / 10.0 ** (exponent - 2))
    digits = 2 if first_three < 355 or first_three >= 950 else 1
    exponent += first_three >= 950  # it is rounded up to the next power of ten
    return max(0, digits - 1 - exponent)


def decimals_of(low: float, high: float) -> int:
    """Return the number of decimals of a value with this 95 % interval."""
    return decimals_for((high - low) / INTERVAL_SIGMAS)


def with_interval(value: float, low: float, high: float, *, signed: bool = False) -> str:
    """Return a value with its 95 % interval as text.

    Parameters
    ----------
    value, low, high : float
        The value and the ends of its interval, NaN where not defined.
    signed : bool
        Write the sign of positive numbers, for differences.

    Returns
    -------
    str
        Such as ``0.81 [0.72, 0.88]``; three decimals and no interval where it is not defined.
    """
    if not math.isfinite(value):
        return "not defined"
    sign = "+" if signed else ""
    if not (math.isfinite(low) and math.isfinite(high)):
        return f"{value:{sign}.3f}"
    decimals = decimals_of(low, high)
    while decimals < _MOST_DECIMALS and any(_hides_side(end, decimals) for end in (low, high)):
        decimals += 1
    value, low, high = (round(number, decimals) + 0.0 for number in (value, low, high))  # no negative zero
    return f"{value:{sign}.{decimals}f} [{low:{sign}.{decimals}f}, {high:{sign}.{decimals}f}]"


def _hides_side(end: float, decimals: int) -> bool:
    """Return True if rounding hides on which side of no difference (0) or of chance (0.5) an end is."""
    return any(round(end, decimals) == value != end for value in (0.0, 0.5))


def p_text(p_value: float) -> str:
    """Return a p-value as text, such as ``p = 0.03`` or ``p < 0.0001``; ``no test`` for NaN."""
    if not math.isfinite(p_value):
        return "no test"
    number = p_number(p_value)
    return f"p {number}" if number.startswith("<") else f"p = {number}"


def p_number(p_value: float) -> str:
    """Return a p-value as a number, such as ``0.03`` or ``< 0.0001``; a dash for NaN."""
    if not math.isfinite(p_value):
        return MISSING
    if p_value < 1e-4:
        return "< 0.0001"
    if f"{p_value:.1g}" == "0.05":
        return f"{p_value:.4f}"  # on one side of the usual limit
    return f"{p_value:.1g}" if p_value < 0.1 else f"{p_value:.2f}"


def size_text(n_bytes: float) -> str:
    """Return a size in MB or GB; less than half a MB is rounded up unless it is nothing."""
    if n_bytes < 1e9:
        return f"{max(n_bytes > 0, n_bytes / 1e6):.0f} MB"
    return f"{n_bytes / 1e9:.3g} GB"
