"""Weights count as repeats: weighted medians and correlations are those of NumPy and SciPy on repeated galaxies."""

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr

from rotator_assets.evaluation.weighted import weighted_correlation, weighted_median, weighted_rank_correlation


@pytest.fixture(params=[0, 1, 2])
def galaxies(request):
    """Values with ties, and the weights of three replicates, the first of them equal."""
    generator = np.random.default_rng(request.param)
    x = np.round(generator.normal(size=40), 1)
    y = np.round(x + generator.normal(size=40), 1)
    weights = np.concatenate([np.ones((1, 40)), generator.multinomial(40, np.full(40, 1 / 40), size=2)])
    return x, y, weights


def test_weights_count_as_repeats(galaxies):
    x, y, weights = galaxies
    repeats = [np.repeat(np.arange(len(x)), row.astype(int)) for row in weights]
    assert weighted_median(x, weights) == pytest.approx([np.median(x[rows]) for rows in repeats])
    pearson = [pearsonr(x[rows], y[rows]).statistic for rows in repeats]
    spearman = [spearmanr(x[rows], y[rows]).statistic for rows in repeats]
    assert weighted_correlation(x, y, weights) == pytest.approx(pearson)
    assert weighted_rank_correlation(x, y, weights) == pytest.approx(spearman)


def test_a_constant_has_no_correlation():
    constant, ascending, weights = np.ones(4), np.arange(4.0), np.ones((2, 4))
    assert np.isnan(weighted_correlation(constant, ascending, weights)).all()
    assert np.isnan(weighted_rank_correlation(constant, ascending, weights)).all()
