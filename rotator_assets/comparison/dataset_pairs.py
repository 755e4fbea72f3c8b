"""Pairs of datasets that differ in crop, noise or survey."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rotator_assets.surveys import SURVEYS
from rotator_assets.surveys.datasets import Dataset


@dataclass(frozen=True)
class DatasetPair:
    """Two datasets that differ in one respect; ``paired`` if both show the same galaxies."""

    kind: str
    dataset: str
    reference: str
    paired: bool


def dataset_pairs(datasets: Sequence[Dataset]) -> list[DatasetPair]:
    """Return the pairs of datasets that differ in crop, noise or survey alone.

    The reference is the larger crop, the noiseless dataset, or the observed one. Surveys are compared as observed:
    simulated images with noise with those of the observed surveys that their survey names.
    """
    return [
        DatasetPair(kind, one.key, reference.key, paired=one.survey == reference.survey)
        for one in datasets
        for reference in datasets
        if (kind := _kind(one, reference)) is not None
    ]


def _kind(one: Dataset, reference: Dataset) -> str | None:
    """Respect in which the two differ; None if they are no pair."""
    same_survey, same_crop = one.survey == reference.survey, one.crop_px == reference.crop_px
    noise = (one.noise, reference.noise)
    if one.crop_px < reference.crop_px and same_survey and noise[0] == noise[1]:
        return "crop"
    if same_survey and same_crop and noise == ("noisy", "noiseless"):
        return "noise"
    if same_crop and noise == ("noisy", "observed") and reference.survey in SURVEYS[one.survey].compared_with:
        return "survey"
    return None
