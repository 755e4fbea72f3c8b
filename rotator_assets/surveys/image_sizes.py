"""Sizes of a survey's images, from the headers of a few of them: which crops can be cut from them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from rotator_assets.core.errors import UnusableImage
from rotator_assets.core.files import walk_files
from rotator_assets.imaging.frames import is_frame
from rotator_assets.imaging.images import ImageSource
from rotator_assets.surveys.base import Survey

PEEKED = 24
"""Largest number of images whose headers are read."""


def image_shapes(survey: Survey, folder: Path) -> list[tuple[int, int]]:
    """Return (ny, nx) of up to `PEEKED` of a survey's images, spread evenly over the galaxies.

    Images that cannot be read are left out. The list is empty if the folder holds SDSS frames, from which cut-outs of
    any size are made.
    """
    shapes = []
    for source in _spread(list(survey.image_index(folder).values())):
        with suppress(UnusableImage):
            shapes.append(source.shape())
    if any(is_frame(path) for path in walk_files(folder / survey.image_folder)):
        return []
    return shapes


def too_small(shapes: Sequence[tuple[int, int]], crop_px: int) -> str | None:
    """Return why none of these images can be cropped to ``crop_px``; None if one of them can, or none is known."""
    if not shapes or any(min(shape) >= crop_px for shape in shapes):
        return None
    smallest, largest = (f"{ny} x {nx}" for ny, nx in (min(shapes), max(shapes)))
    return f"images are {smallest} pixels" if smallest == largest else f"images are {smallest} to {largest} pixels"


def _spread(sources: list[ImageSource]) -> list[ImageSource]:
    step = max(1, -(-len(sources) // PEEKED))
    return sources[::step]
