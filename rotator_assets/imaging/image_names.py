"""Names of image files: the galaxy and the band.

The format and compression follow from the content, not from the name.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from rotator_assets.core.archives import ImageFile, image_files

_PACKED = r"(?:\.(?:gz|bz2|xz|fz|zip|z|zst))*"
FITS_NAME = rf"(?:\.(?:fits?|fts))?{_PACKED}"
"""Optional ending of the names of FITS files, as part of a case-insensitive regular expression."""

_NAME = re.compile(rf"(?P<stem>.+?)(?:\.(?P<ending>fits?|fts|png|jpe?g))?{_PACKED}", re.IGNORECASE)
_BAND = re.compile(r"(?P<stem>.+)_(?P<band>[gri])", re.IGNORECASE)
_PICTURES = ("png", "jpg", "jpeg")


@dataclass(frozen=True, slots=True)
class NamedImage:
    """An image identified by its file name.

    Attributes
    ----------
    galaxy_id
        Identifier of the galaxy.
    band
        g, r or i if the file holds one band, else None.
    picture
        Whether the name ends like that of a PNG or JPG file.
    named
        The file, as `as_text` keeps it: there may be as many as galaxies.
    """

    galaxy_id: str
    band: str | None
    picture: bool
    named: str | ImageFile

    @property
    def file(self) -> ImageFile:
        """The file."""
        return as_file(self.named)


def as_text(file: ImageFile) -> str | ImageFile:
    """Return the path of a plain file as text, which takes a third of its memory; a member of an archive as it is."""
    return str(file) if isinstance(file, Path) else file


def as_file(file: str | ImageFile) -> ImageFile:
    """Return the file that `as_text` has kept."""
    return Path(file) if isinstance(file, str) else file


def band_of(file: ImageFile) -> str | None:
    """Return g, r or i for ``<galaxy_id>_g.fits`` and so on, compressed or not; None for other names."""
    match = _BAND.fullmatch(_stem_and_ending(file)[0])
    return match["band"].lower() if match else None


def is_fits_name(file: ImageFile) -> bool:
    """Return whether a name ends like that of a FITS file, compressed or not."""
    return _stem_and_ending(file)[1] in ("fits", "fit", "fts")


def any_image(file: ImageFile) -> NamedImage | None:
    """Return the image in a file with the ending of one, named after it; None for other files."""
    stem, ending = _stem_and_ending(file)
    if not ending:
        return None
    picture = ending in _PICTURES
    of_band = None if picture else _BAND.fullmatch(stem)
    if of_band:
        return NamedImage(of_band["stem"], of_band["band"].lower(), picture, as_text(file))
    return NamedImage(stem, None, picture, as_text(file))


def named_images(folder: Path, galaxy: re.Pattern[str]) -> tuple[list[NamedImage], list[ImageFile]]:
    """Return the images below a folder that are named after a galaxy, and image files with other names.

    The pattern ``galaxy`` has a group ``id`` and matches the name without its ending. Files are in the order of
    `archives.image_files`.
    """
    images, others = [], []
    for file in image_files(folder):
        stem, ending = _stem_and_ending(file)
        picture = ending in _PICTURES
        of_band = None if picture else _BAND.fullmatch(stem)
        if of_band and (match := galaxy.fullmatch(of_band["stem"])):
            images.append(NamedImage(match["id"], of_band["band"].lower(), picture, as_text(file)))
        elif match := galaxy.fullmatch(stem):
            images.append(NamedImage(match["id"], None, picture, as_text(file)))
        elif ending:
            others.append(file)
    return images, others


def repeated(images: list[NamedImage]) -> list[str]:
    """Return the galaxies with several images; three files of g, r and i count as one image."""
    files = Counter((image.galaxy_id, image.band, image.picture) for image in images)
    sources: Counter[str] = Counter()
    for galaxy_id in {image.galaxy_id for image in images}:
        of_bands = [files[galaxy_id, band, False] for band in "gri"]
        sources[galaxy_id] = files[galaxy_id, None, False] + files[galaxy_id, None, True] + max(of_bands)
    return sorted(galaxy_id for galaxy_id, count in sources.items() if count > 1)


def _stem_and_ending(file: ImageFile) -> tuple[str, str]:
    """Split a name without the ending of a compression; the ending is in lower case, empty where it is another one."""
    match = _NAME.fullmatch(file.name)
    return (match["stem"], (match["ending"] or "").lower()) if match else (file.name, "")
