"""Tables of tests of attribution maps."""

from __future__ import annotations

from rotator_assets.store.columns import Column, Table, by_name
from rotator_assets.store.fields import ends, fields

_BOOTSTRAP = "bootstrap over galaxies"

_GALAXIES = Column("n_galaxies", "INTEGER", "number of galaxies of the sample that have the number")

_METHOD = Column(
    "method",
    "VARCHAR",
    "ig_sky, ig_blurred, ig_noise (integrated gradients, by baseline), gradient_times_input, smooth_grad, occlusion, "
    "grad_cam",
)

_CORRELATIONS = (
    _GALAXIES,
    Column("correlation", "DOUBLE", "Spearman correlation of absolute maps pixel by pixel, median over galaxies"),
    *ends(_BOOTSTRAP, "correlation_"),
    Column(
        "signed_correlation",
        "DOUBLE",
        "Spearman correlation of signed maps summed in patches of an eighth of the side, median over galaxies",
    ),
    *ends(_BOOTSTRAP, "signed_correlation_"),
)

_KIND = Column("kind", "VARCHAR", "deletion (from galaxy to empty sky) or insertion (from empty sky to galaxy)")

_ORDER = Column("method", "VARCHAR", "map that orders the pixels; brightness and random do not depend on the network")

TABLES = by_name(
    Table(
        "attribution_agreement",
        "Similarity of a galaxy's attribution maps from two methods or baselines; one row per pair of methods.",
        (
            *fields("dataset", "recipe"),
            _METHOD,
            Column("reference", "VARCHAR", "the method it is compared with"),
            *_CORRELATIONS,
            *fields("synthetic"),
        ),
        made_by=("attribution_tests",),
    ),
    Table(
        "attribution_sanity",
        "Similarity of a galaxy's map to those of the network with randomized layers and of the other folds' networks.",
        (
            *fields("dataset", "recipe"),
            Column("test", "VARCHAR", "cascade (randomized layers) or folds", source="cascade: Adebayo et al. 2018"),
            _METHOD,
            Column("layer", "VARCHAR", "last layer randomized, from the output down; empty for folds"),
            Column("depth", "INTEGER", "number of randomized layers, from the output; 0 for folds"),
            *_CORRELATIONS,
            *fields("synthetic"),
        ),
        made_by=("attribution_tests",),
    ),
    Table(
        "deletion_curves",
        "Mean logit while pixels are replaced in the order of a map (Petsiuk et al. 2018); one row per fraction of "
        "pixels.",
        (
            *fields("dataset", "recipe"),
            _KIND,
            _ORDER,
            Column("share", "DOUBLE", "fraction of the pixels replaced"),
            _GALAXIES,
            Column("logit", "DOUBLE", "mean logit in the direction of the predicted class"),
            *fields("synthetic"),
        ),
        made_by=("attribution_tests",),
    ),
    Table(
        "deletion_areas",
        "Areas under the deletion and insertion curves, and the gain of each order over a random one.",
        (
            *fields("dataset", "recipe"),
            _KIND,
            _ORDER,
            _GALAXIES,
            Column(
                "area", "DOUBLE", "area under the curve of the logit towards the predicted class, mean over galaxies"
            ),
            Column("gain", "DOUBLE", "area relative to a random order, positive where better (lower for deletion)"),
            *ends(f"{_BOOTSTRAP}, paired", "gain_"),
            *fields("synthetic"),
        ),
        made_by=("attribution_tests",),
    ),
    Table(
        "attribution_convergence",
        "Completeness error of integrated gradients from the empty sky, by class and number of steps.",
        (
            *fields("dataset", "recipe", "rotator_type"),
            Column("n_steps", "INTEGER", "number of quadrature points"),
            _GALAXIES,
            Column("median", "DOUBLE", "median completeness error, |delta| / |F(x) - F(baseline)|"),
            Column("ninety_percent", "DOUBLE", "90th percentile of the completeness error"),
            *fields("synthetic"),
        ),
        made_by=("attribution_tests",),
    ),
)
