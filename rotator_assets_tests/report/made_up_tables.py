"""Made-up rows of the tables that figures show: feature sets, bins, fusion, candidates, methods, accuracy."""

import numpy as np
import pandas as pd

from rotator_assets.attribution.faithfulness.figures import METHOD_NAMES
from rotator_assets.candidates.follow_up import EXPECTED, MEASURED, expected_follow_up, measured_follow_up
from rotator_assets.candidates.sheet import Sheet
from rotator_assets.plots.roc_axes import Curve
from rotator_assets.training.layers import Layer, NetworkLayers
from rotator_assets_tests.report import made_up

STEPS = ("ellipticity", "+ Sersic index", "+ size, mass", "+ colour", "+ Gini, M20, C, A", "+ pixels (PCA)")
BASELINES = pd.DataFrame(
    [
        {
            "features": step,
            "model": model,
            "auc": 0.5 + 0.04 * number,
            "auc_low": 0.45 + 0.04 * number,
            "auc_high": 0.55 + 0.04 * number,
            "network_gain": 0.2 - 0.04 * number,
            "gain_low": 0.15 - 0.04 * number,
            "gain_high": 0.25 - 0.04 * number,
            "p_value_adjusted": 0.0001,
            "auc_with_network": 0.72,
            "added": 0.1,
            "added_low": 0.05,
            "added_high": 0.15,
            "added_p_value_adjusted": 0.02,
        }
        for number, step in enumerate(STEPS)
        for model in ("logistic regression", "gradient boosting")
    ]
)
QUANTITIES = ("network", "ellipticity", "ellipticity, by the label's definition alone", "pairs within 0.05", "others")
TESTS = pd.DataFrame({"quantity": QUANTITIES, "auc": 0.7, "auc_low": 0.65, "auc_high": 0.75}).assign(
    n_galaxies=840, n_slow=240
)
BINS = pd.DataFrame(
    [
        {"variable": name, "low": k / 4, "high": (k + 1) / 4, "n_galaxies": 210, "n_slow": 10 * k}
        | {"auc": np.nan if k == 0 else 0.7, "auc_low": np.nan if k == 0 else 0.6, "auc_high": 0.8}
        for name in ("ellipticity", "log_mass", "r_eff_over_psf", "redshift")
        for k in range(4)
    ]
)


def follow_up(n=40):
    probability = np.linspace(0.9, 0.1, n)
    measured = measured_follow_up(probability, np.arange(n) % 3 == 0, np.arange(n))
    return pd.concat([measured.assign(sample=MEASURED), expected_follow_up(probability).assign(sample=EXPECTED)])


def sheet(n):
    rows = pd.DataFrame(
        {
            **{"rank": np.arange(1, n + 1), "galaxy_id": [f"8000-{k:05d}" for k in range(n)], "in_domain": True},
            **{"probability_slow": 0.8, "probability_slow_low": 0.7, "probability_slow_high": 0.9},
            **{"lambda_r_predicted": 0.1, "lambda_r_low": 0.0, "lambda_r_high": 0.2, "ra": 123.4, "dec": -5.6},
            **{"population": "early", "population_known": True, "excluded_from": None, "image_unit": "nanomaggies"},
            **{"r_eff_pixels": 6.0, "axis_ratio": 0.5, "angle_deg": 30.0},
            **{"galaxy_x_pixels": np.nan, "galaxy_y_pixels": np.nan},
        }
    )
    rows.loc[1:, ["ra", "dec", "lambda_r_predicted", "probability_slow_low", "r_eff_pixels"]] = np.nan
    rows.loc[1:1, "population_known"] = False
    rows.loc[2:, ["in_domain", "excluded_from", "population", "image_unit"]] = [False, "training", None, "colour"]
    maps = np.random.default_rng(1).normal(0.01, 1, (n, made_up.SIZE, made_up.SIZE, 3)).astype(np.float32)
    return Sheet(rows, made_up.images(n).astype(np.float32), maps)


FUSION_PARTS = pd.DataFrame(
    {
        "part": ["network", "network + catalogue", "catalogue"],
        "n_galaxies": 90,
        "n_slow": 30,
        "auc": [0.7, 0.8, 0.75],
        "auc_low": [0.6, 0.7, 0.65],
        "auc_high": [0.78, 0.88, 0.84],
        "compared_with": [None, "network", "network + catalogue"],
        "difference": [float("nan"), 0.1, -0.05],
        "difference_low": [float("nan"), 0.04, -0.09],
        "difference_high": [float("nan"), 0.16, -0.01],
        "p_value": [float("nan"), 0.0004, 0.02],
        "p_value_adjusted": [float("nan"), 0.0008, 0.02],
    }
)


METHODS_EXAMPLES = pd.DataFrame(
    {"galaxy_id": ["8000-01901", "8000-12705"] * 2, "rotator_type": [0, 1, 0, 1], "probability_fast": [0.1, 0.95] * 2}
)
CONVERGENCE = pd.DataFrame(
    [
        {"n_steps": steps, "median": 0.2 / steps, "ninety_percent": 1 / steps, "rotator_type": kind, "n_galaxies": 6}
        for steps in (4, 8, 16, 32, 64)
        for kind in (0, 1)
    ]
)
PLANTED = pd.DataFrame(
    {"strength": [0.0, 0.5, 1.0, 2.0], "auc": [0.5, 0.61, 0.74, 0.9], "n_galaxies": 400, "n_slow": 100}
).assign(
    auc_low=lambda rows: rows["auc"] - 0.05,
    auc_high=lambda rows: rows["auc"] + 0.05,
    best_auc=lambda rows: rows["auc"] + 0.03,
    best_auc_expected=lambda rows: rows["auc"] + 0.02,
)
TRANSFER = pd.DataFrame(
    {
        "recipe": ["thesis", "tng-instead-of-manga", "tng-and-manga"],
        **{"n_galaxies": 840, "n_slow": 240, "auc": [0.72, 0.6, 0.73], "auc_reweighted": [np.nan, 0.62, 0.74]},
    }
).assign(
    **{f"{name}_{end}": lambda rows, name=name, by=by: rows[name] + by
       for name in ("auc", "auc_reweighted") for end, by in (("low", -0.04), ("high", 0.04))}
)  # fmt: skip

NETWORK = NetworkLayers(
    (
        Layer("image", "InputLayer", (64, 64, 3), 0, ()),
        *(
            Layer(f"convolution_{k}_longest", "Conv2D", (64, 64, 100 + k), 110_592, ("image",) * (k == 1))
            for k in range(1, 49)
        ),
        Layer("logit", "Dense", (1,), 65, ("convolution_1_longest", "convolution_48_longest")),
    ),
    members=3,
)


def properties(seed: int, count: int = 200) -> pd.DataFrame:
    """Galaxies of one survey with the properties that `transfer` compares."""
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "ellipticity": random.uniform(0, 0.6, count),
            "r_eff_pixels": random.uniform(4, 12, count),
            "sn_per_pixel": random.lognormal(1, 0.4, count),
        }
    )


def lambda_r_pairs(sample: pd.DataFrame) -> pd.DataFrame:
    """lambda_R of the same galaxies from three sources, as `galaxies.agreement.lambda_r_pairs` returns them."""
    slow = sample["lambda_r"] < sample["spin_threshold"]
    pairs = []
    compared = (("dynpop", "measured", 1.1), ("dynpop", "pipe3d", 0.7), ("measured", "pipe3d", 0.64))
    for reference, source, factor in compared:
        other = factor * sample["lambda_r"]
        pair = {"survey": "manga", "reference": reference, "source": source, "galaxy_id": sample["galaxy_id"]}
        pair |= {"ellipticity": sample["ellipticity"], "reference_lambda_r": sample["lambda_r"], "lambda_r": other}
        pairs.append(pd.DataFrame({**pair, "reference_slow": slow, "slow": other < sample["spin_threshold"]}))
    found = pd.concat(pairs, ignore_index=True).astype({"reference_slow": "boolean", "slow": "boolean"})
    found.loc[:3, ["reference_slow", "slow"]] = pd.NA
    return found


def many_recipes(count: int = 20) -> tuple[pd.DataFrame, pd.DataFrame]:
    """ROC curves and AUCs of many recipes, with their differences from the first."""
    names = ["thesis", *(f"recipe-{number}-instead" for number in range(1, count))]
    auc = np.linspace(0.8, 0.6, count)
    metrics = pd.DataFrame({"recipe": names, "auc": auc, "auc_low": auc - 0.04, "auc_high": auc + 0.04})
    metrics = metrics.assign(n_galaxies=840, n_slow=240, auc_difference=auc - 0.8, p_value_adjusted=0.03)
    metrics = metrics.assign(auc_difference_low=auc - 0.84, auc_difference_high=auc - 0.76)
    rate = np.linspace(0, 1, 30)
    curves = [
        pd.DataFrame({"recipe": name, "false_positive_rate": rate, "true_positive_rate": rate ** (1 / value - 1)})
        for name, value in zip(names, auc, strict=True)
    ]
    return pd.concat(curves), metrics


def roc_curves() -> list[Curve]:
    """ROC curves of three trainings."""
    curves, metrics = many_recipes(3)
    return [
        Curve.of(f"manga-observed-64/{name}", row, curves[curves["recipe"] == name])
        for name, row in metrics.set_index("recipe").iterrows()
    ]


def forest() -> pd.DataFrame:
    """Rows of the forest plot, with intervals that reach both ends and names of every length."""
    rows = [
        ("networks", "thesis", "thesis", 0.774, 0.738, 0.807),
        ("networks", "every-galaxy-all-types", "every-galaxy-all-types", 0.82, 0.79, 0.99),
        ("baselines", "ellipticity and Sersic index", "", 0.72, 0.68, 0.76),
        ("baselines", "+ Gini, M20, C, A (gradient boosting)", "", 0.5, 0.3, 0.7),
        ("columns of a fusion", "catalogue + structure", "", 0.833, 0.8, 0.86),
        ("network and columns", "network + spin + catalogue + structure", "", 0.852, 0.82, 0.88),
    ]
    return pd.DataFrame(rows, columns=["group", "label", "recipe", "auc", "auc_low", "auc_high"])


def with_intervals(rows: list[dict]) -> pd.DataFrame:
    """Rank correlations with intervals, of 12 galaxies."""
    frame = pd.DataFrame(rows).assign(n_galaxies=12)
    for name in ("correlation", "signed_correlation"):
        frame[f"{name}_low"], frame[f"{name}_high"] = frame[name] - 0.1, frame[name] + 0.1
    return frame


def method_agreement() -> pd.DataFrame:
    """Rows of ``attribution_agreement`` for every two methods."""
    methods = [method for method in METHOD_NAMES if method not in ("brightness", "random")]
    return with_intervals(
        [
            {"method": one, "reference": two, "correlation": 0.4 - 0.2 * k, "signed_correlation": 0.3 - 0.1 * k}
            for k, one in enumerate(methods)
            for two in methods[:k]
        ]
    )


def cascade() -> pd.DataFrame:
    """Rows of ``attribution_sanity`` for three methods and the layers of the study's network."""
    layers = ("logit", "dense", "convolution_3", "convolution_2", "convolution_1")
    rows = [
        {"test": "cascade", "method": method, "layer": layer, "depth": depth, "correlation": (0.6 - 0.2 * k) / depth}
        for k, method in enumerate(("ig_sky", "smooth_grad", "grad_cam"))
        for depth, layer in enumerate(layers, start=1)
    ]
    folds = [{"test": "folds", "method": "ig_sky", "layer": "", "depth": 0, "correlation": 0.7}]
    return with_intervals([{**row, "signed_correlation": row["correlation"] / 2} for row in rows + folds])


def deletion() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of ``deletion_curves`` and ``deletion_areas`` for every method."""
    shares = np.linspace(0, 1, 11)
    curves = pd.concat(
        [
            pd.DataFrame({"kind": kind, "method": method, "share": shares, "logit": 2 * shares ** (1 + 0.3 * number)})
            for kind in ("deletion", "insertion")
            for number, method in enumerate(METHOD_NAMES)
        ]
    )
    areas = curves.drop_duplicates(["kind", "method"])
    return curves, areas.assign(n_galaxies=12, gain=0.5, gain_low=0.2, gain_high=0.9)


def corner_mark() -> dict:
    """Arguments of the figure of the corner mark."""
    mark, attribution = np.zeros((32, 32), dtype=bool), np.ones((32, 32))
    mark[4:8, 4:8] = True
    found = {"auc": 0.99, "share_in_mark": 0.71, "share_in_mark_low": 0.65, "share_in_mark_high": 0.77}
    return {
        "images": made_up.images(2),
        "mean_map": attribution,
        "mark": mark,
        "found": {**found, "mark_area": 16 / 1024},
    }
