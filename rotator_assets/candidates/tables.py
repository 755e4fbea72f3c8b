"""Tables of slow-rotator candidates."""

from __future__ import annotations

from rotator_assets.evaluation.tables import POPULATION_METRICS
from rotator_assets.store.columns import Column, Table, by_name
from rotator_assets.store.fields import fields

_INTERVAL = "of the 68 % interval of probability_slow, from the scatter between the networks (Student's t)"


def _with_ends(name: str, meaning: str) -> tuple[Column, ...]:
    return (
        Column(name, "DOUBLE", meaning),
        Column(f"{name}_low", "DOUBLE", f"lower end of the 68 % interval of {name}"),
        Column(f"{name}_high", "DOUBLE", f"upper end of the 68 % interval of {name}"),
    )


TABLES = by_name(
    Table(
        "candidates",
        "Every galaxy with a usable image, most probable slow rotator first, predicted by networks that have seen "
        "neither it nor its repeat observations; without galaxies that all networks have seen, as with a held-out "
        "part. By the networks alone, also where the recipe fuses.",
        (
            *fields("dataset", "recipe"),
            Column("rank", "INTEGER", "1 for the highest probability_slow of the dataset and recipe"),
            *fields("galaxy_id", "object_id", "ra", "dec"),
            Column(
                "labelled",
                "BOOLEAN",
                "true where a measured lambda_r gives the galaxy a label",
            ),
            Column("rotator_type", "TINYINT", "the label: 0 slow, 1 fast", null="without a label"),
            Column("population", "VARCHAR", "early or late type", null="where unknown, and not predicted either"),
            Column(
                "population_known", "BOOLEAN", "true where the catalogues give the population; else it is predicted"
            ),
            Column(
                "probability_early",
                "DOUBLE",
                "probability of being an early type, from the features of the networks",
                null="where the recipe trains on early types alone",
            ),
            Column(
                "probability_slow",
                "DOUBLE",
                "calibrated probability of being slow, for the fraction of slow rotators among labelled galaxies of "
                "the population",
            ),
            Column("probability_slow_low", "DOUBLE", f"lower end {_INTERVAL}", null="with a single network"),
            Column("probability_slow_high", "DOUBLE", f"upper end {_INTERVAL}", null="with a single network"),
            *fields("lambda_r_predicted", "lambda_r_low", "lambda_r_high", "lambda_r"),
            Column("in_domain", "BOOLEAN", "true where the galaxy resembles the training sample: domain_distance <= 1"),
            Column(
                "domain_distance",
                "DOUBLE",
                "distance from the training part in the space of the features that enter the networks' output, in "
                "units of the distance within which 99 % of the validation part lie (and of the additional galaxies of "
                "the fold that it was not trained on); mean over the folds",
                "dimensionless",
                source="Lee et al. 2018",
            ),
            Column("n_networks", "INTEGER", "number of networks that predict the galaxy"),
            *fields("excluded_from", "synthetic"),
        ),
        made_by=("candidates",),
    ),
    Table(
        "candidate_metrics",
        "Discrimination and calibration of the probabilities of those candidates whose label is known; one row per "
        "population. Galaxies excluded from training do not count.",
        (*fields("dataset", "recipe"), *POPULATION_METRICS, *fields("synthetic")),
        made_by=("candidates",),
    ),
    Table(
        "follow_up",
        "What an observer finds by observing the first candidates; one row per number of observed galaxies.",
        (
            *fields("dataset", "recipe"),
            Column(
                "sample", "VARCHAR", "labelled galaxies, measured; or galaxies without measured kinematics, expected"
            ),
            Column("n_observed", "INTEGER", "number of observed galaxies, those with the highest probability_slow"),
            *_with_ends("slow_found", "number of slow rotators among them: labels, or sum of the probabilities"),
            Column("slow_expected", "DOUBLE", "sum of their calibrated probabilities"),
            Column("slow_total", "DOUBLE", "number of slow rotators in the whole sample, measured or expected"),
            *_with_ends("completeness", "slow_found over slow_total"),
            *_with_ends("purity", "slow_found over n_observed"),
            *fields("synthetic"),
        ),
        made_by=("candidates",),
    ),
)
