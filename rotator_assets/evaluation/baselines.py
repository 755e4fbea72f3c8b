"""What simpler means reach on the same folds: the answer to "is it only ellipticity?".

Everything that is estimated (medians, scales, principal components, weights) comes from a fold's training galaxies
alone. Scores are out of fold: each galaxy's comes from the fold that tests it.

These are all galaxies of the other folds: the network's training and its validation part. A network learns its weights
from the former (85 %) and its stopping and threshold from the latter; a plain classifier has no use for a part set
aside. On 840 early-type MaNGA galaxies and five splits the classifiers fitted on the training part alone differ in AUC
by -0.003 to +0.004 on average, and by 0.017 at most in one split, where the interval is +-0.04.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rotator_assets.core.recipes import Recipe
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
    """Out-of-fold probability of being fast by a plain classifier of some columns, float64 (n,).

    Logistic regression has missing features replaced by the median of the training galaxies, all of them scaled to unit
    variance, and its classes weighted equally; gradient boosting (100 trees of depth 3, learning rate 0.05) takes
    features as they are.

    Parameters: features (n, k), NaN where missing; labels 0 or 1 (n,); folds (n,), the fold that tests each galaxy;
    classifier, one of ``CLASSIFIERS``; pixels (n, m), of which the first 50 principal components of the training
    galaxies (fewer where there are fewer galaxies) are features too.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.decomposition import PCA
    from sklearn.ensemble import HistGradientBoostingClassifier
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
        model = HistGradientBoostingClassifier(
            learning_rate=0.05,
            max_iter=100,
            max_depth=3,
            early_stopping=False,
            random_state=seed,
        )
    parts = [("columns", complete, list(range(k))), ("pixels", components, list(range(k, known.shape[1])))]
    return _out_of_fold(make_pipeline(ColumnTransformer(parts), model), known, labels, folds)


def pixel_baseline(
    images: NDArray[np.float32], rows: NDArray[np.int64], labels: ArrayLike, folds: ArrayLike, recipe: Recipe
) -> NDArray[np.float64]:
    """Out-of-fold probability of being fast by logistic regression on principal components of pixels, float64 (n,).

    Parameters: images as stored (m, size, size, 3); rows (n,) of the galaxies; labels and folds (n,) as above.
    """
    pixels = coarse_pixels(images, rows, recipe)
    return tabular_baseline(np.empty((len(pixels), 0)), labels, folds, pixels=pixels, seed=recipe.seed)


def coarse_pixels(images: NDArray[np.float32], rows: NDArray[np.int64], recipe: Recipe) -> NDArray[np.float32]:
    """Pixels of these rows, normalized as the recipe says, averaged in square blocks to at most 32 a side; (n, m)."""
    rows = np.asarray(rows)
    chunks = np.split(rows, range(_CHUNK, len(rows), _CHUNK))
    return np.concatenate([_block_average(network_input(images, chunk, recipe)) for chunk in chunks])


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
    from threadpoolctl import threadpool_limits

    labels, folds = np.asarray(labels), np.asarray(folds)
    probability = np.empty(len(labels), dtype=np.float64)
    with threadpool_limits(1):  # models so small spend most of their time waiting for each other's threads
        for fold in np.unique(folds):
            test = folds == fold
            probability[test] = clone(model).fit(features[~test], labels[~test]).predict_proba(features[test])[:, 1]
    return probability
