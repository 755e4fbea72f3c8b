"""Units of the columns of tables."""

from __future__ import annotations

from rotator_assets.imaging.photometric_units import parse_unit


def factor(unit: str, wanted: str) -> float:
    """Return the factor that converts numbers from one unit to another; an empty one is a number without unit.

    Raises ValueError, in words that follow the name of a column, if there is none.
    """
    from astropy import units

    given, target = parse_unit(unit), parse_unit(wanted) if wanted else units.dimensionless_unscaled
    try:
        if given is not None:
            return float(given.to(target))
    except units.UnitConversionError:
        pass
    to = wanted or "a number without unit"
    raise ValueError(f"has the unit {unit}, which cannot be converted to {to}; give its unit under units")
