"""Checks of matched and labelled galaxies."""

import dagster as dg

from rotator_assets.core.frames import rows_of
from rotator_assets.galaxies.assets import early_type_galaxies, galaxies, labeled_galaxies
from rotator_assets.lineage.check_results import found
from rotator_assets.lineage.reads import CheckReads
from rotator_assets.store.table_store import TableStore

Store = dg.ResourceParam[TableStore]

SLOW_FRACTION_RANGE = (0.02, 0.6)


@dg.asset_check(asset=galaxies, description="Every row of the morphology catalogue is one row of galaxies.")
def keeps_every_morphology_row(store: Store) -> dg.AssetCheckResult:
    """Count galaxies that are missing, repeated, or not in the morphology catalogue."""
    wrong = CheckReads(galaxies, store).query(
        """SELECT count(*) AS n FROM (SELECT survey, galaxy_id, count(*) AS n FROM morphology_catalog GROUP BY ALL) m
        FULL JOIN (SELECT survey, galaxy_id, count(*) AS n FROM galaxies GROUP BY ALL) g USING (survey, galaxy_id)
        WHERE (m.n <> 1 OR g.n IS DISTINCT FROM 1 OR m.n IS NULL) AND survey IN (SELECT survey FROM galaxies)"""
    )
    return found(int(wrong["n"][0]), "galaxies are missing, repeated, or not in the morphology catalogue")


@dg.asset_check(
    asset=labeled_galaxies, description="Labels follow lambda_r < spin_threshold and exist only where both are known."
)
def labels_follow_the_rule(store: Store) -> dg.AssetCheckResult:
    """Count labels that contradict lambda_r and the threshold."""
    wrong = CheckReads(labeled_galaxies, store).query(
        """SELECT count(*) AS n FROM labeled_galaxies WHERE rotator_type IS NOT NULL
        AND (lambda_r IS NULL OR spin_threshold IS NULL OR (lambda_r < spin_threshold) <> (rotator_type = 0))"""
    )
    return found(int(wrong["n"][0]), "labels contradict lambda_r and the threshold")


@dg.asset_check(
    asset=early_type_galaxies, description="The fraction of slow rotators is in the range that surveys find."
)
def slow_fraction_is_plausible(store: Store) -> dg.AssetCheckResult:
    """Count surveys with an unusual fraction of slow rotators; a warning only."""
    fractions = CheckReads(early_type_galaxies, store).query(
        "SELECT survey, avg((rotator_type = 0)::INT) AS slow, count(*) AS n FROM early_type_galaxies GROUP BY survey"
    )
    low, high = SLOW_FRACTION_RANGE
    odd = fractions[~fractions["slow"].between(low, high)]
    return found(
        len(odd),
        f"surveys have a fraction of slow rotators outside {low:.2f} to {high:.2f}",
        dg.AssetCheckSeverity.WARN,
        **{f"slow_fraction_{row.survey}": float(row.slow) for row in rows_of(fractions)},
    )
