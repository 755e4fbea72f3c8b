"""Predictions of every galaxy by those networks alone that have not seen it, in any role."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rotator_assets.candidates.domain import Domain, fit_domain
from rotator_assets.candidates.interpretation import interpreted_rows
from rotator_assets.candidates.networks import NetworkOutputs
from rotator_assets.candidates.population import EarlyTypeClassifier, fit_early_types
from rotator_assets.training.material import Material

N_GROUPS = 5
"""Number of groups of galaxies that no network has seen; each is calibrated by the others (`calibrated_outside`)."""
_SEED_OF_GROUPS = 3


@dataclass(frozen=True)
class FoldFit:
    """Number of the repeat of a fold, and what was fitted to its training part."""

    repeat: int
    domain: Domain
    population: EarlyTypeClassifier | None


@dataclass(frozen=True)
class BlindPredictions:
    """Predictions of galaxies by networks that have not seen them.

    Attributes
    ----------
    outputs
        One row per galaxy and fold whose networks have not seen it: galaxy_id, object_id, repeat, fold, group, and the
        columns of `interpreted_rows`.
    members
        Logit of each network of the fold, float64 (n_rows, n_networks).
    folds
        What was fitted to the training part of each fold, by its number.
    """

    outputs: pd.DataFrame
    members: NDArray[np.float64]
    folds: Mapping[int, FoldFit]


def has_folds(material: Material, training_folds: pd.DataFrame, unseen_galaxies: pd.DataFrame) -> bool:
    """Return whether a training had these splits: if so, all its parts are known.

    Parameters
    ----------
    material
        Galaxies and splits.
    training_folds, unseen_galaxies
        The tables of the training. The second has no rows for recipes that learn the class alone.
    """
    columns = ["galaxy_id", "fold", "rotator_type"]
    tested = [material.tested.iloc[split.test].assign(fold=split.fold) for split in material.splits]
    same = _rows(pd.concat(tested), columns) == _rows(training_folds, columns)
    if unseen_galaxies.empty:
        return same
    return same and _rows(pd.concat(map(material.unseen, material.splits)), columns[:2]) == _rows(
        unseen_galaxies, columns[:2]
    )


def _rows(frame: pd.DataFrame, columns: list[str]) -> set[tuple]:
    return set(frame[columns].itertuples(index=False, name=None))


def predict_blindly(
    galaxies: pd.DataFrame,
    rows: NDArray[np.int64],
    material: Material,
    run: Callable[[int, NDArray[np.int64]], NetworkOutputs],
    seed: int,
) -> BlindPredictions:
    """Predict galaxies by the networks of each fold that have seen neither them nor their repeat observations.

    Parameters
    ----------
    galaxies
        Galaxies with an image: galaxy_id, object_id (of the physical galaxy, as in `physical_objects`, the same for
        all galaxies of the training) and is_early_type (missing where unknown).
    rows
        Their rows of the images of the material, int64 (n,).
    material
        The galaxies of the training and its splits.
    run
        Runs the networks of a fold (its number) on rows of the images.
    seed
        Seed of the groups.

    Returns
    -------
    BlindPredictions
        Galaxies that no network was trained on have a row for every fold.
    """
    objects = galaxies["object_id"].to_numpy()
    known = pd.Series(_known_types(galaxies), index=rows)
    found, members, folds = [], [], {}
    for split in material.splits:
        # The validation part has tested types alone; the fold's additional galaxies were not trained on either.
        trained, validated, unseen = (material.rows[part] for part in (split.train, split.validation, split.unseen))
        seen = objects[np.isin(rows, np.concatenate([trained, validated]))]
        blind = np.flatnonzero(~np.isin(objects, seen))
        held_out = np.concatenate([validated, unseen])
        needed, place = np.unique(np.concatenate([rows[blind], trained, held_out]), return_inverse=True)
        of_blind, of_trained, of_held_out = np.split(place, np.cumsum([len(blind), len(trained)]))
        says = run(split.fold, needed)
        domain = fit_domain(says.features[of_trained], says.features[of_held_out])
        population = fit_early_types(np.asarray(known.reindex(trained), np.float64), says.features[of_trained])
        of_fold = says.of(of_blind)
        frame = galaxies.iloc[blind][["galaxy_id", "object_id"]].assign(repeat=split.repeat, fold=split.fold)
        rows_of_fold = interpreted_rows(of_fold, domain, population)
        found.append(pd.concat([frame.reset_index(drop=True), rows_of_fold], axis=1))
        members.append(of_fold.members.astype(np.float64))
        folds[split.fold] = FoldFit(split.repeat, domain, population)
    outputs = pd.concat(found, ignore_index=True)
    outputs = outputs.assign(group=_groups(outputs, seed))
    return BlindPredictions(outputs, np.concatenate(members), folds)


def _known_types(galaxies: pd.DataFrame) -> NDArray[np.float64]:
    """Return 1 for early, 0 for other types, NaN where unknown."""
    return np.asarray(galaxies["is_early_type"].astype("Float64").to_numpy(float, na_value=np.nan), np.float64)


def _groups(outputs: pd.DataFrame, seed: int) -> NDArray[np.int64]:
    """Return the group of each row: the fold of a galaxy that other folds train on, else a random one, below 0.

    Physical galaxies are not divided.
    """
    objects, number = np.unique(outputs["object_id"].to_numpy(), return_inverse=True)
    drawn = np.random.default_rng((seed, _SEED_OF_GROUPS)).integers(0, N_GROUPS, len(objects))
    of_object = outputs.groupby(["object_id", "repeat"])["fold"].transform("nunique")
    of_repeat = outputs.groupby("repeat")["fold"].transform("nunique")
    return np.where((of_object == 1) & (of_repeat > 1), outputs["fold"], -1 - drawn[number])
