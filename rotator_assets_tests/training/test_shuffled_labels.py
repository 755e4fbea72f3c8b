"""Labels without meaning: real trainings find nothing in them, as often as their intervals say.

Test labels are independent of what the network of their fold was trained on, so the AUC of a fold by itself is 0.5 on
average and its interval holds. The mean of all folds is not that simple where there is nothing to learn:
each galaxy that is tested in one fold trains the others. What two folds take from each other's labels is the same sum
over pairs of galaxies, read in either direction, so their AUCs err to the same side: two folds by nearly the same
amount, and k folds correlated by about 1 / (k - 1), which doubles the variance of their mean whatever k is. An
interval of all folds may then cover 0.5 in as few as 83 % of trainings on shuffled labels (linear classifiers on
noise do so), and one wider by sqrt(2) in 95 %. Where the images do tell the classes apart, networks agree, and this
correlation fades.
"""

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import binom, norm

from rotator_assets.core.backend import tensorflow
from rotator_assets.core.recipes import Recipe
from rotator_assets.evaluation.auc import auc_interval
from rotator_assets.evaluation.network_scores import NetworkScores
from rotator_assets.training.cross_validation import cross_validate
from rotator_assets_tests.training.made_up_training import galaxy_ids

pytestmark = pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly`")

RUNS, GALAXIES, SIZE_PX = 40, 60, 8
SHORTEST = Recipe(name="shortest", folds=2, epochs=2, batch_size=64, learning_rate=3e-3, regularization="dropout")
COVERAGE = 2 * norm.cdf(norm.ppf(0.975) / np.sqrt(2)) - 1


def covers(interval, widened=1.0):
    """True where 0.5 is in the interval, its half width in logit(AUC) multiplied."""
    low, high = logit([interval.low, interval.high])
    middle, half_width = (low + high) / 2, widened * (high - low) / 2
    return expit(middle - half_width) <= 0.5 <= expit(middle + half_width)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Out-of-fold predictions of every run: fresh galaxies, labels dealt out at random, another seed."""
    eagerly = tensorflow().config.run_functions_eagerly
    eagerly(True)  # tracing takes longer than these trainings
    folder, results = tmp_path_factory.mktemp("shuffled"), []
    try:
        for seed in range(RUNS):
            generator = np.random.default_rng(seed)
            images = generator.lognormal(size=(GALAXIES, SIZE_PX, SIZE_PX, 3)).astype(np.float32)
            labels = generator.permutation(np.arange(GALAXIES) % 2)
            objects = np.arange(GALAXIES)
            recipe = SHORTEST.model_copy(update={"seed": seed})
            result = cross_validate(images, labels, objects, galaxy_ids(objects), recipe, model_folder=folder)
            results.append(result.predictions)
    finally:
        eagerly(False)
    return results


def test_a_held_out_part_covers_one_half_as_often_as_it_says(runs):
    first = [predictions[predictions["fold"] == 0] for predictions in runs]
    covered = sum(covers(auc_interval(NetworkScores.of(rows))) for rows in first)
    assert covered >= binom.ppf(0.005, RUNS, 0.95)


def test_all_folds_cover_one_half_as_often_as_trainings_on_each_others_galaxies_can(runs):
    together = [auc_interval(NetworkScores.of(rows)) for rows in runs]
    assert sum(covers(interval) for interval in together) >= binom.ppf(0.005, RUNS, COVERAGE)
    assert sum(covers(interval, widened=np.sqrt(2)) for interval in together) >= binom.ppf(0.005, RUNS, 0.95)


def test_the_aucs_stand_about_one_half(runs):
    together = np.array([auc_interval(NetworkScores.of(rows)).auc for rows in runs])
    assert abs(together.mean() - 0.5) < 3 * together.std(ddof=1) / np.sqrt(RUNS)
