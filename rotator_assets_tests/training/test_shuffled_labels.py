"""Trainings on shuffled labels have AUCs consistent with chance, with the expected coverage of their intervals.

Test labels are independent of the training of the network that tests them, so the AUC of one fold is 0.5 on average and
its interval holds. The mean over folds is different if there is nothing to learn, because each galaxy that one fold
tests is trained on in the others. The labels of two folds affect each other through the same sum over pairs of
galaxies, so the errors of their AUCs are correlated: two folds have nearly the same error, and k folds a correlation of
about 1 / (k - 1), which doubles the variance of their mean for any k. An interval of all folds may then cover 0.5 in
only 83 % of trainings on shuffled labels (as for linear classifiers on noise), and one wider by sqrt(2) in 95 %. If the
images do separate the classes, networks agree and this correlation vanishes.
"""

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import binom, norm

from rotator_assets.core.recipes import Recipe
from rotator_assets.evaluation.auc import auc_interval
from rotator_assets.evaluation.network_scores import NetworkScores
from rotator_assets.training.cross_validation import cross_validate
from rotator_assets_tests.training.made_up_training import galaxy_ids

RUNS, GALAXIES, SIZE_PX = 40, 60, 8
SHORTEST = Recipe(name="shortest", folds=2, epochs=2, batch_size=64, learning_rate=3e-3, regularization="dropout")
COVERAGE = 2 * norm.cdf(norm.ppf(0.975) / np.sqrt(2)) - 1


def covers(interval, widened=1.0):
    """True if 0.5 is in the interval, with its half width in logit(AUC) multiplied."""
    low, high = logit([interval.low, interval.high])
    middle, half_width = (low + high) / 2, widened * (high - low) / 2
    return expit(middle - half_width) <= 0.5 <= expit(middle + half_width)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Out-of-fold predictions of every run, each with new galaxies, random labels and another seed."""
    folder, results = tmp_path_factory.mktemp("shuffled"), []
    for seed in range(RUNS):
        generator = np.random.default_rng(seed)
        images = generator.lognormal(size=(GALAXIES, SIZE_PX, SIZE_PX, 3)).astype(np.float32)
        labels = generator.permutation(np.arange(GALAXIES) % 2)
        objects = np.arange(GALAXIES)
        recipe = SHORTEST.model_copy(update={"seed": seed})
        result = cross_validate(images, labels, objects, galaxy_ids(objects), recipe, model_folder=folder)
        results.append(result.predictions)
    return results


def test_intervals_of_a_held_out_part_cover_one_half(runs):
    first = [predictions[predictions["fold"] == 0] for predictions in runs]
    covered = sum(covers(auc_interval(NetworkScores.of(rows))) for rows in first)
    assert covered >= binom.ppf(0.005, RUNS, 0.95)


def test_intervals_of_all_folds_cover_one_half(runs):
    together = [auc_interval(NetworkScores.of(rows)) for rows in runs]
    assert sum(covers(interval) for interval in together) >= binom.ppf(0.005, RUNS, COVERAGE)
    assert sum(covers(interval, widened=np.sqrt(2)) for interval in together) >= binom.ppf(0.005, RUNS, 0.95)


def test_the_mean_auc_is_one_half(runs):
    together = np.array([auc_interval(NetworkScores.of(rows)).auc for rows in runs])
    assert abs(together.mean() - 0.5) < 3 * together.std(ddof=1) / np.sqrt(RUNS)
