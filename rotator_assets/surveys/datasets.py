"""The datasets: images of one survey at one noise level and crop."""

from __future__ import annotations

from dataclasses import dataclass

from rotator_assets.imaging.cutouts import Noise
from rotator_assets.surveys import SURVEYS

CROPS_PX = (128, 64)


@dataclass(frozen=True)
class Dataset:
    """Images of one survey at one noise level and crop."""

    survey: str
    noise: Noise
    crop_px: int

    @property
    def key(self) -> str:
        """Partition key, such as ``manga-observed-64``."""
        return f"{self.survey}-{self.noise}-{self.crop_px}"


def survey_of(dataset: str) -> str:
    """Return the survey in a dataset's key, also of a dataset that no longer exists."""
    return dataset.partition("-")[0]


DATASETS = {
    dataset.key: dataset
    for dataset in (
        Dataset(survey.key, noise, crop) for survey in SURVEYS.values() for noise in survey.noises for crop in CROPS_PX
    )
}
