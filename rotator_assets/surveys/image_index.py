"""The images of a survey by galaxy, in little memory: there may be as many as galaxies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rotator_assets.core.archives import ImageFile
from rotator_assets.imaging.images import ImageSource


class ImageIndex(Mapping[str, ImageSource]):
    """Images by galaxy_id. It keeps the names of files as text, which takes a third of the memory of their paths."""

    def __init__(self) -> None:
        self._images: dict[str, Any] = {}

    def __setitem__(self, galaxy_id: str, image: ImageSource) -> None:
        kept = image if type(image) is not ImageSource else (image.form, *map(_as_text, image.paths))
        self._images[galaxy_id] = kept

    def __getitem__(self, galaxy_id: str) -> ImageSource:
        kept = self._images[galaxy_id]
        return kept if isinstance(kept, ImageSource) else ImageSource(kept[0], tuple(map(_as_file, kept[1:])))

    def __iter__(self) -> Iterator[str]:
        return iter(self._images)

    def __len__(self) -> int:
        return len(self._images)

    def __contains__(self, galaxy_id: object) -> bool:
        return galaxy_id in self._images


def _as_text(file: ImageFile) -> str | ImageFile:
    return str(file) if isinstance(file, Path) else file


def _as_file(file: str | ImageFile) -> ImageFile:
    return Path(file) if isinstance(file, str) else file
