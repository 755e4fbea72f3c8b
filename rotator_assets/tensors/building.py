"""Fill a tensor with the images of a dataset: those of earlier builds are kept, the others are made."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from rotator_assets.core import progress
from rotator_assets.imaging.cutouts import Conditions, Cutout
from rotator_assets.store.shard_records import KeptImages
from rotator_assets.store.tensors import SHARD_ROWS, TensorWriter

Made = Iterator[tuple[Any, Cutout | str]]
"""Galaxies in order, each with its cut-out or the reason why it has none."""
_TOGETHER = 8
"""Shards whose cut-outs are made together. The program keeps 0.5 kB per galaxy of these alone, and starts the workers
once for them."""


@dataclass(frozen=True)
class Imaged:
    """An image in the tensor: its row, and what is known of it (see `cutouts.Cutout`)."""

    tensor_row: int
    conditions: Conditions
    synthetic: bool
    angular_scale: float


@dataclass(frozen=True)
class Plan:
    """Which images of a dataset are kept.

    Attributes
    ----------
    galaxies
        The galaxies of the catalogue, in order.
    keys
        `image_keys` of the galaxies.
    kept
        Images of earlier builds.
    """

    galaxies: pd.DataFrame
    keys: list[str]
    kept: KeptImages

    @classmethod
    def of(cls, folder: Path, size_px: int, galaxies: pd.DataFrame, keys: list[str]) -> Plan:
        """Look for images of earlier builds in the folder of a tensor."""
        return cls(galaxies, keys, KeptImages(folder, size_px, galaxies["galaxy_id"].tolist(), keys))

    @property
    def missing(self) -> pd.DataFrame:
        """The galaxies whose images have to be made."""
        return self.galaxies[~self.kept.there]

    def made(self, cutouts: Callable[[pd.DataFrame], Made]) -> Made:
        """Yield the ``missing`` galaxies with their ``cutouts``, which are made for a part of them at a time."""
        missing, together = self.missing, _TOGETHER * SHARD_ROWS
        for start in range(0, len(missing), together):
            with progress.part(start, len(missing)):
                yield from cutouts(missing.iloc[start : start + together])

    def fill(self, tensor: TensorWriter, made: Made) -> Iterator[tuple[Any, Imaged | str]]:
        """Write every image and yield each galaxy with it, or with the reason why it has none.

        Parameters
        ----------
        tensor : TensorWriter
            Writer with the images of earlier builds.
        made : iterator
            The ``missing`` galaxies in order, with their cut-outs.

        Yields
        ------
        galaxy : namedtuple
            Row of ``galaxies``.
        image : Imaged or str
            Its image or the reason.
        """
        there = self.kept.there
        for number, galaxy in enumerate(self.galaxies.itertuples(index=False)):
            part = number // SHARD_ROWS
            if there[number]:
                record = tensor.keep(number, part)
                yield galaxy, Imaged(len(tensor.galaxy_ids) - 1, **record.facts)
                continue
            _, cutout = next(made)
            if isinstance(cutout, str):
                yield galaxy, cutout
                continue
            facts = _facts(cutout)
            row = tensor.append(str(galaxy.galaxy_id), cutout.pixels, part, self.keys[number], facts)
            yield galaxy, Imaged(row, **facts)


def _facts(cutout: Cutout) -> dict[str, Any]:
    """Return the conditions of a cut-out in the types that JSON returns, so that kept and new images do not differ."""
    facts = {
        "conditions": cutout.conditions,
        "synthetic": bool(cutout.synthetic),
        "angular_scale": float(cutout.angular_scale),
    }
    return json.loads(json.dumps(facts, default=lambda number: number.item()))
