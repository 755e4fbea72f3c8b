"""Sensitivity of a survey's labels to the choices behind them: the galaxies labelled again with one choice changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from rotator_assets.galaxies.matching import label_galaxies, match_galaxies
from rotator_assets.galaxies.sources import shapes, usable_lambda_r
from rotator_assets.surveys import SURVEYS
from rotator_assets.surveys.base import KINEMATICS, PHOTOMETRY, conform

SENSITIVITY = (
    "survey",
    "choice_number",
    "choice",
    "n_labelled",
    "n_slow",
    "n_early",
    "n_early_slow",
    "n_compared",
    "n_changed",
    "label_change_fraction",
    "n_early_compared",
    "n_early_changed",
)
"""Columns of ``label_sensitivity``."""

AS_SET = "as set"
"""Name of the current settings, which all other choices are compared with."""
BOUNDARIES = ("emsellem2011", "cappellari2016")
BEAM_RULES = ("none", "all", "regular_rotators")


@dataclass(frozen=True)
class Choices:
    """Catalogues and options of ``match_galaxies`` and ``label_galaxies``, which decide the labels."""

    survey: str
    morphology: pd.DataFrame
    photometry: pd.DataFrame
    kinematics: pd.DataFrame
    matching: Mapping[str, Any]
    labels: Mapping[str, Any]

    def labelled(self) -> pd.DataFrame:
        """Return ``rotator_type`` and ``is_early_type`` of each row of the morphology catalogue."""
        catalogs = (self.morphology, self.photometry, self.kinematics)
        galaxies, _ = match_galaxies(self.survey, *catalogs, synthetic=False, **self.matching)
        return label_galaxies(galaxies, **self.labels)[0][["rotator_type", "is_early_type"]]

    def matched_by(self, **options: Any) -> Choices:
        """Return the choices with other options of ``match_galaxies``."""
        return replace(self, matching={**self.matching, **options})


def label_sensitivity(choices: Choices, measured: pd.DataFrame) -> pd.DataFrame:
    """Return one row per choice (columns ``SENSITIVITY``): the current settings, then each with one choice changed.

    The changes are: each source alone of the ellipticity and of lambda_R; the factor of a source of lambda_R that has
    one or is known to need one; the treatment of refused values; the boundary; and which galaxies measured from maps
    (``measured``, table ``measured_kinematics``) are corrected for seeing. A choice gives no row if it changes no input
    of the labels, or leaves no label.
    """
    base = choices.labelled()
    rows = [_row(choices.survey, 0, AS_SET, base, base)]
    for choice, other in alternatives(choices, measured):
        labels = other.labelled()
        if labels["rotator_type"].notna().any():
            rows.append(_row(choices.survey, len(rows), choice, labels, base))
    return pd.DataFrame(rows, columns=list(SENSITIVITY))


def alternatives(choices: Choices, measured: pd.DataFrame) -> Iterator[tuple[str, Choices]]:
    """Yield each other choice in words, with its catalogues and options."""
    survey, matching = SURVEYS[choices.survey], choices.matching
    kinematics = conform(choices.kinematics, KINEMATICS)
    present = shapes(conform(choices.photometry, PHOTOMETRY), kinematics)
    for source in (s for s in survey.ellipticity_sources if s in present):
        if tuple(matching["ellipticity_preference"]) != (source,) and len(present) > 1:
            yield f"ellipticity: {source}", choices.matched_by(ellipticity_preference=(source,))

    usable = set(usable_lambda_r(kinematics, matching["jam_qual_min"])["lambda_r_source"])
    for source in (s for s in survey.lambda_r_sources if s in usable):
        if tuple(matching["preference"]) != (source,) and len(usable) > 1:
            yield f"lambda_R: {source}", choices.matched_by(preference=(source,))
    for source, factor in {**survey.lambda_r_scales, **matching["lambda_r_scale"]}.items():
        if source in usable.intersection(matching["preference"]):
            others = {name: value for name, value in matching["lambda_r_scale"].items() if name != source}
            if source in matching["lambda_r_scale"]:
                yield f"lambda_R scale of {source}: none", choices.matched_by(lambda_r_scale=others)
            else:
                scale = {**others, source: factor}
                yield f"lambda_R scale of {source}: {factor:g}", choices.matched_by(lambda_r_scale=scale)
    if matching["jam_qual_min"] is not None or kinematics["refused"].isin([True]).any():
        filled = not matching["fill_refused"]
        yield f"refused lambda_R: {'filled' if filled else 'missing'}", choices.matched_by(fill_refused=filled)

    for boundary in BOUNDARIES:
        if boundary != choices.labels["boundary"]:
            yield f"boundary: {boundary}", replace(choices, labels={**choices.labels, "boundary": boundary})
    for rule in BEAM_RULES:
        corrected = _corrected_for_seeing(kinematics, survey.measured_source, measured, rule)
        if corrected is not None:
            yield f"beam correction: {rule}", replace(choices, kinematics=corrected)


def _corrected_for_seeing(
    kinematics: pd.DataFrame, source: str | None, measured: pd.DataFrame, rule: str
) -> pd.DataFrame | None:
    """Return the catalogue with measured lambda_R corrected by another rule; None if unknown or unchanged.

    Values are ``lambda_r_observed`` of ``measured``, times ``beam_factor`` where it is valid and the rule applies it.
    """
    needed = ["lambda_r_observed", "beam_factor", *(["regular_rotator"] if rule == "regular_rotators" else [])]
    if not set(needed) <= set(measured) or measured[needed].isna().all().any():
        return None
    by_galaxy = measured.drop_duplicates("galaxy_id").set_index("galaxy_id")
    factor = by_galaxy["beam_factor"].astype("float64").fillna(1.0)
    if rule == "none":
        factor[:] = 1.0
    elif rule == "regular_rotators":
        factor = factor.where(by_galaxy["regular_rotator"].astype("boolean").fillna(False), 1.0)
    values = kinematics["galaxy_id"].map(by_galaxy["lambda_r_observed"].astype("float64") * factor)
    values = kinematics["lambda_r"].where(kinematics["lambda_r_source"] != source, values)
    same = (values - kinematics["lambda_r"]).abs().fillna(0) < 1e-9
    return None if same.all() else kinematics.assign(lambda_r=values)


def _row(survey: str, number: int, choice: str, labels: pd.DataFrame, base: pd.DataFrame) -> tuple:
    """Return one row of ``label_sensitivity``: the labels of a choice against those of the current settings."""
    known, early = labels["rotator_type"].notna(), labels["is_early_type"]
    slow = (labels["rotator_type"] == 0).fillna(False)
    compared = known & base["rotator_type"].notna()
    changed = compared & (labels["rotator_type"] != base["rotator_type"]).fillna(False)
    counts = [int(rows.sum()) for rows in (known, slow, known & early, slow & early, compared, changed)]
    fraction = counts[-1] / counts[-2] if counts[-2] else float("nan")
    of_early = [int((rows & early).sum()) for rows in (compared, changed)]
    return (survey, number, choice, *counts, fraction, *of_early)
