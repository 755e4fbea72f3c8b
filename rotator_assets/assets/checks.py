"""Asset checks: what must hold of the results, tested on every materialization and shown beside the asset."""

import dagster as dg
import numpy as np

from rotator_assets.assets.attributions import attribution_maps
from rotator_assets.assets.galaxies import early_type_galaxies, galaxies, labeled_galaxies
from rotator_assets.assets.images import image_tensors
from rotator_assets.assets.learning import predictions, rotator_classifier
from rotator_assets.assets.reading import CheckReads
from rotator_assets.data_root import DataRoot
from rotator_assets.keys import split_training_key
from rotator_assets.learning.attribution import COMPLETENESS_TOLERANCE

Root = dg.ResourceParam[DataRoot]
LISTED = 20
"""Most galaxies that a check names."""
ALIBI_TOLERANCE = 1e-4
"""Largest difference between attributions and alibi's, relative to the map's largest."""
ALIBI_GALAXIES, ALIBI_STEPS = 2, 5
SLOW_FRACTION_RANGE = (0.02, 0.6)


def _found(problems: int, what: str, severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR, **more):
    return dg.AssetCheckResult(
        passed=problems == 0, severity=severity, description=f"{problems} {what}", metadata={"count": problems, **more}
    )


@dg.asset_check(asset=galaxies, description="Every row of the morphology catalogue is a galaxy, once.")
def keeps_every_morphology_row(root: Root) -> dg.AssetCheckResult:
    wrong = CheckReads(galaxies, root).query(
        """SELECT count(*) AS n FROM (SELECT survey, galaxy_id, count(*) AS n FROM morphology_catalog GROUP BY ALL) m
        FULL JOIN (SELECT survey, galaxy_id, count(*) AS n FROM galaxies GROUP BY ALL) g USING (survey, galaxy_id)
        WHERE (m.n <> 1 OR g.n IS DISTINCT FROM 1 OR m.n IS NULL) AND survey IN (SELECT survey FROM galaxies)"""
    )
    return _found(int(wrong["n"][0]), "galaxies are missing, repeated, or in no morphology catalogue")


@dg.asset_check(asset=labeled_galaxies, description="Labels follow lambda_r < spin_threshold, and only where both are.")
def labels_follow_the_rule(root: Root) -> dg.AssetCheckResult:
    wrong = CheckReads(labeled_galaxies, root).query(
        """SELECT count(*) AS n FROM labeled_galaxies WHERE rotator_type IS NOT NULL
        AND (lambda_r IS NULL OR spin_threshold IS NULL OR (lambda_r < spin_threshold) <> (rotator_type = 0))"""
    )
    return _found(int(wrong["n"][0]), "labels contradict lambda_r and the threshold")


@dg.asset_check(asset=early_type_galaxies, description="The share of slow rotators is one that surveys find.")
def slow_fraction_is_plausible(root: Root) -> dg.AssetCheckResult:
    shares = CheckReads(early_type_galaxies, root).query(
        "SELECT survey, avg((rotator_type = 0)::INT) AS slow, count(*) AS n FROM early_type_galaxies GROUP BY survey"
    )
    low, high = SLOW_FRACTION_RANGE
    odd = shares[~shares["slow"].between(low, high)]
    return _found(
        len(odd),
        f"surveys have a share of slow rotators outside {low:.2f} to {high:.2f}",
        dg.AssetCheckSeverity.WARN,
        **{f"slow_fraction_{row.survey}": float(row.slow) for row in shares.itertuples()},
    )


@dg.asset_check(asset=image_tensors, description="Tensors hold finite numbers only, an image a listed galaxy.")
def images_are_finite(context: dg.AssetCheckExecutionContext, root: Root) -> dg.AssetCheckResult:
    bad = 0
    reads = CheckReads(image_tensors, root)
    partition = context.run.tags.get("dagster/partition")
    for key in [partition] if partition else reads.partitions("images"):
        tensor = reads.tensor(key)
        for start in range(0, len(tensor.images), 256):
            chunk = tensor.images[start : start + 256]
            bad += int((~np.isfinite(chunk).all(axis=(1, 2, 3))).sum())
        listed = reads.query(f"SELECT galaxy_id FROM images WHERE dataset = '{key}' AND usable ORDER BY tensor_row")
        bad += int(tuple(listed["galaxy_id"]) != tensor.galaxy_ids)
    return _found(bad, "images are not finite, or tensors do not fit their table")


@dg.asset_check(asset=rotator_classifier, description="No physical galaxy is tested by more than one fold.")
def no_object_in_two_folds(root: Root) -> dg.AssetCheckResult:
    leaks = CheckReads(rotator_classifier, root).query(
        """SELECT count(*) AS n FROM (SELECT 1 FROM training_folds GROUP BY dataset, recipe, repeat, object_id
        HAVING count(DISTINCT fold) > 1)"""
    )
    return _found(int(leaks["n"][0]), "objects stand in two folds")


@dg.asset_check(asset=predictions, description="Every galaxy of a training has one prediction, a probability.")
def predictions_are_whole(root: Root) -> dg.AssetCheckResult:
    wrong = CheckReads(predictions, root).query(
        """SELECT count(*) AS n FROM training_folds f LEFT JOIN predictions p USING (dataset, recipe, galaxy_id)
        WHERE (dataset, recipe) IN (SELECT (dataset, recipe) FROM predictions)
        AND (p.probability_fast IS NULL OR p.probability_fast NOT BETWEEN 0 AND 1
        OR (f.repeat = 0 AND p.fold <> f.fold))"""
    )
    return _found(int(wrong["n"][0]), "galaxies lack a prediction of their own fold")


@dg.asset_check(
    asset=attribution_maps,
    description=f"Completeness: no galaxy's attributions miss their sum by more than {COMPLETENESS_TOLERANCE:.0%}.",
)
def attributions_are_complete(context: dg.AssetCheckExecutionContext, root: Root) -> dg.AssetCheckResult:
    reads = CheckReads(attribution_maps, root)
    every = reads.query("SELECT concat(dataset, '|', recipe) AS training, * FROM attributions")
    errors = every[every["training"].isin(_trainings(context, reads))]
    over = errors[~(errors["completeness_error"] <= COMPLETENESS_TOLERANCE)]
    worst = over.sort_values("completeness_error", ascending=False)["galaxy_id"]
    return _found(
        len(over),
        f"of {len(errors)} galaxies have a completeness error over {COMPLETENESS_TOLERANCE:.0%}",
        dg.AssetCheckSeverity.WARN,
        share=len(over) / max(len(errors), 1),
        worst=", ".join(worst[:LISTED]),
    )


@dg.asset_check(
    asset=attribution_maps, description="Integrated gradients are those of alibi as it comes, on a few galaxies."
)
def attributions_agree_with_alibi(context: dg.AssetCheckExecutionContext, root: Root) -> dg.AssetCheckResult:
    from rotator_assets.learning.attribution import check_against_alibi
    from rotator_assets.learning.baseline_images import baselines
    from rotator_assets.learning.pipeline import network_input

    reads, differences = CheckReads(attribution_maps, root), {}
    for key in _trainings(context, reads):
        models, tensor = reads.models(key), reads.tensor(split_training_key(key)[0])
        tested = reads.table("predictions", key)
        fold = int(tested["fold"].iloc[0])
        ids = tested.loc[tested["fold"] == fold, "galaxy_id"].head(ALIBI_GALAXIES)
        rows = tensor.rows_of(ids)
        images = network_input(tensor.images, rows, models.recipe)
        skies = baselines(tensor.images, rows, models.recipe, "sky")[:, 0]
        differences[key] = check_against_alibi(models.load(fold), images, skies, ALIBI_STEPS)
    over = [key for key, difference in differences.items() if not difference <= ALIBI_TOLERANCE]
    return _found(
        len(over),
        f"trainings have attributions that differ from alibi's by over {ALIBI_TOLERANCE:g} of the largest",
        largest=max(differences.values(), default=0.0),
    )


def _trainings(context: dg.AssetCheckExecutionContext, reads: CheckReads) -> list[str]:
    """The partition that was materialized, or every one where the check runs by itself."""
    partition = context.run.tags.get("dagster/partition")
    return [partition] if partition else reads.partitions("attributions")
