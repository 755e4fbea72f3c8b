"""What each part of a fusion adds to the others: the network, catalogue columns, the structure of the image."""

from __future__ import annotations

import numpy as np
import pandas as pd

from rotator_assets.core.statistics import holm
from rotator_assets.evaluation.auc import auc_difference, size_and_auc
from rotator_assets.evaluation.network_scores import NetworkScores
from rotator_assets.evaluation.tables import TABLES
from rotator_assets.training.fusion import compared_with


def fusion_parts(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the AUC of each part of a fusion, and its difference from the part that it is compared with.

    Parts with the network are compared with the part without their last set of columns, parts without it with the same
    columns and the network: paired differences (`auc_difference`), with p-values corrected after Holm.

    ``predictions``: rows of ``fusion_predictions``. Returns the columns of ``fusion_parts`` except dataset, recipe and
    synthetic; no rows without predictions.
    """
    scores = {part: NetworkScores.of(rows) for part, rows in predictions.groupby("part", sort=False)}
    rows = []
    for part, scored in scores.items():
        reference = compared_with(str(part), [str(other) for other in scores])
        row = {"part": part, "compared_with": reference, **size_and_auc(scored)}
        if reference is not None:
            change = auc_difference(scored, scores[reference])
            row |= {
                "difference": change.difference,
                "difference_low": change.low,
                "difference_high": change.high,
                "p_value": change.p_value,
            }
        rows.append(row)
    columns = [name for name in TABLES["fusion_parts"].column_names if name not in ("dataset", "recipe", "synthetic")]
    table = pd.DataFrame(rows).reindex(columns=columns)
    return table.assign(p_value_adjusted=holm(table["p_value"].to_numpy(np.float64)))
