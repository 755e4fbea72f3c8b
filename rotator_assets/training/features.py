"""Properties of galaxies that classifiers without a network use: sets of columns, and gradient boosting."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from rotator_assets.core.recipes import SPIN
from rotator_assets.store.fields import MORPHOLOGY_PROBABILITIES

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier

_OF_CATALOGUES = {
    "ellipticity": ("ellipticity",),
    "+ Sersic index": ("sersic_n",),
    "+ size, mass": ("r_eff_arcsec", "log_mass"),
}
_OF_IMAGES = {
    "+ colour": ("g_minus_i",),
    "+ Gini, M20, C, A": ("gini", "m20", "concentration", "asymmetry"),
}
STEPS = {**_OF_CATALOGUES, **_OF_IMAGES}
"""Columns that each nested feature set adds to the previous one."""
_TYPES_AND_DISTANCE = ("t_type", *MORPHOLOGY_PROBABILITIES, "redshift")
FUSED = {
    SPIN: ("spin_threshold",),
    "catalogue": (*chain.from_iterable(_OF_CATALOGUES.values()), *_TYPES_AND_DISTANCE),
    "structure": tuple(chain.from_iterable(_OF_IMAGES.values())),
}
"""Columns that a fusion combines with the network, by set (`fused_features`)."""


def gradient_boosting(seed: int) -> HistGradientBoostingClassifier:
    """Return 100 trees of depth 3 with learning rate 0.05, which take missing values as they are."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        learning_rate=0.05,
        max_iter=100,
        max_depth=3,
        early_stopping=False,
        random_state=seed,
    )
