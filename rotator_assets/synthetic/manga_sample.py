"""The synthetic MaNGA survey: its rows and their truth.

`manga_tables` writes its tables, `galaxy_images` its images and `velocity_maps` its stellar maps.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from rotator_assets.imaging.bands import BANDS
from rotator_assets.imaging.mock import draw_conditions, galaxy_seed
from rotator_assets.synthetic.photometry import place
from rotator_assets.synthetic.population import draw_population, losses, with_kinematics

REPEAT_FRACTION = 0.02
"""Fraction of rows that observe the galaxy of an earlier row again (73 of 4672 in DR15)."""

LOG_REDSHIFT, LOG_REDSHIFT_SLOPE, LOG_REDSHIFT_SCATTER = -1.44, 0.35, 0.08
"""log10 of redshift at 10^10.2 h^-2 Msun: massive galaxies are observed farther away (Wake et al. 2017, AJ 154, 86)."""
REDSHIFT_LIMITS = (0.012, 0.145)

FIRST_PLATE = 19001
"""Plates of MaNGA end below 13000, so no synthetic PLATE-IFU names a real observation."""
BUNDLES = {19: 2, 37: 4, 61: 4, 91: 2, 127: 5}
"""Number of integral-field units per plate, by their number of fibres (Bundy et al. 2015, ApJ 798, 7)."""
BUNDLE_DIAMETERS_ARCSEC = {19: 12.5, 37: 17.5, 61: 22.5, 91: 27.5, 127: 32.5}

LOSSES = {
    "image missing": 0.006,
    "image small": 0.004,
    "image with NaN": 0.004,
    "no TTYPE": 0.006,
    "PyMorph failed": 0.02,
    "not in drpall": 0.006,
    "not in DynPop": 0.012,
    "Lambda_Re zero": 0.004,
    "Lambda_Re NaN": 0.004,
}
"""Fraction of the rows with each defect in the files, at most one per row; as frequent as in the published tables or
more."""


def manga_truth(n_rows: int, seed: int) -> pd.DataFrame:
    """Return the truth of every row of the survey; the last rows are repeat observations of earlier galaxies.

    Adds to `population.draw_population`: names and sky position, distance, apparent sizes and magnitude, the seeing and
    depth of the image (SDSS, as drawn by `mock`), ``loss`` (the defect of the row in the files) and ``has_kinematics``
    (whether it has stellar maps).
    """
    rng = np.random.default_rng([seed, 1])
    n_repeats = int(REPEAT_FRACTION * n_rows)
    n_distinct = n_rows - n_repeats
    galaxies = draw_population(n_distinct, rng)
    galaxies.insert(0, "object_id", [f"99-{1 + k:06d}" for k in range(n_distinct)])
    galaxies["ra_deg"] = rng.uniform(110, 260, n_distinct)
    galaxies["dec_deg"] = np.degrees(np.arcsin(rng.uniform(0, np.sin(np.deg2rad(60)), n_distinct)))
    log_redshift = LOG_REDSHIFT + LOG_REDSHIFT_SLOPE * (galaxies["log_mass_h2_msun"] - 10.2)
    log_redshift += rng.normal(0, LOG_REDSHIFT_SCATTER, n_distinct)
    redshift = np.clip(10**log_redshift, *REDSHIFT_LIMITS)
    galaxies = place(galaxies, redshift, 10 ** galaxies.pop("log_angular_size"))
    repeated = rng.choice(n_distinct, n_repeats, replace=False)
    truth = galaxies.iloc[[*range(n_distinct), *repeated]].reset_index(drop=True)
    truth.insert(0, "galaxy_id", _plate_ifus(truth["r_eff_arcsec"]))
    conditions = [draw_conditions(galaxy_seed("demo-manga", name, seed)) for name in truth["galaxy_id"]]
    for k, band in enumerate(BANDS):
        truth[f"psf_fwhm_{band}_arcsec"] = [c.psf_fwhm_arcsec[k] for c in conditions]
        truth[f"sky_sigma_{band}_nmgy"] = [c.sky_sigma_nmgy[k] for c in conditions]
    truth = truth.assign(loss=losses(n_rows, LOSSES, rng))
    return truth.assign(has_kinematics=with_kinematics(truth, rng))


def _plate_ifus(r_eff_arcsec: pd.Series) -> list[str]:
    """Return a PLATE-IFU for every row: the smallest bundle that reaches 1.5 R_e, the next free one of its kind."""
    taken = dict.fromkeys(BUNDLES, 0)
    names = []
    for r_eff in r_eff_arcsec:
        reaching = [fibres for fibres, diameter in BUNDLE_DIAMETERS_ARCSEC.items() if diameter >= 3 * r_eff]
        fibres = min(reaching, default=max(BUNDLES))
        plate, unit = divmod(taken[fibres], BUNDLES[fibres])
        taken[fibres] += 1
        names.append(f"{FIRST_PLATE + plate}-{fibres}{unit + 1:02d}")
    return names
