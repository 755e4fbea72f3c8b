"""Notices about factors for the lambda_R of a source (setting ``lambda_r_scale``)."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from rotator_assets.core.frames import parts_of
from rotator_assets.galaxies.sources import label_sources
from rotator_assets.kinematics.spin import is_slow_rotator


def mixed_scales(labeled: pd.DataFrame, known: Mapping[str, float], scale: Mapping[str, float]) -> list[str]:
    """Return a notice for each source of the labels that needs a factor and has none.

    Parameters
    ----------
    labeled : DataFrame
        Labelled galaxies.
    known : mapping of str to float
        Factors of the sources that are known to read low.
    scale : mapping of str to float
        Factors that are set.

    Returns
    -------
    list of str
        One sentence per source, only if labels come from several.
    """
    counts = label_sources(labeled)["lambda_r"]
    listed = ", ".join(f"{count} of {source}" for source, count in counts.items())
    return [
        f"labels come from several sources of lambda_r: {listed}; {source} reads about {1 / factor:.2g} of the others "
        f"(settings lambda_r_preference, lambda_r_scale)"
        for source, factor in known.items()
        if source in counts and len(counts) > 1 and source not in scale
    ]


def changed_by_scale(labeled: pd.DataFrame, scale: Mapping[str, float], boundary: str) -> list[str]:
    """Return a notice for each source with a factor: the number of labels that the factor changes.

    Parameters
    ----------
    labeled : DataFrame
        Labelled galaxies.
    scale : mapping of str to float
        Factors that are set.
    boundary : str
        Boundary between slow and fast rotators.

    Returns
    -------
    list of str
        One sentence per source of the labels with a factor.
    """
    labels = labeled[labeled["rotator_type"].notna()]
    notices = []
    for source, rows in parts_of(labels[labels["lambda_r_source"].isin(list(scale))], "lambda_r_source"):
        slow, published = rows["rotator_type"] == 0, rows["lambda_r_unscaled"]
        was_slow = is_slow_rotator(published, rows["ellipticity"], boundary)
        to_fast, to_slow = int((was_slow & ~slow).sum()), int((~was_slow & slow).sum())
        above = int((published * scale[source] > 1).sum())
        notices.append(
            f"setting lambda_r_scale: lambda_r of {source} times {scale[source]:g} changes {to_fast} of {len(rows)} "
            f"labels from slow to fast and {to_slow} from fast to slow; {above} values above 1 are set to 1"
        )
    return notices
