"""Properties of every figure: stamp, titles, sizes of text, legends, samples of any size, any thread."""

import re
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Text

import rotator_assets
from rotator_assets.plots import style
from rotator_assets_tests.report import made_up
from rotator_assets_tests.report.every_figure import every_figure, of_galaxies, of_tables

pytestmark = pytest.mark.slow

GALAXIES = of_galaxies(made_up.galaxies())
REAL = {**GALAXIES, **of_tables()}
EVERY = every_figure(REAL)


@cache
def drawn(name: str) -> Figure:
    """The figure as on the report's page; drawn once, because most tests only look at it."""
    figure = EVERY[name]()
    style.render(figure, dpi=style.SHOWN_DPI)
    return figure


@pytest.mark.parametrize("name", REAL)
def test_synthetic_data_is_stamped_and_real_data_is_not(name):
    stamped, clean = drawn(name), REAL[name](synthetic=False)
    assert isinstance(stamped, Figure)
    assert style.STAMP in made_up.texts(stamped)
    assert style.STAMP not in made_up.texts(clean)
    for figure in (stamped, clean):
        assert "manga-observed-64" in made_up.texts(figure)
    if "recipe" in REAL[name].keywords:
        assert "manga-observed-64  ·  thesis" in made_up.texts(stamped)


def test_every_figure_of_the_project_is_drawn_here():
    sources = Path(rotator_assets.__file__).parent.rglob("*.py")
    written = "".join(path.read_text(encoding="utf-8") for path in sources)
    signature = r"^def ([a-z]\w+)\((?:(?!^def ).)*?\) -> Figure:"
    functions = set(re.findall(signature, written, re.MULTILINE | re.DOTALL))
    assert functions - {"new_figure"} == {draw.func.__name__ for draw in EVERY.values()}


@pytest.mark.parametrize("name", EVERY)
def test_text_has_a_readable_size_on_the_page(name):
    """An inch is shown as 96 pixels, and thus a point as 4/3."""
    figure = drawn(name)
    assert figure.get_size_inches()[0] in (style.WIDE, style.MEDIUM, style.NARROW)
    sizes = {text.get_fontsize() * style.SHOWN_DPI / 72 for text in figure.findobj(Text) if text.get_text().strip()}
    assert min(sizes) >= 10 and max(sizes) <= 16


def test_other_widths_are_refused():
    with pytest.raises(ValueError, match="8 inches wide"):
        style.new_figure(8, 4, title="", dataset="", recipe=None, synthetic=False)


@pytest.mark.parametrize("name", EVERY)
def test_legends_cover_nothing(name):
    """Without its legends, a figure is empty where they are."""
    figure = drawn(name)
    boxes = []
    for legend in figure.findobj(Legend):
        boxes.append(legend.get_window_extent().padded(-1).extents.round().astype(int))
        legend.set_visible(False)
    if not boxes:
        return
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[::-1, :, :3]
    for legend in figure.findobj(Legend):
        legend.set_visible(True)
    for x0, y0, x1, y1 in boxes:
        assert (pixels[y0:y1, x0:x1] == 255).all()


def test_the_stamp_appears_once():
    figure = EVERY["classes"]()
    style.stamp_synthetic(figure)
    assert made_up.texts(figure).count(style.STAMP) == 1


@pytest.mark.parametrize("name", EVERY)
def test_texts_stay_inside_the_figure_and_do_not_overlap(name):
    figure = drawn(name)
    made_up.assert_header_of_drawn_is_free(figure)
    tight = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert tight.x0 > -0.05 and tight.y0 > -0.05 and tight.x1 < width + 0.05 and tight.y1 < height + 0.05


@pytest.mark.parametrize("name", EVERY)
def test_axes_with_data_are_labelled(name):
    figure = drawn(name)
    plots = [axes for axes in figure.axes if axes.axison and not axes.images and len(axes.get_xticks())]
    for axes in plots:
        named = [other for other in plots if other.get_shared_x_axes().joined(axes, other)]
        assert axes.get_xlabel() or any(tick.get_text() for tick in axes.get_xticklabels()) or axes.child_axes or named


@cache
def of_sample(sample: str) -> dict[str, partial]:
    """Figures of few galaxies, of one class, or without measurements."""
    frame = made_up.galaxies(40)
    if sample == "none":
        frame = frame.iloc[:0]
    elif sample == "one":
        frame = frame[frame["rotator_type"] == 1].iloc[:1]
    elif sample == "one class":
        frame = frame[frame["rotator_type"] == 1]
    else:
        frame = frame.assign(lambda_r=np.nan, ellipticity=np.nan, rotator_type=pd.array([pd.NA] * 40, dtype="Int64"))
    return of_galaxies(frame)


@pytest.mark.parametrize("name", GALAXIES)
@pytest.mark.parametrize("sample", ["none", "one", "one class", "all missing"])
def test_figures_of_small_samples_have_a_message(name, sample):
    figure = of_sample(sample)[name](synthetic=True)
    assert style.render(figure, dpi=50).startswith(b"\x89PNG")
    says_so = {"none": set(GALAXIES), "one": {"roc", "gallery", "attribution", "mean", "examples"}}
    says_so["one class"], says_so["all missing"] = says_so["one"], set(GALAXIES) - {"match", "history", "comparison"}
    if name in says_so[sample] - {"comparison"}:
        assert made_up.messages(figure)


def test_figures_are_equal_in_every_thread():
    def draw(name: str) -> bytes:
        return style.render(EVERY[name](), dpi=40)

    names = ["spin", "profile", "roc"] * 2
    serial = {name: draw(name) for name in set(names)}
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(draw, names)) == [serial[name] for name in names]
