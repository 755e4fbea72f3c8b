"""Attribution maps of predicted images: one FITS file per galaxy, with the image, for DS9."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rotator_assets.application.images import ReadImage
from rotator_assets.application.packages import Package
from rotator_assets.attribution.attribution_files import SkyPlace, explanation_cards, write_attribution
from rotator_assets.attribution.map_panels import band_sum
from rotator_assets.attribution.several_networks import mean_attributions
from rotator_assets.store.models import only_logit


class MapWriter:
    """Writes the attribution map of each image, the mean over the networks that have not seen the galaxy.

    Parameters
    ----------
    package
        The model.
    folder
        Folder of the files.
    """

    def __init__(self, package: Package, folder: Path) -> None:
        self._package, self._folder = package, folder
        folds = package.interpretation.folds
        self._networks = [only_logit(package.network(fold.fold)) for fold in folds]

    def write(
        self, images: Sequence[ReadImage], pixels: NDArray[np.float32], blind: NDArray[np.bool_]
    ) -> list[str | None]:
        """Write the maps of some images.

        Parameters
        ----------
        images
            The images, which are usable.
        pixels
            Their fluxes, float32 (n, size, size, 3).
        blind
            Whether the networks of each fold have not seen the galaxy, bool (n, n_folds).

        Returns
        -------
        The file of each image; None where all networks have seen the galaxy.
        """
        found = mean_attributions(self._networks, pixels, self._package.recipe, explains=blind.T)
        bands = self._package.recipe.band_indices
        files: list[str | None] = []
        for row, image in enumerate(images):
            if not blind[row].any():
                files.append(None)
                continue
            cards = {
                "GALAXY": (image.entry.galaxy_id, "name of the galaxy"),
                "MODEL": (self._package.card.title, ""),
                **explanation_cards(
                    *(of[row] for of in (found.logit, found.logit_baseline, found.completeness_error, found.n_steps)),
                    synthetic=self._is_synthetic(image),
                ),
            }
            path = write_attribution(
                self._folder,
                image.entry.map_name,
                band_sum(found.maps[row]).astype(np.float32),
                band_sum(pixels[row][..., bands]).astype(np.float32),
                _place(image),
                cards,
                str(image.conditions["image_unit"]),
            )
            files.append(str(path))
        return files

    def _is_synthetic(self, image: ReadImage) -> bool:
        return self._package.card.synthetic or (image.cutout is not None and image.cutout.synthetic)


def _place(image: ReadImage) -> SkyPlace:
    values = {name: image.conditions.get(name) for name in ("arcsec_per_pixel", "north_angle_deg")}
    values |= {f"{axis}_pixels": image.conditions.get(f"galaxy_{axis}_pixels") for axis in "xy"}
    known = {name: float(value) for name, value in values.items() if value is not None}
    return SkyPlace(*image.position, **known)
