"""Measures of a sample's attribution maps: those of each galaxy, and means over groups of galaxies with intervals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rotator_assets.attribution.alignment import CELLS, RunningMean, aligned
from rotator_assets.attribution.attribution_shape import (
    PROFILE_EDGES_R_EFF,
    AttributionShape,
    Layers,
    measure_shape,
    radial_profile,
)
from rotator_assets.evaluation.resampling import object_weights
from rotator_assets.imaging.centre import from_middle

GROUPS: dict[str, tuple[int, int | None]] = {
    "slow": (0, None),
    "fast": (1, None),
    "true slow": (0, 0),
    "false fast": (0, 1),
    "true fast": (1, 1),
    "false slow": (1, 0),
}
"""Groups of galaxies that are averaged: their ``rotator_type``, and their ``predicted_type`` (None for both)."""
DIFFERENCE = "slow minus fast"
QUANTITIES = ("signed", "absolute", "light")
"""Quantities of profiles and aligned means, in the order of `Layers.fractions`."""
_WITHIN = ("half_r_eff", "r_eff", "two_r_eff")
_DERIVED = {
    **{f"fraction_minus_light_within_{name}": (f"fraction_within_{name}", f"light_within_{name}") for name in _WITHIN},
    "attribution_minus_light_ellipticity": ("attribution_ellipticity", "light_ellipticity"),
}
"""Differences per galaxy whose means are reported too."""
_NOT_AVERAGED = ("attribution_angle_deg", "light_angle_deg", "reason")
_REPLICATES = 1000


class AttributionNumbers:
    """Collects measures of maps that are added one by one, in any order; the maps themselves are not kept.

    Parameters
    ----------
    sample : DataFrame
        One row per galaxy: ``rotator_type``, ``predicted_type``, ``r_eff_pixels``, ``axis_ratio``, ``object_id`` and,
        if known, ``galaxy_x_pixels`` and ``galaxy_y_pixels``.
    size_px : int
        Side of the images, pixels.
    band_indices : sequence of int
        Bands of the images that the network sees.

    Attributes
    ----------
    profiles : float64 (n, rings, 3)
        From `radial_profile`, as fractions of each galaxy's absolute attribution and light.
    aligned_means : mapping of str to RunningMean (CELLS, CELLS, 3)
        The same on the grid of `alignment`, by group.
    mean_maps : mapping of int to RunningMean (ny, nx)
        Mean absolute attribution in logits, by ``rotator_type``.
    """

    def __init__(self, sample: pd.DataFrame, size_px: int, band_indices: Sequence[int]) -> None:
        self._sample = sample.reset_index(drop=True)
        self._bands = band_indices
        self._members = members(sample)
        self._shapes = [AttributionShape(reason="not explained")] * len(sample)
        self.profiles = np.full((len(sample), len(PROFILE_EDGES_R_EFF) - 1, len(QUANTITIES)), np.nan)
        self.aligned_means = {name: RunningMean((CELLS, CELLS, len(QUANTITIES))) for name in GROUPS}
        self.mean_maps = {kind: RunningMean((size_px, size_px)) for kind in (0, 1)}

    def add(self, row: int, attribution: NDArray[np.float32], image: NDArray[np.float32]) -> None:
        """Measure the map of one galaxy.

        Parameters
        ----------
        row : int
            Position of the galaxy in the sample.
        attribution : float32 (ny, nx, bands)
            Its map, in logits.
        image : float32 (ny, nx, 3)
            Its image as stored.
        """
        galaxy = self._sample.iloc[row]
        layers = Layers.of(attribution, image, self._bands)
        ny, nx = image.shape[:2]
        place = from_middle(galaxy, "x", nx), from_middle(galaxy, "y", ny)
        ellipse = layers.ellipse(float(galaxy["r_eff_pixels"]), float(galaxy["axis_ratio"]), *place)
        self._shapes[row] = measure_shape(layers, ellipse)
        self.profiles[row] = radial_profile(layers.fractions, ellipse)
        on_grid = aligned(layers.fractions, ellipse)
        for name, mean in self.aligned_means.items():
            if self._members[name][row]:
                mean.add(on_grid)
        if (mean := self.mean_maps.get(galaxy["rotator_type"])) is not None:
            mean.add(layers.absolute)

    @property
    def shapes(self) -> pd.DataFrame:
        """The fields of `AttributionShape`, one row per galaxy of the sample."""
        return pd.DataFrame([asdict(shape) for shape in self._shapes], columns=list(AttributionShape.__annotations__))

    def summary(self, seed: int = 0) -> pd.DataFrame:
        """Return ``attribution_summary`` without its keys: means of all measures by group, and slow minus fast.

        Intervals are 95 % percentiles of a bootstrap over physical galaxies. Groups without galaxies have no rows.
        """
        shapes = self.shapes
        values = shapes.drop(columns=list(_NOT_AVERAGED)).astype(float)
        values = values.assign(**{name: shapes[one] - shapes[other] for name, (one, other) in _DERIVED.items()})
        frames = [
            means.assign(measure=values.columns, median=_contrast([values[side].median().to_numpy() for side in sides]))
            for sides, means in self._means(values.to_numpy(), seed)
        ]
        return _joined(frames, ["galaxies", "measure", "n_galaxies", "mean", "low", "high", "median"])

    def profile_summary(self, seed: int = 0) -> pd.DataFrame:
        """Return ``attribution_profiles`` without its keys: mean profiles by group, intervals as in `summary`."""
        n, rings, quantities = self.profiles.shape
        radius = np.repeat((PROFILE_EDGES_R_EFF[1:] + PROFILE_EDGES_R_EFF[:-1]) / 2, quantities)
        frames = [
            means.assign(quantity=QUANTITIES * rings, radius_r_eff=radius)
            for _, means in self._means(self.profiles.reshape(n, rings * quantities), seed)
        ]
        return _joined(frames, ["galaxies", "quantity", "radius_r_eff", "n_galaxies", "mean", "low", "high"])

    def _means(self, values: NDArray[np.float64], seed: int) -> Iterator[tuple[list[NDArray[np.bool_]], pd.DataFrame]]:
        """Yield the members of each group, and the means of the columns of ``values`` (n, k) with intervals, k rows.

        NaN is ignored. Intervals are NaN if a group, or one of two compared groups, has fewer than two values.
        """
        compared = {name: [inside] for name, inside in self._members.items() if inside.any()}
        if not compared:
            return
        if "slow" in compared and "fast" in compared:
            compared[DIFFERENCE] = [self._members["slow"], self._members["fast"]]
        labels, objects = (self._sample[name].to_numpy() for name in ("rotator_type", "object_id"))
        drawn = object_weights(labels, objects, _REPLICATES, np.random.default_rng(seed))
        for name, sides in compared.items():
            known = [np.isfinite(values[side]).sum(axis=0) for side in sides]
            mean, replicates = (
                _contrast([_weighted_means(values[side], weights[:, side]) for side in sides])
                for weights in (np.ones((1, len(values))), drawn)
            )
            low, high = np.full((2, values.shape[1]), np.nan)
            if (enough := np.min(known, axis=0) >= 2).any():
                low[enough], high[enough] = np.nanquantile(replicates[:, enough], [0.025, 0.975], axis=0)
            numbers = {"n_galaxies": np.sum(known, axis=0), "mean": mean[0], "low": low, "high": high}
            yield sides, pd.DataFrame({"galaxies": name, **numbers})


def members(sample: pd.DataFrame) -> dict[str, NDArray[np.bool_]]:
    """Return masks of the galaxies of a sample (``rotator_type``, ``predicted_type``) in each of `GROUPS`."""
    kind, predicted = (sample[name].to_numpy(dtype=float) for name in ("rotator_type", "predicted_type"))
    return {
        name: (kind == wanted) & ((predicted == outcome) if outcome is not None else True)
        for name, (wanted, outcome) in GROUPS.items()
    }


def _contrast(sides: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the values of one group, or those of the first of two groups minus the second."""
    return sides[0] - sides[1] if len(sides) == 2 else sides[0]


def _joined(frames: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    return pd.concat(frames, ignore_index=True)[columns] if frames else pd.DataFrame(columns=columns)


def _weighted_means(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the means of the columns of ``values`` (n, k) for each set of weights (b, n), (b, k); NaN is ignored."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return (weights @ np.where(known, values, 0.0)) / (weights @ known)
