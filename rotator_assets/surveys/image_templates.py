"""The names of a survey's images as a user writes them: ``images/{galaxy_id}.fits``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import ClassVar

from rotator_assets.core.compressed import uncompressed_name
from rotator_assets.imaging.image_names import NamedImage

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_BAND = "_{band}"


@dataclass(frozen=True)
class ImageTemplate:
    """A folder, searched with all folders below it, and the names of the images in it.

    Attributes
    ----------
    folder
        Relative to the survey's folder.
    before, column, after
        A name without its ending: text, the column whose value follows, text.
    ending
        ``fits``, ``png`` and so on; empty: any.
    """

    folder: str
    before: str
    column: str
    after: str
    ending: str

    FITS: ClassVar = ("fits", "fit", "fts")
    PICTURES: ClassVar = ("png", "jpg", "jpeg")

    @classmethod
    def of(cls, written: str) -> ImageTemplate:
        """Parse a template. Raises ValueError, in words that follow its place in the settings."""
        path = PurePosixPath(written)
        folder = str(path.parent)
        if folder == ".":
            raise ValueError(f"'{written}' has no folder: write images/{written} and move the images there")
        if "{" in folder or "}" in folder:
            raise ValueError(f"'{written}' has a placeholder in its folder: folders below are searched anyway, omit it")
        stem, ending = cls._split(path.name)
        stem = stem.removesuffix(_BAND)
        columns = _PLACEHOLDER.findall(stem)
        rest = _PLACEHOLDER.sub("", stem)
        if len(columns) != 1 or "{" in rest or "}" in rest:
            raise ValueError(
                f"'{written}' needs one placeholder in the name, such as {{galaxy_id}}; "
                "before the ending it may have _{band}"
            )
        before, after = _PLACEHOLDER.split(stem)[0], _PLACEHOLDER.split(stem)[-1]
        return cls(folder, before, columns[0].strip(), after, ending)

    @classmethod
    def _split(cls, name: str) -> tuple[str, str]:
        """Split a name into stem and ending of an image, without the ending of a compression."""
        plain = name[: len(uncompressed_name(name))]
        stem, _, ending = plain.rpartition(".")
        known = ending.casefold() in (*cls.FITS, *cls.PICTURES)
        return (stem, ending.casefold()) if known and stem else (plain, "")

    @property
    def pattern(self) -> re.Pattern[str]:
        """Names without ending and band, with the value of the column as group ``id``."""
        return re.compile(f"{re.escape(self.before)}(?P<id>.+){re.escape(self.after)}")

    @property
    def globs(self) -> tuple[str, ...]:
        """Patterns of the files, as ``ExpectedInput`` takes them."""
        endings = (self.ending,) if self.ending else (*self.FITS, *self.PICTURES)
        stem = f"{self.before}*{self.after}"
        bands = [f"{stem}_[gri].{ending}" for ending in endings if self.after and ending in self.FITS]
        names = (*(f"{stem}.{ending}" for ending in endings), *bands, "*.tar")
        return tuple(f"{self.folder}/**/{name}" for name in names)

    def accepts(self, image: NamedImage) -> bool:
        """Return whether an image is of the kind that the ending names."""
        return not self.ending or image.picture == (self.ending in self.PICTURES)

    def stem_of(self, name: str) -> str:
        """Return the value of the column as it stands in the names of files: without folder and ending."""
        return self._split(PurePosixPath(name).name)[0]
