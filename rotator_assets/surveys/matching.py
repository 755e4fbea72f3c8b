"""Catalogues of one survey into one table of galaxies, and galaxies into slow and fast rotators.

What becomes of the galaxies is told by a funnel (``match_report``): from the rows of the morphology catalogue to the
labelled early types, each galaxy that is lost counts once, at the first step that loses it. What becomes of the rows of
each source is told beside it (``source_report``). Galaxies are never dropped on the way, they lack a value.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from rotator_assets.errors import InputError
from rotator_assets.science.spin import is_slow_rotator, spin_threshold
from rotator_assets.surveys.aliases import LAMBDA_R_RANGE
from rotator_assets.surveys.base import KINEMATICS, MORPHOLOGY, PHOTOMETRY, TEXT, SourceFile, conform
from rotator_assets.surveys.releases import DAPQUAL_CRITICAL, DRP3QUAL_CRITICAL

GALAXIES = {
    "survey": TEXT,
    **MORPHOLOGY,
    "axis_ratio": "float64",
    "axis_ratio_source": TEXT,
    "ellipticity": "float64",
    **{name: kind for name, kind in PHOTOMETRY.items() if name not in ("galaxy_id", "axis_ratio", "axis_ratio_source")},
    **{name: kind for name, kind in KINEMATICS.items() if name not in ("galaxy_id", "ellipticity")},
    "synthetic": "bool",
}
"""Columns of the matched galaxies."""

_MEASURED_TOO = ("r_eff_arcsec", "position_angle_deg", "drp3qual", "dapqual")
"""What photometry and kinematics both may have."""

LOSSES = ("survey", "step", "rows_in", "rows_out", "rows_dropped", "reason")
"""Columns of a loss report: a row for every step and reason that dropped rows, one with no reason where none did."""

FEW = 0.5
"""Share of a published file's rows that name galaxies below which the user is told."""


def matches(source: SourceFile, galaxy_ids: Collection[str]) -> tuple[int, str]:
    """How many of a file's rows name a galaxy of the morphology catalogue, and a notice where few do, else "".

    Of a user's own table any row that does not is told.

    Raises InputError where none does: the file is of other galaxies, or writes identifiers in another way.
    """
    if not source.id_column:
        return 0, ""
    known = set(galaxy_ids)
    foreign = [name for name in source.ids if name not in known]
    n_matched = len(source.ids) - len(foreign)
    if n_matched == 0:
        there = f"identifiers such as {foreign[0]}" if foreign else "no identifier"
        raise InputError(
            f"{source.path}: no row names a galaxy of the morphology catalogue: column {source.id_column} has {there}, "
            f"the catalogue such as {next(iter(galaxy_ids))}; put it right, or take the file away"
        )
    if n_matched >= (1 if source.of_user else FEW) * len(source.ids):
        return n_matched, ""
    where = f"{source.path.name}, column {source.id_column}"
    what = f"{n_matched} of {source.rows} rows name a galaxy of the morphology catalogue"
    return n_matched, f"{where}: {what}, others such as {foreign[0]} none"


def match_galaxies(
    survey: str,
    morphology: pd.DataFrame,
    photometry: pd.DataFrame,
    kinematics: pd.DataFrame,
    preference: Sequence[str],
    synthetic: bool,
    jam_qual_min: int | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Galaxies (columns ``GALAXIES``) and what becomes of the rows of each source (columns ``LOSSES``).

    One galaxy a morphology row, in its order, whatever it lacks. ``preference`` orders the sources of lambda_R; the
    first with a valid value for a galaxy gives it. Axis ratios are valid in (0, 1], lambda_R in ``LAMBDA_R_RANGE``;
    others become missing and are counted, as is lambda_R of DynPop where ``Qual`` is missing or below ``jam_qual_min``.
    Where photometry has no axis ratio, the ellipticity that came with lambda_R gives it (``axis_ratio_source`` is then
    ``lambda_r_`` and the source of that); size, position angle and quality masks likewise.
    """
    report = _Report(survey)
    galaxies = conform(morphology, MORPHOLOGY).reset_index(drop=True)
    photometry = conform(photometry, PHOTOMETRY).drop_duplicates("galaxy_id")
    kinematics = conform(kinematics, KINEMATICS)
    ids = galaxies["galaxy_id"]
    valid = photometry["axis_ratio"].between(0, 1, inclusive="right")
    report.step(
        "photometry: axis ratio",
        _all(photometry),
        {
            "galaxy is not in the morphology catalogue": ~photometry["galaxy_id"].isin(ids),
            "no axis ratio in the tables": photometry["axis_ratio"].isna(),
            "axis ratio outside (0, 1]": ~valid,
        },
    )
    photometry.loc[~valid, ["axis_ratio", "axis_ratio_source"]] = [np.nan, None]
    galaxies = galaxies.join(photometry.set_index("galaxy_id"), on="galaxy_id")

    lambda_r, shaped = _choose_kinematics(report, kinematics, ids, preference, jam_qual_min)
    galaxies = galaxies.join(lambda_r, on="galaxy_id")

    for column in _MEASURED_TOO:
        values = kinematics.dropna(subset=[column]).drop_duplicates("galaxy_id").set_index("galaxy_id")[column]
        galaxies[column] = galaxies[column].fillna(ids.map(values).astype(galaxies[column].dtype))
    galaxies["ellipticity"] = 1 - galaxies["axis_ratio"]
    filled = galaxies["ellipticity"].isna() & ids.isin(shaped.index)
    galaxies.loc[filled, "ellipticity"] = ids[filled].map(shaped["ellipticity"])
    galaxies.loc[filled, "axis_ratio"] = 1 - galaxies.loc[filled, "ellipticity"]
    sources = ids[filled].map(shaped["lambda_r_source"])
    galaxies.loc[filled, "axis_ratio_source"] = [f"lambda_r_{source}" for source in sources]

    return conform(galaxies.assign(survey=survey, synthetic=synthetic), GALAXIES), report.frame()


def matching_losses(galaxies: pd.DataFrame, photometry: pd.DataFrame, kinematics: pd.DataFrame) -> pd.DataFrame:
    """The first steps of the funnel: galaxies of ``match_galaxies`` without lambda_R, then those without axis ratio.

    ``photometry`` and ``kinematics``: the catalogues that they were matched with.
    """
    report = _Report.of(galaxies)
    kept = report.step("morphology", _all(galaxies), {})
    for column, catalog in (("lambda_r", kinematics), ("axis_ratio", photometry)):
        lost, known = galaxies[column].isna(), galaxies["galaxy_id"].isin(catalog["galaxy_id"])
        kept = report.step(
            column,
            kept,
            {
                "no table or measurement has the galaxy": lost & ~known,
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
    reject_drp3qual_critical: bool = False,
    reject_dapqual_critical: bool = False,
    reject_flag_t_type: bool = False,
    reject_failed_photometry: bool = False,
    reject_spurious_subhalos: bool = False,
    reject_repeat_observations: bool = False,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The same rows with ``spin_threshold``, ``rotator_type`` (0 slow, 1 fast, NA) and ``is_early_type``.

    And the next steps of the funnel: which of the galaxies with lambda_R and axis ratio get no label.

    Slow is lambda_R strictly below ``science.spin.spin_threshold``. Early is T-Type strictly below ``t_type_max``, or
    where there is no T-Type, P_Late at most ``p_late_max``; a galaxy without either, or without an axis ratio, is not
    counted as early. A cut takes the label, not the row: ``log_mass_min`` in log10(h^-2 Msun) also takes galaxies
    without a mass; the others reject what is flagged, and keep what has no flag. Of repeat observations the first that
    no other cut rejects keeps its label.
    """
    labeled = galaxies.copy()
    measured = labeled["ellipticity"].notna() & labeled["lambda_r"].notna()
    cuts: dict[str, pd.Series] = {}
    if log_mass_min is not None:
        cuts[f"log_mass missing or below {log_mass_min:g}"] = ~(labeled["log_mass"] >= log_mass_min)
    if reject_drp3qual_critical:
        cuts["DRP3QUAL is CRITICAL"] = _has_bit(labeled["drp3qual"], DRP3QUAL_CRITICAL)
    if reject_dapqual_critical:
        cuts["DAPQUAL is CRITICAL"] = _has_bit(labeled["dapqual"], DAPQUAL_CRITICAL)
    if reject_flag_t_type:
        cuts["T-Type is flagged"] = labeled["flag_t_type"].fillna(0) != 0
    if reject_failed_photometry:
        cuts["the Sersic fit failed"] = labeled["flag_failed_s"].fillna(0) != 0
    if reject_spurious_subhalos:
        cuts["SubhaloFlag is 0: no galaxy"] = labeled["subhalo_flag"].fillna(1) == 0
    if reject_repeat_observations:
        rejected = pd.concat([~measured, *(cut.astype(bool) for cut in cuts.values())], axis=1).any(axis=1)
        cuts["repeats an earlier observation"] = labeled["object_id"].where(~rejected).duplicated() & ~rejected
    report = _Report.of(labeled)
    kept = report.step("label", measured, cuts)

    slow = is_slow_rotator(labeled["lambda_r"], labeled["ellipticity"], boundary)
    labeled["spin_threshold"] = spin_threshold(labeled["ellipticity"], boundary)
    labeled["rotator_type"] = pd.Series(np.where(slow, 0, 1), index=labeled.index, dtype="Int8").where(kept)
    by_t_type = labeled["t_type"].notna()
    early = (by_t_type & (labeled["t_type"] < t_type_max)) | (~by_t_type & (labeled["p_late"] <= p_late_max))
    labeled["is_early_type"] = early & labeled["ellipticity"].notna()
    return labeled, report.frame()


def _has_bit(mask: pd.Series, bit: int) -> pd.Series:
    """True where a quality mask has the bit; False where there is no mask."""
    return (mask.fillna(0).astype("int64") & bit) > 0


def early_types(labeled: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The labelled early types of ``label_galaxies``, and the last step of the funnel."""
    report = _Report.of(labeled)
    kept = report.step(
        "early types",
        labeled["rotator_type"].notna(),
        {
            "no morphological type": labeled["t_type"].isna() & labeled["p_late"].isna(),
            "late type": ~labeled["is_early_type"],
        },
    )
    return labeled[kept].reset_index(drop=True), report.frame()


_CUT_BY = {
    "log_mass_min": "log_mass",
    "reject_drp3qual_critical": "drp3qual",
    "reject_dapqual_critical": "dapqual",
    "reject_flag_t_type": "flag_t_type",
    "reject_failed_photometry": "flag_failed_s",
    "reject_spurious_subhalos": "subhalo_flag",
}
"""Column that each cut of ``label_galaxies`` looks at."""


def idle_cuts(galaxies: pd.DataFrame, cuts: Mapping[str, object]) -> list[str]:
    """A notice of each cut that is set and that no galaxy has the column for, so that it rejects none or all."""
    idle = [
        cut for cut, column in _CUT_BY.items() if cuts.get(cut) not in (None, False) and galaxies[column].isna().all()
    ]
    return [f"setting labels.{cut}: no galaxy has {_CUT_BY[cut]}, which it looks at" for cut in idle]


def unused_sources(kinematics: pd.DataFrame, preference: Sequence[str], jam_qual_min: int | None = None) -> list[str]:
    """A notice of each source of lambda_R that is there and not in the preference, and of a cut of one that is not."""
    present = dict.fromkeys(kinematics["lambda_r_source"])
    notices = [
        f"lambda_r of source {source} is not used: setting lambda_r_preference does not name it"
        for source in present
        if source not in preference
    ]
    if jam_qual_min is not None and "dynpop" not in present:
        notices.append("setting jam_qual_min: there is no lambda_r of DynPop, which it looks at")
    return notices


def unused_ellipticities(kinematics: pd.DataFrame, galaxies: pd.DataFrame) -> list[str]:
    """A notice where the user's own table has ellipticities and photometry has an axis ratio of every such galaxy."""
    shaped = kinematics[(kinematics["lambda_r_source"] == "user") & kinematics["ellipticity"].notna()]
    if shaped.empty or (galaxies["axis_ratio_source"] == "lambda_r_user").any():
        return []
    return [f"{len(shaped)} ellipticities of lambda_r.csv are not used: photometry has axis ratios, which come first"]


def unlabeled(labeled: pd.DataFrame) -> list[str]:
    """A notice where no galaxy has a label, and what they lack."""
    if labeled["rotator_type"].notna().any():
        return []
    lacking = {name: int(labeled[name].isna().sum()) for name in ("lambda_r", "axis_ratio")}
    what = ", ".join(f"{count} have no {name}" for name, count in lacking.items() if count) or "cuts take them all"
    return [f"none of {len(labeled)} galaxies has a label: {what}; see match_report"]


def passes_jam_quality(kinematics: pd.DataFrame, jam_qual_min: int | None) -> pd.Series:
    """False for lambda_R of DynPop whose ``Qual`` is missing or below the least that is asked for, None for none."""
    if jam_qual_min is None:
        return pd.Series(True, index=kinematics.index)
    return (kinematics["lambda_r_source"] != "dynpop") | (kinematics["jam_qual"].fillna(-9) >= jam_qual_min)


def _choose_kinematics(
    report: _Report,
    kinematics: pd.DataFrame,
    ids: pd.Series,
    preference: Sequence[str],
    jam_qual_min: int | None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """By galaxy_id: the preferred valid lambda_R with error, source and quality; the preferred valid ellipticity."""
    chosen: list[pd.DataFrame] = []
    taken: set[str] = set()
    present = list(dict.fromkeys(kinematics["lambda_r_source"]))
    for source in [*(s for s in preference if s in present), *(s for s in present if s not in preference)]:
        rows = kinematics[kinematics["lambda_r_source"] == source]
        kept = report.step(
            f"kinematics: lambda_r ({source})",
            _all(rows),
            {
                "source is not in the preference": pd.Series(source not in preference, index=rows.index),
                "galaxy is not in the morphology catalogue": ~rows["galaxy_id"].isin(ids),
                "repeats an earlier row": rows["galaxy_id"].duplicated(),
                f"no value in {list(LAMBDA_R_RANGE)}": ~rows["lambda_r"].between(*LAMBDA_R_RANGE),
                f"JAM quality missing or below {jam_qual_min}": ~passes_jam_quality(rows, jam_qual_min),
                "a preferred source has a value": rows["galaxy_id"].isin(taken),
            },
        )
        chosen.append(rows[kept])
        taken.update(rows.loc[kept, "galaxy_id"])
    lambda_r = pd.concat([kinematics.iloc[:0], *chosen]).set_index("galaxy_id")

    shaped = kinematics[kinematics["ellipticity"].notna() & kinematics["lambda_r_source"].isin(preference)]
    shaped = shaped.sort_values("lambda_r_source", key=lambda s: s.map(list(preference).index), kind="stable")
    if len(shaped):
        kept = report.step(
            "kinematics: ellipticity",
            _all(shaped),
            {
                "galaxy is not in the morphology catalogue": ~shaped["galaxy_id"].isin(ids),
                "outside [0, 1)": ~shaped["ellipticity"].between(0, 1, inclusive="left"),
                "repeats an earlier row": shaped["galaxy_id"].duplicated(),
            },
        )
        shaped = shaped[kept]
    return lambda_r.drop(columns=["ellipticity", *_MEASURED_TOO]), shaped.set_index("galaxy_id")[
        ["ellipticity", "lambda_r_source"]
    ]


def _all(frame: pd.DataFrame) -> pd.Series:
    """The mask of all rows."""
    return pd.Series(True, index=frame.index)


class _Report:
    """Collects the losses of every step."""

    def __init__(self, survey: str) -> None:
        self.survey = survey
        self.rows: list[tuple] = []

    @classmethod
    def of(cls, galaxies: pd.DataFrame) -> _Report:
        return cls(galaxies["survey"].iloc[0] if len(galaxies) else "")

    def step(self, name: str, among: pd.Series, reasons: Mapping[str, pd.Series]) -> pd.Series:
        """Counts each of the rows ``among`` under the first reason that drops it; returns the mask of those kept."""
        kept = among.astype(bool)
        rows_in = int(kept.sum())
        for reason, dropped in reasons.items():
            before = int(kept.sum())
            kept &= ~dropped.astype(bool)
            after = int(kept.sum())
            if after < before:
                self.rows.append((self.survey, name, before, after, before - after, reason))
        if int(kept.sum()) == rows_in:
            self.rows.append((self.survey, name, rows_in, rows_in, 0, ""))
        return kept

    def frame(self) -> pd.DataFrame:
        return pd.DataFrame(self.rows, columns=list(LOSSES))
