"""Baselines: simple classifiers of catalogue columns or pixels on the same folds as the network.

Everything that is estimated (medians, scales, principal components, weights) comes from the training galaxies of a
fold. Scores are out of fold: each galaxy's score comes from the fold that tests it.

The training galaxies are all galaxies of the other folds: the network's training part (85 %), which gives its weights,
and its validation part, which gives the stopping epoch and the threshold. A simple classifier needs no validation part.
Classifiers fitted on the training part alone differ in AUC by -0.003 to +0.004 on average (840 early-type MaNGA
galaxies, five splits), and by at most 0.017 in one split, where the interval is +-0.04.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rotator_assets.core.recipes import Recipe
from rotator_assets.training.features import gradient_boosting
from rotator_assets.training.pipeline import network_input

LARGEST_SIDE_PX = 32
N_COMPONENTS = 50
LOGISTIC, BOOSTING = "logistic regression", "gradient boosting"
CLASSIFIERS = (LOGISTIC, BOOSTING)
_CHUNK = 256


def tabular_baseline(
    features: ArrayLike,
    labels: ArrayLike,
    folds: ArrayLike,
    *,
    classifier: str = LOGISTIC,
    pixels: NDArray[np.float32] | None = None,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Return the out-of-fold probability of being fast by a simple classifier of some columns.

    For logistic regression, missing features are replaced by the median of the training galaxies, all features are
    scaled to unit variance, and the classes have equal weight. Gradient boosting (`gradient_boosting`) takes the
    features unchanged.

    Parameters
    ----------
    features
        Shape (n, k), NaN if missing.
    labels
        0 slow, 1 fast; shape (n,).
    folds
        The fold that tests each galaxy, shape (n,).
    classifier
        One of ``CLASSIFIERS``.
    pixels
        Shape (n, m). The first 50 principal components of the training galaxies' pixels (fewer if there are fewer
        galaxies) are features too.
    seed
        Seed of the principal components and of gradient boosting.

    Returns
    -------
    float64 (n,).
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.decomposition import PCA
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    features, folds = np.asarray(features, dtype=np.float64), np.asarray(folds)
    k = features.shape[1]
    known = features if pixels is None else np.hstack([features, pixels])
    fewest = min(int(np.sum(folds != fold)) for fold in np.unique(folds))
    components = PCA(min(N_COMPONENTS, fewest, known.shape[1] - k), svd_solver="randomized", random_state=seed)
    if classifier == LOGISTIC:
        complete = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
        components = make_pipeline(components, StandardScaler())
        model = LogisticRegression(class_weight="balanced", max_iter=1000)
    else:
        complete = FunctionTransformer()
        model = gradient_boosting(seed)
    parts = [("columns", complete, list(range(k))), ("pixels", components, list(range(k, known.shape[1])))]
    return _out_of_fold(make_pipeline(ColumnTransformer(parts), model), known, labels, folds)


def pixel_baseline(
    images: NDArray[np.float32], rows: NDArray[np.int64], labels: ArrayLike, folds: ArrayLike, recipe: Recipe
) -> NDArray[np.float64]:
    """Return the out-of-fold probability of being fast by logistic regression on principal components of the pixels.

    Parameters
    ----------
    images
        Images as stored, float32 (m, size, size, 3).
    rows
        Row of ``images`` of each galaxy, int64 (n,).
    labels
        0 slow, 1 fast; shape (n,).
    folds
        The fold that tests each galaxy, shape (n,).
    recipe
        Normalization, bands and seed.

    Returns
    -------
    float64 (n,).
    """
    pixels = coarse_pixels(images, rows, recipe)
    return tabular_baseline(np.empty((len(pixels), 0)), labels, folds, pixels=pixels, seed=recipe.seed)


def coarse_pixels(images: NDArray[np.float32], rows: NDArray[np.int64], recipe: Recipe) -> NDArray[np.float32]:
    """Return the pixels of some images, averaged in square blocks to at most 32 per side.

    Parameters
    ----------
    images
        Images as stored, float32 (m, size, size, 3).
    rows
        Rows of ``images``, int64 (n,).
    recipe
        Normalization and bands.

    Returns
    -------
    float32 (n, pixels x bands).
    """
    rows = np.asarray(rows)
    chunks = np.split(rows, range(_CHUNK, len(rows), _CHUNK))
    return np.concatenate([_block_average(network_input(images, chunk, recipe)) for chunk in chunks])


def _block_average(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Images (n, size, size, bands) averaged to at most 32 pixels per side and flattened; an odd edge is left out."""
    n, size, _, bands = images.shape
    block = -(-size // LARGEST_SIDE_PX)
    side = size // block
    cut = images[:, : side * block, : side * block]
    return cut.reshape(n, side, block, side, block, bands).mean(axis=(2, 4)).reshape(n, -1)


def _out_of_fold(model: Any, features: NDArray, labels: ArrayLike, folds: ArrayLike) -> NDArray[np.float64]:
    """Probability of class 1 by a scikit-learn pipeline, fitted to the galaxies of the other folds."""
    from sklearn.base import clone
    from threadpoolctl import threadpool_limits

    labels, folds = np.asarray(labels), np.asarray(folds)
    probability = np.empty(len(labels), dtype=np.float64)
    with threadpool_limits(1):  # the threads of such small models mostly wait for each other
        for fold in np.unique(folds):
            test = folds == fold
            probability[test] = clone(model).fit(features[~test], labels[~test]).predict_proba(features[test])[:, 1]
    return probability
