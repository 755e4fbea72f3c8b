"""Which networks have seen the galaxy of an image: recognized by its pixels, its name, or its position on the sky."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from rotator_assets.training.material import Material
from rotator_assets.training.objects import MATCH_ARCSEC
from rotator_assets.training.pipeline import symmetries


@dataclass(frozen=True)
class SeenGalaxies:
    """The images of a training.

    Attributes
    ----------
    fingerprints
        Fingerprint of each image, uint64 (n,).
    galaxy_ids
        Its galaxy; empty for galaxies of another survey, whose names may be the same by chance. Text (n,).
    objects
        Number of the physical galaxy that it shows, int64 (n,).
    ra, dec
        Position in degrees, NaN without one, float64 (n,).
    seen_by_fold
        Whether the networks of a fold have seen a physical galaxy in any role, bool (n_objects, n_folds).
    """

    fingerprints: NDArray[np.uint64]
    galaxy_ids: NDArray[np.str_]
    objects: NDArray[np.int64]
    ra: NDArray[np.float64]
    dec: NDArray[np.float64]
    seen_by_fold: NDArray[np.bool_]

    @property
    def n_seen(self) -> int:
        """Number of images of galaxies that the networks of any fold have seen."""
        return int(np.count_nonzero(self.seen_by_fold[self.objects].any(axis=1)))

    @cached_property
    def _by_name(self) -> dict[str, int]:
        return {str(name): int(number) for name, number in zip(self.galaxy_ids, self.objects, strict=True) if name}

    def seen_by(
        self, fingerprints: NDArray[np.uint64], galaxy_ids: Sequence[str], ra: ArrayLike, dec: ArrayLike
    ) -> NDArray[np.bool_]:
        """Return which folds have seen the galaxies of some images, bool (n, n_folds).

        Parameters
        ----------
        fingerprints
            Of the images, uint64 (n,).
        galaxy_ids
            Their names, length n.
        ra, dec
            Their positions in degrees, NaN without one, shape (n,).
        """
        found = np.zeros((len(fingerprints), self.seen_by_fold.shape[1]), dtype=bool)
        order = np.argsort(self.fingerprints, kind="stable")
        place = np.minimum(np.searchsorted(self.fingerprints, fingerprints, sorter=order), len(order) - 1)
        same = self.fingerprints[order[place]] == fingerprints if len(order) else np.zeros(len(fingerprints), bool)
        found[same] = self.seen_by_fold[self.objects[order[place[same]]]]
        for row, name in enumerate(galaxy_ids):
            if name in self._by_name:
                found[row] |= self.seen_by_fold[self._by_name[name]]
        for here, there in zip(*self._close(np.asarray(ra, float), np.asarray(dec, float)), strict=True):
            found[here] |= self.seen_by_fold[self.objects[there]]
        return found

    def _close(self, ra: NDArray[np.float64], dec: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the numbers of each pair of a position and a position of the training within `MATCH_ARCSEC`."""
        from astropy import units
        from astropy.coordinates import SkyCoord

        here = np.flatnonzero(np.isfinite(ra) & np.isfinite(dec))
        there = np.flatnonzero(np.isfinite(self.ra) & np.isfinite(self.dec))
        if not (len(here) and len(there)):
            return here[:0], there[:0]
        training = SkyCoord(self.ra[there], self.dec[there], unit="deg")
        of_images = SkyCoord(ra[here], dec[here], unit="deg")
        first, second, _, _ = training.search_around_sky(of_images, MATCH_ARCSEC * units.arcsec)
        return here[first], there[second]


def fingerprint(pixels: NDArray[np.float32]) -> int:
    """Return a 64-bit hash of the pixels of a square image, the same if it is turned or mirrored."""
    views = symmetries(np.asarray(pixels)[None])
    prints = (hashlib.blake2b(np.ascontiguousarray(view).tobytes(), digest_size=8).digest() for view in views)
    return int.from_bytes(min(prints), "big")


def seen_galaxies(material: Material, galaxies: pd.DataFrame, rows: NDArray[np.int64]) -> SeenGalaxies:
    """Return the images of a training and the folds that have seen them.

    Parameters
    ----------
    material
        Galaxies and splits of the training.
    galaxies
        Every galaxy of the dataset with an image: galaxy_id, object_id (of the physical galaxy, as in
        `physical_objects`), ra and dec in degrees.
    rows
        Their rows of the images of the material, int64 (n,).
    """
    others = np.setdiff1d(material.rows, rows)  # of another survey
    objects = np.concatenate([galaxies["object_id"].astype(str), [f"other survey: {row}" for row in others]])
    names, number = np.unique(objects, return_inverse=True)
    every = np.concatenate([rows, others])
    seen = np.zeros((len(names), len(material.splits)), dtype=bool)
    for column, split in enumerate(material.splits):
        for part in (split, *([material.first] if material.first else [])):
            learned = material.rows[np.concatenate([part.train, part.validation])]
            seen[number[np.isin(every, learned)], column] = True
    ra, dec = (np.append(galaxies[name].to_numpy(float), np.full(len(others), np.nan)) for name in ("ra", "dec"))
    prints = [fingerprint(image) for row in every for image in material.images[np.array([row])]]
    ids = np.concatenate([galaxies["galaxy_id"].astype(str), np.full(len(others), "")]).astype(np.str_)
    return SeenGalaxies(np.array(prints, np.uint64), ids, number.astype(np.int64), ra, dec, seen)
