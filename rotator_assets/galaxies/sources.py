"""The choice between sources of lambda_R and of ellipticity, each by a list of preference.

The first source in the list with a valid value is used. If a quality cut refuses a value, no later source replaces it:
the later one has not passed a comparable cut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from rotator_assets.core.settings import SurveySettings
from rotator_assets.galaxies.losses import Losses, every_row
from rotator_assets.surveys import dynpop
from rotator_assets.surveys.aliases import LAMBDA_R_RANGE

AXIS_RATIOS = {"nsa": "nsa_axis_ratio"}
"""Sources and columns of further axis ratios in photometry, next to ``axis_ratio``."""

NOT_PREFERRED = "source is not in the preference"
UNKNOWN = "galaxy is not in the morphology catalogue"
COMES_LATER = "a preferred source has a value"
REFUSED = "the value of a preferred source is refused"
"""Reasons of losses."""


def scaled(kinematics: pd.DataFrame, scale: Mapping[str, float] | None = None) -> pd.DataFrame:
    """Multiply lambda_R, its error and limit by the factor of their source; ``lambda_r_unscaled`` keeps the value.

    lambda_R becomes at most 1, the largest value that its definition allows. Invalid values remain as they are.
    """
    factor = kinematics["lambda_r_source"].map(dict(scale or {})).astype("float64").fillna(1.0)
    value = kinematics["lambda_r"]
    as_published = (factor == 1) | ~value.between(*LAMBDA_R_RANGE)
    return kinematics.assign(
        lambda_r=value.where(as_published, (value * factor).clip(upper=1.0)),
        lambda_r_error=kinematics["lambda_r_error"] * factor,
        lambda_r_limit=kinematics["lambda_r_limit"] * factor,
        lambda_r_unscaled=value,
    )


def usable_lambda_r(
    kinematics: pd.DataFrame, jam_qual_min: int | None = None, scale: Mapping[str, float] | None = None
) -> pd.DataFrame:
    """Return the rows of every source with a valid lambda_R that no quality cut refuses.

    Parameters
    ----------
    kinematics : DataFrame
        lambda_R of every source (columns ``base.KINEMATICS``).
    jam_qual_min : int, optional
        Smallest accepted quality of DynPop's JAM fit.
    scale : mapping of str to float, optional
        Factors by source, as in ``scaled``.

    Returns
    -------
    DataFrame
        The rows with scaled lambda_R.
    """
    kinematics = scaled(kinematics, scale)
    valid = kinematics["lambda_r"].between(*LAMBDA_R_RANGE)
    return kinematics[valid & dynpop.passes_jam_quality(kinematics, jam_qual_min)]


def several_sources(kinematics: pd.DataFrame, settings: SurveySettings) -> pd.DataFrame:
    """Return the `usable_lambda_r` of a survey by galaxy and source if it has several sources; otherwise no rows."""
    found = usable_lambda_r(kinematics, settings.jam_qual_min, settings.lambda_r_scale)
    found = found.drop_duplicates(["galaxy_id", "lambda_r_source"])
    return found if found["lambda_r_source"].nunique() > 1 else found.iloc[:0]


def choose_lambda_r(
    losses: Losses,
    kinematics: pd.DataFrame,
    ids: pd.Series,
    preference: Sequence[str],
    jam_qual_min: int | None,
    fill_refused: bool,
) -> pd.DataFrame:
    """Choose lambda_R of each galaxy from its sources.

    A missing value, or one that marks a failed fit, is not a refused one: the next source is used.

    Parameters
    ----------
    losses : Losses
        Report that the lost rows are added to.
    kinematics : DataFrame
        lambda_R of every source, as ``scaled`` returns it.
    ids : Series of str
        The galaxies of the morphology catalogue.
    preference : sequence of str
        Sources, the preferred first.
    jam_qual_min : int or None
        Smallest accepted quality of DynPop's JAM fit.
    fill_refused : bool
        Use a later source where a quality cut refuses a value.

    Returns
    -------
    DataFrame
        The chosen rows by galaxy_id. ``lambda_r_refused`` names the source whose value was refused, None otherwise.
    """
    chosen: list[pd.DataFrame] = []
    taken: set[str] = set()
    refused: dict[str, str] = {}
    for source in _ordered(kinematics["lambda_r_source"], preference):
        rows = kinematics[kinematics["lambda_r_source"] == source]
        not_asked = {
            NOT_PREFERRED: pd.Series(source not in preference, index=rows.index),
            UNKNOWN: ~rows["galaxy_id"].isin(ids),
            "repeats an earlier row": rows["galaxy_id"].duplicated(),
        }
        is_cut, is_poor = rows["refused"].isin([True]), ~dynpop.passes_jam_quality(rows, jam_qual_min)
        invalid = ~rows["lambda_r"].between(*LAMBDA_R_RANGE)
        is_taken = rows["galaxy_id"].isin(taken)
        is_filled = rows["galaxy_id"].isin(refused) & (not fill_refused)
        kept = losses.step(
            f"kinematics: lambda_r ({source})",
            every_row(rows),
            {
                **not_asked,
                "data cover less than min_coverage": is_cut,
                f"no value in {list(LAMBDA_R_RANGE)}": invalid,
                dynpop.too_poor(jam_qual_min): is_poor,
                COMES_LATER: is_taken,
                REFUSED: is_filled,
            },
        )
        is_refused = (is_cut | (is_poor & ~invalid)) & ~is_taken & ~pd.DataFrame(not_asked).any(axis=1)
        refused = {name: source for name in rows.loc[is_refused, "galaxy_id"]} | refused
        chosen.append(rows[kept])
        taken.update(rows.loc[kept, "galaxy_id"])
    rows = pd.concat([kinematics.iloc[:0], *chosen]).set_index("galaxy_id")
    rows = rows.reindex(rows.index.union(pd.Index(refused, dtype=object), sort=False))
    return rows.assign(lambda_r_refused=np.array([refused.get(name) for name in rows.index], dtype=object))


def shapes(photometry: pd.DataFrame, kinematics: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return every ellipticity, valid or not, by source: ``galaxy_id``, ``ellipticity``, ``axis_ratio``.

    Photometry has axis ratios, and some sources of lambda_R come with an ellipticity. Sources without values are left
    out.
    """
    found = {}
    first = photometry["axis_ratio_source"]
    for source in dict.fromkeys([*first.dropna(), *AXIS_RATIOS]):
        values = photometry["axis_ratio"].where(first == source)
        if source in AXIS_RATIOS:
            values = values.fillna(photometry[AXIS_RATIOS[source]])
        if values.notna().any():
            found[source] = photometry[["galaxy_id"]].assign(ellipticity=1 - values, axis_ratio=values)
    for source, rows in kinematics.groupby("lambda_r_source", sort=False):
        if rows["ellipticity"].notna().any():
            found[str(source)] = rows[["galaxy_id", "ellipticity"]].assign(axis_ratio=1 - rows["ellipticity"])
    return found


def choose_ellipticity(
    losses: Losses, found: Mapping[str, pd.DataFrame], ids: pd.Series, preference: Sequence[str]
) -> pd.DataFrame:
    """Choose the ellipticity of each galaxy from its sources.

    Parameters
    ----------
    losses : Losses
        Report that the lost rows are added to.
    found : mapping of str to DataFrame
        Ellipticities by source, as ``shapes`` returns them.
    ids : Series of str
        The galaxies of the morphology catalogue.
    preference : sequence of str
        Sources, the preferred first.

    Returns
    -------
    DataFrame
        ``ellipticity``, ``axis_ratio`` and ``axis_ratio_source`` by galaxy_id.
    """
    chosen: list[pd.DataFrame] = []
    taken: set[str] = set()
    for source in _ordered(found, preference):
        rows = found[source]
        kept = losses.step(
            f"ellipticity ({source})",
            every_row(rows),
            {
                NOT_PREFERRED: pd.Series(source not in preference, index=rows.index),
                UNKNOWN: ~rows["galaxy_id"].isin(ids),
                "no axis ratio in (0, 1]": ~rows["axis_ratio"].between(0, 1, inclusive="right"),
                "repeats an earlier row": rows["galaxy_id"].duplicated(),
                COMES_LATER: rows["galaxy_id"].isin(taken),
            },
        )
        chosen.append(rows[kept].assign(axis_ratio_source=source))
        taken.update(rows.loc[kept, "galaxy_id"])
    empty = pd.DataFrame({"galaxy_id": [], "ellipticity": [], "axis_ratio": [], "axis_ratio_source": []})
    empty = empty.astype({"galaxy_id": object, "axis_ratio_source": object})
    return pd.concat([empty, *chosen]).set_index("galaxy_id")


def unused_sources(
    kinematics: pd.DataFrame,
    preference: Sequence[str],
    jam_qual_min: int | None = None,
    scale: Mapping[str, float] | None = None,
    fill_refused: bool = False,
) -> list[str]:
    """Return notices about sources of lambda_R that are not used, and about settings without effect.

    Parameters
    ----------
    kinematics : DataFrame
        lambda_R of every source (columns ``base.KINEMATICS``).
    preference : sequence of str
        Sources in use.
    jam_qual_min : int, optional
        Smallest accepted quality of DynPop's JAM fit.
    scale : mapping of str to float, optional
        Factors by source.
    fill_refused : bool
        Whether refused values are replaced.

    Returns
    -------
    list of str
        One sentence per source or setting.
    """
    present = dict.fromkeys(kinematics["lambda_r_source"])
    notices = [
        f"lambda_r of source {source} is not used: setting lambda_r_preference does not name it"
        for source in present
        if source not in preference
    ]
    notices += dynpop.without_effect(kinematics, jam_qual_min)
    notices += [
        f"setting lambda_r_scale: there is no lambda_r of {source}" for source in scale or {} if source not in present
    ]
    if fill_refused and jam_qual_min is None and not kinematics["refused"].isin([True]).any():
        notices.append("setting fill_refused: no quality cut refuses a lambda_r (jam_qual_min, min_coverage)")
    return notices


def unfilled(galaxies: pd.DataFrame) -> list[str]:
    """Return a notice for each source whose refused values leave galaxies without lambda_R."""
    lost = galaxies.loc[galaxies["lambda_r"].isna(), "lambda_r_refused"].dropna()
    return [
        f"{count} of {len(galaxies)} galaxies {'has' if count == 1 else 'have'} no lambda_r: a quality cut refuses "
        f"that of {source}, and no later source replaces it (setting fill_refused)"
        for source, count in lost.value_counts(sort=False).items()
    ]


def unused_ellipticities(
    found: Mapping[str, pd.DataFrame], galaxies: pd.DataFrame, preference: Sequence[str]
) -> list[str]:
    """Return notices about ellipticities that are not used.

    Parameters
    ----------
    found : mapping of str to DataFrame
        Ellipticities by source, as ``shapes`` returns them.
    galaxies : DataFrame
        Matched galaxies.
    preference : sequence of str
        Sources in use.

    Returns
    -------
    list of str
        One sentence per source outside the preference, and one if no ellipticity of the user is used.
    """
    notices = [
        f"ellipticities of source {source} are not used: setting ellipticity_preference does not name it"
        for source in found
        if source not in preference
    ]
    own = found.get("user")
    if own is not None and "user" in preference and not (galaxies["axis_ratio_source"] == "user").any():
        before = ", ".join(source for source in preference[: list(preference).index("user")] if source in found)
        why = (
            f"those of {before} come first (setting ellipticity_preference)"
            if before
            else "none belongs to a galaxy of the catalogue"
        )
        notices.append(f"{own['ellipticity'].notna().sum()} ellipticities of lambda_r.csv are not used: {why}")
    return notices


def label_sources(labeled: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Return the number of labels by source of ``lambda_r`` and of ``ellipticity``, the largest first."""
    labels = labeled[labeled["rotator_type"].notna()]
    columns = {"lambda_r": "lambda_r_source", "ellipticity": "axis_ratio_source"}
    return {
        name: {str(source): n for source, n in labels[column].value_counts().items()}
        for name, column in columns.items()
    }


def label_sources_text(labeled: pd.DataFrame) -> str:
    """Return the sources of the labels in a sentence."""
    parts = [
        f"by {what} of {', '.join(f'{source} {count}' for source, count in counts.items())}"
        for what, counts in label_sources(labeled).items()
        if counts
    ]
    return f"Labels {' and '.join(parts)}." if parts else "No galaxy has a label."


def _ordered(present: Sequence[str] | Mapping[str, object] | pd.Series, preference: Sequence[str]) -> list[str]:
    """Return the sources that are present: the preferred ones in order, then the others."""
    there = list(dict.fromkeys(present))
    return [*(s for s in preference if s in there), *(s for s in there if s not in preference)]


def by_preference(kinematics: pd.DataFrame, preference: Sequence[str]) -> pd.DataFrame:
    """Sort the rows by the preference of their source, otherwise in their order."""
    ranks = {source: rank for rank, source in enumerate(_ordered(kinematics["lambda_r_source"], preference))}
    return kinematics.iloc[np.argsort(kinematics["lambda_r_source"].map(ranks).to_numpy(), kind="stable")]
