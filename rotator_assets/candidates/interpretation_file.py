"""The file with everything that turns the outputs of a training's networks into predictions of new galaxies."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rotator_assets.candidates.domain import Domain
from rotator_assets.candidates.interpretation import FoldInterpretation, OutputCalibration
from rotator_assets.candidates.population import EarlyTypeClassifier
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
    recipe
        The recipe of the networks, of their predictions and of their attribution maps, JSON.
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
    recipe: str
    population: str
    fraction_slow: float
    folds: tuple[FoldInterpretation, ...]
    seen: SeenGalaxies

    @property
    def arrays(self) -> Arrays:
        """Content of the file, by name."""
        arrays: Arrays = {
            "training": np.array(self.training),
            "recipe": np.array(self.recipe),
            "population": np.array(self.population),
            "fraction_slow": np.array(self.fraction_slow),
            "folds": np.array([fold.fold for fold in self.folds]),
            **{f"seen_{field.name}": getattr(self.seen, field.name) for field in fields(self.seen)},
        }
        for fold in self.folds:
            arrays |= {f"fold_{fold.fold}_{name}": values for name, values in _arrays(fold).items()}
        return arrays

    @property
    def version(self) -> str:
        """Hash of the content."""
        digest = hashlib.sha256()
        for name, values in sorted(self.arrays.items()):
            digest.update(f"{name} {values.dtype} {values.shape} ".encode())
            digest.update(np.ascontiguousarray(values).tobytes())
        return digest.hexdigest()[:16]

    def write(self, path: Path) -> None:
        """Write the file, replacing it as a whole."""
        with replacing(path, ".npz") as temporary:
            np.savez_compressed(temporary, allow_pickle=False, **self.arrays)

    @classmethod
    def read(cls, path: Path) -> Interpretation:
        """Read the file. Raises FileNotFoundError without one, and InputError if it is damaged."""
        try:
            with np.load(path, allow_pickle=False) as arrays:
                found = cls._of(arrays)
            found.check()
        except FileNotFoundError:
            raise
        except Exception as error:  # NumPy raises nearly anything for damaged files
            reason = " ".join(str(error).split())
            raise InputError(f"{path}: is damaged ({reason}); make it again (`rotators run --stale`)") from None
        return found

    def check(self) -> None:
        """Raise ValueError unless sizes and values belong together."""
        n, n_objects = len(self.seen.fingerprints), len(self.seen.seen_by_fold)
        numbers = [fold.fold for fold in self.folds]
        if not numbers or len(set(numbers)) < len(numbers):
            raise ValueError("it has no folds, or one of them twice")
        if not 0 < self.fraction_slow < 1 or self.population not in ("early", "all"):
            raise ValueError("its population or its fraction of slow rotators is impossible")
        sizes = [len(values) for values in (self.seen.galaxy_ids, self.seen.objects, self.seen.ra, self.seen.dec)]
        if set(sizes) != {n} or self.seen.seen_by_fold.shape != (n_objects, len(numbers)):
            raise ValueError("the sizes of its lists of galaxies differ")
        if n and not 0 <= self.seen.objects.min() <= self.seen.objects.max() < n_objects:
            raise ValueError("it has an image of an unknown galaxy")
        for fold in self.folds:
            _check_fold(fold)

    @classmethod
    def _of(cls, arrays: Mapping[str, NDArray[Any]]) -> Interpretation:
        return cls(
            training=str(arrays["training"]),
            recipe=str(arrays["recipe"]),
            population=str(arrays["population"]),
            fraction_slow=float(arrays["fraction_slow"]),
            folds=tuple(_fold(int(fold), arrays) for fold in arrays["folds"]),
            seen=SeenGalaxies(
                fingerprints=arrays["seen_fingerprints"].astype(np.uint64),
                galaxy_ids=arrays["seen_galaxy_ids"].astype(np.str_),
                objects=arrays["seen_objects"].astype(np.int64),
                ra=arrays["seen_ra"].astype(np.float64),
                dec=arrays["seen_dec"].astype(np.float64),
                seen_by_fold=arrays["seen_seen_by_fold"].astype(np.bool_),
            ),
        )


def interpretation_path(models: Path) -> Path:
    """Return the path of the file for the folder of the networks of a dataset and recipe."""
    return models / NAME


def _check_fold(fold: FoldInterpretation) -> None:
    """Raise ValueError unless the numbers of a fold are finite and its arrays belong to the same features."""
    k = len(fold.domain.mean)
    arrays = [fold.domain.mean, fold.domain.precision, np.array(fold.domain.cut)]
    if fold.domain.precision.shape != (k, k) or not fold.domain.cut > 0:
        raise ValueError(f"fold {fold.fold}: its domain is impossible")
    if fold.population is not None:
        each = [fold.population.mean, fold.population.scale, fold.population.coefficients]
        if any(values.shape != (k,) for values in each):
            raise ValueError(f"fold {fold.fold}: its regression of the type has another number of features")
        if not (fold.population.scale > 0).all():
            raise ValueError(f"fold {fold.fold}: its regression of the type has features without a scale")
        arrays += [*each, np.array(fold.population.intercept)]
    numbers = [value for of in (fold.own, fold.outside) for value in (of.slope, of.offset)]
    if not all(np.isfinite(values).all() for values in (*arrays, numbers)):
        raise ValueError(f"fold {fold.fold}: some of its numbers are not finite")


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
        population = EarlyTypeClassifier(*regression, float(of("population_intercept")))
    return FoldInterpretation(
        repeat=int(of("repeat")),
        fold=fold,
        own=OutputCalibration(*of("own").tolist()),
        outside=OutputCalibration(*of("outside").tolist()),
        domain=Domain(of("domain_mean"), of("domain_precision"), float(of("domain_cut"))),
        population=population,
    )
