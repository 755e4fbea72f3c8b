"""Asset ``label_noise_report``: the AUC of the same scores with other labels."""

from typing import Any

import dagster as dg
import pandas as pd

from rotator_assets.core.keys import split_training_key
from rotator_assets.galaxies.recipe_labels import with_galaxies
from rotator_assets.galaxies.sources import several_sources
from rotator_assets.lineage.groups import described, of_dataset, robustness_asset
from rotator_assets.lineage.inputs import of_recipe
from rotator_assets.lineage.observed_results import survey_kinematics
from rotator_assets.lineage.partitions import dataset_to_training, training_partitions
from rotator_assets.lineage.reads import Reads
from rotator_assets.plots.pictures import Pictures
from rotator_assets.robustness.label_noise.exhibits import EXHIBITS
from rotator_assets.store.frame_content import content_hash
from rotator_assets.store.models import TrainedModels
from rotator_assets.store.table_store import TableStore
from rotator_assets.surveys.datasets import DATASETS

_SEED = 2020


@robustness_asset(
    code_version="3",
    partitions_def=training_partitions,
    ins=of_dataset("labeled_images"),
    deps=[
        *of_recipe("training", "prediction"),
        dg.AssetDep(survey_kinematics, partition_mapping=dataset_to_training),
    ],
    description="AUC of the same scores with other labels: errors, boundary and source of lambda_R; cuts in distance.",
)
def label_noise_report(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[TableStore],
    predictions: pd.DataFrame,
    rotator_classifier: TrainedModels,
    labeled_images: pd.DataFrame,
) -> dg.MaterializeResult:
    """Measure how the uncertainty of the labels affects the AUC."""
    from rotator_assets.robustness.label_noise.figures import label_noise_figure
    from rotator_assets.robustness.label_noise.redrawn_labels import ASSUMED_ERROR, label_noise_variants

    dataset, recipe = split_training_key(context.partition_key)
    survey = DATASETS[dataset].survey
    key: dict[str, Any] = {"dataset": dataset, "recipe": recipe, "synthetic": bool(predictions["synthetic"].any())}
    reads = Reads(context, store)
    sample = with_galaxies(reads.table("repeat_predictions"), labeled_images, rotator_classifier.recipe)
    sources = several_sources(reads.table("kinematics_catalog", survey), reads.all_settings().survey(survey))
    variants = label_noise_variants(sample, sources, seed=_SEED)
    frame = variants.assign(**key, assumed_error=ASSUMED_ERROR)
    pictures = Pictures(store.root, f"{dataset}/{recipe}", EXHIBITS)
    pictures.add("label_noise", label_noise_figure(variants, **key))
    drawn = variants[variants["ceiling"].notna()]
    return dg.MaterializeResult(
        value={"label_noise": frame},
        data_version=dg.DataVersion(content_hash(frame)),
        metadata=described(
            synthetic=key["synthetic"],
            pictures=pictures,
            **{name: float(drawn[name].iloc[0]) for name in ("ceiling", "ceiling_ranked") if len(drawn)},
            assumed_error=ASSUMED_ERROR,
        ),
    )
