"""Catalogues of one survey into one table of galaxies, and galaxies into slow and fast rotators.

What becomes of the galaxies is told by a funnel (``match_report``): from the rows of the morphology catalogue to the
labelled early types, each galaxy that is lost counts once, at the first step that loses it. What becomes of the rows of
each source is told beside it (``source_report``). Galaxies are never dropped on the way, they lack a value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from rotator_assets.galaxies import sources
from rotator_assets.galaxies.losses import Losses, every_row
from rotator_assets.kinematics.spin import is_slow_rotator, spin_threshold
from rotator_assets.store.columns import dtypes
from rotator_assets.store.fields import fields
from rotator_assets.surveys import SURVEYS
from rotator_assets.surveys.base import KINEMATICS, MORPHOLOGY, PHOTOMETRY, conform
from rotator_assets.surveys.quality_cuts import QualityCut

_SHAPE = ("axis_ratio", "axis_ratio_source", *sources.AXIS_RATIOS.values())
"""What photometry says of the ellipticity."""

GALAXIES = dtypes(
    fields(
        *("survey", "galaxy_id", "object_id", "ra", "dec", "redshift", "t_type", "p_late", "flag_t_type"),
        *("axis_ratio", "axis_ratio_source", "ellipticity", "r_eff_arcsec", "sersic_n", "nsa_sersic_n"),
        *("position_angle_deg", "log_mass", "psf_fwhm_arcsec", "drp3qual", "dapqual", "flag_failed_s", "subhalo_flag"),
        *("lambda_r", "lambda_r_error", "lambda_r_source", "jam_qual", "lambda_r_limit"),
        *("lambda_r_unscaled", "lambda_r_refused", "synthetic"),
    )
)
"""Columns of the matched galaxies."""

_MEASURED_TOO = ("r_eff_arcsec", "position_angle_deg", "drp3qual", "dapqual")
"""What photometry and kinematics both may have."""
_CHOSEN_APART = ("ellipticity", "refused", *_MEASURED_TOO)
"""What comes with lambda_R and does not follow from its choice."""

HIDDEN = "noise of the star particles hides slow rotation: lambda_r_limit above spin_threshold"
"""Why a galaxy has no label that its lambda_R, axis ratio and the cuts would give it."""
MANY_HIDDEN = 0.1
"""Share of the galaxies with lambda_R of star particles above which the user is told."""


def match_galaxies(
    survey: str,
    morphology: pd.DataFrame,
    photometry: pd.DataFrame,
    kinematics: pd.DataFrame,
    preference: Sequence[str],
    synthetic: bool,
    jam_qual_min: int | None = None,
    *,
    lambda_r_scale: Mapping[str, float] | None = None,
    fill_refused: bool = False,
    ellipticity_preference: Sequence[str] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Galaxies (columns ``GALAXIES``) and what becomes of the rows of each source (columns ``losses.LOSSES``).

    One galaxy a morphology row, in its order, whatever it lacks. ``preference`` orders the sources of lambda_R; the
    first with a valid value for a galaxy gives it. Axis ratios are valid in (0, 1], lambda_R in ``LAMBDA_R_RANGE``
    after the factor of its source in ``lambda_r_scale``; others become missing and are counted. DynPop's lambda_R is
    refused where ``Qual`` is missing or below ``jam_qual_min``, a measured one where the catalogue says so; a later
    source gives it only with ``fill_refused`` (see ``sources.choose_lambda_r``). ``ellipticity_preference`` orders the
    sources of the axis ratio in the same way, by default as the survey does. Size, position angle and quality masks
    come from photometry, where it lacks them from the most preferred source of lambda_R that has them.
    """
    report = Losses(survey)
    galaxies = conform(morphology, MORPHOLOGY).reset_index(drop=True)
    photometry = conform(photometry, PHOTOMETRY).drop_duplicates("galaxy_id")
    kinematics = sources.by_preference(sources.scaled(conform(kinematics, KINEMATICS), lambda_r_scale), preference)
    ids = galaxies["galaxy_id"]
    if ellipticity_preference is None:
        ellipticity_preference = SURVEYS[survey].ellipticity_sources
    shapes = sources.shapes(photometry, kinematics)
    shape = sources.choose_ellipticity(report, shapes, ids, ellipticity_preference)
    lambda_r = sources.choose_lambda_r(report, kinematics, ids, preference, jam_qual_min, fill_refused)
    for frame, lacking in ((photometry.set_index("galaxy_id"), _SHAPE), (shape, ()), (lambda_r, _CHOSEN_APART)):
        galaxies = galaxies.join(frame.drop(columns=[*lacking]), on="galaxy_id")
    for column in _MEASURED_TOO:
        values = kinematics.dropna(subset=[column]).drop_duplicates("galaxy_id").set_index("galaxy_id")[column]
        galaxies[column] = galaxies[column].fillna(ids.map(values).astype(galaxies[column].dtype))
    return conform(galaxies.assign(survey=survey, synthetic=synthetic), GALAXIES), report.frame()


def matching_losses(galaxies: pd.DataFrame, photometry: pd.DataFrame, kinematics: pd.DataFrame) -> pd.DataFrame:
    """The first steps of the funnel: galaxies of ``match_galaxies`` without lambda_R, then those without axis ratio.

    ``photometry`` and ``kinematics``: the catalogues that they were matched with.
    """
    report = Losses.of(galaxies)
    kept = report.step("morphology", every_row(galaxies), {})
    refused = galaxies["lambda_r_refused"].notna()
    for column, catalog in (("lambda_r", kinematics), ("axis_ratio", photometry)):
        lost, known = galaxies[column].isna(), galaxies["galaxy_id"].isin(catalog["galaxy_id"])
        kept = report.step(
            column,
            kept,
            {
                "no table or measurement has the galaxy": lost & ~known,
                "a quality cut refuses it (setting fill_refused)": lost & refused & (column == "lambda_r"),
                "no usable value: see source_report": lost & known,
            },
        )
    return report.frame()


def label_galaxies(
    galaxies: pd.DataFrame,
    *,
    t_type_max: float = 2.0,
    p_late_max: float = 0.5,
    boundary: str = "emsellem2011",
    log_mass_min: float | None = None,
    reject_repeat_observations: bool = False,
    **quality_cuts: bool,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The same rows with ``spin_threshold``, ``rotator_type`` (0 slow, 1 fast, NA) and ``is_early_type``.

    And the next steps of the funnel: which of the galaxies with lambda_R and axis ratio get no label.

    Slow is lambda_R strictly below ``science.spin.spin_threshold``. Early is T-Type strictly below ``t_type_max``, or
    where there is no T-Type, P_Late at most ``p_late_max``; a galaxy without either, or without an axis ratio, is not
    counted as early. A cut takes the label, not the row: ``log_mass_min`` in log10(h^-2 Msun) also takes galaxies
    without a mass; the others reject what is flagged, and keep what has no flag. Of repeat observations the first that
    no other cut rejects keeps its label. A galaxy whose noise hides slow rotation has none (``hides_slow_rotation``).
    """
    labeled = galaxies.copy()
    labeled["spin_threshold"] = spin_threshold(labeled["ellipticity"], boundary)
    measured = labeled["ellipticity"].notna() & labeled["lambda_r"].notna()
    cuts: dict[str, pd.Series] = {}
    if log_mass_min is not None:
        cuts[f"log_mass missing or below {log_mass_min:g}"] = ~(labeled["log_mass"] >= log_mass_min)
    cuts |= {cut.reason: cut.rejects(labeled[cut.column]) for cut in _cuts_of(labeled) if quality_cuts.get(cut.setting)}
    cuts[HIDDEN] = hides_slow_rotation(labeled)
    if reject_repeat_observations:
        rejected = pd.concat([~measured, *(cut.astype(bool) for cut in cuts.values())], axis=1).any(axis=1)
        cuts["repeats an earlier observation"] = labeled["object_id"].where(~rejected).duplicated() & ~rejected
    report = Losses.of(labeled)
    kept = report.step("label", measured, cuts)

    slow = is_slow_rotator(labeled["lambda_r"], labeled["ellipticity"], boundary)
    labeled["rotator_type"] = pd.Series(np.where(slow, 0, 1), index=labeled.index, dtype="Int8").where(kept)
    by_t_type = labeled["t_type"].notna()
    early = (by_t_type & (labeled["t_type"] < t_type_max)) | (~by_t_type & (labeled["p_late"] <= p_late_max))
    labeled["is_early_type"] = early & labeled["ellipticity"].notna()
    return labeled, report.frame()


def hides_slow_rotation(galaxies: pd.DataFrame) -> pd.Series:
    """True where ``lambda_r_limit`` is above ``spin_threshold``; where it is missing, nothing is known to be hidden.

    In simulations of 1000 to 70 000 particles, of the galaxies that are left at least 95 % without rotation are slow,
    and at least 95 % of the discs of twice the threshold fast. lambda_R itself must not decide: of the galaxies without
    rotation those would be left that noise made fast. Where the boundary leaves no slow rotators (threshold 0 at some
    ellipticity), none is hidden.
    """
    some_slow = (galaxies["spin_threshold"] > 0) | (galaxies["ellipticity"] == 0)
    return some_slow & (galaxies["lambda_r_limit"].astype("float64") > galaxies["spin_threshold"])


def _cuts_of(galaxies: pd.DataFrame) -> tuple[QualityCut, ...]:
    """The quality cuts of the galaxies' survey; none without galaxies."""
    return SURVEYS[galaxies["survey"].iloc[0]].quality_cuts if len(galaxies) else ()


def early_types(labeled: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The labelled early types of ``label_galaxies``, and the last step of the funnel."""
    report = Losses.of(labeled)
    kept = report.step(
        "early types",
        labeled["rotator_type"].notna(),
        {
            "no morphological type": labeled["t_type"].isna() & labeled["p_late"].isna(),
            "late type": ~labeled["is_early_type"],
        },
    )
    return labeled[kept].reset_index(drop=True), report.frame()


def idle_cuts(galaxies: pd.DataFrame, cuts: Mapping[str, object]) -> list[str]:
    """A notice of each cut that is set and that no galaxy has the column for, so that it rejects none or all."""
    columns = {"log_mass_min": "log_mass"}
    columns |= {cut.setting: cut.column for survey in SURVEYS.values() for cut in survey.quality_cuts}
    return [
        f"setting labels.{cut}: no galaxy has {column}, which it looks at"
        for cut, column in columns.items()
        if cuts.get(cut) not in (None, False) and galaxies[column].isna().all()
    ]


def hidden_by_noise(labeled: pd.DataFrame) -> list[str]:
    """A notice where many galaxies measured from star particles have no label because of noise."""
    of_particles = labeled["lambda_r_limit"].notna() & labeled["ellipticity"].notna()
    n_hidden, n_measured = int(hides_slow_rotation(labeled)[of_particles].sum()), int(of_particles.sum())
    if n_hidden <= MANY_HIDDEN * n_measured:
        return []
    return [
        f"{n_hidden} of {n_measured} galaxies with lambda_r of star particles have no label: without rotation they may "
        "read as fast (lambda_r_limit above spin_threshold), for they have few particles or are round; see match_report"
    ]


def unlabeled(labeled: pd.DataFrame) -> list[str]:
    """A notice where no galaxy has a label, and what they lack."""
    if labeled["rotator_type"].notna().any():
        return []
    lacking = {name: int(labeled[name].isna().sum()) for name in ("lambda_r", "axis_ratio")}
    what = ", ".join(f"{count} have no {name}" for name, count in lacking.items() if count) or "cuts take them all"
    return [f"none of {len(labeled)} galaxies has a label: {what}; see match_report"]
