"""Group ``questions``: what training on another survey gives, and how much of a drop the galaxies explain."""

import dagster as dg
import pandas as pd

from rotator_assets.assets.learning import training_sample
from rotator_assets.assets.pictures import Pictures
from rotator_assets.assets.questions import QUESTION
from rotator_assets.assets.reading import Reads
from rotator_assets.assets.reports import roc_report
from rotator_assets.assets.results import transfer_sources
from rotator_assets.data_root import DataRoot
from rotator_assets.figures.study import REFERENCE_RECIPE
from rotator_assets.partitions import dataset_partitions, dataset_to_training, other_dataset
from rotator_assets.recipes import Recipe
from rotator_assets.storage.schema import TABLES
from rotator_assets.storage.tables import content_hash

_SEED = 2020


@dg.asset(
    **QUESTION,
    code_version="1",
    partitions_def=dataset_partitions,
    deps=[transfer_sources, dg.AssetDep(roc_report, partition_mapping=dataset_to_training)],
    kinds={"duckdb", "matplotlib"},
    description="Networks trained on another survey, tested here; how the samples differ, and what that explains.",
)
def transfer_report(context: dg.AssetExecutionContext, root: dg.ResourceParam[DataRoot]) -> dg.MaterializeResult:
    from rotator_assets.figures.transfer import transfer_figure
    from rotator_assets.learning.shift import VARIABLES, variables_of

    dataset = context.partition_key
    reads = Reads(context, root)
    recipes, predictions = reads.recipes(), reads.every("predictions")
    trained = {
        name: recipe
        for name, recipe in recipes.items()
        if recipe.other_survey is not None and name in set(predictions["recipe"])
    }
    others = {other_dataset(recipe, dataset): recipe for recipe in trained.values()}
    samples = {key: _sample(reads, key, recipe) for key, recipe in others.items()}
    own = _sample(reads, dataset, recipes[REFERENCE_RECIPE]) if trained else pd.DataFrame()
    rows = [_row(reads, predictions, samples, dataset, name, recipe) for name, recipe in trained.items()]
    frame = pd.DataFrame(rows).reindex(columns=TABLES["transfer"].column_names)
    pictures = Pictures(root, dataset)
    if rows:
        known = [name for name in VARIABLES if any(name in variables_of(own, sample) for sample in samples.values())]
        figure = transfer_figure(
            pd.concat([_reference(reads, dataset), frame], ignore_index=True),
            own,
            samples,
            {name: VARIABLES[name] for name in known},
            dataset=dataset,
            synthetic=bool(frame["synthetic"].any()),
        )
        pictures.add("transfer", figure)
    else:
        context.log.info("no recipe that trains on another survey was trained here")
        pictures.remove("transfer")
    return dg.MaterializeResult(
        value={"transfer": frame},
        data_version=dg.DataVersion(content_hash(frame)),
        metadata={
            "dagster/row_count": len(frame),
            "recipes": ", ".join(trained) or "none",
            **pictures.metadata(),
        },
    )


def _sample(reads: Reads, dataset: str, recipe: Recipe) -> pd.DataFrame:
    """The dataset's galaxies of the recipe's population, with the signal to noise of their images where measured."""
    sample = training_sample(reads.table("labeled_images", dataset), recipe, dataset, reads)
    measured = reads.every("image_morphology")
    measured = measured.loc[measured["dataset"] == dataset, ["galaxy_id", "sn_per_pixel"]]
    return sample.merge(measured, on="galaxy_id", how="left")


def _reference(reads: Reads, dataset: str) -> pd.DataFrame:
    metrics = reads.every("model_metrics")
    metrics = metrics[metrics["dataset"] == dataset]
    return metrics[["recipe", "n_galaxies", "n_slow", "auc", "auc_low", "auc_high"]]


def _row(
    reads: Reads,
    predictions: pd.DataFrame,
    samples: dict[str, pd.DataFrame],
    dataset: str,
    name: str,
    recipe: Recipe,
) -> dict:
    """One recipe's row of ``transfer``."""
    from rotator_assets.learning.evaluation import delong_paired, size_and_auc
    from rotator_assets.learning.shift import likeness_weights, reweighted_auc, variables_of

    other = other_dataset(recipe, dataset)
    scored = predictions[predictions["recipe"] == name].set_index("galaxy_id")
    truth, score = scored["rotator_type"].to_numpy(int), scored["probability_fast"].to_numpy(float)
    row = {
        "dataset": dataset,
        "recipe": name,
        "other_dataset": other,
        "other_use": recipe.other_use,
        "training_fraction": recipe.training_fraction,
        **size_and_auc(truth, score),
        "synthetic": bool(scored["synthetic"].any()),
    }
    reference = predictions[predictions["recipe"] == REFERENCE_RECIPE].set_index("galaxy_id")["probability_fast"]
    both = scored.join(reference.rename("reference"), how="inner")
    if both["rotator_type"].nunique() == 2:
        change = delong_paired(both["rotator_type"], both["probability_fast"], both["reference"])
        row |= {
            "difference": change.difference,
            "difference_low": change.low,
            "difference_high": change.high,
            "p_value": change.p_value,
        }
    at_home = _reference(reads, other)
    if len(at_home):
        row["auc_at_home"] = float(at_home["auc"].iloc[0])
    own = _sample(reads, dataset, recipe)
    variables = variables_of(own, samples[other]) if recipe.other_use == "instead" else []
    if variables:
        tested = own.set_index("galaxy_id").loc[scored.index, variables]
        weights = likeness_weights(tested.to_numpy(float), samples[other][variables].to_numpy(float))
        found = reweighted_auc(truth, score, scored["object_id"].to_numpy(), weights, seed=_SEED)
        row |= {
            "variables": ", ".join(variables),
            "n_effective": found.n_effective,
            "auc_reweighted": found.auc.value,
            "auc_reweighted_low": found.auc.low,
            "auc_reweighted_high": found.auc.high,
            "explained": found.change.value,
            "explained_low": found.change.low,
            "explained_high": found.change.high,
        }
    return row
