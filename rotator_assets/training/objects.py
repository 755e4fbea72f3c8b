"""Which rows show the same physical galaxy: the same identifier, or the same place on the sky."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

MATCH_ARCSEC = 5.0
"""Entries closer than this show each other's galaxy, even if they are two: their images overlap almost completely."""


def physical_objects(galaxies: pd.DataFrame) -> NDArray:
    """Return an identifier shared by all rows that show the same galaxy.

    Rows belong together if they have the same ``object_id`` or lie within `MATCH_ARCSEC`, directly or through other
    rows. Simulated galaxies have no position.

    Parameters
    ----------
    galaxies
        Columns object_id, ra and dec (degrees, NaN without a position). Identifiers of different surveys must differ.

    Returns
    -------
    Shape (n,): for each row the first in alphabetical order of the identifiers that belong together.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    names, number = np.unique(galaxies["object_id"].to_numpy(), return_inverse=True)
    first, second = _close_pairs(galaxies)
    links = coo_array((np.ones(len(first), dtype=bool), (number[first], number[second])), shape=(len(names),) * 2)
    _, group = connected_components(links, directed=False)
    # Names are sorted, so the first of each group is its name.
    _, representative = np.unique(group, return_index=True)
    return names[representative[group[number]]]


def _close_pairs(galaxies: pd.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the row numbers of each pair of positions within `MATCH_ARCSEC`."""
    from astropy import units
    from astropy.coordinates import SkyCoord

    ra, dec = (galaxies[name].to_numpy(float) for name in ("ra", "dec"))
    placed = np.flatnonzero(np.isfinite(ra) & np.isfinite(dec))
    if len(placed) < 2:
        return placed[:0], placed[:0]
    places = SkyCoord(ra[placed], dec[placed], unit="deg")
    first, second, _, _ = places.search_around_sky(places, MATCH_ARCSEC * units.arcsec)
    return placed[first], placed[second]
