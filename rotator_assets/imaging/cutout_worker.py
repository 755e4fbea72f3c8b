"""A worker process that makes cut-outs: requests and answers in JSON, pixels in memory shared with its parent.

It imports little, so that it starts in a fraction of a second.
"""

from __future__ import annotations

import json
import mmap
import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rotator_assets.core.archives import ArchiveMember, ImageFile
from rotator_assets.core.errors import UnusableImage
from rotator_assets.core.settings import ImageSettings, MockSettings
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


def written(treatment: Treatment) -> str:
    """Return a treatment without stamps of the sky as text, part of every `request`."""
    values = {"images": treatment.images.model_dump(), "mock": treatment.mock.model_dump()}
    names = ("survey", "noise", "crop_px", "arcsec_per_pixel")
    return json.dumps(values | {name: getattr(treatment, name) for name in names})


def request(tasks: Sequence[Task], treatment: str, slot: int) -> dict[str, Any]:
    """Return what `answer` reads: the tasks, and the part of the shared memory for their pixels."""
    galaxies = [(t.galaxy_id, t.source.form, [_parts(path) for path in t.source.paths], t.ra, t.dec) for t in tasks]
    return {"treatment": treatment, "slot": slot, "galaxies": galaxies}


def answer(asked: dict[str, Any], memory: mmap.mmap) -> dict[str, Any]:
    """Make the cut-outs of a request: write their pixels to the shared memory, and return everything else."""
    treatment = _treatment(asked["treatment"])
    pixels = slot_pixels(memory, asked["slot"], len(asked["galaxies"]), treatment.crop_px)
    tasks = [
        Task(galaxy_id, ImageSource(form, tuple(map(_file, paths))), ra, dec)
        for galaxy_id, form, paths, ra, dec in asked["galaxies"]
    ]
    cutouts = []
    for place, cutout in enumerate(made_together(tasks, treatment)):
        if isinstance(cutout, Cutout):
            pixels[place] = cutout.pixels
            cutouts.append([cutout.conditions, cutout.synthetic, cutout.angular_scale, cutout.sky])
        else:
            cutouts.append(cutout)
    return {"cutouts": cutouts}


def answered(answer: dict[str, Any], pixels: NDArray[np.float32]) -> list[Cutout | str]:
    """Return the cut-outs of an answer, with a copy of their ``pixels`` (n, size, size, 3)."""
    return [
        made if isinstance(made, str) else Cutout(one, made[0], made[1], made[2], made[3] and tuple(made[3]))
        for made, one in zip(answer["cutouts"], pixels.copy(), strict=True)
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


def _parts(file: ImageFile) -> list[str | int]:
    if isinstance(file, ArchiveMember):
        return [str(file.archive), file.path, file.offset, file.size]
    return [str(file)]


def _file(parts: list[Any]) -> ImageFile:
    return Path(parts[0]) if len(parts) == 1 else ArchiveMember(Path(parts[0]), *parts[1:])


@lru_cache(maxsize=1)
def _treatment(described: str) -> Treatment:
    values = json.loads(described)
    images, mock = ImageSettings(**values.pop("images")), MockSettings(**values.pop("mock"))
    return Treatment(**values, images=images, mock=mock)


def main() -> None:
    """Answer requests, one per line of standard input, until it ends."""
    memory = mmap.mmap(int(sys.argv[1]), 0)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line), memory)), flush=True)


if __name__ == "__main__":
    main()
