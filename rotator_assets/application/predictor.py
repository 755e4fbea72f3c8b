"""Predictions of images by all networks of a model that have not seen them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rotator_assets.application.entries import Entry
from rotator_assets.application.images import ReadImage
from rotator_assets.application.maps import MapWriter
from rotator_assets.application.packages import AGAIN, Package
from rotator_assets.application.tables import PREDICTED, PREDICTIONS
from rotator_assets.candidates.interpretation import (
    FoldInterpretation,
    OutputCalibration,
    interpreted_rows,
    per_galaxy,
    prior_shift,
)
from rotator_assets.candidates.networks import Networks
from rotator_assets.candidates.seen import fingerprint
from rotator_assets.core.errors import InputError
from rotator_assets.store.columns import dtypes

_FILLED = [*(column.name for column in PREDICTED), "n_networks_left_out", "attribution"]
_SEEN_BY_ALL = "all networks were trained on this galaxy, so none can predict it"


class Predictor:
    """All networks of a model, ready for images.

    Parameters
    ----------
    package
        The model.
    prior
        Fraction of slow rotators among the galaxies of the recipe's population to be predicted; None for that of the
        training. The odds of other galaxies change by the same factor.
    map_folder
        Folder for attribution maps; None for none.

    Raises
    ------
    InputError
        If its networks cannot be read, or do not fit to its card and interpretation.
    """

    def __init__(self, package: Package, prior: float | None = None, map_folder: Path | None = None) -> None:
        interpretation = package.interpretation
        self.package, self.prior, self.map_folder = package, prior, map_folder
        self._maps = MapWriter(package, map_folder) if map_folder else None
        self.version = f"{package.version} {prior} {map_folder}"
        """What decides the predictions of an image, for recognizing those of an earlier run."""
        self._shift = 0.0 if prior is None else prior_shift(interpretation.fraction_slow, prior)
        self._networks = [(fold, _networks(package, fold)) for fold in interpretation.folds]

    def predict(self, images: Sequence[ReadImage]) -> pd.DataFrame:
        """Return the rows of `PREDICTIONS` of some images, in their order."""
        frame = pd.DataFrame([self._row(image) for image in images])
        usable = np.flatnonzero(frame["usable"])
        if len(usable):
            frame = frame.join(self._predicted([images[int(k)] for k in usable]).set_axis(usable))
        frame = frame.reindex(columns=PREDICTIONS.column_names)
        lost = frame["usable"] & frame["n_networks"].isna()
        frame["usable"] &= ~lost
        frame["reason"] = frame["reason"].mask(lost, _SEEN_BY_ALL)
        return frame.astype(dtypes(PREDICTIONS.columns))

    def _row(self, image: ReadImage) -> dict[str, object]:
        entry = image.entry
        return {
            "galaxy_id": entry.galaxy_id,
            "path": entry.path,
            "usable": image.cutout is not None,
            "reason": image.reason,
            **dict(zip(("ra", "dec"), image.position, strict=True)),
            "in_catalog": entry.in_catalog,
            "arcsec_per_pixel": image.conditions.get("arcsec_per_pixel"),
            "unread_extensions": image.conditions.get("unread_extensions"),
            "filled_fraction": image.conditions.get("filled_fraction"),
            "synthetic": self.package.card.synthetic or (image.cutout is not None and image.cutout.synthetic),
        }

    def _predicted(self, images: Sequence[ReadImage]) -> pd.DataFrame:
        """Return the columns that the networks fill, indexed by the position of the image."""
        pixels = np.stack([image.cutout.pixels for image in images if image.cutout])
        seen = self._seen_by(images, pixels)
        own, outside, members = [], [], []
        for column, (fold, networks) in enumerate(self._networks):
            blind = np.flatnonzero(~seen[:, column])
            says = networks(pixels, blind)
            rows = interpreted_rows(says, fold.domain, fold.population).assign(galaxy_id=blind)
            own.append(_calibrated(rows, fold.own))
            outside.append(_calibrated(rows, fold.outside))
            members.append(says.members.astype(np.float64))
        known = pd.Series([self._known_early(image.entry) for image in images], dtype="boolean")
        found = per_galaxy(
            pd.concat(own, ignore_index=True),
            pd.concat(outside, ignore_index=True),
            np.concatenate(members),
            known,
            self._shift,
        )
        files = self._maps.write(images, pixels, ~seen) if self._maps else None
        left_out = seen.sum(axis=1) * members[0].shape[1]
        found = found.reindex(range(len(images)))
        return found.assign(n_networks_left_out=left_out, attribution=files)[_FILLED]

    def _seen_by(self, images: Sequence[ReadImage], pixels: NDArray[np.float32]) -> NDArray[np.bool_]:
        prints = np.array([fingerprint(image) for image in pixels], np.uint64)
        ra, dec = zip(*(image.position for image in images), strict=True)
        names = [image.entry.galaxy_id for image in images]
        return self.package.interpretation.seen.seen_by(prints, names, ra, dec)

    def _known_early(self, entry: Entry) -> bool | None:
        if np.isfinite(entry.t_type):
            return entry.t_type < self.package.card.t_type_max
        return entry.p_late <= self.package.card.p_late_max if np.isfinite(entry.p_late) else None


def _networks(package: Package, fold: FoldInterpretation) -> Networks:
    """Return the networks of a fold; raise InputError unless they fit to the card and to the interpretation."""
    model, images = package.network(fold.fold), package.card.images
    expected = (images.crop_px, images.crop_px, len(images.bands))
    try:
        networks = Networks(model, package.recipe)
        if tuple(model.input_shape[1:]) != expected or package.recipe.bands != images.bands:
            raise ValueError(f"they take images of {model.input_shape[1:]}, not of {expected}")
        if networks.n_features != len(fold.domain.mean):
            raise ValueError(f"they have {networks.n_features} features, not {len(fold.domain.mean)}")
    except (ValueError, TypeError, AttributeError, IndexError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{package.folder}: the networks of fold {fold.fold} do not fit ({reason}); {AGAIN}") from None
    return networks


def _calibrated(rows: pd.DataFrame, by: OutputCalibration) -> pd.DataFrame:
    return rows.assign(
        slope=by.slope,
        offset=by.offset,
        lambda_r_low=rows["lambda_r_low"] - by.margin,
        lambda_r_high=rows["lambda_r_high"] + by.margin,
    )
