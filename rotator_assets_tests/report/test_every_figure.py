"""Properties of every figure: stamp, titles, room for text, samples of any size, any thread."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from rotator_assets.attribution import figures as attribution
from rotator_assets.attribution import profile_figures as attribution_numbers
from rotator_assets.comparison import figures as comparison
from rotator_assets.evaluation import figures as roc
from rotator_assets.galaxies import figures as spin
from rotator_assets.plots import galleries as images
from rotator_assets.plots import style
from rotator_assets.plots.roc_axes import Curve
from rotator_assets_tests.report import made_up

pytestmark = pytest.mark.slow

TITLE = {"dataset": "manga-observed-64", "recipe": "thesis"}
DATASET = {"dataset": "manga-observed-64"}


def _makers(frame: pd.DataFrame) -> dict[str, partial]:
    """Every figure function with arguments made from these galaxies."""
    known = frame[frame["rotator_type"].notna()].reset_index(drop=True)
    kind = known["rotator_type"].astype(int)
    both = kind.nunique() == 2
    curve = made_up.curve(kind, known["probability_fast"]) if both else made_up.curve([0, 1], [0, 1]).iloc[:0]
    auc = (0.7, 0.6, 0.8) if both else (np.nan, np.nan, np.nan)
    sizes = {"n_galaxies": len(known), "n_slow": int((kind == 0).sum())}
    pictures = made_up.images(max(len(known), 1))[: len(known)]
    half_light = pd.DataFrame({"r_eff_pixels": np.where(np.arange(len(known)) % 2, 6.0, np.nan)})
    numbers = pd.DataFrame(
        {"completeness_error": 0.01, "fraction_within_half_light": 0.5, "rotator_type": known["rotator_type"]}
    )
    report = pd.DataFrame(
        [{"step": "kinematics", "rows_in": 9, "rows_out": 5, "rows_dropped": 4, "reason": "no lambda_r: $1 or $2"}]
    )
    metrics = pd.DataFrame([{"recipe": "thesis", "auc": auc[0], "auc_low": auc[1], "auc_high": auc[2], **sizes}])
    return {
        "spin": partial(spin.spin_ellipticity_figure, frame, **DATASET),
        "classes": partial(spin.class_histogram_figure, frame, **DATASET),
        "sample": partial(spin.class_histogram_figure, known, **TITLE),
        "outcome": partial(spin.outcome_figure, known, **TITLE),
        "match": partial(spin.match_figure, report if len(frame) else report.iloc[:0], **DATASET),
        "roc": partial(
            roc.roc_figure,
            _curve("network", curve, auc, sizes),
            optimal=roc.OperatingPoint(0.3, 0.6, 0.5),
            fold_curves=[curve] * 5,
            baselines=[_curve(f"a baseline with a long name {k}", curve, auc, sizes) for k in range(4)],
            confusion=[[1, 2], [3, 4]],
            **TITLE,
        ),
        "scores": partial(roc.score_histogram_figure, known, thresholds={"threshold": 0.5}, **TITLE),
        "history": partial(
            roc.history_figure,
            made_up.history(3 if len(frame) else 0) if len(frame) else made_up.history().iloc[:0],
            **TITLE,
        ),
        "comparison": partial(comparison.comparison_figure, curve.assign(recipe="thesis"), metrics, **DATASET),
        "datasets": partial(
            comparison.dataset_figure,
            [_curve(name, curve, auc, sizes) for name in ("manga-observed-128", "manga-observed-64")],
            title="Crops of the same images compared",
            recipe="thesis",
            detail="first − second (1433 galaxies in both): +0.012 [-0.010, +0.034], p (Holm) 0.28",
        ),
        "retraining": partial(
            roc.retraining_figure,
            _curve("2025-03-04 05:06, now", curve, auc, sizes),
            [_curve(f"2025-03-0{day} 05:06\nnormalization: max_all -> log", curve, auc, sizes) for day in range(1, 8)],
            **TITLE,
        ),
        "gallery": partial(images.gallery_figure, pictures, known, **TITLE),
        "attribution": partial(
            attribution.attribution_figure, pictures, pictures - 0.1, known, half_light=half_light, **TITLE
        ),
        "mean": partial(
            attribution.mean_attribution_figure,
            {value: np.abs(pictures[kind == value]).mean(axis=0) for value in kind.unique()},
            counts=kind.value_counts().to_dict(),
            r_eff_pixels=6.0,
            **TITLE,
        ),
        "profile": partial(attribution.attribution_profile_figure, numbers, **TITLE),
        "aligned": partial(
            attribution_numbers.aligned_attribution_figure,
            made_up.aligned_means(() if len(known) else made_up.GROUPS),
            axis_ratio=0.6,
            **TITLE,
        ),
        "radii": partial(
            attribution_numbers.attribution_radial_figure,
            made_up.attribution_profiles().iloc[: None if len(known) else 0],
            **TITLE,
        ),
        "shares": partial(
            attribution_numbers.attribution_fraction_figure,
            made_up.attribution_summary().iloc[: None if len(known) else 0],
            **TITLE,
        ),
        "directions": partial(
            attribution_numbers.attribution_direction_figure, made_up.attribution_shapes(len(known)), **TITLE
        ),
    }


def _curve(name: str, points: pd.DataFrame, auc: tuple[float, float, float], sizes: dict) -> Curve:
    return Curve(name, points, *auc, **sizes)


ALL = _makers(made_up.galaxies())


@pytest.mark.parametrize("name", ALL)
def test_synthetic_data_is_stamped_and_real_data_is_not(name):
    stamped, clean = ALL[name](synthetic=True), ALL[name](synthetic=False)
    assert isinstance(stamped, Figure)
    assert style.STAMP in made_up.texts(stamped)
    assert style.STAMP not in made_up.texts(clean)
    for figure in (stamped, clean):
        assert "manga-observed-64" in made_up.texts(figure)
    if "recipe" in ALL[name].keywords:
        assert "manga-observed-64  ·  thesis" in made_up.texts(stamped)


def test_the_stamp_appears_once():
    figure = ALL["classes"](synthetic=True)
    style.stamp_synthetic(figure)
    assert made_up.texts(figure).count(style.STAMP) == 1


@pytest.mark.parametrize("name", ALL)
def test_texts_stay_inside_the_figure_and_do_not_overlap(name):
    figure = ALL[name](synthetic=True)
    made_up.assert_header_is_free(figure)
    tight = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert tight.x0 > -0.05 and tight.y0 > -0.05 and tight.x1 < width + 0.05 and tight.y1 < height + 0.05


@pytest.mark.parametrize("name", ALL)
def test_axes_with_data_are_labelled(name):
    figure = ALL[name](synthetic=False)
    plots = [axes for axes in figure.axes if axes.axison and not axes.images and len(axes.get_xticks())]
    for axes in plots:
        named = [other for other in plots if other.get_shared_x_axes().joined(axes, other)]
        assert axes.get_xlabel() or any(tick.get_text() for tick in axes.get_xticklabels()) or axes.child_axes or named


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("sample", ["none", "one", "one class", "all missing"])
def test_figures_of_small_samples_have_a_message(name, sample):
    frame = made_up.galaxies(40)
    if sample == "none":
        frame = frame.iloc[:0]
    elif sample == "one":
        frame = frame[frame["rotator_type"] == 1].iloc[:1]
    elif sample == "one class":
        frame = frame[frame["rotator_type"] == 1]
    else:
        frame = frame.assign(lambda_r=np.nan, ellipticity=np.nan, rotator_type=pd.array([pd.NA] * 40, dtype="Int64"))
    figure = _makers(frame)[name](synthetic=True)
    assert style.render(figure, dpi=50).startswith(b"\x89PNG")
    says_so = {"none": set(ALL), "one": {"roc", "gallery", "attribution", "mean"}}
    says_so["one class"], says_so["all missing"] = says_so["one"], set(ALL) - {"match", "history", "comparison"}
    if name in says_so[sample] - {"comparison"}:
        assert made_up.messages(figure)


def test_figures_are_equal_in_every_thread():
    def draw(name: str) -> bytes:
        return style.render(ALL[name](synthetic=True), dpi=40)

    names = ["spin", "profile", "roc"] * 2
    serial = {name: draw(name) for name in set(names)}
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(draw, names)) == [serial[name] for name in names]
