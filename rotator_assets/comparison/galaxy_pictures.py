"""Properties and small pictures of the galaxies of a dataset, for the page that compares trainings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from rotator_assets.core.frames import row_at
from rotator_assets.plots.galleries import rgb, small_picture
from rotator_assets.store.table_store import TableStore
from rotator_assets.store.tensors import open_tensor


class PicturedGalaxies:
    """Galaxies of a dataset as they are now: a training may know galaxies that no longer have a label or an image."""

    def __init__(self, store: TableStore, dataset: str) -> None:
        self.dataset = dataset
        known = dataset in store.partitions("labeled_images")
        self._rows = store.read("labeled_images", dataset).set_index("galaxy_id") if known else pd.DataFrame()
        try:
            tensor = open_tensor(store.root.tensors / dataset)
        except FileNotFoundError:
            self._images, self._numbers = np.empty(0), {}
        else:
            self._images = tensor.images
            self._numbers = {galaxy_id: number for number, galaxy_id in enumerate(tensor.galaxy_ids)}

    def properties(self, galaxy_id: str) -> Any:
        """Return the galaxy's row of ``labeled_images``; None if it has none."""
        return row_at(self._rows, galaxy_id) if galaxy_id in self._rows.index else None

    def picture(self, galaxy_id: str) -> str | None:
        """Return the galaxy in colour as a data URL, with the first row of its image at the bottom; None if unknown."""
        known = self.properties(galaxy_id)
        if known is None or galaxy_id not in self._numbers:
            return None
        image = self._images[self._numbers[galaxy_id]]
        return small_picture(rgb(image, calibrated=known["image_unit"] != "colour"))
