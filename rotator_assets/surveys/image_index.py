"""The images of a survey by galaxy, in little memory: there may be as many as galaxies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from types import MappingProxyType
from typing import Any, Literal

from rotator_assets.core.archives import ImageFile
from rotator_assets.imaging.bands import BANDS
from rotator_assets.imaging.image_names import NamedImage, as_file, as_text
from rotator_assets.imaging.images import ImageSource


class ImageIndex(Mapping[str, ImageSource]):
    """Images by galaxy_id. It keeps the names of files as text, which takes a third of the memory of their paths."""

    def __init__(self) -> None:
        self._images: dict[str, Any] = {}

    def __setitem__(self, galaxy_id: str, image: ImageSource) -> None:
        kept = image if type(image) is not ImageSource else (image.form, *map(as_text, image.paths))
        self._images[galaxy_id] = kept

    def __getitem__(self, galaxy_id: str) -> ImageSource:
        kept = self._images[galaxy_id]
        return kept if isinstance(kept, ImageSource) else ImageSource(kept[0], tuple(map(as_file, kept[1:])))

    def __iter__(self) -> Iterator[str]:
        return iter(self._images)

    def __len__(self) -> int:
        return len(self._images)

    def __contains__(self, galaxy_id: object) -> bool:
        return galaxy_id in self._images


def best_images(images: Iterable[NamedImage], frames: Mapping[str, ImageSource] = MappingProxyType({})) -> ImageIndex:
    """Return one image per galaxy: of several forms a FITS cube, three FITS files, ``frames``, or a colour picture."""
    cubes: dict[str, str | ImageFile] = {}
    bands: dict[str, dict[str, str | ImageFile]] = {}
    colours: dict[str, str | ImageFile] = {}
    for image in images:
        if image.picture:
            colours.setdefault(image.galaxy_id, image.named)
        elif image.band:
            bands.setdefault(image.galaxy_id, {}).setdefault(image.band, image.named)
        else:
            cubes.setdefault(image.galaxy_id, image.named)
    complete = {i: files for i, files in bands.items() if files.keys() == set(BANDS)}

    def source(form: Literal["cube", "bands", "colour"], *named: str | ImageFile) -> ImageSource:
        return ImageSource(form, tuple(map(as_file, named)))

    # Later ones win; an incomplete set of bands is kept only to report what is missing.
    found = chain(
        ((i, source("bands", *files.values())) for i, files in bands.items()),
        ((i, source("colour", file)) for i, file in colours.items()),
        frames.items(),
        ((i, source("bands", *files.values())) for i, files in complete.items()),
        ((i, source("cube", file)) for i, file in cubes.items()),
    )
    index = ImageIndex()
    for galaxy_id, image in found:
        index[galaxy_id] = image
    return index
