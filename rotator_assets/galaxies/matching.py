"""Matches the catalogues of a survey into one table of galaxies, and labels these as slow or fast rotators.

The funnel ``match_report`` counts the losses from the morphology catalogue to the labelled early types. Each lost
galaxy counts once, at the first step that loses it. ``source_report`` counts the rows lost from each source. Matching
drops no galaxies; they have missing values instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from rotator_assets.core.settings import Exclusion
from rotator_assets.galaxies import sources
from rotator_assets.galaxies.exclusion import COLUMNS, by_reason, exclusions
from rotator_assets.galaxies.losses import Losses, every_row
from rotator_assets.kinematics.spin import is_slow_rotator, spin_threshold
from rotator_assets.store.columns import dtypes
from rotator_assets.store.fields import MORPHOLOGY_PROBABILITIES, fields
from rotator_assets.surveys import SURVEYS
from rotator_assets.surveys.base import KINEMATICS, MORPHOLOGY, PHOTOMETRY, conform
from rotator_assets.surveys.quality_cuts import QualityCut

_SHAPE = ("axis_ratio", "axis_ratio_source", *sources.AXIS_RATIOS.values())
"""Columns of photometry about the ellipticity."""

GALAXIES = dtypes(
    fields(
        *("survey", "galaxy_id", "object_id", "ra", "dec", "redshift", "t_type"),
        *MORPHOLOGY_PROBABILITIES,
        "flag_t_type",
        *("axis_ratio", "axis_ratio_source", "ellipticity", "r_eff_arcsec", "sersic_n", "nsa_sersic_n"),
        *("position_angle_deg", "log_mass", "psf_fwhm_arcsec", "drp3qual", "dapqual", "flag_failed_s", "subhalo_flag"),
        *("lambda_r", "lambda_r_error", "lambda_r_source", "jam_qual", "lambda_r_limit"),
        *("lambda_r_unscaled", "lambda_r_refused", "synthetic"),
    )
)
"""Columns of the matched galaxies by pandas dtype."""

_MEASURED_TOO = ("r_eff_arcsec", "position_angle_deg", "drp3qual", "dapqual")
"""Columns that both photometry and kinematics may have."""
_CHOSEN_APART = ("ellipticity", "refused", *_MEASURED_TOO)
"""Columns that come with lambda_R but are chosen separately."""

HIDDEN = "noise of the star particles hides slow rotation: lambda_r_limit above spin_threshold"
"""Reason for the missing label of a galaxy with lambda_R and axis ratio that passes every cut."""
MANY_HIDDEN = 0.1
"""Above this fraction of the galaxies with lambda_R of star particles there is a notice."""


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
    """Match the catalogues of a survey: one galaxy per row of the morphology catalogue, even with missing values.

    lambda_R and axis ratio come from the first source with a valid value. Axis ratios are valid in (0, 1], lambda_R in
    ``LAMBDA_R_RANGE`` before its factor; other values become missing and are counted. Size, position angle and quality
    masks come from photometry, or else from the preferred source of lambda_R that has them.

    Parameters
    ----------
    survey : str
        Key of the survey.
    morphology, photometry, kinematics : DataFrame
        Its catalogues (columns ``base.MORPHOLOGY``, ``PHOTOMETRY``, ``KINEMATICS``).
    preference : sequence of str
        Sources of lambda_R, the preferred first.
    synthetic : bool
        Whether any catalogue is synthetic.
    jam_qual_min : int, optional
        DynPop's lambda_R is refused if ``Qual`` is missing or smaller.
    lambda_r_scale : mapping of str to float, optional
        Factors for lambda_R by source.
    fill_refused : bool
        Take refused values from a later source (``sources.choose_lambda_r``).
    ellipticity_preference : sequence of str, optional
        Sources of the axis ratio, the preferred first; by default those of the survey.

    Returns
    -------
    galaxies : DataFrame
        The galaxies in the catalogue's order, columns ``GALAXIES``.
    losses : DataFrame
        Losses of each source, columns ``losses.LOSSES``.
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


def matching_losses(
    galaxies: pd.DataFrame, photometry: pd.DataFrame, kinematics: pd.DataFrame, exclude: Sequence[Exclusion] = ()
) -> pd.DataFrame:
    """Return the first steps of the funnel: galaxies excluded, then without lambda_R, then without axis ratio.

    Parameters
    ----------
    galaxies : DataFrame
        Result of ``match_galaxies``.
    photometry, kinematics : DataFrame
        The catalogues that were matched.
    exclude : sequence of Exclusion
        Galaxies to leave out; there is no step if none is left out of everything.

    Returns
    -------
    DataFrame
        Columns ``losses.LOSSES``.
    """
    report = Losses.of(galaxies)
    kept = report.step("morphology", every_row(galaxies), {})
    if excluded := by_reason(exclusions(galaxies, exclude), "everything"):
        kept = report.step("exclude", kept, excluded)
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
    exclude: Sequence[Exclusion] = (),
    **quality_cuts: bool,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Label galaxies as slow or fast rotators and as early types.

    Slow rotators have lambda_R strictly below ``kinematics.spin.spin_threshold``. Early types have a T-Type strictly
    below ``t_type_max`` or, without T-Type, P_Late of at most ``p_late_max``; they need an axis ratio. A cut takes the
    label, not the row. A galaxy whose noise hides slow rotation gets no label (``hides_slow_rotation``), nor does one
    that is excluded from everything.

    Parameters
    ----------
    galaxies : DataFrame
        Matched galaxies of one survey, columns ``GALAXIES``.
    t_type_max, p_late_max : float
        Limits of early types.
    boundary : str
        Boundary between slow and fast rotators.
    log_mass_min : float, optional
        Smallest log10 of the mass in h^-2 Msun; galaxies without a mass lose their label too.
    reject_repeat_observations : bool
        Only the first observation of a galaxy that passes every other cut keeps its label.
    exclude : sequence of Exclusion
        Galaxies to leave out.
    **quality_cuts : bool
        Cuts by setting. Those that the survey offers (``Survey.quality_cuts``) apply, and galaxies without the flag
        pass; ``idle_cuts`` reports the others.

    Returns
    -------
    labeled : DataFrame
        The same rows with ``spin_threshold``, ``rotator_type`` (0 slow, 1 fast, NA), ``is_early_type``, and what they
        are excluded from.
    losses : DataFrame
        The next step of the funnel: galaxies with lambda_R and axis ratio but no label.

    Raises
    ------
    TypeError
        For a cut that no survey offers.
    """
    if unknown := sorted(quality_cuts.keys() - _cut_columns().keys()):
        raise TypeError(f"no survey offers the quality cut {unknown[0]}")
    labeled = galaxies.copy()
    labeled["spin_threshold"] = spin_threshold(labeled["ellipticity"], boundary)
    excluded = exclusions(galaxies, exclude)
    measured = labeled["ellipticity"].notna() & labeled["lambda_r"].notna()
    measured &= excluded["excluded_from"] != "everything"
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
    labeled[COLUMNS] = excluded
    return labeled, report.frame()


def hides_slow_rotation(galaxies: pd.DataFrame) -> pd.Series:
    """Return True where ``lambda_r_limit`` is above ``spin_threshold``: noise may make a slow rotator look fast.

    In simulations with 1000 to 70 000 particles, at least 95 % of the remaining galaxies without rotation are labelled
    slow, and at least 95 % of discs at twice the threshold fast. lambda_R itself must not decide, because then
    only those galaxies without rotation would remain that noise made fast. Where the boundary allows no slow rotators
    (threshold 0 at this ellipticity), none is hidden.
    """
    some_slow = (galaxies["spin_threshold"] > 0) | (galaxies["ellipticity"] == 0)
    return some_slow & (galaxies["lambda_r_limit"].astype("float64") > galaxies["spin_threshold"])


def _cut_columns() -> dict[str, str]:
    """Return the column of each quality cut that any survey offers, by setting."""
    return {cut.setting: cut.column for survey in SURVEYS.values() for cut in survey.quality_cuts}


def _cuts_of(galaxies: pd.DataFrame) -> tuple[QualityCut, ...]:
    """Return the quality cuts of the galaxies' survey; none without galaxies."""
    return SURVEYS[galaxies["survey"].iloc[0]].quality_cuts if len(galaxies) else ()


def early_types(labeled: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the labelled early types of ``label_galaxies``, and the last steps of the funnel.

    Galaxies that are excluded from training are among them; the last step, if there are any, counts them.
    """
    report = Losses.of(labeled)
    kept = report.step(
        "early types",
        labeled["rotator_type"].notna(),
        {
            "no morphological type": labeled["t_type"].isna() & labeled["p_late"].isna(),
            "late type": ~labeled["is_early_type"],
        },
    )
    if excluded := by_reason(labeled, "training"):
        report.step("training", kept, excluded)
    return labeled[kept].reset_index(drop=True), report.frame()


def idle_cuts(galaxies: pd.DataFrame, cuts: Mapping[str, object]) -> list[str]:
    """Return a notice for each cut in use that the survey does not offer, or whose column has no values."""
    offered = {"log_mass_min", *(cut.setting for cut in _cuts_of(galaxies))}
    notices = []
    for cut, column in {"log_mass_min": "log_mass", **_cut_columns()}.items():
        if cuts.get(cut) in (None, False):
            continue
        if galaxies[column].isna().all():
            notices.append(f"setting labels.{cut}: no galaxy has {column}, which it needs")
        elif cut not in offered:
            notices.append(f"setting labels.{cut} is not used: the survey offers no such cut")
    return notices


def hidden_by_noise(labeled: pd.DataFrame) -> list[str]:
    """Return a notice if many galaxies measured from star particles have no label because of noise."""
    of_particles = labeled["lambda_r_limit"].notna() & labeled["ellipticity"].notna()
    n_hidden, n_measured = int(hides_slow_rotation(labeled)[of_particles].sum()), int(of_particles.sum())
    if n_hidden <= MANY_HIDDEN * n_measured:
        return []
    return [
        f"{n_hidden} of {n_measured} galaxies with lambda_r of star particles have no label: noise may make slow "
        "rotators look fast (lambda_r_limit above spin_threshold) with few particles or round shapes; see match_report"
    ]


def unlabeled(labeled: pd.DataFrame) -> list[str]:
    """Return a notice with the reasons if no galaxy has a label."""
    if labeled["rotator_type"].notna().any():
        return []
    lacking = {name: int(labeled[name].isna().sum()) for name in ("lambda_r", "axis_ratio")}
    what = ", ".join(f"{count} have no {name}" for name, count in lacking.items() if count) or "cuts reject them all"
    return [f"none of {len(labeled)} galaxies has a label: {what}; see match_report"]
