"""What of a dataset's images is not used, or not as one may expect, in sentences."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from rotator_assets.partitions import Dataset


def image_notices(dataset: Dataset, images: pd.DataFrame, strangers: Sequence[str]) -> list[str]:
    """Notices on table ``images`` of a dataset; ``strangers`` are galaxies with an image that no catalogue has."""
    usable, there = images[images["usable"]], images[images["path"].notna()]
    lines = []
    if strangers:
        lines.append(
            f"{len(strangers)} images in {dataset.survey}/images belong to no galaxy of the morphology catalogue and "
            f"are left out, that of {strangers[0]} for one"
        )
    reasons = there.loc[~there["usable"], "reason"].astype(str)
    if len(reasons) > len(there) / 2:
        example, count = _commonest(reasons)
        lines.append(
            f"{len(reasons)} of {len(there)} images of {dataset.key} are unusable, {count} of them like this: {example}"
        )
    units = usable["image_unit"].value_counts()
    if len(units) > 1:
        lines.append(
            f"{units['nanomaggies']} images of {dataset.key} are calibrated and {units['colour']} are colour pictures: "
            "networks see the difference; keep one kind"
        )
    if count := int(usable["unread_extensions"].notna().sum()):
        names = ", ".join(sorted(set(usable["unread_extensions"].dropna())))
        lines.append(f"masks of {count} images of {dataset.key} are not read ({names}): the pixels they flag are used")
    if count := int((usable["filled_fraction"] > 0).sum()):
        lines.append(f"{count} images of {dataset.key} had missing pixels, which are filled (max_missing_fraction)")
    return lines


def _commonest(reasons: pd.Series) -> tuple[str, int]:
    """The first of the reasons that is commonest but for names of files and numbers, and how many are like it."""
    plain = reasons.map(lambda reason: reason.split(": ", 1)[-1])
    kinds = plain.map(lambda reason: re.sub(r"\d+(\.\d+)?", "0", reason))
    kind = kinds.value_counts().index[0]
    return plain[kinds == kind].iloc[0], int((kinds == kind).sum())
