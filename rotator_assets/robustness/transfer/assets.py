"""Asset ``transfer_report``: networks trained on another survey, and the part of a drop that the sample explains."""

import dagster as dg
import numpy as np
import pandas as pd

from rotator_assets.core.recipes import Recipe
from rotator_assets.core.study import REFERENCE_RECIPE
from rotator_assets.evaluation.assets import roc_report
from rotator_assets.lineage.groups import all_trainings, described, robustness_asset, step
from rotator_assets.lineage.observed_results import transfer_sources
from rotator_assets.lineage.partitions import dataset_partitions, other_dataset
from rotator_assets.lineage.reads import Reads
from rotator_assets.plots.pictures import Pictures
from rotator_assets.robustness.transfer.exhibits import EXHIBITS
from rotator_assets.robustness.transfer.tables import TABLES
from rotator_assets.store.frame_content import content_hash
from rotator_assets.store.table_store import TableStore
from rotator_assets.training.sample import training_sample

_SEED = 2020


@robustness_asset(
    code_version="2",
    tags=step("robustness_of_dataset"),
    partitions_def=dataset_partitions,
    deps=[transfer_sources, *all_trainings(roc_report)],
    description="Networks trained on another survey and tested here; differences of the samples, and their effect.",
)
def transfer_report(context: dg.AssetExecutionContext, store: dg.ResourceParam[TableStore]) -> dg.MaterializeResult:
    """Compare networks trained on another survey with those trained on the dataset."""
    from rotator_assets.robustness.transfer.figures import transfer_figure
    from rotator_assets.robustness.transfer.shift import VARIABLES, variables_of

    dataset = context.partition_key
    reads = Reads(context, store)
    recipes, repeats = reads.recipes(), reads.every("repeat_predictions")
    trained = {
        name: recipe
        for name, recipe in recipes.items()
        if recipe.other_survey is not None and name in set(repeats["recipe"])
    }
    others = {other_dataset(recipe, dataset): recipe for recipe in trained.values()}
    samples = {key: _sample(reads, key, recipe) for key, recipe in others.items()}
    own = _sample(reads, dataset, recipes[REFERENCE_RECIPE]) if trained else pd.DataFrame()
    rows = [_row(reads, repeats, samples, dataset, name, recipe) for name, recipe in trained.items()]
    frame = pd.DataFrame(rows).reindex(columns=TABLES["transfer"].column_names)
    pictures = Pictures(store.root, dataset, EXHIBITS)
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
        context.log.info("no recipe with another survey has been trained on this dataset")
        pictures.remove("transfer")
    return dg.MaterializeResult(
        value={"transfer": frame},
        data_version=dg.DataVersion(content_hash(frame)),
        metadata=described(
            synthetic=bool(frame["synthetic"].eq(True).any()),
            pictures=pictures,
            recipes=", ".join(trained) or "none",
        ),
    )


def _sample(reads: Reads, dataset: str, recipe: Recipe) -> pd.DataFrame:
    """Return the dataset's galaxies of the recipe's population, with the signal-to-noise ratio of their images."""
    sample = training_sample(reads.table("labeled_images", dataset), recipe, dataset, reads)
    measured = reads.every("image_morphology")
    measured = measured.loc[measured["dataset"] == dataset, ["galaxy_id", "sn_per_pixel"]]
    return sample.merge(measured, on="galaxy_id", how="left")


def _reference(reads: Reads, dataset: str) -> pd.DataFrame:
    """Return the metrics of the dataset's trainings."""
    metrics = reads.every("model_metrics")
    metrics = metrics[metrics["dataset"] == dataset]
    return metrics[["recipe", "n_galaxies", "n_slow", "auc", "auc_low", "auc_high"]]


def _row(
    reads: Reads,
    repeats: pd.DataFrame,
    samples: dict[str, pd.DataFrame],
    dataset: str,
    name: str,
    recipe: Recipe,
) -> dict:
    """Return the row of ``transfer`` of a recipe."""
    from rotator_assets.comparison.differences import in_both
    from rotator_assets.evaluation.auc import auc_difference, size_and_auc
    from rotator_assets.evaluation.network_scores import NetworkScores
    from rotator_assets.robustness.transfer.shift import variables_of

    other = other_dataset(recipe, dataset)
    scored = repeats[repeats["recipe"] == name]
    row = {
        "dataset": dataset,
        "recipe": name,
        "other_dataset": other,
        "other_use": recipe.other_use,
        "training_fraction": recipe.training_fraction,
        **size_and_auc(NetworkScores.of(scored)),
        "synthetic": bool(scored["synthetic"].any()),
    }
    both = in_both(scored, repeats[repeats["recipe"] == REFERENCE_RECIPE])
    if both is not None:
        change = auc_difference(both.scores, both.reference)
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
    return {**row, **_reweighted(own, samples[other], scored, variables)}


def _reweighted(own: pd.DataFrame, other: pd.DataFrame, scored: pd.DataFrame, variables: list[str]) -> dict:
    """Return the columns on the AUC with tested galaxies weighted to the training sample; none without variables."""
    from rotator_assets.evaluation.network_scores import NetworkScores
    from rotator_assets.robustness.transfer.shift import likeness_weights, reweighted_auc

    if not variables:
        return {}
    galaxies, row_of = np.unique(scored["galaxy_id"], return_inverse=True)
    tested = own.set_index("galaxy_id").loc[galaxies, variables].to_numpy(float)
    weights = likeness_weights(tested, other[variables].to_numpy(float))
    found = reweighted_auc(NetworkScores.of(scored), weights[row_of], seed=_SEED)
    return {
        "variables": ", ".join(variables),
        "n_effective": found.n_effective,
        "auc_reweighted": found.auc.value,
        "auc_reweighted_low": found.auc.low,
        "auc_reweighted_high": found.auc.high,
        "explained": found.change.value,
        "explained_low": found.change.low,
        "explained_high": found.change.high,
    }
