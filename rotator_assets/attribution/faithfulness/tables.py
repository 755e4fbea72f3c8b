"""Tables of tests of attribution maps."""

from __future__ import annotations

from rotator_assets.store.columns import DATASET, RECIPE, ROTATOR, SYNTHETIC, Column, Table, by_name

_GALAXIES = Column("n_galaxies", "INTEGER", "galaxies of the sample that have the number")

_METHOD = Column(
    "method",
    "VARCHAR",
    "ig_sky, ig_blurred, ig_noise (integrated gradients, by baseline), gradient_times_input, smooth_grad, occlusion, "
    "grad_cam",
)

_CORRELATIONS = (
    _GALAXIES,
    Column("correlation", "DOUBLE", "median over galaxies of Spearman's between absolute maps, pixel by pixel"),
    Column("correlation_low", "DOUBLE", "lower end of its 95 % interval (bootstrap over galaxies)"),
    Column("correlation_high", "DOUBLE", "upper end of its 95 % interval"),
    Column("signed_correlation", "DOUBLE", "the same of maps with signs, summed in patches of an eighth of the side"),
    Column("signed_correlation_low", "DOUBLE", "lower end of its 95 % interval (bootstrap over galaxies)"),
    Column("signed_correlation_high", "DOUBLE", "upper end of its 95 % interval"),
)

_KIND = Column("kind", "VARCHAR", "deletion (galaxy to empty sky) or insertion (empty sky to galaxy)")

_ORDER = Column("method", "VARCHAR", "map that orders the pixels; brightness and random know nothing of the network")

TABLES = by_name(
    Table(
        "attribution_agreement",
        "How alike the attribution maps of one galaxy are by two methods or baselines; one row a pair of methods.",
        (
            DATASET,
            RECIPE,
            _METHOD,
            Column("reference", "VARCHAR", "the method it is compared with"),
            *_CORRELATIONS,
            SYNTHETIC,
        ),
        made_by=("attribution_tests",),
    ),
    Table(
        "attribution_sanity",
        "How alike a galaxy's map is to that of a network with randomized layers, and of the other folds' networks.",
        (
            DATASET,
            RECIPE,
            Column("test", "VARCHAR", "cascade (randomized layers, Adebayo et al. 2018) or folds"),
            _METHOD,
            Column("layer", "VARCHAR", "last layer randomized, from the output down; empty for folds"),
            Column("depth", "INTEGER", "1 for the output alone, more the more layers; 0 for folds"),
            *_CORRELATIONS,
            SYNTHETIC,
        ),
        made_by=("attribution_tests",),
    ),
    Table(
        "deletion_curves",
        "Mean logit while pixels are replaced in the order of a map (Petsiuk et al. 2018); one row a share of pixels.",
        (
            DATASET,
            RECIPE,
            _KIND,
            _ORDER,
            Column("share", "DOUBLE", "share of the pixels replaced, 0 to 1"),
            _GALAXIES,
            Column("logit", "DOUBLE", "mean logit in the direction of the predicted class"),
            SYNTHETIC,
        ),
        made_by=("attribution_tests",),
    ),
    Table(
        "deletion_areas",
        "Areas under the deletion and insertion curves, and what each order gains over a random one.",
        (
            DATASET,
            RECIPE,
            _KIND,
            _ORDER,
            _GALAXIES,
            Column("area", "DOUBLE", "mean over galaxies of the logit towards the predicted class, over all shares"),
            Column("gain", "DOUBLE", "area compared with random order, positive where better (lower for deletion)"),
            Column("gain_low", "DOUBLE", "lower end of its 95 % interval (bootstrap over galaxies, paired)"),
            Column("gain_high", "DOUBLE", "upper end of its 95 % interval"),
            SYNTHETIC,
        ),
        made_by=("attribution_tests",),
    ),
    Table(
        "attribution_convergence",
        "Completeness error of integrated gradients from the empty sky, by class and number of steps.",
        (
            DATASET,
            RECIPE,
            ROTATOR,
            Column("n_steps", "INTEGER", "points of the quadrature"),
            _GALAXIES,
            Column("median", "DOUBLE", "median completeness error, |delta| / |F(x) - F(baseline)|"),
            Column("ninety_percent", "DOUBLE", "90th percentile of the completeness error"),
            SYNTHETIC,
        ),
        made_by=("attribution_tests",),
    ),
)
