"""The rows of the forest plot: everything that classifies the galaxies of the main training, with its AUC."""

from __future__ import annotations

from typing import Any

import pandas as pd

from rotator_assets.answer.results import Results

NETWORKS, BASELINES, COLUMNS, FUSIONS = "networks", "baselines", "columns of a fusion", "network and columns"
GROUPS = (NETWORKS, BASELINES, COLUMNS, FUSIONS)
MOST_NETWORKS = 10
"""Largest number of networks shown: the main one and the best others."""
_NUMBERS = ["auc", "auc_low", "auc_high"]


def forest_rows(results: Results, main: Any) -> pd.DataFrame:
    """Return one row per classifier.

    Parameters
    ----------
    results : Results
        The tables of a data root.
    main
        Row of ``model_metrics`` of the main training.

    Returns
    -------
    DataFrame
        Columns group (one of `GROUPS`, in this order), label, recipe (empty for others than networks), auc, auc_low and
        auc_high, best AUC first within a group. Each feature set is shown with its best classifier.
    """
    others = pd.DataFrame(
        [(row.classifier, row.auc, row.auc_low, row.auc_high) for row in results.image_only(main)[: MOST_NETWORKS - 1]],
        columns=["label", *_NUMBERS],
    )
    network = pd.DataFrame([(main.recipe, main.auc, main.auc_low, main.auc_high)], columns=["label", *_NUMBERS])
    if results.fuses(main):
        network = network.iloc[:0]  # its network alone is a part of the fusion
    networks = pd.concat([part for part in (network, others) if len(part)] or [network], ignore_index=True)
    baselines = results.baselines(main).drop_duplicates("features").rename(columns={"name": "label"})
    parts = results.fusion(main).rename(columns={"part": "label"})
    with_network = parts["label"].str.startswith("network" if results.fuses(main) else "network +")
    columns = parts[~parts["label"].str.startswith("network")]
    found = {
        NETWORKS: networks.assign(recipe=networks["label"]),
        BASELINES: baselines,
        COLUMNS: columns,
        FUSIONS: parts[with_network],
    }
    rows = [
        part.assign(group=group, recipe=part["recipe"] if group == NETWORKS else "")[
            ["group", "label", "recipe", *_NUMBERS]
        ]
        .dropna(subset=["auc"])
        .sort_values("auc", ascending=False)
        for group, part in found.items()
        if len(part)
    ]
    return pd.concat(rows, ignore_index=True)
