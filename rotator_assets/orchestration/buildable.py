"""What can be built from the files of a data root: datasets with inputs, and images as large as their crop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.errors import InputError
from rotator_assets.surveys import SURVEYS
from rotator_assets.surveys.datasets import DATASETS
from rotator_assets.surveys.image_sizes import image_shapes, too_small
from rotator_assets.surveys.inventory import FoundInput, inventory, lacking


@dataclass
class Buildable:
    """What can be built from the files of a data root.

    Attributes
    ----------
    datasets
        Keys of the datasets.
    catalogs_only
        Keys of the surveys that have catalogues and no images.
    left_out
        Reasons by dataset, or by survey if it lacks an input.
    """

    datasets: list[str] = field(default_factory=list)
    catalogs_only: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)


def buildable(root: DataRoot, inputs: Mapping[str, list[FoundInput]] | None = None) -> Buildable:
    """Return what the files of a data root allow. Only the names of files and the headers of a few images are read.

    An observed image must be as large as the crop; a simulated one is padded. ``inputs`` is the `inventory` of each
    survey, if the caller has it already.
    """
    found = Buildable()
    for key, survey in SURVEYS.items():
        folder = root.survey(key)
        if missing := lacking(inventory(survey, folder) if inputs is None else inputs[key]):
            found.left_out[key] = f"lacks {', '.join(missing)}"
            continue
        if not survey.noises:
            found.catalogs_only.append(key)
        try:
            shapes = image_shapes(survey, folder) if "observed" in survey.noises else []
        except InputError as error:  # a survey of the user's own may need its table to find the images
            found.left_out[key] = str(error)
            continue
        for dataset in (one for one in DATASETS.values() if one.survey == key):
            why = too_small(shapes, dataset.crop_px) if dataset.noise == "observed" else None
            if why is None:
                found.datasets.append(dataset.key)
            else:
                found.left_out[dataset.key] = why
    return found
