"""Each sentence follows from the numbers, and claims no more than their intervals allow."""

import re

import numpy as np
import pytest

from rotator_assets.answer.sentences import MOST_SENTENCES, key_results, key_results_table
from rotator_assets.tables import TABLES
from rotator_assets_tests.answer.made_up import (
    DATASET,
    DATASETS,
    EVERYTHING,
    NOTHING,
    OTHER,
    attribution,
    baseline,
    pair,
    part,
    recipe,
    results,
    training,
)

UNKNOWN = (np.nan,) * 3


def said(topic: str, **tables) -> str:
    """The sentence on a topic; empty without one."""
    return next((one.sentence for one in key_results(results(**tables), DATASETS) if one.topic == topic), "")


def test_without_a_training_there_is_no_answer():
    assert key_results(NOTHING, DATASETS) == []
    assert list(key_results_table([]).columns) and key_results_table([]).empty


def test_at_most_five_sentences_the_most_important_first():
    found = key_results(results(**EVERYTHING), DATASETS)
    assert [one.topic for one in found] == ["network", "recipes", "baselines", "fusion", "pixels"]
    assert len(found) == MOST_SENTENCES
    frame = key_results_table(found)
    assert set(frame) == set(TABLES["key_results"].column_names)
    assert frame["position"].tolist() == [1, 2, 3, 4, 5]


def test_the_main_number_of_a_sentence_is_within_its_interval():
    for one in key_results(results(**EVERYTHING), DATASETS):
        assert one.low <= one.value <= one.high


@pytest.mark.parametrize(
    ("auc", "claim"),
    [
        ((0.774, 0.738, 0.807), "separates slow from fast rotators: AUC 0.774 [0.738, 0.807]"),
        ((0.53, 0.49, 0.57), "is consistent with chance: AUC 0.530 [0.490, 0.570]"),
        ((0.53, 0.50, 0.56), "is consistent with chance"),
        ((0.44, 0.40, 0.48), "the wrong way round"),
        ((0.9, np.nan, np.nan), "reaches AUC 0.900 (840 early-type galaxies"),
        ((1.0, 1.0, 1.0), "its interval has no width with so few galaxies"),
    ],
)
def test_the_network_is_judged_by_its_interval(auc, claim):
    sentence = said("network", model_metrics=[training(auc=auc)])
    assert claim in sentence and "(840 early-type galaxies of manga-observed-64, 241 of them slow)" in sentence


@pytest.mark.parametrize(
    ("auc", "place"),
    [
        ((0.774, 0.738, 0.807), "the study's 0.78 is consistent with it"),
        ((0.70, 0.66, 0.74), "the study's 0.78 lies above this interval"),
        ((0.90, 0.88, 0.92), "the study's 0.78 lies below this interval"),
    ],
)
def test_the_network_is_compared_with_the_study(auc, place):
    assert place in said("network", model_metrics=[training(auc=auc)])
    assert "study's 0.78" not in said("network", model_metrics=[training(auc=auc, synthetic=True)])
    assert "study's 0.78" not in said("network", model_metrics=[training("other", auc=auc)])


def test_real_galaxies_the_study_and_early_types_come_first():
    rows = [
        training("recommended"),
        training("all-types", population="all"),
        training(dataset=OTHER, synthetic=True),
        training("thesis", dataset="manga-observed-128", auc=UNKNOWN),
        training("thesis"),
    ]
    cases = (
        (rows, (DATASET, "thesis")),
        (rows[:4], (DATASET, "recommended")),
        (rows[1:4], (DATASET, "all-types")),
        (rows[2:3], (OTHER, "thesis")),
    )
    for kept, expected in cases:
        first = key_results(results(model_metrics=kept), DATASETS)[0]
        assert (first.dataset, first.recipe) == expected


def test_a_fusion_answers_only_where_no_network_uses_images_alone():
    fused = {"fusion_parts": EVERYTHING["fusion_parts"]}
    rows = [training("fusion", (0.852, 0.82, 0.88)), training("log")]
    assert said("network", model_metrics=rows, **fused).startswith("From images alone, the network of log")
    assert said("network", model_metrics=rows[:1], **fused).startswith("From images and columns, the network of fusion")


SERSIC = "ellipticity and Sersic index"


@pytest.mark.parametrize(
    ("gain", "p_value", "claim"),
    [
        ((-0.117, -0.182, -0.052), 0.0004, "it beats the network by 0.117 [0.052, 0.182] (p = 0.0008)"),
        ((0.05, 0.02, 0.08), 0.001, "the network is better by 0.050 [0.020, 0.080] (p = 0.002)"),
        ((0.014, -0.02, 0.05), 0.3, "differs from it by +0.014 [-0.020, +0.050], which is not significant after"),
        (
            (0.04, 0.001, 0.08),
            0.04,
            "not significant after correction for 2 comparisons (p = 0.08)",
        ),  # after correction for two baselines
        (UNKNOWN, np.nan, "its difference from the network was not tested"),
    ],
)
def test_the_strongest_baseline_is_compared_with_the_network(gain, p_value, claim):
    rows = [
        baseline("ellipticity", (0.52, 0.48, 0.56), (0.25, 0.2, 0.3), 0.9),
        baseline(SERSIC, (0.93, 0.87, 0.96), gain, p_value),
    ]
    sentence = said("baselines", baseline_metrics=rows)
    assert sentence.startswith("The strongest of 2 baselines, ellipticity and Sersic index, reaches AUC 0.93")
    assert claim in sentence


def test_a_single_baseline_is_not_called_the_strongest():
    sentence = said("baselines", baseline_metrics=[baseline(SERSIC, (0.7, 0.6, 0.8), (0.1, 0.0, 0.2), 0.04)])
    assert sentence.startswith("The only baseline, ellipticity and Sersic index, reaches AUC 0.70")


def nested(features: str, model: str, auc: float, gain: float, p_value: float) -> dict:
    """A row of ``feature_baselines`` of thesis."""
    return {"dataset": DATASET, "recipe": "thesis", "features": features, "model": model, "auc": auc,
            "auc_low": auc - 0.03, "auc_high": auc + 0.03, "network_gain": gain, "gain_low": gain - 0.03,
            "gain_high": gain + 0.03, "p_value": p_value}  # fmt: skip


def test_nested_feature_sets_replace_the_baselines_that_they_repeat():
    rows = [
        nested("ellipticity", "logistic regression", 0.52, 0.25, 1e-9),
        nested("+ colour", "boosting", 0.81, -0.04, 0.01),
    ]
    simple = [
        baseline(SERSIC, (0.76, 0.72, 0.79), (0.01, -0.02, 0.05), 0.3),
        baseline("pixels", (0.6, 0.5, 0.7), (0.2, 0.1, 0.3), 0.01),
    ]
    sentence = said("baselines", baseline_metrics=simple, feature_baselines=rows)
    assert "The strongest of 3 baselines, features up to colour (boosting)," in sentence
    assert "it beats the network by 0.040" in sentence


def test_a_stronger_baseline_of_the_main_training_is_not_passed_over():
    rows = [nested("+ colour", "boosting", 0.81, -0.04, 0.001)]
    sentence = said("baselines", **{**EVERYTHING, "feature_baselines": rows})
    assert "features up to colour (boosting), reaches AUC 0.810" in sentence
    assert "it beats the network of the 2020 study by 0.040" in sentence


def test_the_best_network_on_images_alone_is_compared_with_baselines():
    sentence = said("baselines", **EVERYTHING)
    assert "the best network (every-galaxy) is better by 0.059" in sentence


@pytest.mark.parametrize(
    ("p_value", "claim"),
    [
        (0.001, "Of 2 other recipes trained on images alone, 1 is significantly better; the best, every-galaxy,"),
        (0.2, "Of 2 other recipes trained on images alone, none is significantly better; the best, every-galaxy,"),
        (
            np.nan,
            "none is significantly better; the best, every-galaxy, reaches AUC 0.819 [0.787, 0.848] (difference "
            "+0.045 [+0.020, +0.070], no test)",
        ),
    ],
)
def test_recipes_are_counted_by_their_corrected_p_value(p_value, claim):
    rows = [
        *EVERYTHING["classifier_comparison"][1:],
        recipe("every-galaxy", (0.819, 0.787, 0.848), (0.045, 0.02, 0.07), p_value),
    ]
    sentence = said("recipes", **{**EVERYTHING, "classifier_comparison": rows})
    assert claim in sentence and "fusion" not in sentence


def test_the_best_is_a_significantly_better_one():
    rows = [recipe("max-g", (0.83, 0.76, 0.88), (0.05, -0.01, 0.11), 0.2), EVERYTHING["classifier_comparison"][0]]
    sentence = said("recipes", **{**EVERYTHING, "classifier_comparison": rows})
    assert "1 is significantly better; the best, every-galaxy, reaches" in sentence


@pytest.mark.parametrize("other", [{"n_galaxies": 700, "n_slow": 200}, {"n_slow": 262}])
def test_a_recipe_with_other_labels_or_fewer_galaxies_does_not_compete(other):
    easier = recipe("clear-cut", (0.9, 0.88, 0.92), (0.1, 0.05, 0.15), 1e-6, **other)
    rows = {**EVERYTHING, "classifier_comparison": [*EVERYTHING["classifier_comparison"], easier]}
    assert "clear-cut" not in " ".join(one.sentence for one in key_results(results(**rows), DATASETS))


def test_a_single_recipe_without_a_test_is_not_judged():
    sentence = said("recipes", classifier_comparison=[recipe("log", (0.8, 0.7, 0.9), (0.03, np.nan, np.nan), np.nan)])
    assert "log, was not tested: it reaches AUC 0.8" in sentence


def test_a_recipe_that_is_significantly_worse_is_not_better():
    rows = [recipe("log", (0.6, 0.56, 0.64), (-0.17, -0.2, -0.1), 1e-6)]
    sentence = said("recipes", classifier_comparison=rows)
    assert sentence.startswith("Another recipe trained on images alone, log, is not significantly better: it reaches")


@pytest.mark.parametrize(
    ("difference", "p_value", "claim"),
    [
        ((-0.019, -0.03, -0.008), 0.002, "the network adds +0.019 [+0.008, +0.030] to catalogue alone (p = 0.002)"),
        ((-0.005, -0.02, 0.01), 0.5, "to catalogue alone, +0.005 [-0.010, +0.020], is not significant (p = 0.50)"),
        ((0.02, 0.01, 0.03), 0.01, "the network lowers the AUC of catalogue alone: -0.020 [-0.030, -0.010]"),
        (UNKNOWN, np.nan, "what the network adds was not tested"),
    ],
)  # fmt: skip
def test_what_the_network_adds_is_judged_by_the_paired_test(difference, p_value, claim):
    parts = [*EVERYTHING["fusion_parts"][:2], part("catalogue", (0.833, 0.8, 0.86), difference, p_value)]
    sentence = said("fusion", **{**EVERYTHING, "fusion_parts": parts})
    assert "(network + catalogue) reach AUC 0.852 [0.820, 0.880]" in sentence and claim in sentence


@pytest.mark.parametrize(
    ("low", "high", "claim"),
    [
        (0.066, 0.125, "it is more central in slow rotators (difference +9.5 percentage points [+6.6, +12.5])"),
        (-0.03, 0.2, "the classes do not differ significantly"),
        (np.nan, np.nan, "whether the classes differ was not tested"),
        (-0.125, -0.066, "it is less central in slow rotators"),
    ],
)
def test_pixels_are_compared_by_the_interval_of_the_difference(low, high, claim):
    mean = 0.095 if high > 0 else -0.095
    rows = [
        *EVERYTHING["attribution_summary"][:2],
        attribution("slow minus fast", "fraction_within_r_eff", mean, low, high),
    ]
    sentence = said("pixels", attribution_summary=rows)
    assert "59.8 % [57.1, 62.5] lies within the half-light ellipse of slow and 50.3 % [49.1, 51.6] of fast" in sentence
    assert claim in sentence and "of the light" not in sentence


def test_attribution_is_compared_with_area_and_light():
    sentence = said("pixels", attribution_summary=EVERYTHING["attribution_summary"])
    area, light = ((241 * slow + 599 * fast) / 840 for slow, fast in ((18, 12), (80, 66)))
    assert f"of fast rotators, which holds {area:.0f} % of the area and {light:.0f} % of the light;" in sentence


@pytest.mark.parametrize(
    ("more", "claim"),
    [
        ({}, "On tng100-noisy-64, the same recipe reaches AUC 0.690; the difference from manga-observed-64, "
             "-0.080 [-0.120, -0.040], is significant (p = 0.001)"),
        ({"p_value_adjusted": 0.11}, "is not significant (p = 0.11)"),
        ({"p_value_adjusted": np.nan}, "-0.080 [-0.120, -0.040], was not tested."),
        ({"dataset": DATASET, "reference_dataset": OTHER, "auc": 0.774, "reference_auc": 0.69, "difference": 0.08,
          "low": 0.04, "high": 0.12}, "the difference from manga-observed-64, -0.080 [-0.120, -0.040], is significant"),
    ],
)  # fmt: skip
def test_datasets_are_compared_with_that_of_the_main_training(more, claim):
    assert claim in said("datasets", dataset_comparison=[pair((-0.08, -0.12, -0.04), 0.001, **more)])


def test_numbers_that_are_missing_are_not_said():
    rows = [
        attribution(name, "fraction_within_r_eff", np.nan, np.nan, np.nan)
        for name in ("slow", "fast", "slow minus fast")
    ]
    assert said("pixels", attribution_summary=rows) == ""
    assert said("datasets", dataset_comparison=[pair((-0.08, -0.12, -0.04), 0.001, auc=np.nan)]) == ""


def test_synthetic_results_say_so():
    rows = {**EVERYTHING, "model_metrics": [training(synthetic=True)]}
    found = key_results(results(**rows), DATASETS)
    assert found and all(one.synthetic and one.sentence.startswith("Synthetic data: ") for one in found)
    mixed = key_results(results(dataset_comparison=[pair((0.1, 0.0, 0.2), 0.2, synthetic=True)]), DATASETS)
    assert [one.sentence.startswith("Synthetic data: ") for one in mixed] == [False, True]


def test_every_number_that_is_said_stands_in_the_tables():
    sentences = " ".join(one.sentence for one in key_results(results(**EVERYTHING), DATASETS))
    assert not re.search(r"nan|None|inf\b", sentences)
    assert all(
        sentence.endswith(".") for sentence in (one.sentence for one in key_results(results(**EVERYTHING), DATASETS))
    )
