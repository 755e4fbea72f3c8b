"""Epochs until convergence and overfitting, for losses given by hand."""

import pandas as pd
import pytest

from rotator_assets.evaluation.convergence import convergence


def course(val_loss, fold=0, loss=0.4, member=0):
    epochs = range(1, len(val_loss) + 1)
    val_auc = [0.5 + epoch / 100 for epoch in epochs]
    of_network = {"fold": fold, "member": member}
    return pd.DataFrame({**of_network, "epoch": epochs, "loss": loss, "val_loss": val_loss, "val_auc": val_auc})


def test_a_loss_that_falls_and_rises():
    found = convergence(course([0.9, 0.609, 0.60, 0.65, 0.75])).iloc[0]
    assert (found.epochs, found.converged_epoch, found.best_epoch) == (5, 2, 3)
    assert not found.still_improving
    assert found.best_val_loss == 0.60 and found.best_val_auc == pytest.approx(0.53)
    assert found.overfitting_nats == pytest.approx(0.15) and found.gap_nats == pytest.approx(0.35)


def test_a_loss_that_still_falls_is_still_improving():
    found = convergence(course([0.9, 0.8, 0.7])).iloc[0]
    assert found.still_improving and found.best_epoch == found.converged_epoch == 3
    assert found.overfitting_nats == 0


def test_each_fold_separately_in_any_order_of_rows():
    history = pd.concat([course([0.9, 0.5, 0.6], fold=1), course([0.4, 0.5], fold=0)]).sample(frac=1, random_state=0)
    found = convergence(history).set_index("fold")
    assert list(found.index) == [0, 1]
    assert list(found["best_epoch"]) == [1, 2] and list(found["epochs"]) == [2, 3]


def test_of_equal_losses_the_first_is_the_best():
    assert convergence(course([0.7, 0.5, 0.5])).iloc[0].best_epoch == 2


def test_each_member_of_a_fold_separately():
    history = pd.concat([course([0.9, 0.5, 0.6]), course([0.4, 0.5], member=1)])
    found = convergence(history)
    assert list(found["member"]) == [0, 1] and list(found["best_epoch"]) == [2, 1]


def test_histories_from_before_there_were_members():
    assert list(convergence(course([0.7, 0.5]).assign(member=None))["member"]) == [0]
