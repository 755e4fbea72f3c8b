"""All galaxies of a recipe's training, read from the tables of one dataset and of the other survey."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rotator_assets.core.errors import InputError
from rotator_assets.core.recipes import Recipe
from rotator_assets.lineage.partitions import other_dataset
from rotator_assets.lineage.reads import Reads
from rotator_assets.store.frame_content import content_hash
from rotator_assets.store.tensors import ImageTensor
from rotator_assets.training.additional import AdditionalGalaxies
from rotator_assets.training.material import Material
from rotator_assets.training.objects import physical_objects
from rotator_assets.training.other_survey import OtherGalaxies
from rotator_assets.training.sample import learned_galaxies, training_sample, without_excluded
from rotator_assets.training.targets import Answers


@dataclass(frozen=True)
class TrainingGalaxies:
    """The galaxies of a training.

    Attributes
    ----------
    recipe
        The recipe as trained.
    sample
        The tested galaxies, with object_id shared by all rows of a physical galaxy (`physical_objects`).
    answers
        What is learned of them in addition to the class; None where nothing is.
    additional
        Further galaxies of the survey that are trained on; None without any.
    other
        Galaxies of the other survey that are trained on; None without any.
    synthetic
        True where any of them is synthetic.
    versions
        Versions of the tensors used.
    tables
        The tables from which answers and further galaxies come.
    notices
        What a user should know of them.
    """

    recipe: Recipe
    sample: pd.DataFrame
    answers: Answers | None
    additional: AdditionalGalaxies | None
    other: OtherGalaxies | None
    synthetic: bool
    versions: tuple[str, ...]
    tables: tuple[pd.DataFrame, ...]
    notices: tuple[str, ...]

    def material(self, tensor: ImageTensor) -> Material:
        """Return the galaxies in one sequence, with their splits; ``tensor``: the images of the dataset."""
        learned = Answers.unknown(len(self.sample), self.recipe) if self.answers is None else self.answers
        galaxies = self.sample[["galaxy_id", "object_id", "rotator_type"]].astype({"rotator_type": np.int8})
        rows = tensor.rows_of(galaxies["galaxy_id"])
        return Material.of(tensor.images, rows, galaxies, learned, self.recipe, self.additional, self.other)

    def content(self, code_version: str, encoder_version: str | None = None) -> str:
        """Return a hash of everything that decides the training; it can resume from checkpoints of the same hash."""
        content = [code_version, self.recipe.version("training"), *self.versions]
        content += [content_hash(self.sample[["galaxy_id", "object_id", "rotator_type"]])]
        content += [content_hash(table) for table in self.tables]
        content += [encoder_version] if encoder_version else []
        return content_hash(pd.DataFrame({"part": content}))


def training_galaxies(
    tensor: ImageTensor, labeled_images: pd.DataFrame, recipe: Recipe, dataset: str, reads: Reads
) -> TrainingGalaxies:
    """Return the galaxies that the recipe trains on and tests.

    Parameters
    ----------
    tensor
        Images of the dataset.
    labeled_images
        Its table of that name.
    recipe
        The recipe as trained.
    dataset
        Key of the dataset.
    reads
        Reads the other tables that the recipe needs.

    Raises
    ------
    InputError
        If no galaxy is left, or the other survey has no images yet.
    """
    sample = training_sample(labeled_images, recipe, dataset, reads)
    own, more = sample.iloc[:0], sample.iloc[:0]
    if recipe.learns_more:
        own, more = learned_galaxies(without_excluded(reads.table("imaged_galaxies", dataset)), sample, recipe)
    other = _other_survey(reads, recipe, dataset) if recipe.other_survey is not None else None
    theirs = sample.iloc[:0] if other is None else other.galaxies
    objects = _objects(sample, more, theirs)
    sample = sample.assign(object_id=objects[0])
    answers = Answers.of(own, recipe) if recipe.learns_more else None
    additional = _additional(tensor, more, objects[1], recipe) if len(more) else None
    learned = [answers] if answers else []
    learned += [additional.answers] if additional else []
    notices = _without_values(learned, recipe, dataset)
    shared = np.isin(objects[2], np.concatenate(objects[:2]))
    if shared.any():
        notices.append(
            f"{dataset} {recipe.name}: {shared.sum()} galaxies of {recipe.other_survey} are galaxies of {dataset}, too "
            "(by position); not trained on"
        )
    return TrainingGalaxies(
        recipe=recipe,
        sample=sample,
        answers=answers,
        additional=additional,
        other=None if other is None else other.used(~shared, objects[2], recipe),
        synthetic=tensor.synthetic or (other is not None and other.tensor.synthetic),
        versions=(tensor.version,) if other is None else (tensor.version, other.tensor.version),
        tables=(own, more) if other is None else (own, more, other.galaxies[~shared], other.learned),
        notices=tuple(notices),
    )


def _objects(*frames: pd.DataFrame) -> list[NDArray]:
    """Return the physical objects of the dataset's tested and additional galaxies and of the other survey's."""
    columns = ["object_id", "ra", "dec"]
    names = [frame["object_id"].astype(str) for frame in frames]
    names[2] = names[2].radd("other survey: ")  # identifiers of two surveys may be equal by chance
    everything = pd.concat(
        [frame[columns].assign(object_id=name) for frame, name in zip(frames, names, strict=True)], ignore_index=True
    )
    ends = np.cumsum([len(frame) for frame in frames])
    return np.split(physical_objects(everything), ends[:2])


def _additional(tensor: ImageTensor, galaxies: pd.DataFrame, objects: NDArray, recipe: Recipe) -> AdditionalGalaxies:
    return AdditionalGalaxies(
        rows=tensor.rows_of(galaxies["galaxy_id"]),
        labels=galaxies["rotator_type"].to_numpy("int8"),
        object_ids=objects,
        galaxy_ids=galaxies["galaxy_id"].to_numpy(),
        answers=Answers.of(galaxies, recipe),
    )


def _without_values(learned: Sequence[Answers], recipe: Recipe, dataset: str) -> list[str]:
    """Return a notice for each target of which no galaxy has a value."""
    if not learned:
        return []
    targets = Answers.concatenated(learned).targets
    return [
        f"{dataset} {recipe.name}: target {name}: no galaxy has a value, so it is not learned"
        for name, values in zip(recipe.targets.weights, targets.T, strict=True)
        if not np.isfinite(values).any()
    ]


@dataclass(frozen=True)
class _OtherSurvey:
    """Images and labelled galaxies of the other survey, and their properties if the recipe learns them."""

    tensor: ImageTensor
    galaxies: pd.DataFrame
    learned: pd.DataFrame

    def used(self, chosen: NDArray, objects: NDArray, recipe: Recipe) -> OtherGalaxies:
        galaxies = self.galaxies[chosen]
        return OtherGalaxies(
            self.tensor.images,
            self.tensor.rows_of(galaxies["galaxy_id"]),
            galaxies["rotator_type"].to_numpy("int8"),
            objects[chosen],
            Answers.of(self.learned[chosen], recipe) if recipe.learns_more else None,
        )


def _other_survey(reads: Reads, recipe: Recipe, dataset: str) -> _OtherSurvey:
    """Return images and labelled galaxies of the recipe's other survey; raise InputError if there are none."""
    key = other_dataset(recipe, dataset)
    try:
        tensor, labeled = reads.tensor(key), reads.table("labeled_images", key)
        imaged = without_excluded(reads.table("imaged_galaxies", key)) if recipe.learns_more else None
    except FileNotFoundError:
        raise InputError(
            f"recipe '{recipe.name}' also trains on {key}, which has no images yet; materialize its image_tensors, "
            "labeled_images and imaged_galaxies (`rotators run` does)"
        ) from None
    galaxies = training_sample(labeled, recipe, key, reads)
    learned = galaxies.iloc[:0] if imaged is None else learned_galaxies(imaged, galaxies, recipe)[0]
    return _OtherSurvey(tensor, galaxies, learned)
