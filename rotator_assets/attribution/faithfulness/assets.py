"""Group ``robustness``: dependence of attribution maps on the method, the trained weights and the image."""

from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np
import pandas as pd

from rotator_assets.attribution.assets import recipe_to_explain
from rotator_assets.attribution.faithfulness.exhibits import EXHIBITS
from rotator_assets.core import progress
from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.keys import split_training_key
from rotator_assets.galaxies.recipe_labels import with_galaxies
from rotator_assets.lineage.groups import described, of_dataset, robustness_asset
from rotator_assets.lineage.inputs import of_recipe
from rotator_assets.lineage.partitions import training_partitions
from rotator_assets.lineage.reads import Reads
from rotator_assets.plots.pictures import Pictures
from rotator_assets.store.frame_content import content_hash
from rotator_assets.store.models import TrainedModels
from rotator_assets.store.table_store import TableStore
from rotator_assets.store.tensors import ImageTensor
from rotator_assets.surveys.datasets import DATASETS

if TYPE_CHECKING:
    from rotator_assets.attribution.faithfulness.examination import Examination

_SEED = 2020
GALAXIES = {"full": 40, "quick": 8}
"""Number of galaxies tested, half of each class, for images of 64 pixels; fewer for larger images."""
STEPS = {"full": (4, 8, 16, 32, 64, 128), "quick": (5, 10, 20)}
"""Numbers of quadrature points at which completeness is tested on some of the galaxies."""
_CONVERGED = 8
"""Number of galaxies per class whose completeness is tested."""
_SHOWN = 2
"""Number of galaxies per class whose maps are drawn."""


@robustness_asset(
    code_version="4",
    partitions_def=training_partitions,
    ins=of_dataset("image_tensors", "labeled_images"),
    deps=of_recipe("training", "prediction", "attribution"),
    kinds={"keras", "duckdb", "matplotlib"},
    description="Tests of attribution maps: seven methods, randomized networks, other folds, and deletion of pixels.",
)
def attribution_tests(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[TableStore],
    predictions: pd.DataFrame,
    rotator_classifier: TrainedModels,
    image_tensors: ImageTensor,
    labeled_images: pd.DataFrame,
) -> dg.MaterializeResult:
    """Test attribution maps of some galaxies of a training."""
    from rotator_assets.attribution.faithfulness import examination

    dataset, name = split_training_key(context.partition_key)
    key: dict[str, Any] = {
        "dataset": dataset,
        "recipe": name,
        "synthetic": rotator_classifier.synthetic or image_tensors.synthetic,
    }
    count = round(GALAXIES[rotator_classifier.profile] * min(1, 64 / image_tensors.size_px))
    galaxies = with_galaxies(predictions, labeled_images, rotator_classifier.recipe)
    sample = balanced_sample(galaxies, max(1, count // 2), _SEED)
    found = examination.examine(
        rotator_classifier.load,
        sample,
        image_tensors.images,
        image_tensors.rows_of(sample["galaxy_id"]),
        recipe_to_explain(Reads(context, store), DATASETS[dataset], rotator_classifier, image_tensors),
        steps=STEPS[rotator_classifier.profile],
        n_converged=_CONVERGED,
        seed=_SEED,
        on_progress=lambda done, total: progress.report(f"tests of attributions {dataset} {name}", done, total),
    )
    frames = {
        "attribution_agreement": examination.agreement(found, _SEED),
        "attribution_sanity": examination.dependence(found, _SEED),
        "deletion_curves": examination.mean_curves(found),
        "deletion_areas": examination.areas(found, _SEED),
        "attribution_convergence": examination.convergence(found),
    }
    frames = {table: frame.assign(**key) for table, frame in frames.items()}
    pictures = _pictures(store.root, key, frames, found, image_tensors)
    areas = frames["deletion_areas"].set_index(["kind", "method"])["gain"]
    gains: dict[str, Any] = {
        f"{kind}_gain": float(areas[kind, examination.IG_SKY]) for kind in ("deletion", "insertion")
    }
    return dg.MaterializeResult(
        value=frames,
        data_version=dg.DataVersion("".join(content_hash(frame) for frame in frames.values())),
        metadata=described(
            synthetic=key["synthetic"],
            pictures=pictures,
            galaxies=len(sample),
            **gains,
        ),
    )


def balanced_sample(galaxies: pd.DataFrame, count: int, seed: int) -> pd.DataFrame:
    """Draw galaxies of both classes without replacement.

    Parameters
    ----------
    galaxies : DataFrame
        One row per galaxy, with ``rotator_type``.
    count : int
        Largest number of galaxies per class.
    seed : int
        Of the draw.

    Returns
    -------
    DataFrame
        The rows drawn.
    """
    generator = np.random.default_rng(seed)
    shuffled = galaxies.iloc[generator.permutation(len(galaxies))]
    return shuffled.groupby("rotator_type").head(count).reset_index(drop=True)


def _pictures(
    root: DataRoot, key: dict[str, Any], frames: dict[str, pd.DataFrame], found: "Examination", tensor: ImageTensor
) -> Pictures:
    from rotator_assets.attribution.faithfulness import figures as saliency

    shown = found.sample.groupby("rotator_type").head(_SHOWN).sort_values("rotator_type", kind="stable")
    pictures = Pictures(root, f"{key['dataset']}/{key['recipe']}", EXHIBITS)
    pictures.add(
        "attribution_methods",
        saliency.methods_figure(
            tensor.images[tensor.rows_of(shown["galaxy_id"])],
            {method: maps[shown.index] for method, maps in found.maps.items()},
            shown,
            calibrated=(shown["image_unit"] != "colour").to_numpy(),
            **key,
        ),
    )
    pictures.add("attribution_agreement", saliency.agreement_figure(frames["attribution_agreement"], **key))
    pictures.add("attribution_cascade", saliency.cascade_figure(frames["attribution_sanity"], **key))
    curves = saliency.deletion_figure(frames["deletion_curves"], frames["deletion_areas"], **key)
    pictures.add("deletion_curves", curves)
    pictures.add("attribution_convergence", saliency.convergence_figure(frames["attribution_convergence"], **key))
    return pictures
