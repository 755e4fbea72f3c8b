"""Asset checks of slow-rotator candidates."""

import dagster as dg
import numpy as np
import pandas as pd

from rotator_assets.candidates.assets import candidates
from rotator_assets.lineage.check_results import checked_partitions, found
from rotator_assets.lineage.reads import CheckReads
from rotator_assets.store.table_store import TableStore

Store = dg.ResourceParam[TableStore]


@dg.asset_check(
    asset=candidates,
    description="Ranks count from 1 without gaps, the most probable slow rotator first; no galaxy is listed twice.",
)
def ranks_follow_the_probability(context: dg.AssetCheckExecutionContext, store: Store) -> dg.AssetCheckResult:
    """Count candidates with a wrong rank, and galaxies that are listed again."""
    reads, wrong = CheckReads(candidates, store), 0
    for key in checked_partitions(context, reads, "candidates"):
        rows = reads.table("candidates", key).sort_values("rank", ignore_index=True)
        counted = rows["rank"].to_numpy(float) == np.arange(1, len(rows) + 1)
        sorted_ = ~(rows["probability_slow"].diff() > 0) & rows["probability_slow"].notna()
        wrong += int((~(counted & sorted_) | rows["galaxy_id"].duplicated()).sum())
    return found(wrong, "candidates have a wrong rank or are listed again")


@dg.asset_check(
    asset=candidates, description="Probabilities are from 0 to 1 and lie within their intervals, which do so too."
)
def intervals_contain_the_probability(context: dg.AssetCheckExecutionContext, store: Store) -> dg.AssetCheckResult:
    """Count candidates with a probability out of range or outside its interval."""
    reads, wrong = CheckReads(candidates, store), 0
    for key in checked_partitions(context, reads, "candidates"):
        rows = reads.table("candidates", key)
        value = rows["probability_slow"]
        low, high = (rows[f"probability_slow_{end}"].fillna(value) for end in ("low", "high"))  # with one network
        wrong += int((~((low >= 0) & (low <= value) & (value <= high) & (high <= 1))).sum())
    return found(wrong, "candidates have a probability outside its interval")


@dg.asset_check(
    asset=candidates,
    description="No galaxy is predicted by a network that was trained on it or on its repeat observations: at most as "
    "many networks predict it as have not seen it.",
)
def no_network_has_seen_its_candidate(context: dg.AssetCheckExecutionContext, store: Store) -> dg.AssetCheckResult:
    """Count candidates of the training's objects that more networks predict than have not seen the object."""
    reads, wrong = CheckReads(candidates, store), 0
    for key in checked_partitions(context, reads, "candidates"):
        members = reads.table("training_history", key)["member"].nunique()
        unseen = pd.concat([reads.table(name, key)[["object_id", "fold"]] for name in _UNSEEN])
        allowed = unseen.groupby("object_id")["fold"].nunique() * members
        rows = reads.table("candidates", key)
        wrong += int((rows["n_networks"] > rows["object_id"].map(allowed)).sum())
    return found(wrong, "candidates are predicted by networks that have seen them")


_UNSEEN = ("training_folds", "unseen_galaxies")
"""Tables with the galaxies that the networks of a fold have not seen."""


@dg.asset_check(
    asset=candidates,
    description="Probabilities of labelled early and late types are calibrated: their expected calibration error "
    "exceeds that of true probabilities by no more than chance (its 95 % interval, corrected for its bias, reaches 0).",
)
def probabilities_are_calibrated(context: dg.AssetCheckExecutionContext, store: Store) -> dg.AssetCheckResult:
    """Count populations of a training whose probabilities are not calibrated; a warning only."""
    reads, wrong = CheckReads(candidates, store), []
    for key in checked_partitions(context, reads, "candidate_metrics"):
        rows = reads.table("candidate_metrics", key)
        failed = rows[(rows["ece_low"] > 0) & (rows["population"] != "all types")]
        wrong += [f"{key}: {population}" for population in failed["population"]]
    return found(
        len(wrong),
        "populations have probabilities that are not calibrated",
        dg.AssetCheckSeverity.WARN,
        which=", ".join(wrong) or "none",
    )
