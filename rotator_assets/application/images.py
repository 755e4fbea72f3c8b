"""Images as networks see them: read, treated and checked as those of the training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rotator_assets.application.card import Card
from rotator_assets.application.entries import Entry
from rotator_assets.core.errors import UnusableImage
from rotator_assets.imaging.cutouts import Conditions, Cutout, Treatment, make_cutout


@dataclass(frozen=True)
class ReadImage:
    """An image as the networks see it, or the reason why it cannot be used."""

    entry: Entry
    cutout: Cutout | None
    reason: str | None = None

    @property
    def position(self) -> tuple[float, float]:
        """Right ascension and declination in degrees, of a table or else of the file; NaN where unknown."""
        entry = self.entry
        if self.cutout is None or self.cutout.sky is None or np.isfinite([entry.ra, entry.dec]).all():
            return entry.ra, entry.dec
        return self.cutout.sky

    @property
    def conditions(self) -> Conditions:
        """Columns of table ``images`` that describe it; empty if it cannot be used."""
        return {} if self.cutout is None else self.cutout.conditions


def read_image(entry: Entry, treatment: Treatment, card: Card) -> ReadImage:
    """Read an image and treat it as those of the training.

    Parameters
    ----------
    entry
        The image.
    treatment
        How images are made and checked.
    card
        What the images of the training were like.
    """
    try:
        cutout = make_cutout(entry.source, entry.galaxy_id, treatment, entry.ra, entry.dec)
        _check_unit(str(cutout.conditions["image_unit"]), card)
    except UnusableImage as reason:
        return ReadImage(entry, None, str(reason))
    return ReadImage(entry, cutout)


def _check_unit(unit: str, card: Card) -> None:
    known = card.images.units
    if unit in known:
        return
    kinds = {"colour": "a colour picture", "nanomaggies": "an image with calibrated fluxes"}
    others = {"colour": "colour pictures", "nanomaggies": "images with calibrated fluxes"}
    raise UnusableImage(f"is {kinds[unit]}, the networks were trained on {' and '.join(others[u] for u in known)}")
