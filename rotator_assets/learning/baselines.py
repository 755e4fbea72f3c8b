"""What simpler means reach on the same folds: the answer to "is it only ellipticity?".

Everything that is estimated (medians, scales, principal components, weights) comes from a fold's training galaxies
alone. Scores are out of fold: each galaxy's comes from the fold that tests it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rotator_assets.learning.pipeline import network_input
from rotator_assets.recipes import Recipe

LARGEST_SIDE_PX = 32
N_COMPONENTS = 50
_CHUNK = 256


def tabular_baseline(features: ArrayLike, labels: ArrayLike, folds: ArrayLike) -> NDArray[np.float64]:
    """Out-of-fold probability of being fast by logistic regression on catalogue columns, float64 (n,).

    Parameters: features (n, k), NaN where missing (replaced by the median of the training galaxies); labels 0 or 1
    (n,); folds (n,), the fold that tests each galaxy. Classes are weighted equally.
    """
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    features = np.asarray(features, dtype=np.float64)
    model = make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        StandardScaler(),
        LogisticRegression(class_weight="balanced", max_iter=1000),
    )
    return _out_of_fold(model, features, labels, folds)


def pixel_baseline(
    images: NDArray[np.float32], rows: NDArray[np.int64], labels: ArrayLike, folds: ArrayLike, recipe: Recipe
) -> NDArray[np.float64]:
    """Out-of-fold probability of being fast by logistic regression on principal components of pixels, float64 (n,).

    The images are normalized as the recipe says and averaged in square blocks to at most 32 pixels a side; the first
    50 components (fewer where there are fewer galaxies) of the training galaxies, scaled to unit variance, are the
    features.

    Parameters: images as stored (m, size, size, 3); rows (n,) of the galaxies; labels and folds (n,) as above.
    """
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows, folds = np.asarray(rows), np.asarray(folds)
    chunks = np.split(rows, range(_CHUNK, len(rows), _CHUNK))
    pixels = np.concatenate([_block_average(network_input(images, chunk, recipe)) for chunk in chunks])
    fewest = min(int(np.sum(folds != fold)) for fold in np.unique(folds))
    model = make_pipeline(
        PCA(min(N_COMPONENTS, fewest, pixels.shape[1]), svd_solver="randomized", random_state=recipe.seed),
        StandardScaler(),
        LogisticRegression(class_weight="balanced", max_iter=1000),
    )
    return _out_of_fold(model, pixels, labels, folds)


def _block_average(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Images (n, size, size, bands) averaged to at most 32 pixels a side and flattened; an odd edge is left out."""
    n, size, _, bands = images.shape
    block = -(-size // LARGEST_SIDE_PX)
    side = size // block
    cut = images[:, : side * block, : side * block]
    return cut.reshape(n, side, block, side, block, bands).mean(axis=(2, 4)).reshape(n, -1)


def _out_of_fold(model, features: NDArray, labels: ArrayLike, folds: ArrayLike) -> NDArray[np.float64]:
    """Probability of class 1 by a scikit-learn pipeline, fitted afresh to the other folds' galaxies."""
    from sklearn.base import clone

    labels, folds = np.asarray(labels), np.asarray(folds)
    probability = np.empty(len(labels), dtype=np.float64)
    for fold in np.unique(folds):
        test = folds == fold
        probability[test] = clone(model).fit(features[~test], labels[~test]).predict_proba(features[test])[:, 1]
    return probability
