"""Asset checks of trainings and predictions."""

import dagster as dg

from rotator_assets.lineage.check_results import found
from rotator_assets.lineage.reads import CheckReads
from rotator_assets.store.table_store import TableStore
from rotator_assets.training.assets import predictions, rotator_classifier

Store = dg.ResourceParam[TableStore]


@dg.asset_check(asset=rotator_classifier, description="No physical galaxy is tested by more than one fold.")
def no_object_in_two_folds(store: Store) -> dg.AssetCheckResult:
    """Count physical galaxies that several folds of one repeat test."""
    leaks = CheckReads(rotator_classifier, store).query(
        """SELECT count(*) AS n FROM (SELECT 1 FROM training_folds GROUP BY dataset, recipe, repeat, object_id
        HAVING count(DISTINCT fold) > 1)"""
    )
    return found(int(leaks["n"][0]), "objects are tested by two folds")


@dg.asset_check(asset=predictions, description="Every galaxy of a training has one prediction, a probability.")
def predictions_are_whole(store: Store) -> dg.AssetCheckResult:
    """Count galaxies without a valid prediction of the fold that tests them."""
    wrong = CheckReads(predictions, store).query(
        """SELECT count(*) AS n FROM training_folds f LEFT JOIN predictions p USING (dataset, recipe, galaxy_id)
        WHERE (dataset, recipe) IN (SELECT (dataset, recipe) FROM predictions)
        AND (p.probability_fast IS NULL OR p.probability_fast NOT BETWEEN 0 AND 1
        OR (f.repeat = 0 AND p.fold <> f.fold))"""
    )
    return found(int(wrong["n"][0]), "galaxies lack a prediction of their fold")
