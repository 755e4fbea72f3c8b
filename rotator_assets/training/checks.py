"""Asset checks of trainings and predictions."""

import dagster as dg
import numpy as np

from rotator_assets.lineage.check_results import checked_partitions, found
from rotator_assets.lineage.reads import CheckReads
from rotator_assets.store.table_store import TableStore
from rotator_assets.training.assets import predictions, rotator_classifier

Store = dg.ResourceParam[TableStore]
_PROBABILITIES = {
    "predictions": ("probability_fast", "probability_fast_calibrated", "threshold"),
    "repeat_predictions": ("probability_fast",),
    "galaxy_predictions": ("probability_fast", "probability_fast_calibrated"),
}


@dg.asset_check(asset=rotator_classifier, description="No physical galaxy is tested by more than one fold.")
def no_object_in_two_folds(store: Store) -> dg.AssetCheckResult:
    """Count physical galaxies that several folds of one repeat test."""
    leaks = CheckReads(rotator_classifier, store).query(
        """SELECT count(*) AS n FROM (SELECT 1 FROM training_folds GROUP BY dataset, recipe, repeat, object_id
        HAVING count(DISTINCT fold) > 1)"""
    )
    return found(int(leaks["n"][0]), "objects are tested by two folds")


@dg.asset_check(
    asset=predictions,
    description="Every galaxy that a training tests is predicted exactly once, by the fold that tests it and with the "
    "label of the training; no other galaxy is.",
)
def predictions_are_whole(context: dg.AssetCheckExecutionContext, store: Store) -> dg.AssetCheckResult:
    """Count galaxies that are missing, repeated, of another fold, of another label, or not tested."""
    reads, wrong = CheckReads(predictions, store), 0
    columns = ["galaxy_id", "fold", "rotator_type"]
    for key in checked_partitions(context, reads, "predictions"):
        tested = reads.table("training_folds", key).sort_values("repeat", kind="stable").drop_duplicates("galaxy_id")
        predicted = reads.table("predictions", key)[columns]
        joined = tested[columns].merge(predicted, how="outer", indicator=True)
        once = (joined["_merge"] == "both") & ~joined["galaxy_id"].duplicated(keep=False)
        wrong += joined.loc[~once, "galaxy_id"].nunique()
    return found(
        wrong, "galaxies are not predicted once, by the fold that tests them and with the label of the training"
    )


@dg.asset_check(
    asset=predictions,
    description="Probabilities and thresholds are numbers from 0 to 1, before and after calibration, for every repeat.",
)
def probabilities_are_from_0_to_1(context: dg.AssetCheckExecutionContext, store: Store) -> dg.AssetCheckResult:
    """Count galaxies with a probability that is missing, not finite or outside the range."""
    reads, wrong = CheckReads(predictions, store), 0
    for key in checked_partitions(context, reads, "predictions"):
        for table, columns in _PROBABILITIES.items():
            values = reads.table(table, key)[list(columns)].to_numpy(float)
            wrong += int((~((values >= 0) & (values <= 1))).any(axis=1).sum())
    return found(wrong, "rows have a probability that is missing or not from 0 to 1")


@dg.asset_check(
    asset=predictions, description="A galaxy is predicted to be fast if its probability reaches the threshold."
)
def classes_follow_the_threshold(context: dg.AssetCheckExecutionContext, store: Store) -> dg.AssetCheckResult:
    """Count galaxies whose predicted class contradicts probability and threshold."""
    reads, wrong = CheckReads(predictions, store), 0
    for key in checked_partitions(context, reads, "predictions"):
        rows = reads.table("predictions", key)
        fast = (rows["probability_fast"] >= rows["threshold"]).to_numpy()
        wrong += int(np.sum(fast != rows["predicted_type"].eq(1).fillna(False).to_numpy(bool)))
    return found(wrong, "predicted classes contradict probability and threshold")


@dg.asset_check(
    asset=predictions,
    description="No physical galaxy is predicted by two folds of a repeat: one of them would have been trained on it.",
)
def no_object_predicted_by_two_folds(context: dg.AssetCheckExecutionContext, store: Store) -> dg.AssetCheckResult:
    """Count physical galaxies that several folds of one repeat predict."""
    reads, wrong = CheckReads(predictions, store), 0
    for key in checked_partitions(context, reads, "predictions"):
        folds = reads.table("repeat_predictions", key).groupby(["repeat", "object_id"])["fold"].nunique()
        wrong += int((folds > 1).sum())
    return found(wrong, "objects are predicted by two folds of a repeat")
