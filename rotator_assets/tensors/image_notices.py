"""Notices about images that are not used, or not used as expected."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace

import pandas as pd

from rotator_assets.core.archives import label
from rotator_assets.imaging.frames import is_frame
from rotator_assets.imaging.image_names import repeated
from rotator_assets.imaging.images import ImageSource
from rotator_assets.surveys import SURVEYS, Survey
from rotator_assets.surveys.datasets import Dataset


def file_notices(survey: Survey, folder: Path, sources: Mapping[str, ImageSource]) -> list[str]:
    """Return notices about files in the survey's folder of images.

    Parameters
    ----------
    survey : Survey
        The survey.
    folder : Path
        Its folder in the data root.
    sources : mapping of str to ImageSource
        The files that are read, by galaxy_id.

    Returns
    -------
    list of str
        One sentence for each kind of problem.
    """
    images, others = survey.images_in(folder)
    others = [file for file in others if not is_frame(file)]
    others += [image.file for image in images if image.galaxy_id not in sources]
    lines = []
    if others:
        lines.append(
            f"{len(others)} files in {survey.key}/{survey.image_folder} do not have the name of a galaxy's image and "
            f"are not read, such as {label(others[0])}"
        )
    files = Counter(image.galaxy_id for image in images)
    of_several = [image for image in images if files[image.galaxy_id] > 1]
    if several := [galaxy for galaxy in repeated(of_several) if galaxy in sources]:
        read = sources[several[0]].described(folder)
        lines.append(f"{len(several)} galaxies of {survey.key} have several images: {several[0]} is read from {read}")
    return lines


def image_notices(dataset: Dataset, images: pd.DataFrame, strangers: Sequence[str]) -> list[str]:
    """Return notices about the images of a dataset.

    Parameters
    ----------
    dataset : Dataset
        The dataset.
    images : DataFrame
        Its rows of table ``images``.
    strangers : sequence of str
        Galaxies with an image that are not in the morphology catalogue.

    Returns
    -------
    list of str
        One sentence for each kind of problem.
    """
    usable, there = images[images["usable"]], images[images["path"].notna()]
    survey, lines = SURVEYS[dataset.survey], []
    if strangers:
        lines.append(
            f"{len(strangers)} images in {dataset.survey}/{survey.image_folder} belong to no galaxy of the morphology "
            f"catalogue and are left out, such as that of {strangers[0]}"
        )
    reasons = there.loc[~there["usable"], "reason"].astype(str)
    if len(reasons) > len(there) / 2:
        example, count = _commonest(reasons)
        lines.append(
            f"{len(reasons)} of {len(there)} images of {dataset.key} are unusable, {count} of them like this: {example}"
        )
    units = usable["image_unit"].value_counts()
    unscaled = usable[(usable["image_unit"] == "nanomaggies") & usable["arcsec_per_pixel"].isna()]
    needed, assumed = survey.arcsec_per_pixel, survey.scale_of_others
    if len(unscaled) and assumed is not None:
        lines.append(
            f"{len(unscaled)} images of {dataset.key} have no pixel scale in the file: {assumed} arcsec is taken, "
            "as the settings say (pixel_scale_arcsec)"
        )
    elif len(unscaled) and needed is not None:
        lines.append(
            f"{len(unscaled)} images of {dataset.key} have no pixel scale in the file and are not checked, "
            f"such as that of {unscaled['galaxy_id'].iloc[0]}: {needed} arcsec are needed"
        )
    if len(units) > 1:
        lines.append(
            f"{units['nanomaggies']} images of {dataset.key} are calibrated and {units['colour']} are colour pictures: "
            "networks see the difference; keep only one kind"
        )
    if count := int(usable["unread_extensions"].notna().sum()):
        names = ", ".join(sorted(set(usable["unread_extensions"].dropna())))
        lines.append(f"masks of {count} images of {dataset.key} are not read ({names}): flagged pixels are used")
    if count := int((usable["filled_fraction"] > 0).sum()):
        lines.append(f"{count} images of {dataset.key} had missing pixels, which were filled (max_missing_fraction)")
    return lines


def idle_image_settings(dataset: Dataset, images: pd.DataFrame, settings: SimpleNamespace) -> list[str]:
    """Return a notice for each image setting that has no effect on a dataset.

    Parameters
    ----------
    dataset : Dataset
        The dataset.
    images : DataFrame
        Its rows of table ``images``.
    settings : SimpleNamespace
        Settings ``images`` and ``mock`` of the survey.

    Returns
    -------
    list of str
        One sentence per setting.
    """
    lines = []
    if dataset.noise == "observed" and settings.mock != type(settings.mock)():
        lines.append(f"settings mock: have no effect, as images of {dataset.survey} are observed")
    chosen = [name for name in ("pixels_per_r_eff", "arcsec_per_pixel") if getattr(settings.images, name) is not None]
    units = images["image_unit"].dropna()
    if chosen and len(units) and "colour" not in set(units):
        lines.append(f"setting images.{chosen[0]}: has no effect, as {dataset.key} has no colour pictures")
    return lines


def _commonest(reasons: pd.Series) -> tuple[str, int]:
    """Return an example of the most common reason, ignoring file names and numbers, and its count."""
    plain = reasons.map(lambda reason: reason.split(": ", 1)[-1])
    kinds = plain.map(lambda reason: re.sub(r"\d+(\.\d+)?", "0", reason))
    kind = kinds.value_counts().index[0]
    return plain[kinds == kind].iloc[0], int((kinds == kind).sum())
