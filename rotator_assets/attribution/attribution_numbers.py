"""Attribution maps of a sample in numbers: each galaxy's own, and the means of groups of galaxies with intervals."""

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
"""Galaxies that are averaged: what they are (``rotator_type``), and what the network called them."""
DIFFERENCE = "slow minus fast"
QUANTITIES = ("signed", "absolute", "light")
"""What profiles and aligned means are of, in this order (`Layers.shares`)."""
_WITHIN = ("half_r_eff", "r_eff", "two_r_eff")
_DERIVED = {
    **{f"fraction_minus_light_within_{name}": (f"fraction_within_{name}", f"light_within_{name}") for name in _WITHIN},
    "attribution_minus_light_ellipticity": ("attribution_ellipticity", "light_ellipticity"),
}
"""Differences galaxy by galaxy, whose means are reported as well."""
_NOT_AVERAGED = ("attribution_angle_deg", "light_angle_deg", "reason")
_REPLICATES = 1000


class AttributionNumbers:
    """Takes maps one by one, in any order; keeps some numbers of each galaxy and means of each group, no maps.

    ``sample``: a row a galaxy, with ``rotator_type``, ``predicted_type``, ``r_eff_pixels``, ``axis_ratio``,
    ``object_id`` and, where they are known, ``galaxy_x_pixels`` and ``galaxy_y_pixels``. ``band_indices``: the images'
    bands that the network sees.

    ``profiles``: (n, rings, 3), see `radial_profile`, in shares of each galaxy's absolute attribution and light.
    ``aligned_means``: by group, (CELLS, CELLS, 3), the same on the grid of `alignment`. ``mean_maps``: by
    ``rotator_type``, mean absolute attribution, (ny, nx).
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
        """Measure the map (ny, nx, bands) of the sample's galaxy ``row``, beside its image as stored (ny, nx, 3)."""
        galaxy = self._sample.iloc[row]
        layers = Layers.of(attribution, image, self._bands)
        place = (from_middle(galaxy, axis, n) for axis, n in zip("xy", image.shape[1::-1], strict=True))
        ellipse = layers.ellipse(float(galaxy["r_eff_pixels"]), float(galaxy["axis_ratio"]), *place)
        self._shapes[row] = measure_shape(layers, ellipse)
        self.profiles[row] = radial_profile(layers.shares, ellipse)
        on_grid = aligned(layers.shares, ellipse)
        for name, mean in self.aligned_means.items():
            if self._members[name][row]:
                mean.add(on_grid)
        if (mean := self.mean_maps.get(galaxy["rotator_type"])) is not None:
            mean.add(layers.absolute)

    @property
    def shapes(self) -> pd.DataFrame:
        """The fields of `AttributionShape`, a row a galaxy of the sample."""
        return pd.DataFrame([asdict(shape) for shape in self._shapes], columns=list(AttributionShape.__annotations__))

    def summary(self, seed: int = 0) -> pd.DataFrame:
        """Table ``attribution_summary`` without its keys: means of all numbers by group, and slow minus fast.

        Intervals are 95 % percentiles of a bootstrap over physical galaxies. A group without galaxies has no rows.
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
        """Table ``attribution_profiles`` without its keys: mean profiles by group, intervals as in `summary`."""
        n, rings, quantities = self.profiles.shape
        radius = np.repeat((PROFILE_EDGES_R_EFF[1:] + PROFILE_EDGES_R_EFF[:-1]) / 2, quantities)
        frames = [
            means.assign(quantity=QUANTITIES * rings, radius_r_eff=radius)
            for _, means in self._means(self.profiles.reshape(n, rings * quantities), seed)
        ]
        return _joined(frames, ["galaxies", "quantity", "radius_r_eff", "n_galaxies", "mean", "low", "high"])

    def _means(self, values: NDArray[np.float64], seed: int) -> Iterator[tuple[list[NDArray[np.bool_]], pd.DataFrame]]:
        """Means of the columns of ``values`` (n, k) with their intervals, for every group: its members, k rows.

        NaN is left out. An interval is NaN where a group, or one of two that are compared, has fewer than two values.
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
    """Which galaxies of a sample (``rotator_type``, ``predicted_type``) are in each of `GROUPS`."""
    kind, called = (sample[name].to_numpy(dtype=float) for name in ("rotator_type", "predicted_type"))
    return {
        name: (kind == wanted) & ((called == outcome) if outcome is not None else True)
        for name, (wanted, outcome) in GROUPS.items()
    }


def _contrast(sides: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The numbers of one group, or of the first of two minus the second."""
    return sides[0] - sides[1] if len(sides) == 2 else sides[0]


def _joined(frames: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    return pd.concat(frames, ignore_index=True)[columns] if frames else pd.DataFrame(columns=columns)


def _weighted_means(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means of the columns of ``values`` (n, k), NaN left out, for each set of weights (b, n): (b, k)."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return (weights @ np.where(known, values, 0.0)) / (weights @ known)
