"""The file with everything that turns the outputs of a training's networks into predictions of new galaxies."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rotator_assets.candidates.domain import Domain
from rotator_assets.candidates.interpretation import FoldInterpretation, OutputCalibration
from rotator_assets.candidates.population import Population
from rotator_assets.candidates.seen import SeenGalaxies
from rotator_assets.core.errors import InputError
from rotator_assets.core.files import replacing

NAME = "interpretation.npz"

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Interpretation:
    """How the outputs of the networks of a training are interpreted.

    Attributes
    ----------
    training
        Name of the training.
    averaged
        Whether predictions are averaged over the eight symmetries of an image.
    population
        What the networks are calibrated for: ``early`` types, or ``all``.
    fraction_slow
        Fraction of slow rotators among the galaxies of the population, to which the probabilities refer.
    folds
        Interpretation of each fold.
    seen
        The images of the training.
    """

    training: str
    averaged: bool
    population: str
    fraction_slow: float
    folds: tuple[FoldInterpretation, ...]
    seen: SeenGalaxies

    def write(self, path: Path) -> None:
        """Write the file, replacing it as a whole."""
        arrays: Arrays = {
            "training": np.array(self.training),
            "averaged": np.array(self.averaged),
            "population": np.array(self.population),
            "fraction_slow": np.array(self.fraction_slow),
            "folds": np.array([fold.fold for fold in self.folds]),
            **{f"seen_{name}": getattr(self.seen, name) for name in ("images", "objects", "ra", "dec", "seen")},
        }
        for fold in self.folds:
            arrays |= {f"fold_{fold.fold}_{name}": values for name, values in _arrays(fold).items()}
        with replacing(path, ".npz") as temporary:
            np.savez_compressed(temporary, allow_pickle=False, **arrays)

    @classmethod
    def read(cls, path: Path) -> Interpretation:
        """Read the file. Raises FileNotFoundError without one, and InputError if it is damaged."""
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return cls._of(arrays)
        except (ValueError, KeyError, EOFError, zipfile.BadZipFile, OSError) as error:
            if isinstance(error, FileNotFoundError):
                raise
            raise InputError(f"{path}: is damaged ({' '.join(str(error).split())})") from None

    @classmethod
    def _of(cls, arrays: Mapping[str, NDArray[Any]]) -> Interpretation:
        return cls(
            training=str(arrays["training"]),
            averaged=bool(arrays["averaged"]),
            population=str(arrays["population"]),
            fraction_slow=float(arrays["fraction_slow"]),
            folds=tuple(_fold(int(fold), arrays) for fold in arrays["folds"]),
            seen=SeenGalaxies(*(arrays[f"seen_{name}"] for name in ("images", "objects", "ra", "dec", "seen"))),
        )


def interpretation_path(models: Path) -> Path:
    """Return the path of the file for the folder of the networks of a dataset and recipe."""
    return models / NAME


def _arrays(fold: FoldInterpretation) -> Arrays:
    arrays: Arrays = {
        "repeat": np.array(fold.repeat),
        "own": np.array([fold.own.slope, fold.own.offset, fold.own.margin]),
        "outside": np.array([fold.outside.slope, fold.outside.offset, fold.outside.margin]),
        "domain_mean": fold.domain.mean,
        "domain_precision": fold.domain.precision,
        "domain_cut": np.array(fold.domain.cut),
    }
    if fold.population is None:
        return arrays
    return arrays | {
        "population_mean": fold.population.mean,
        "population_scale": fold.population.scale,
        "population_coefficients": fold.population.coefficients,
        "population_intercept": np.array(fold.population.intercept),
    }


def _fold(fold: int, arrays: Mapping[str, NDArray[Any]]) -> FoldInterpretation:
    def of(name: str) -> NDArray[Any]:
        return arrays[f"fold_{fold}_{name}"]

    population = None
    if f"fold_{fold}_population_mean" in arrays:
        regression = (of("population_mean"), of("population_scale"), of("population_coefficients"))
        population = Population(*regression, float(of("population_intercept")))
    return FoldInterpretation(
        repeat=int(of("repeat")),
        fold=fold,
        own=OutputCalibration(*of("own").tolist()),
        outside=OutputCalibration(*of("outside").tolist()),
        domain=Domain(of("domain_mean"), of("domain_precision"), float(of("domain_cut"))),
        population=population,
    )
