"""Checks of attributions: completeness, and agreement with alibi."""

import dagster as dg

from rotator_assets.attribution.assets import attribution_maps
from rotator_assets.attribution.integrated_gradients import COMPLETENESS_TOLERANCE
from rotator_assets.core.keys import split_training_key
from rotator_assets.lineage.check_results import checked_partitions, found
from rotator_assets.lineage.reads import CheckReads
from rotator_assets.store.table_store import TableStore

Store = dg.ResourceParam[TableStore]
LISTED = 20
"""Largest number of galaxies that a check names."""
ALIBI_TOLERANCE = 1e-4
"""Largest difference from alibi's attributions, relative to the largest attribution of the map."""
ALIBI_GALAXIES, ALIBI_STEPS = 2, 5


@dg.asset_check(
    asset=attribution_maps,
    description="Completeness: every galaxy's attributions add up to the difference in logit, within "
    f"{COMPLETENESS_TOLERANCE:.0%}.",
)
def attributions_are_complete(context: dg.AssetCheckExecutionContext, store: Store) -> dg.AssetCheckResult:
    """Count galaxies whose completeness error exceeds the tolerance, and name the worst."""
    reads = CheckReads(attribution_maps, store)
    every = reads.query("SELECT concat(dataset, '|', recipe) AS training, * FROM attributions")
    errors = every[every["training"].isin(checked_partitions(context, reads, "attributions"))]
    over = errors[~(errors["completeness_error"] <= COMPLETENESS_TOLERANCE)]
    worst = over.sort_values("completeness_error", ascending=False)["galaxy_id"]
    return found(
        len(over),
        f"of {len(errors)} galaxies have a completeness error over {COMPLETENESS_TOLERANCE:.0%}",
        dg.AssetCheckSeverity.WARN,
        share=len(over) / max(len(errors), 1),
        worst=", ".join(worst[:LISTED]),
    )


@dg.asset_check(
    asset=attribution_maps, description="Integrated gradients agree with those of unmodified alibi on a few galaxies."
)
def attributions_agree_with_alibi(context: dg.AssetCheckExecutionContext, store: Store) -> dg.AssetCheckResult:
    """Compare the attributions of a few galaxies of each training with alibi's."""
    from rotator_assets.attribution.baseline_images import baselines
    from rotator_assets.attribution.integrated_gradients import check_against_alibi
    from rotator_assets.training.pipeline import network_input

    reads, differences = CheckReads(attribution_maps, store), {}
    for key in checked_partitions(context, reads, "attributions"):
        models, tensor = reads.models(key), reads.tensor(split_training_key(key)[0])
        tested = reads.table("predictions", key)
        fold = int(tested["fold"].iloc[0])
        ids = tested.loc[tested["fold"] == fold, "galaxy_id"].head(ALIBI_GALAXIES)
        rows = tensor.rows_of(ids)
        images = network_input(tensor.images, rows, models.recipe)
        skies = baselines(tensor.images, rows, models.recipe, "sky")[:, 0]
        differences[key] = check_against_alibi(models.load(fold), images, skies, ALIBI_STEPS)
    over = [key for key, difference in differences.items() if not difference <= ALIBI_TOLERANCE]
    return found(
        len(over),
        f"trainings have attributions that differ from alibi's by more than {ALIBI_TOLERANCE:g} of the largest",
        largest=max(differences.values(), default=0.0),
    )
