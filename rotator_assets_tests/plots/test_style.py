import io
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rotator_assets.galaxies import figures as spin
from rotator_assets.plots import style
from rotator_assets_tests.report import made_up


@pytest.fixture(scope="module")
def figure():
    return spin.spin_ellipticity_figure(made_up.galaxies(2000), dataset="manga", synthetic=True)


def test_importing_the_modules_loads_no_matplotlib():
    code = (
        "import sys\n"
        "from rotator_assets.domains import modules\n"
        "from rotator_assets.plots import galleries, roc_axes, style\n"
        "from rotator_assets.report import page, study_verdicts\n"
        "modules('figures')\n"
        "print([name for name in ('matplotlib', 'tensorflow', 'dagster', 'PIL') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_drawing_uses_no_pyplot():
    code = (
        "import sys\n"
        "from rotator_assets_tests.report import made_up\n"
        "from rotator_assets.galaxies import figures as spin\n"
        "from rotator_assets.plots import style\n"
        "style.render(spin.class_histogram_figure(made_up.galaxies(9), dataset='manga', synthetic=True))\n"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_slow_and_fast_differ_without_colour_vision():
    """Lightness differs, and so do the markers."""

    def luminance(colour: str) -> float:
        linear = [(int(colour[i : i + 2], 16) / 255) ** 2.2 for i in (1, 3, 5)]
        return float(np.dot([0.2126, 0.7152, 0.0722], linear))

    slow, fast = style.CLASSES
    assert (slow.value, fast.value) == (0, 1)
    assert luminance(slow.colour) > 1.3 * luminance(fast.colour)
    assert slow.marker != fast.marker


def test_outcomes_combine_true_and_predicted_class():
    assert {o.name: (o.rotator_type, o.predicted_type, o.right) for o in style.OUTCOMES} == {
        "True fast": (1, 1, True),
        "True slow": (0, 0, True),
        "False fast": (0, 1, False),
        "False slow": (1, 0, False),
    }


@pytest.mark.parametrize(
    "values", [[True, None], pd.array([1, pd.NA], dtype="Int8"), ["1", "x"], pd.array([True, pd.NA], dtype="boolean")]
)
def test_numbers_turns_what_is_missing_into_nan(values):
    found = style.numbers(pd.DataFrame({"a": values}), "a")
    assert found.dtype == np.float64
    assert found[0] == 1 and np.isnan(found[1])


def test_png_obeys_its_limits(figure):
    full = style.render(figure, dpi=style.SCREEN_DPI)
    width = Image.open(io.BytesIO(full)).width
    assert style.fit_png(full, len(full), width) is full
    smaller, smallest = (style.fit_png(full, size, width) for size in (len(full) // 2, 22_000))
    narrower = style.fit_png(full, len(full), width - 1)
    assert len(smaller) <= len(full) // 2 and len(smallest) <= 22_000
    for data in (full, smaller, smallest, narrower):
        assert Image.open(io.BytesIO(data)).format == "PNG"
    assert Image.open(io.BytesIO(smaller)).size == Image.open(io.BytesIO(full)).size
    assert Image.open(io.BytesIO(narrower)).width == width - 1 and len(narrower) <= len(full)
    with pytest.raises(ValueError, match="does not fit into 100 bytes"):
        style.fit_png(full, 100, width)


def test_files_are_the_same_every_time(figure, tmp_path):
    for name in ("a.png", "a.pdf"):
        first = style.save_figure(figure, tmp_path / "new" / name).read_bytes()
        assert style.save_figure(figure, tmp_path / "new" / name).read_bytes() == first
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["a.pdf", "a.png"]


def test_a_picture_for_print_has_more_dots_and_a_pdf(figure, tmp_path):
    path = tmp_path / "a.png"
    printed = style.save_picture(figure, path, for_print=True)
    assert path.read_bytes() == printed and path.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
    screen = style.save_picture(figure, path, for_print=False)
    assert path.read_bytes() == screen and not path.with_suffix(".pdf").exists()
    widths = [Image.open(io.BytesIO(data)).width for data in (printed, screen)]
    assert widths == [round(style.WIDE * style.PRINT_DPI), round(style.WIDE * style.SCREEN_DPI)]
    assert [style.shown_width(data) for data in (printed, screen)] == [960, 960]


def test_a_picture_is_saved_whole_or_not_at_all(figure, tmp_path, monkeypatch):
    path = style.save_figure(figure, tmp_path / "a.png")
    before = path.read_bytes()

    def full_disk(self, data):
        with self.open("wb") as file:
            file.write(data[:10])
        raise OSError("no space left on device")

    monkeypatch.setattr(type(path), "write_bytes", full_disk)
    with pytest.raises(OSError, match="no space"):
        style.save_figure(figure, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_only_png_and_pdf_are_saved(figure, tmp_path):
    with pytest.raises(ValueError, match=r"a\.jpg"):
        style.save_figure(figure, tmp_path / "a.jpg")
