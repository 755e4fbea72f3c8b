"""Draw galaxies from published relations: shapes, orientations, spins, masses, sizes, colours and structure.

There are three families. *Slow* rotators are mildly triaxial spheroids with a single high Sersic index, massive and
large. *Fast* rotators are oblate: a bulge in a thinner exponential disc with the same axis; some have no disc. *Late*
types are thin discs with a small bulge. Rotation follows shape and inclination by the tensor virial theorem
(`motions`).

The families overlap in every visible property, but less than real ones: their Sersic indices are further apart than
those of MaNGA's early types, so that two hundred galaxies are enough to learn from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rotator_assets.kinematics.spin import is_slow_rotator
from rotator_assets.synthetic.motions import lambda_r_of, projected_axis_ratio, v_over_sigma
from rotator_assets.synthetic.profiles import bulge_and_disc

EARLY_FRACTION = 0.68
SLOW_FRACTION_OF_EARLY = 0.31
DISCLESS_FRACTION_OF_FAST = 0.17
"""Fraction of fast rotators fitted without a disc (Krajnovic et al. 2013, MNRAS 432, 1768)."""

DISC_FLATTENING = 0.6
"""Axis ratio of the disc relative to the galaxy's; the bulge is rounder to compensate."""

ANISOTROPY_SLOPES = (0.5, 0.7)
"""Range of delta / intrinsic ellipticity, uniform: up to the limit 0.7 of fast rotators (Cappellari et al. 2007)."""


@dataclass(frozen=True)
class Normal:
    """A truncated normal distribution; values outside are drawn again."""

    mean: float
    sigma: float
    low: float = -np.inf
    high: float = np.inf

    def draw(self, rng: np.random.Generator, size: int) -> NDArray[np.float64]:
        """Draw ``size`` values, float64."""
        values = rng.normal(self.mean, self.sigma, size)
        while (outside := (values < self.low) | (values > self.high)).any():
            values[outside] = rng.normal(self.mean, self.sigma, int(outside.sum()))
        return values


@dataclass(frozen=True)
class Family:
    """Properties of a family.

    Attributes
    ----------
    flattening
        Intrinsic minor to major axis ratio.
    bulge_to_total, bulge_sersic_n
        Bulge fraction of the light in r, and Sersic index of the bulge.
    log_disc_to_bulge
        log10 of the ratio of the half-light radii of disc and bulge.
    log_mass
        log10 of stellar mass in h^-2 Msun.
    log_angular_size
        log10 of the half-light semi-major axis in arcsec, for a survey that selects distances to fit its field of view.
    log_mass_to_light
        log10 of the mass-to-light ratio in r, in solar units.
    bulge_g_r, disc_g_r
        Rest-frame g - r of a galaxy of 10^10 h^-2 Msun.
    t_type
        T-Type.
    """

    flattening: Normal
    bulge_to_total: Normal
    bulge_sersic_n: Normal
    log_disc_to_bulge: Normal
    log_mass: Normal
    log_angular_size: Normal
    log_mass_to_light: float
    bulge_g_r: Normal
    disc_g_r: Normal
    t_type: Normal


FAMILIES = {
    "slow": Family(
        flattening=Normal(0.63, 0.09, 0.40, 0.90),  # Weijmans et al. 2014, MNRAS 444, 3340
        bulge_to_total=Normal(1.0, 0.0),
        bulge_sersic_n=Normal(5.1, 0.8, 3.0, 6.0),
        log_disc_to_bulge=Normal(0.0, 0.0),
        log_mass=Normal(10.80, 0.32, 9.8, 11.6),
        log_angular_size=Normal(0.82, 0.11, 0.48, 1.05),
        log_mass_to_light=0.40,
        bulge_g_r=Normal(0.72, 0.03, 0.60, 0.85),
        disc_g_r=Normal(0.72, 0.0),
        t_type=Normal(-2.2, 0.5, -3.2, 1.9),
    ),
    "fast": Family(
        flattening=Normal(0.28, 0.13, 0.12, 0.75),  # Weijmans et al. 2014; Foster et al. 2017, MNRAS 472, 966
        bulge_to_total=Normal(0.45, 0.15, 0.12, 0.85),
        bulge_sersic_n=Normal(2.8, 0.9, 1.0, 4.5),
        log_disc_to_bulge=Normal(0.48, 0.10, 0.25, 0.80),
        log_mass=Normal(10.35, 0.38, 9.3, 11.3),
        log_angular_size=Normal(0.76, 0.11, 0.48, 1.0),
        log_mass_to_light=0.40,
        bulge_g_r=Normal(0.72, 0.03, 0.60, 0.85),
        disc_g_r=Normal(0.66, 0.04, 0.50, 0.80),
        t_type=Normal(-1.0, 1.5, -3.0, 1.9),
    ),
    "late": Family(
        flattening=Normal(0.22, 0.05, 0.12, 0.40),
        bulge_to_total=Normal(0.12, 0.08, 0.0, 0.35),
        bulge_sersic_n=Normal(1.5, 0.5, 0.8, 3.0),
        log_disc_to_bulge=Normal(0.70, 0.12, 0.40, 1.0),
        log_mass=Normal(10.10, 0.40, 9.0, 11.2),
        log_angular_size=Normal(0.76, 0.11, 0.48, 1.0),
        log_mass_to_light=0.30,
        bulge_g_r=Normal(0.68, 0.05, 0.50, 0.80),
        disc_g_r=Normal(0.46, 0.08, 0.25, 0.65),
        t_type=Normal(4.2, 1.2, 2.1, 7.0),
    ),
}

SERSIC_N_STEP = 0.25
"""Indices are multiples of this, because GalSim tabulates each index again, which takes up to a third of a second."""
SLOW_AXIS_P = Normal(0.93, 0.05, 0.80, 1.0)
"""Intermediate to major axis ratio of slow rotators: mildly triaxial (Weijmans et al. 2014; Foster et al. 2017)."""
SLOW_LAMBDA_R = Normal(0.075, 0.025, 0.02, 0.16)
"""Residual lambda_R of slow rotators, from any direction (Emsellem et al. 2011, MNRAS 414, 888)."""
COLOUR_SLOPE = 0.05
"""Change of g - r in magnitudes per dex in stellar mass: the red sequence."""
SUN_R_MAG = 4.65
"""Absolute AB magnitude of the Sun in r (Willmer 2018, ApJS 236, 47)."""

MEASUREMENT_ERRORS = {"lambda_r": 0.015, "ellipticity": 0.015, "log_r_eff": 0.04, "log_sersic_n": 0.12}
"""Standard deviations of catalogue values (of natural logarithms where named log)."""

WITH_KINEMATICS, FEWEST_WITH_KINEMATICS, MOST_WITH_KINEMATICS = 0.1, 6, 20
"""Fraction of the galaxies with stellar maps or star particles, and their smallest and largest number."""
SLOW_WITH_KINEMATICS = 1 / 3
"""Fraction of slow rotators among them."""


def draw_population(n_galaxies: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return the truth of ``n_galaxies`` distinct galaxies in random order, without survey-dependent values.

    The fractions above fix the number of each family, so small samples also contain slow rotators. ``lambda_r`` and
    ``ellipticity`` have no measurement error, and determine ``rotator_type`` (0 slow, 1 fast).
    """
    n_early = round(EARLY_FRACTION * n_galaxies)
    n_slow = round(SLOW_FRACTION_OF_EARLY * n_early)
    counts = {"slow": n_slow, "fast": n_early - n_slow, "late": n_galaxies - n_early}
    frames = [_draw_family(name, count, rng) for name, count in counts.items()]
    galaxies = pd.concat(frames, ignore_index=True)
    galaxies = galaxies.iloc[rng.permutation(n_galaxies)].reset_index(drop=True)
    slow = is_slow_rotator(galaxies["lambda_r"], galaxies["ellipticity"])
    galaxies.insert(1, "rotator_type", np.where(slow, 0, 1))
    return galaxies


def _draw_family(name: str, size: int, rng: np.random.Generator) -> pd.DataFrame:
    family = FAMILIES[name]
    q = family.flattening.draw(rng, size)
    p = SLOW_AXIS_P.draw(rng, size) if name == "slow" else np.ones(size)
    inclination = np.degrees(np.arccos(rng.uniform(0, 1, size)))
    azimuth = rng.uniform(0, 360, size)
    axis_ratio = projected_axis_ratio(p, q, inclination, azimuth)
    anisotropy = rng.uniform(*ANISOTROPY_SLOPES, size) * (1 - q)
    rotation = lambda_r_of(v_over_sigma(1 - q, anisotropy, inclination))
    log_mass = family.log_mass.draw(rng, size)
    reddening = COLOUR_SLOPE * (log_mass - 10)

    bulge_to_total = family.bulge_to_total.draw(rng, size)
    bulge_n = family.bulge_sersic_n.draw(rng, size)
    if name == "fast":
        discless = rng.permutation(size) < round(DISCLESS_FRACTION_OF_FAST * size)
        bulge_to_total = np.where(discless, 1.0, bulge_to_total)
        bulge_n = np.where(discless, Normal(4.0, 0.7, 2.5, 6.0).draw(rng, size), bulge_n)
    bulge_n = SERSIC_N_STEP * np.round(bulge_n / SERSIC_N_STEP)
    disc_q = np.where(bulge_to_total < 1, DISC_FLATTENING * q, np.nan)
    bulge_q = q * (1 - DISC_FLATTENING * (1 - bulge_to_total)) / np.maximum(bulge_to_total, 1e-3)
    bulge_axis_ratio = np.where(
        bulge_to_total < 1, projected_axis_ratio(1.0, np.minimum(bulge_q, 0.95), inclination), axis_ratio
    )
    disc_axis_ratio = projected_axis_ratio(1.0, disc_q, inclination)
    structure = _structure(
        axis_ratio,
        bulge_to_total,
        bulge_n,
        bulge_axis_ratio,
        disc_axis_ratio,
        10 ** family.log_disc_to_bulge.draw(rng, size),
    )
    return pd.DataFrame(
        {
            "family": name,
            "is_early_type": name != "late",
            "p_intrinsic": p,
            "q_intrinsic": q,
            "inclination_deg": inclination,
            "azimuth_deg": azimuth,
            "position_angle_deg": rng.uniform(0, 180, size),
            "axis_ratio": axis_ratio,
            "ellipticity": 1 - axis_ratio,
            "anisotropy": np.nan if name == "slow" else anisotropy,
            "lambda_r": SLOW_LAMBDA_R.draw(rng, size) if name == "slow" else rotation,
            "has_disc": bulge_to_total < 1,
            "bulge_to_total_r": bulge_to_total,
            **structure,
            "log_mass_h2_msun": log_mass,
            "log_angular_size": family.log_angular_size.draw(rng, size),
            "abs_mag_r": SUN_R_MAG - 2.5 * (log_mass - family.log_mass_to_light),
            "bulge_g_r": family.bulge_g_r.draw(rng, size) + reddening,
            "disc_g_r": family.disc_g_r.draw(rng, size) + reddening,
            "t_type": family.t_type.draw(rng, size),
        }
    )


def _structure(
    axis_ratio: NDArray,
    bulge_to_total: NDArray,
    bulge_n: NDArray,
    bulge_axis_ratio: NDArray,
    disc_axis_ratio: NDArray,
    disc_to_bulge: NDArray,
) -> dict[str, NDArray]:
    """Return bulge and disc, and the Sersic index of both together.

    Semi-major axes are relative to the whole galaxy's.
    """
    n, bulge_size, disc_size = np.array(bulge_n), np.ones_like(axis_ratio), np.full_like(axis_ratio, np.nan)
    for k in np.flatnonzero(bulge_to_total < 1):
        circularised = np.sqrt(bulge_axis_ratio[k]), disc_to_bulge[k] * np.sqrt(disc_axis_ratio[k])
        r_eff, n[k] = bulge_and_disc(bulge_to_total[k], circularised[0], bulge_n[k], circularised[1])
        bulge_size[k] = np.sqrt(axis_ratio[k]) / r_eff
        disc_size[k] = bulge_size[k] * disc_to_bulge[k]
    return {
        "sersic_n": n,
        "bulge_sersic_n": bulge_n,
        "bulge_axis_ratio": bulge_axis_ratio,
        "disc_axis_ratio": disc_axis_ratio,
        "bulge_size": bulge_size,
        "disc_size": disc_size,
    }


def measured(truth: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return the values that a survey's pipelines measure: the truth with ``MEASUREMENT_ERRORS``, one draw per row."""
    n = len(truth)
    errors = MEASUREMENT_ERRORS
    ellipticity = np.clip(truth["ellipticity"] + rng.normal(0, errors["ellipticity"], n), 0.005, 0.95)
    return pd.DataFrame(
        {
            "lambda_r": np.clip(truth["lambda_r"] + rng.normal(0, errors["lambda_r"], n), 0.005, 1.0),
            "lambda_r_error": errors["lambda_r"],
            "ellipticity": ellipticity,
            "axis_ratio": 1 - ellipticity,
            "r_eff_arcsec": truth["r_eff_arcsec"] * rng.lognormal(0, errors["log_r_eff"], n),
            "sersic_n": np.clip(truth["sersic_n"] * rng.lognormal(0, errors["log_sersic_n"], n), 0.5, 8.0),
        },
        index=truth.index,
    )


def with_kinematics(truth: pd.DataFrame, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return the rows that have kinematic data: a tenth of them, at least 6 (if there are as many) and at most 20.

    They are early types if there are enough: a third slow rotators, the others fast.
    """
    n = len(truth)
    count = min(n, max(FEWEST_WITH_KINEMATICS, min(MOST_WITH_KINEMATICS, round(WITH_KINEMATICS * n))))
    shuffled = truth.iloc[rng.permutation(n)]
    early, slow = shuffled["is_early_type"], shuffled["rotator_type"] == 0
    slow_early, n_slow = shuffled[early & slow], round(SLOW_WITH_KINEMATICS * count)
    in_turn = [slow_early[:n_slow], shuffled[early & ~slow], slow_early[n_slow:], shuffled[~early]]
    return truth.index.isin(pd.concat(in_turn).index[:count])


def losses(n_rows: int, fractions: dict[str, float], rng: np.random.Generator) -> NDArray:
    """Return the defect of each row in the files ("" for most), at most one per row.

    Parameters
    ----------
    n_rows
        Number of rows.
    fractions
        Fraction of the rows with each defect.
    rng
        Source of random numbers.

    Returns
    -------
    object array
        (n_rows,), names of the defects.
    """
    what = np.full(n_rows, "", dtype=object)
    rows = rng.permutation(n_rows)
    for loss, fraction in fractions.items():
        count = round(fraction * n_rows)
        what[rows[:count]] = loss
        rows = rows[count:]
    return what
