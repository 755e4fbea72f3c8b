"""What a worker process does that makes cut-outs; their pixels are in memory shared with its parent.

It imports little, so that it starts in a fraction of a second.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rotator_assets.core.errors import UnusableImage
from rotator_assets.imaging.cutouts import Cutout, Treatment, make_cutout
from rotator_assets.imaging.images import ImageSource
from rotator_assets.imaging.plain_cutouts import plain_cutouts


class Task(NamedTuple):
    """A galaxy whose cut-out is made, with its position in degrees."""

    galaxy_id: str
    source: ImageSource
    ra: float
    dec: float


def made(task: Task, treatment: Treatment) -> Cutout | str:
    """Return the cut-out of a galaxy, or the reason why its image is unusable."""
    try:
        return make_cutout(task.source, task.galaxy_id, treatment, task.ra, task.dec)
    except UnusableImage as reason:
        return str(reason)


def made_together(tasks: Sequence[Task], treatment: Treatment) -> list[Cutout | str]:
    """Return what `made` returns for each galaxy, in less time for plain cubes."""
    cubes = [n for n, task in enumerate(tasks) if task.source.form == "cube" and treatment.noise == "observed"]
    places = np.array([(tasks[n].ra, tasks[n].dec) for n in cubes], np.float64).reshape(-1, 2)
    plain = plain_cutouts([tasks[n].source.paths[0] for n in cubes], places[:, 0], places[:, 1], treatment)
    found = dict(zip(cubes, plain, strict=True))
    return [found.get(n) or made(task, treatment) for n, task in enumerate(tasks)]


def cutouts_of(tasks: Sequence[Task], treatment: Treatment, memory: int | None, slot: int) -> list[Cutout | str]:
    """Make cut-outs in a worker process.

    Parameters
    ----------
    tasks
        Galaxies with their images.
    treatment
        How the images of the dataset are made.
    memory
        Number of the file that both processes map, or None for a worker on another machine.
    slot
        The part of the memory to which pixels are written.

    Returns
    -------
    list of Cutout or str
        For `received`: what `made` returns for each galaxy, without pixels where these are in the memory.
    """
    cutouts = made_together(tasks, treatment)
    if memory is None:
        return cutouts
    pixels = slot_pixels(_mapped(memory), slot, len(tasks), treatment.crop_px)
    for place, cutout in enumerate(cutouts):
        if isinstance(cutout, Cutout):
            pixels[place] = cutout.pixels
            cutouts[place] = replace(cutout, pixels=pixels[:0])
    return cutouts


def received(cutouts: list[Cutout | str], pixels: NDArray[np.float32] | None) -> list[Cutout | str]:
    """Return the cut-outs of a worker, with a copy of their ``pixels`` (n, size, size, 3) in the memory, if any."""
    if pixels is None:
        return cutouts
    return [
        made if isinstance(made, str) else replace(made, pixels=one)
        for made, one in zip(cutouts, pixels.copy(), strict=True)
    ]


def slot_pixels(memory: mmap.mmap, slot: int, n: int, crop_px: int) -> NDArray[np.float32]:
    """Return the pixels of a request of ``n`` galaxies, (n, size, size, 3); a slot has room for `MOST` of them."""
    image = crop_px * crop_px * 3
    return np.frombuffer(memory, np.float32, n * image, slot * slot_bytes(crop_px)).reshape(n, crop_px, crop_px, 3)


MOST = 64
"""Largest number of galaxies of a request."""


def slot_bytes(crop_px: int) -> int:
    """Return the size of a slot in bytes."""
    return MOST * crop_px * crop_px * 3 * 4


@lru_cache(maxsize=1)
def _mapped(file: int) -> mmap.mmap:
    return mmap.mmap(file, 0)
