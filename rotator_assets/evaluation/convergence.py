"""The number of epochs that a training needs, and the epoch from which it overfits. pandas only."""

from __future__ import annotations

import pandas as pd

from rotator_assets.core.frames import parts_of, row_at

CLOSE_NATS = 0.01
"""A validation loss this close to the lowest counts as converged; validation parts differ by more than this."""


def convergence(history: pd.DataFrame) -> pd.DataFrame:
    """Return one row per network that summarizes its training.

    ``history``: fold, member, epoch (from 1), loss, val_loss (nats) and val_auc, as in ``training_history``. Columns:
    ``epochs`` trained; ``converged_epoch``, the first whose val_loss is within ``CLOSE_NATS`` of the lowest;
    ``best_epoch``, that of the lowest val_loss; ``best_val_loss`` and ``best_val_auc`` there;
    ``still_improving``, true if that is the last epoch; ``overfitting_nats``, the rise of val_loss from there to the
    last epoch; ``gap_nats``, val_loss minus loss at the last epoch (the loss is that of augmented images).
    """
    rows = []
    courses = history.assign(member=history["member"].astype(float).fillna(0)).sort_values("epoch")
    for (fold, member), course in parts_of(courses, ["fold", "member"]):
        best, last = row_at(course, course["val_loss"].idxmin()), course.iloc[-1]
        close = course["val_loss"] <= best["val_loss"] + CLOSE_NATS
        rows.append(
            {
                "fold": fold,
                "member": int(member),
                "epochs": int(last["epoch"]),
                "converged_epoch": int(course["epoch"][close].min()),
                "best_epoch": int(best["epoch"]),
                "best_val_loss": best["val_loss"],
                "best_val_auc": best["val_auc"],
                "still_improving": bool(best["epoch"] == last["epoch"]),
                "overfitting_nats": last["val_loss"] - best["val_loss"],
                "gap_nats": last["val_loss"] - last["loss"],
            }
        )
    return pd.DataFrame(rows)
