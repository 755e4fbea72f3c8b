"""The fast test for planes without missing pixels, against the slow tests that it spares."""

import numpy as np
import pytest

from rotator_assets.imaging import missing
from rotator_assets.imaging.missing import missing_pixels, surely_complete
from rotator_assets_tests.imaging.test_missing import SIZE, frame


@pytest.mark.parametrize("noiseless", [False, True])
def test_the_fast_test_says_complete_only_where_the_slow_ones_do(noiseless, monkeypatch):
    rng = np.random.default_rng(5)
    planes, fast = [], 0
    for number in range(60):
        plane = frame(number, rounded_to=[None, None, 0.001][number % 3])
        where = rng.integers(SIZE**2, size=int(rng.integers(1, 12)))
        value = rng.choice([0.0, plane.max(), 0.01, -98.5, -99.0, 98.0, 99.0, 150.0, 1e15, np.nan, np.inf])
        plane.flat[where[: number % 12]] = value
        if number % 4 == 0:
            y, x, side = rng.integers(SIZE - 9), rng.integers(SIZE - 9), rng.integers(5, 9)
            plane[y : y + side, x : x + side] = 0.5 + rng.uniform(-1, 1, (side, side)) * rng.choice([1e-3, 2e-3, 3e-3])
        planes.append(plane)
        fast += surely_complete(plane[None, None], noiseless)[0]
    assert fast >= 10
    fast_way = [missing_pixels(plane, noiseless) for plane in planes]
    monkeypatch.setattr(missing, "surely_complete", lambda *_: [False])
    for plane, found in zip(planes, fast_way, strict=True):
        np.testing.assert_equal(found, missing_pixels(plane, noiseless))


def test_no_pixel_of_the_window_is_missing():
    """A value outside the window counts: it may repeat one inside."""
    rng = np.random.default_rng(6)
    window, complete = (slice(20, 44), slice(20, 44)), 0
    for number in range(80):
        planes = np.stack([frame(number), frame(number + 100)])
        value = rng.choice([0.0, planes[0].max(), planes[0, 30, 30], -99.0, 99.0, 1e15, np.nan, np.inf])
        where = rng.integers(SIZE, size=(2, int(rng.integers(1, 12))))
        planes[number % 2][tuple(where)] = value
        if surely_complete(planes[None], False, window)[0]:
            complete += 1
            found = [missing_pixels(plane) for plane in planes]
            assert not any(why is not None and why[window].any() for why in found)
    assert complete >= 20
