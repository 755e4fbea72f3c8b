"""Tests of a training's attribution maps on some galaxies, each with the network that was not trained on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rotator_assets.attribution.baseline_images import baselines
from rotator_assets.attribution.faithfulness.measures import (
    FRACTIONS,
    area_under,
    cascade,
    correlations,
    mean_with_interval,
    pixel_order,
    replacement_curve,
    summary,
)
from rotator_assets.attribution.integrated_gradients import Attributions, explain
from rotator_assets.attribution.other_methods import Explainer
from rotator_assets.core.frames import parts_of
from rotator_assets.core.recipes import Recipe
from rotator_assets.training.pipeline import network_input

if TYPE_CHECKING:
    import keras

IG_SKY, IG_BLURRED, IG_NOISE = "ig_sky", "ig_blurred", "ig_noise"
GRADIENT, SMOOTH_GRAD, OCCLUSION, GRAD_CAM = "gradient_times_input", "smooth_grad", "occlusion", "grad_cam"
METHODS = (IG_SKY, IG_BLURRED, IG_NOISE, GRADIENT, SMOOTH_GRAD, OCCLUSION, GRAD_CAM)
BRIGHTNESS, RANDOM = "brightness", "random"
"""Orders of pixels that do not depend on the network."""
CASCADE, FOLDS = "cascade", "folds"
DELETION, INSERTION = "deletion", "insertion"
_PAIR_COLUMNS = ("galaxy_id", "test", "method", "reference", "depth", "absolute", "signed")
_CURVE_COLUMNS = ("galaxy_id", "kind", "method", "share", "logit")
_ERROR_COLUMNS = ("galaxy_id", "n_steps", "completeness_error")
_RANDOM_ORDERS = 3
_COARSE_STEPS = 16
"""Quadrature points of maps that are only compared by rank; correlations agree with many steps within 0.01."""


@dataclass(frozen=True)
class Examination:
    """Results of all tests for the galaxies of ``sample``.

    ``maps``: by method, float32 (n, ny, nx), in the order of ``sample``.
    ``pairs``: one row per galaxy and pair of maps: test (agreement, cascade, folds), method, reference (method, layer
    or fold), depth, absolute and signed (`correlations`).
    ``curves``: one row per galaxy and point of a replacement curve: kind (deletion, insertion), method, share (fraction
    of pixels), logit (towards the predicted class).
    ``errors``: one row per galaxy and number of steps of integrated gradients from the empty sky: n_steps,
    completeness_error.
    """

    sample: pd.DataFrame
    maps: dict[str, NDArray[np.float32]]
    pairs: pd.DataFrame
    curves: pd.DataFrame
    errors: pd.DataFrame


def examine(
    load: Callable[[int], keras.Model],
    sample: pd.DataFrame,
    images: NDArray[np.float32],
    rows: NDArray[np.int64],
    recipe: Recipe,
    *,
    steps: Iterable[int],
    n_converged: int,
    seed: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> Examination:
    """Apply all methods and tests to each galaxy of the sample, with the network of its fold.

    Parameters
    ----------
    load : callable
        Returns the network of a fold.
    sample : DataFrame
        One row per galaxy: galaxy_id, object_id, rotator_type, predicted_type, fold.
    images : float32 (m, ny, nx, 3)
        Raw fluxes.
    rows : int64 (n,)
        Rows of ``images`` with the galaxies of the sample.
    recipe : Recipe
        The recipe of the networks.
    steps : iterable of int
        Numbers of quadrature points at which the completeness error is computed.
    n_converged : int
        Largest number of galaxies per class for which it is computed.
    seed : int
        Of noise, random orders and randomized weights.
    on_progress : callable, optional
        Called after each fold with the number of galaxies done and the total.

    Returns
    -------
    Examination
        Its sample is sorted by fold.
    """
    sample = sample.assign(row=rows).sort_values("fold", kind="stable").reset_index(drop=True)
    converged = set(sample.groupby("rotator_type").head(n_converged)["galaxy_id"])
    maps: dict[str, list[NDArray]] = {method: [] for method in METHODS}
    elsewhere: dict[int, dict[str, NDArray]] = {}
    pairs, curves, errors = [], [], []
    done, explainer = 0, None
    for fold, tested in parts_of(sample, "fold"):
        explainer = _explainer_of(load(int(fold)), explainer)
        elsewhere[fold] = _Network(explainer, images, sample["row"].to_numpy(), recipe, seed).coarse_maps()
        network = _Network(explainer, images, tested["row"].to_numpy(), recipe, seed)
        names = tested["galaxy_id"].to_numpy()
        found = network.maps()
        for method, values in found.items():
            maps[method].append(values)
        pairs += [pair.assign(galaxy_id=names) for pair in _pairs(network, found)]
        curves += _curves(network, found, tested)
        chosen = tested["galaxy_id"].isin(converged).to_numpy()
        errors += _errors(network, chosen, names[chosen], steps) if chosen.any() else []
        done += len(tested)
        if on_progress is not None:
            on_progress(done, len(sample))
    none = np.empty((0, *images.shape[1:3]), dtype=np.float32)
    together = {method: np.concatenate([none, *parts]) for method, parts in maps.items()}
    pairs += _across_folds(sample, together, elsewhere)
    frames = (_stacked(pairs, _PAIR_COLUMNS), _stacked(curves, _CURVE_COLUMNS), _stacked(errors, _ERROR_COLUMNS))
    return Examination(sample, together, *frames)


def _stacked(frames: list[pd.DataFrame], columns: tuple[str, ...]) -> pd.DataFrame:
    """Concatenate frames; without any, return an empty one with these columns."""
    return pd.concat(frames, ignore_index=True)[list(columns)] if frames else pd.DataFrame(columns=list(columns))


def _explainer_of(model: keras.Model, compiled: Explainer | None) -> Explainer:
    """Return an explainer of a network with these weights, the compiled one of another network of this kind if any."""
    from keras import models

    explainer = compiled or Explainer(models.clone_model(model))
    explainer.model.set_weights(model.get_weights())
    return explainer


class _Network:
    """A network with the galaxies it explains, always without averaging over views of an image."""

    def __init__(self, explainer: Explainer, images: NDArray, rows: NDArray, recipe: Recipe, seed: int) -> None:
        self.model, self.explainer, self.rows, self.seed = explainer.model, explainer, rows, seed
        self.recipe = recipe.model_copy(update={"test_time_averaging": False})
        self._images = images
        self.seen = network_input(images, rows, recipe)
        self.sky = baselines(images, rows, recipe, "sky")[:, 0]

    def integrated(
        self, steps: int, *, kind: str = "sky", rows: NDArray | None = None, model: keras.Model | None = None
    ) -> Attributions:
        """Integrate gradients with exactly this number of steps, for all galaxies or some, by this or another model."""
        exactly = {"attribution_steps": steps, "attribution_doublings": 0, "attribution_baseline": kind}
        recipe = self.recipe.model_copy(update=exactly)
        rows = self.rows if rows is None else rows
        return explain(model or self.model, self._images, rows, recipe)

    def coarse_maps(self, explainer: Explainer | None = None) -> dict[str, NDArray[np.float32]]:
        """Return maps for comparison between networks: integrated gradients with few steps, and Grad-CAM."""
        explainer = explainer or self.explainer
        steps = min(self.recipe.attribution_steps, _COARSE_STEPS)
        found = self.integrated(steps, model=explainer.model).maps.sum(axis=-1)
        return {IG_SKY: found, GRAD_CAM: explainer.grad_cam(self.seen)}

    def maps(self) -> dict[str, NDArray[np.float32]]:
        """Return maps by every method."""
        explainer, steps = self.explainer, self.recipe.attribution_steps
        kinds = {IG_SKY: "sky", IG_BLURRED: "blurred", IG_NOISE: "noise"}
        return {
            **{method: self.integrated(steps, kind=kind).maps.sum(axis=-1) for method, kind in kinds.items()},
            GRADIENT: explainer.gradient_times_input(self.seen, self.sky),
            SMOOTH_GRAD: explainer.smooth_grad(self.seen, self.seed),
            OCCLUSION: explainer.occlusion(self.seen, self.sky),
            GRAD_CAM: explainer.grad_cam(self.seen),
        }


def _pairs(network: _Network, maps: dict[str, NDArray]) -> Iterable[pd.DataFrame]:
    """Yield correlations of the maps with each other, and with those of increasingly randomized networks."""
    for one, two in combinations(maps, 2):
        yield _pair("agreement", one, two, 0, correlations(maps[one], maps[two]))
    explainer = None
    for depth, (layer, model) in enumerate(cascade(network.model, network.recipe, network.seed), start=1):
        explainer = explainer or Explainer(model)  # the model is always the same object, with changed weights
        gradient = explainer.gradient_times_input(network.seen, network.sky)
        for method, values in {**network.coarse_maps(explainer), GRADIENT: gradient}.items():
            yield _pair(CASCADE, method, layer, depth, correlations(maps[method], values))


def _across_folds(
    sample: pd.DataFrame, maps: dict[str, NDArray], elsewhere: dict[int, dict[str, NDArray]]
) -> Iterable[pd.DataFrame]:
    """Yield the mean correlation of each galaxy's map with those of the other folds' networks, if there are any."""
    if len(elsewhere) < 2:
        return
    for method in (IG_SKY, GRAD_CAM):
        found = np.stack([correlations(maps[method], of_fold[method]) for of_fold in elsewhere.values()])
        own = sample["fold"].to_numpy() == np.array(list(elsewhere))[:, None]
        found = np.mean(found, axis=0, where=~own[:, None, :])
        yield _pair(FOLDS, method, "", 0, found).assign(galaxy_id=sample["galaxy_id"].array)


def _pair(test: str, method: str, reference: str, depth: int, found: NDArray[np.float64]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "test": test,
            "method": method,
            "reference": reference,
            "depth": depth,
            "absolute": found[0],
            "signed": found[1],
        }
    )


def _curves(network: _Network, maps: dict[str, NDArray], tested: pd.DataFrame) -> list[pd.DataFrame]:
    """Compute deletion and insertion curves in the order of every map, by brightness, and in random order."""
    towards = np.where(tested["predicted_type"] == 1, 1, -1)
    scores = {method: [towards[:, None, None] * values] for method, values in maps.items()}
    scores[BRIGHTNESS] = [network.seen.sum(axis=-1)]
    generator = np.random.default_rng(network.seed)
    scores[RANDOM] = [generator.random(network.seen.shape[:3]) for _ in range(_RANDOM_ORDERS)]
    frames = []
    for method, several in scores.items():
        orders = [pixel_order(score, network.seed) for score in several]
        for kind, ends in ((DELETION, (network.seen, network.sky)), (INSERTION, (network.sky, network.seen))):
            curves = np.mean([replacement_curve(network.explainer, *ends, order) for order in orders], axis=0)
            frame = pd.DataFrame(towards[:, None] * curves, columns=FRACTIONS).assign(
                galaxy_id=tested["galaxy_id"].array
            )
            long = frame.melt("galaxy_id", var_name="share", value_name="logit")
            frames.append(long.assign(kind=kind, method=method, share=long["share"].astype(float)))
    return frames


def _errors(network: _Network, chosen: NDArray[np.bool_], names: NDArray, steps: Iterable[int]) -> list[pd.DataFrame]:
    return [
        pd.DataFrame(
            {
                "galaxy_id": names,
                "n_steps": count,
                "completeness_error": network.integrated(count, rows=network.rows[chosen]).completeness_error,
            }
        )
        for count in steps
    ]


def agreement(found: Examination, seed: int = 0) -> pd.DataFrame:
    """Return median correlations between methods, one row per pair: method, reference, columns of `summary`."""
    return _summaries(found, ["method", "reference"], found.pairs[found.pairs["test"] == "agreement"], seed)


def dependence(found: Examination, seed: int = 0) -> pd.DataFrame:
    """Return median correlations with maps of randomized networks (cascade) and of other folds (folds).

    Columns: test, method, layer (empty for folds), depth (layers randomized, from 1; 0 for folds), those of `summary`.
    """
    pairs = found.pairs[found.pairs["test"] != "agreement"].rename(columns={"reference": "layer"})
    return _summaries(found, ["test", "method", "layer", "depth"], pairs, seed)


def mean_curves(found: Examination) -> pd.DataFrame:
    """Return mean replacement curves: kind, method, share, n_galaxies, logit."""
    grouped = found.curves.groupby(["kind", "method", "share"], sort=False)["logit"]
    return grouped.agg(n_galaxies="size", logit="mean").reset_index()


def areas(found: Examination, seed: int = 0) -> pd.DataFrame:
    """Return the areas under the curves: kind, method, n_galaxies, area (mean logit), and gain over a random order.

    The gain is positive if the order is better than random: deletion lowers the logit, or insertion raises it, sooner.
    ``gain_low`` and ``gain_high`` are the ends of its interval, paired by galaxy.
    """
    known = found.sample.set_index("galaxy_id")
    rows = []
    for kind, of_kind in found.curves.groupby("kind", sort=False):
        by_method = {
            method: area_under(
                curves.pivot(index="galaxy_id", columns="share", values="logit").loc[known.index].to_numpy()
            )
            for method, curves in of_kind.groupby("method", sort=False)
        }
        for method, area in by_method.items():
            better = (area - by_method[RANDOM]) * (1 if kind == INSERTION else -1)
            gain = mean_with_interval(better, known["rotator_type"], known["object_id"], seed)
            rows.append(
                {
                    "kind": kind,
                    "method": method,
                    "n_galaxies": len(area),
                    "area": float(area.mean()),
                    "gain": gain.value,
                    "gain_low": gain.low,
                    "gain_high": gain.high,
                }
            )
    return pd.DataFrame(rows)


def convergence(found: Examination) -> pd.DataFrame:
    """Return the completeness error: rotator_type, n_steps, n_galaxies, median, ninety_percent."""
    errors = found.errors.merge(found.sample[["galaxy_id", "rotator_type"]], on="galaxy_id")
    grouped = errors.groupby(["rotator_type", "n_steps"])["completeness_error"]
    named = grouped.agg(n_galaxies="size", median="median", ninety_percent=lambda values: values.quantile(0.9))
    return named.reset_index()


def _summaries(found: Examination, by: list[str], pairs: pd.DataFrame, seed: int) -> pd.DataFrame:
    known = found.sample.set_index("galaxy_id")
    rows = []
    for names, group in pairs.groupby(by, sort=False):
        who = known.loc[group["galaxy_id"]]
        values = group[["absolute", "signed"]].to_numpy(float).T
        rows.append(dict(zip(by, names, strict=True)) | summary(values, who["rotator_type"], who["object_id"], seed))
    return pd.DataFrame(rows)
