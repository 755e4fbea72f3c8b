"""The list of candidates: intervals, calibration, populations and rank."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from rotator_assets.candidates import ranking
from rotator_assets.candidates.blind import BlindPredictions, FoldFit
from rotator_assets.candidates.domain import Domain
from rotator_assets.training.galaxy_predictions import galaxy_predictions
from rotator_assets.training.targets import MARGINS

N, FOLDS, MEMBERS = 3000, 5, 4
CALIBRATION = pd.DataFrame(
    {
        "fold": np.arange(FOLDS),
        **{f"calibration_slope{ending}": 0.8 + 0.05 * np.arange(FOLDS) for ending in ("", "_averaged")},
        **{f"calibration_offset{ending}": 0.1 * np.arange(FOLDS) for ending in ("", "_averaged")},
        **dict.fromkeys(MARGINS, 0.02),
    }
)


def ranked_candidates(*arguments):
    return ranking.ranked_candidates(*arguments).candidates


@pytest.fixture
def blind():
    """Networks of five folds, each galaxy in one of them; the logits of networks scatter by 0.5."""
    generator = np.random.default_rng(0)
    truth = generator.normal(0, 2, N)
    members = truth[:, None] + generator.normal(0, 0.5, (N, MEMBERS))
    fold = generator.integers(0, FOLDS, N)
    outputs = pd.DataFrame(
        {
            "galaxy_id": [f"g{k:04d}" for k in range(N)],
            "object_id": [f"o{k}" for k in range(N)],
            **{"repeat": 0, "fold": fold, "group": fold, "logit": members.mean(axis=1), "truth": truth},
            **{"lambda_r_low": 0.4, "lambda_r_predicted": 0.5, "lambda_r_high": 0.6},
            **{"domain_distance": generator.uniform(0, 1.2, N), "probability_early": generator.uniform(0, 1, N)},
        }
    )
    return of_folds(outputs, members)


def of_folds(outputs, members):
    """Predictions of folds that all have the same domain."""
    fit = FoldFit(0, Domain(np.zeros(2), np.eye(2), 1.0), None)
    return BlindPredictions(outputs, members, dict.fromkeys(range(FOLDS), fit))


@pytest.fixture
def galaxies(blind):
    """Early and late types with and without a label; some without a type."""
    generator = np.random.default_rng(1)
    outputs = blind.outputs
    frame = outputs[["galaxy_id"]].assign(ra=10.0, dec=-5.0, lambda_r=0.5, object_id="of the catalogue")
    frame["rotator_type"] = pd.array(generator.random(N) < expit(outputs["truth"]), dtype="Int8")
    frame["is_early_type"] = pd.array(np.arange(N) % 2 == 0, dtype="boolean")
    frame["excluded_from"] = None
    frame.loc[::7, ["rotator_type", "lambda_r"]] = [pd.NA, np.nan]
    frame.loc[::5, "is_early_type"] = pd.NA
    return frame


def test_rank_is_the_order_of_probability(blind, galaxies):
    frame = ranked_candidates(blind, CALIBRATION, galaxies, False, "all")
    assert frame["rank"].tolist() == list(range(1, N + 1)) and frame["probability_slow"].is_monotonic_decreasing
    assert set(frame["galaxy_id"]) == set(galaxies["galaxy_id"]) and set(frame["object_id"]) == {"of the catalogue"}
    known = galaxies.set_index("galaxy_id").loc[frame["galaxy_id"]]
    assert frame["labelled"].tolist() == known["rotator_type"].notna().tolist()
    assert frame["in_domain"].tolist() == (frame["domain_distance"] <= 1).tolist()


def test_probabilities_are_those_of_the_predictions(blind, galaxies):
    """Where the type is known, `candidates` says the same as `galaxy_predictions`."""
    known = galaxies.assign(is_early_type=galaxies["is_early_type"].fillna(False))
    late = known[~known["is_early_type"]]
    outputs = blind.outputs.assign(tested=False).merge(CALIBRATION, on="fold")
    for population, outside in (("all", None), ("early", late)):
        frame = ranked_candidates(blind, CALIBRATION, known, False, population).set_index("galaxy_id")
        expected = galaxy_predictions(outputs, False, outside).set_index("galaxy_id").loc[frame.index]
        np.testing.assert_array_equal(frame["probability_slow"], 1 - expected["probability_fast_calibrated"])
        np.testing.assert_array_equal(frame["lambda_r_low"], expected["lambda_r_low"])


def test_intervals_contain_the_mean_of_many_networks(blind, galaxies):
    frame = ranked_candidates(blind, CALIBRATION, galaxies, False, "all").set_index("galaxy_id")
    outputs = blind.outputs.merge(CALIBRATION, on="fold").set_index("galaxy_id").loc[frame.index]
    of_many = expit(-(outputs["calibration_slope"] * outputs["truth"] + outputs["calibration_offset"]))
    inside = (frame["probability_slow_low"] <= of_many) & (of_many <= frame["probability_slow_high"])
    assert inside.mean() == pytest.approx(0.68, abs=0.03)
    assert (frame["probability_slow"].between(frame["probability_slow_low"], frame["probability_slow_high"])).all()


def test_a_single_network_has_no_interval(blind, galaxies):
    alone = of_folds(blind.outputs.assign(logit=blind.members[:, 0]), blind.members[:, :1])
    frame = ranked_candidates(alone, CALIBRATION, galaxies, False, "all")
    assert frame[["probability_slow_low", "probability_slow_high"]].isna().all(axis=None)
    assert (frame["n_networks"] == 1).all()


def test_without_a_type_the_probability_is_the_mean_over_both_types(blind, galaxies):
    """P(slow) = P(early) P(slow | early) + P(late) P(slow | late)."""
    frame = ranked_candidates(blind, CALIBRATION, galaxies, False, "early").set_index("galaxy_id")
    unknown = frame.index[~frame["population_known"]]
    p_early = frame.loc[unknown, "probability_early"]
    assert (frame.loc[unknown, "population"] == "early").tolist() == (p_early >= 0.5).tolist()
    calibrates_nothing = galaxies.set_index("galaxy_id")
    calibrates_nothing.loc[unknown, ["rotator_type", "lambda_r"]] = [pd.NA, np.nan]
    either = []
    for is_early in (True, False):
        known = calibrates_nothing.copy()
        known.loc[unknown, "is_early_type"] = is_early
        ranked = ranked_candidates(blind, CALIBRATION, known.reset_index(), False, "early")
        either.append(ranked.set_index("galaxy_id").loc[unknown])
    early, late = either
    expected = p_early * early["probability_slow"] + (1 - p_early) * late["probability_slow"]
    np.testing.assert_allclose(frame.loc[unknown, "probability_slow"], expected, rtol=1e-9)
    margin = p_early * early["lambda_r_low"] + (1 - p_early) * late["lambda_r_low"]
    np.testing.assert_allclose(frame.loc[unknown, "lambda_r_low"], margin, rtol=1e-9)
    found = frame.loc[unknown]
    assert (found["probability_slow"].between(found["probability_slow_low"], found["probability_slow_high"])).all()


def test_new_galaxies_are_interpreted_as_candidates_without_a_label(blind, galaxies):
    """What is kept for `rotators predict` gives unlabelled galaxies of both types the probabilities of the list."""
    known = galaxies.assign(is_early_type=galaxies["is_early_type"].fillna(False))
    found = ranking.ranked_candidates(blind, CALIBRATION, known, False, "early")
    listed = found.candidates.set_index("galaxy_id")
    new = known[known["rotator_type"].isna()].set_index("galaxy_id")
    outputs = blind.outputs.set_index("galaxy_id").loc[new.index]
    by_fold = [found.folds[fold] for fold in outputs["fold"]]
    for name, is_early in (("own", True), ("outside", False)):
        chosen = (new["is_early_type"] == is_early).to_numpy()
        each = [getattr(fold, name) for fold in by_fold]
        logits = outputs["logit"] * [c.slope for c in each] + [c.offset for c in each]
        np.testing.assert_allclose(listed.loc[new.index[chosen], "probability_slow"], expit(-logits[chosen]), rtol=1e-9)
        low = outputs["lambda_r_low"] - [c.margin for c in each]
        np.testing.assert_allclose(listed.loc[new.index[chosen], "lambda_r_low"], low[chosen].clip(0, 1), rtol=1e-9)


def test_without_a_prediction_of_the_type_the_population_stays_unknown(blind, galaxies):
    nothing = of_folds(blind.outputs.assign(probability_early=np.nan), blind.members)
    frame = ranked_candidates(nothing, CALIBRATION, galaxies, False, "early")
    assert frame.loc[~frame["population_known"], "population"].isna().all() and len(frame) == N


def test_a_galaxy_of_several_folds_has_the_mean_of_them(blind, galaxies):
    again = blind.outputs.assign(fold=(blind.outputs["fold"] + 1) % FOLDS, logit=0.0)
    both = of_folds(
        pd.concat([blind.outputs, again], ignore_index=True), np.concatenate([blind.members, 0 * blind.members])
    )
    frame = ranked_candidates(both, CALIBRATION, galaxies, False, "all").set_index("galaxy_id")
    assert (frame["n_networks"] == 2 * MEMBERS).all()
    outputs = both.outputs.merge(CALIBRATION, on="fold")
    logit = outputs["calibration_slope"] * outputs["logit"] + outputs["calibration_offset"]
    expected = expit(-logit.groupby(outputs["galaxy_id"]).mean())
    np.testing.assert_allclose(frame["probability_slow"], expected.loc[frame.index], rtol=1e-12)


def test_galaxies_excluded_from_training_calibrate_nothing(blind, galaxies):
    late = galaxies.index[(~galaxies["is_early_type"]).fillna(False)]
    excluded = galaxies.copy()
    excluded.loc[late[::3], "excluded_from"] = "training"
    rows = excluded["excluded_from"].notna()
    wrong = excluded.copy()
    wrong.loc[rows, "rotator_type"] = 1 - wrong.loc[rows, "rotator_type"]
    first, second = (ranked_candidates(blind, CALIBRATION, frame, False, "early") for frame in (excluded, wrong))
    pd.testing.assert_series_equal(first["probability_slow"], second["probability_slow"])
