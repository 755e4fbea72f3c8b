"""Pictures of a training's attributions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rotator_assets.attribution.exhibits import EXHIBITS
from rotator_assets.core.data_root import DataRoot
from rotator_assets.plots.pictures import Pictures
from rotator_assets.store.tensors import ImageTensor

if TYPE_CHECKING:
    from rotator_assets.attribution.attribution_numbers import AttributionNumbers


def attribution_pictures(
    root: DataRoot,
    labels: dict[str, Any],
    sample: pd.DataFrame,
    tables: dict[str, pd.DataFrame],
    maps: np.ndarray,
    numbers: AttributionNumbers,
    tensor: ImageTensor,
) -> Pictures:
    """Draw maps of single galaxies, mean maps with and without alignment, and the measures of all maps.

    Parameters
    ----------
    root : DataRoot
        Where the pictures are saved.
    labels : mapping
        ``dataset``, ``recipe`` and ``synthetic``, written on each picture.
    sample : DataFrame
        One row per map.
    tables : mapping of str to DataFrame
        Rows of this training, by the name of their table.
    maps : float32 (n, ny, nx)
        Attributions summed over bands, in logits.
    numbers : AttributionNumbers
        Has the mean maps.
    tensor : ImageTensor
        The images of the dataset.

    Returns
    -------
    Pictures
        The saved pictures.
    """
    from rotator_assets.attribution.figures import (
        attribution_figure,
        attribution_profile_figure,
        mean_attribution_figure,
    )
    from rotator_assets.attribution.profile_figures import (
        aligned_attribution_figure,
        attribution_direction_figure,
        attribution_fraction_figure,
        attribution_radial_figure,
    )

    explained = tables["attributions"]
    pictures = Pictures(root, f"{labels['dataset']}/{labels['recipe']}", EXHIBITS)
    ellipse = ["r_eff_pixels", "axis_ratio", "galaxy_x_pixels", "galaxy_y_pixels"]
    half_light = sample.reindex(columns=ellipse).assign(angle_deg=explained["light_angle_deg"])
    circular = (sample["r_eff_pixels"] * np.sqrt(sample["axis_ratio"])).median()
    known = explained.assign(rotator_type=sample["rotator_type"].to_numpy())
    pictures.add(
        "attributions",
        attribution_figure(
            tensor.select(sample["galaxy_id"]),
            maps,
            sample,
            **labels,
            calibrated=(sample["image_unit"] == "nanomaggies").to_numpy(),
            half_light=half_light,
        ),
    )
    pictures.add(
        "mean_attributions",
        mean_attribution_figure(
            {kind: mean.mean for kind, mean in numbers.mean_maps.items()},
            counts={kind: int(mean.count.max()) for kind, mean in numbers.mean_maps.items()},
            **labels,
            r_eff_pixels=float(circular) if pd.notna(circular) else None,
        ),
    )
    pictures.add(
        "aligned_attributions",
        aligned_attribution_figure(numbers.aligned_means, axis_ratio=float(sample["axis_ratio"].median()), **labels),
    )
    pictures.add("attribution_radii", attribution_radial_figure(tables["attribution_profiles"], **labels))
    pictures.add("attribution_shares", attribution_fraction_figure(tables["attribution_summary"], **labels))
    pictures.add("attribution_directions", attribution_direction_figure(known, **labels))
    pictures.add("attribution_numbers", attribution_profile_figure(known, **labels))
    return pictures
