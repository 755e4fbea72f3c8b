"""All galaxies of a training in one sequence, and their splits into training, validation and test parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rotator_assets.core.recipes import Recipe
from rotator_assets.training.additional import AdditionalGalaxies, with_additional_galaxies
from rotator_assets.training.folds import Split, plan_inner_splits, plan_splits
from rotator_assets.training.other_survey import OtherGalaxies, StackedImages, with_other_galaxies
from rotator_assets.training.pipeline import Images
from rotator_assets.training.targets import Answers


@dataclass(frozen=True)
class Material:
    """All galaxies of a training, one after the other: tested, additional, and those of the other survey.

    ``rows``, ``labels`` and ``answers`` have one entry per galaxy, ``tested`` and ``predicted`` one row per tested
    galaxy, and per galaxy of the survey. ``first`` is the split of a network from which all others start, ``inner``
    those of networks trained without two folds.
    """

    images: Images
    rows: NDArray[np.int64]
    labels: NDArray[np.int8]
    answers: Answers
    splits: list[Split]
    inner: list[Split]
    first: Split | None
    tested: pd.DataFrame
    predicted: pd.DataFrame

    @classmethod
    def of(
        cls,
        images: NDArray[np.float32],
        rows: NDArray[np.int64],
        galaxies: pd.DataFrame,
        answers: Answers,
        recipe: Recipe,
        additional: AdditionalGalaxies | None,
        other: OtherGalaxies | None,
    ) -> Material:
        """Return the material and its splits.

        Parameters
        ----------
        images
            Raw fluxes of the dataset, float32 (m, size, size, 3).
        rows
            Row of ``images`` of each tested galaxy, int64 (n,).
        galaxies
            The tested galaxies: galaxy_id, object_id and rotator_type, index 0 to n - 1.
        answers
            What else is learned of them.
        recipe
            Settings of the training.
        additional
            Galaxies that are trained on but not tested.
        other
            Galaxies of the other survey.
        """
        labels, objects = galaxies["rotator_type"].to_numpy(), galaxies["object_id"].to_numpy()
        splits, first, stacked = plan_splits(labels, objects, recipe), None, images
        splits += plan_inner_splits(labels, objects, recipe)
        every_row, every_label, learned = [rows], [labels], [answers]
        predicted = [galaxies[["galaxy_id", "object_id"]]]
        if additional is not None:
            splits = with_additional_galaxies(splits, objects, additional, recipe)
            every_row, every_label = [*every_row, additional.rows], [*every_label, additional.labels]
            learned.append(additional.answers)
            predicted.append(pd.DataFrame({"galaxy_id": additional.galaxy_ids, "object_id": additional.object_ids}))
        if other is not None:
            first, splits = with_other_galaxies(splits, sum(map(len, every_label)), other, recipe)
            every_row, every_label = [*every_row, len(images) + other.rows], [*every_label, other.labels]
            learned.append(Answers.unknown(len(other.labels), recipe) if other.answers is None else other.answers)
            stacked = StackedImages(images, other.images)
        return cls(
            stacked,
            np.concatenate(every_row),
            np.concatenate(every_label),
            Answers.concatenated(learned),
            splits[: recipe.networks],
            splits[recipe.networks :],
            first,
            galaxies,
            pd.concat(predicted, ignore_index=True),
        )

    def unseen(self, split: Split) -> pd.DataFrame:
        """Return the galaxies that the networks of a fold predict without having seen them, tested ones first."""
        rows = np.concatenate([split.test, split.unseen])
        return self.predicted.iloc[rows].assign(repeat=split.repeat, fold=split.fold, tested=rows < len(self.tested))
