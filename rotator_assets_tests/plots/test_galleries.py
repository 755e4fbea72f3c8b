import numpy as np
import pandas as pd
import pytest

from rotator_assets.attribution import figures as attribution
from rotator_assets.plots import galleries as images
from rotator_assets.plots import style
from rotator_assets_tests.report import made_up

TITLE = {"dataset": "manga-observed-64", "recipe": "thesis", "synthetic": False}


@pytest.fixture(scope="module")
def sample():
    frame = made_up.galaxies(120)
    return frame[frame["rotator_type"].notna()].reset_index(drop=True)


def test_rgb_puts_i_in_red_and_g_in_blue():
    flux = np.zeros((4, 4, 3))
    flux[1, 1] = [0, 0, 5.0]
    flux[2, 2] = [5.0, 0, 0]
    picture = images.rgb(flux)
    assert picture[1, 1].argmax() == 0 and picture[2, 2].argmax() == 2
    assert picture.dtype == np.float32 and picture.min() == 0 and picture.max() <= 1


def test_rgb_keeps_hue_order_and_lifts_faint_light():
    flux = np.outer(np.geomspace(1e-3, 1, 400), [1.0, 2.0, 3.0]).reshape(20, 20, 3)
    picture = images.rgb(flux).astype(float)
    brightness = picture.max(axis=-1).ravel()
    assert np.all(np.diff(brightness) >= 0)
    shown = brightness > 0.02
    weighted = flux.reshape(-1, 3) * images.BAND_WEIGHTS
    ratio = (picture[..., 0] / picture[..., 2]).ravel()[shown]
    np.testing.assert_allclose(ratio, (weighted[:, 2] / weighted[:, 0])[shown], rtol=1e-5)
    tenth = np.argmin(np.abs(flux[..., 2].ravel() / flux.max() - 0.1))
    assert brightness[tenth] > 0.4


def test_rgb_does_not_depend_on_the_unit():
    flux = made_up.images(1)[0]
    np.testing.assert_allclose(images.rgb(flux), images.rgb(flux * 1e4), atol=1e-5)


@pytest.mark.parametrize("flux", [np.zeros((5, 5, 3)), np.full((5, 5, 3), np.nan), np.full((5, 5, 3), -1.0)])
def test_rgb_of_nothing_is_black(flux):
    assert not images.rgb(flux).any()


def test_colour_cutouts_are_shown_as_they_are():
    colour = np.random.default_rng(0).random((6, 6, 3)).astype(np.float32)
    np.testing.assert_array_equal(images.rgb(colour, calibrated=False), colour[..., ::-1])


def test_one_band_is_grey():
    picture = images.rgb(made_up.images(1)[0][..., 1:2])
    assert picture.shape[-1] == 3
    np.testing.assert_array_equal(picture[..., 0], picture[..., 2])


def test_examples_span_the_scores():
    scores = np.array([0.1, np.nan, 0.9, 0.5, 0.3, 0.7])
    assert list(images.spread_examples(scores, 3)) == [2, 3, 0]
    assert list(images.spread_examples(scores, 10)) == [2, 5, 3, 4, 0]
    assert images.spread_examples([], 3).size == 0 and images.spread_examples([np.nan], 3).size == 0


def test_gallery_names_every_galaxy_in_the_row_of_its_outcome(sample):
    sample = sample.assign(galaxy_id=[f"$x$ <{number}>" for number in range(len(sample))])
    figure = images.gallery_figure(made_up.images(len(sample)), sample, examples=4, **TITLE)
    rows = np.array(figure.axes).reshape(4, 4)
    for line, outcome in zip(rows, style.OUTCOMES, strict=True):
        of_outcome = sample[
            (sample["rotator_type"] == outcome.rotator_type) & (sample["predicted_type"] == outcome.predicted_type)
        ].set_index("galaxy_id")
        assert f"{outcome.name}\n" in line[0].get_ylabel() and line[0].get_ylabel().endswith(f"n = {len(of_outcome)}")
        shown = []
        for axes in line[: len(of_outcome)]:
            name, score = axes.get_title().split("\n")
            assert score == f"P(fast) = {of_outcome.loc[name, 'probability_fast']:.2f}"
            assert axes.images[0].origin == "lower"
            shown.append(float(of_outcome.loc[name, "probability_fast"]))
        assert shown == sorted(shown, reverse=True) and len(shown) == min(4, len(of_outcome))
        assert shown[0] == of_outcome["probability_fast"].max()
    assert style.render(figure, dpi=30)


@pytest.mark.parametrize(
    ("score", "threshold", "text"),
    [
        (0.724, 0.63, "0.72 ≥ 0.63"),
        (0.41, 0.63, "0.41 < 0.63"),
        (0.6301, 0.6349, "0.630 < 0.635"),
        (0.63, 0.63, "0.63 ≥ 0.63"),
        (0.99999, 0.999995, "0.999990 < 0.999995"),
        (0.5, np.nan, "= 0.50"),
    ],
)
def test_a_score_is_shown_with_its_threshold(score, threshold, text):
    galaxy = {"galaxy_id": "1-2", "probability_fast": score, "threshold": threshold}
    assert images.galaxy_label(pd.Series(galaxy)) == f"1-2\nP(fast) {text}"


def test_gallery_prints_the_threshold_of_each_galaxys_fold(sample):
    sample = sample.assign(threshold=np.where(np.arange(len(sample)) % 2, 0.3, 0.7))
    sample["predicted_type"] = (sample["probability_fast"] >= sample["threshold"]).astype(int)
    pictures = made_up.images(len(sample))
    figures = (
        images.gallery_figure(pictures, sample, examples=4, **TITLE),
        attribution.attribution_figure(pictures, pictures, sample, examples=4, **TITLE),
    )
    of_galaxy = sample.set_index("galaxy_id")
    shown = [axes.get_title().split("\n") for figure in figures for axes in figure.axes if axes.get_title()]
    assert len(shown) == 16 + 8
    assert len({label.split()[-1] for _, label in shown}) == 2
    for name, label in shown:
        galaxy = of_galaxy.loc[name]
        assert float(label.split()[-1]) == galaxy["threshold"]
        assert ("≥" in label) == bool(galaxy["predicted_type"])


def test_gallery_reads_only_what_it_shows(sample):
    class Counting:
        reads = 0

        def __getitem__(self, row):
            type(self).reads += 1
            return np.zeros((4, 4, 3))

    images.gallery_figure(Counting(), sample, examples=2, **TITLE)
    assert Counting.reads <= 8


def test_gallery_takes_calibration_by_image(sample):
    pictures = np.full((len(sample), 4, 4, 3), 0.25, dtype=np.float32)
    calibrated = np.arange(len(sample)) % 2 == 0
    figure = images.gallery_figure(pictures, sample, calibrated=calibrated, examples=3, **TITLE)
    names = list(sample["galaxy_id"])
    for axes in (axes for axes in figure.axes if axes.images):
        row = names.index(axes.get_title().split("\n")[0])
        shown = np.asarray(axes.images[0].get_array())
        assert (shown.max() == 0.25) == (not calibrated[row])


def test_attribution_maps_share_one_scale_symmetric_about_zero(sample):
    pictures = made_up.images(len(sample))
    maps = np.random.default_rng(3).normal(0.01, 1, (len(sample), made_up.SIZE, made_up.SIZE, 3))
    figure = attribution.attribution_figure(pictures, maps, sample, examples=3, **TITLE)
    drawn = [axes.images[0] for axes in figure.axes if axes.images and axes.images[0].get_cmap().name == "RdBu"]
    limits = {image.get_clim() for image in drawn}
    assert len(drawn) == 6 and len(limits) == 1
    (low, high) = limits.pop()
    assert low == -high
    chosen = attribution.attribution_examples(sample, 3)
    rows = np.concatenate([chosen[0], chosen[1]])
    assert high == pytest.approx(np.percentile(np.abs(maps[rows].sum(axis=-1)), 99.5))
    np.testing.assert_allclose(np.asarray(drawn[0].get_array()), maps[rows[0]].sum(axis=-1))
    assert "Attribution to the logit of P(fast) per pixel, summed over bands" in made_up.texts(figure)


def test_the_half_light_ellipse_is_drawn_where_it_is_known(sample):
    pictures = made_up.images(len(sample))
    half_light = pd.DataFrame({"r_eff_pixels": 8.0, "axis_ratio": 0.5, "angle_deg": 90.0}, index=sample.index)
    unknown = attribution.attribution_examples(sample, 3)[1][0]
    half_light.loc[unknown, "r_eff_pixels"] = np.nan
    figure = attribution.attribution_figure(pictures, pictures, sample, half_light=half_light, examples=3, **TITLE)
    ellipses = [line for axes in figure.axes for line in axes.lines if line.get_gid() == "half-light"]
    assert len(ellipses) == 2 * 5
    x, y = np.asarray(ellipses[0].get_data()) - (made_up.SIZE - 1) / 2
    assert np.abs(y).max() == pytest.approx(8.0) and np.abs(x).max() == pytest.approx(4.0)
    circles = attribution.attribution_figure(
        pictures, pictures, sample, half_light=half_light[["r_eff_pixels"]], examples=3, **TITLE
    )
    circle = next(line for axes in circles.axes for line in axes.lines if line.get_gid() == "half-light")
    np.testing.assert_allclose(np.hypot(*(np.asarray(circle.get_data()) - (made_up.SIZE - 1) / 2)), 8.0)


def test_maps_of_zeros_or_nan_have_a_scale(sample):
    pictures = made_up.images(len(sample))
    for maps in (np.zeros_like(pictures), np.full_like(pictures, np.nan)):
        figure = attribution.attribution_figure(pictures, maps, sample, examples=2, **TITLE)
        assert style.render(figure, dpi=30)


def test_enclosed_share_of_a_point_and_of_an_even_map():
    point = np.zeros((9, 9))
    point[4, 7] = 5.0
    radius, enclosed, area = attribution.enclosed_fraction(point)
    np.testing.assert_array_equal(radius, np.arange(7))
    np.testing.assert_array_equal(enclosed, [0, 0, 0, 100, 100, 100, 100])
    _, even, area = attribution.enclosed_fraction(np.ones((9, 9)))
    np.testing.assert_allclose(even, area)
    assert area[1] == pytest.approx(100 * 5 / 81) and area[-1] == 100


def test_mean_maps_are_shares_that_sum_to_100_percent():
    maps = {0: np.abs(made_up.images(1)[0]), 1: np.ones((made_up.SIZE, made_up.SIZE))}
    figure = attribution.mean_attribution_figure(maps, counts={0: 12, 1: 34}, r_eff_pixels=5.0, **TITLE)
    slow, fast = figure.axes[:2]
    assert (slow.get_title(), fast.get_title()) == ("Slow rotators (12)", "Fast rotators (34)")
    assert np.asarray(slow.images[0].get_array()).sum() == pytest.approx(100)
    profile = figure.axes[2]
    np.testing.assert_allclose(made_up.line(profile, "fast").get_ydata(), made_up.line(profile, "uniform").get_ydata())
    assert made_up.line(profile, "median half-light").get_xdata() == [5.0, 5.0]
    assert profile.get_xlabel() == "Radius from the centre (pixels)"


def test_unknown_half_light_fractions_are_reported():
    numbers = pd.DataFrame(
        {"completeness_error": [0.01, 0.02, 0.0], "fraction_within_half_light": np.nan, "rotator_type": [0, 1, 1]}
    )
    figure = attribution.attribution_profile_figure(numbers, **TITLE)
    assert made_up.messages(figure) == ["Not known for any galaxy"]
    assert made_up.legend_texts(figure.axes[0]) == ["slow: 1, median 0.01", "fast: 2, median 0.01"]
    assert figure.axes[0].get_xscale() == "log"
