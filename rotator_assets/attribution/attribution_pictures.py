"""Pictures of a training's attributions, each drawn once for the file and for the UI."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    title: dict[str, str | bool],
    sample: pd.DataFrame,
    found: dict[str, pd.DataFrame],
    maps: np.ndarray,
    numbers: AttributionNumbers,
    tensor: ImageTensor,
) -> Pictures:
    """Draw maps of single galaxies, mean maps with and without alignment, and the measures of all maps.

    Parameters
    ----------
    root : DataRoot
        Where the pictures are saved.
    title : mapping
        ``dataset``, ``recipe`` and ``synthetic``, written on each picture.
    sample : DataFrame
        One row per map.
    found : mapping of str to DataFrame
        This training's rows of the tables of attributions, by table.
    maps : float32 (n, ny, nx)
        Attributions summed over bands, in logits.
    numbers : AttributionNumbers
        For the mean maps.
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

    explained = found["attributions"]
    pictures = Pictures(root, f"{title['dataset']}/{title['recipe']}", EXHIBITS)
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
            **title,
            calibrated=(sample["image_unit"] == "nanomaggies").to_numpy(),
            half_light=half_light,
        ),
    )
    pictures.add(
        "mean_attributions",
        mean_attribution_figure(
            {kind: mean.mean for kind, mean in numbers.mean_maps.items()},
            counts={kind: int(mean.count.max()) for kind, mean in numbers.mean_maps.items()},
            **title,
            r_eff_pixels=float(circular) if pd.notna(circular) else None,
        ),
    )
    pictures.add(
        "aligned_attributions",
        aligned_attribution_figure(numbers.aligned_means, axis_ratio=float(sample["axis_ratio"].median()), **title),
    )
    pictures.add("attribution_radii", attribution_radial_figure(found["attribution_profiles"], **title))
    pictures.add("attribution_shares", attribution_fraction_figure(found["attribution_summary"], **title))
    pictures.add("attribution_directions", attribution_direction_figure(known, **title))
    pictures.add("attribution_numbers", attribution_profile_figure(known, **title))
    return pictures
