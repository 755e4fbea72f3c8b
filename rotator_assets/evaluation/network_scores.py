"""Scores of galaxies by several networks, which are compared within each network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from rotator_assets.core.statistics import checked_scores


@dataclass(frozen=True)
class NetworkScores:
    """One entry per galaxy and network that scored it.

    Attributes
    ----------
    labels
        0 slow, 1 fast; shape (n,), like all others.
    scores
        Higher is more likely fast, on a scale that may differ between networks.
    networks
        The network that gave the score.
    galaxy_ids
        Observations.
    object_ids
        Physical galaxies.
    """

    labels: NDArray[np.int8]
    scores: NDArray[np.float64]
    networks: NDArray
    galaxy_ids: NDArray
    object_ids: NDArray

    @classmethod
    def of(cls, frame: pd.DataFrame, scores: ArrayLike | None = None) -> NetworkScores:
        """Return the scores in ``repeat_predictions`` or ``predictions``, or other ``scores`` (n,) of the same rows.

        Raises ValueError unless labels are 0 or 1 and all scores finite.
        """
        columns = (frame[name].to_numpy() for name in ("fold", "galaxy_id", "object_id"))
        return cls._checked(frame["rotator_type"], frame["probability_fast"] if scores is None else scores, *columns)

    @classmethod
    def single(cls, labels: ArrayLike, scores: ArrayLike, object_ids: ArrayLike | None = None) -> NetworkScores:
        """Return scores (n,) on one scale for all galaxies.

        Every galaxy is a different object unless ``object_ids`` (n,) are given. Raises ValueError as `of` does.
        """
        galaxies = np.arange(len(np.asarray(labels)))
        objects = galaxies if object_ids is None else np.asarray(object_ids)
        return cls._checked(labels, scores, np.zeros(len(galaxies), dtype=np.int64), galaxies, objects)

    @classmethod
    def _checked(cls, labels: ArrayLike, scores: ArrayLike, *columns: NDArray) -> NetworkScores:
        return cls(*checked_scores(labels, scores, both_classes=False), *columns)

    def __len__(self) -> int:
        return len(self.labels)

    def select(self, chosen: NDArray) -> NetworkScores:
        """Return the entries that a mask (n,) or positions (k,) select."""
        return replace(self, **{name: values[chosen] for name, values in vars(self).items()})

    def with_labels(self, labels: ArrayLike) -> NetworkScores:
        """Return the same scores with other labels (n,)."""
        return self._checked(labels, self.scores, self.networks, self.galaxy_ids, self.object_ids)

    def by_network(self) -> Iterator[NDArray[np.int64]]:
        """Yield the positions of each network's galaxies, for networks that scored both classes."""
        _, number = np.unique(self.networks, return_inverse=True)
        order = np.argsort(number, kind="stable")
        for positions in np.split(order, np.flatnonzero(np.diff(number[order])) + 1):
            if len(np.unique(self.labels[positions])) == 2:
                yield positions

    @property
    def has_pairs(self) -> bool:
        """True if a network scored galaxies of both classes, so that there is an AUC."""
        return any(True for _ in self.by_network())

    @property
    def n_galaxies(self) -> int:
        """Number of galaxies; one that several networks scored counts once."""
        return len(pd.unique(self.galaxy_ids))


def sizes(scored: NetworkScores) -> dict[str, int]:
    """Return the columns n_galaxies and n_slow; a galaxy that several networks scored counts once."""
    return {"n_galaxies": scored.n_galaxies, "n_slow": scored.select(scored.labels == 0).n_galaxies}
