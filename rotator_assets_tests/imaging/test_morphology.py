"""Structure of galaxies against values calculated from their profiles, and of other images."""

from importlib.metadata import version

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import gammainc, gammaincinv

from rotator_assets.imaging import morphology, morphology_table
from rotator_assets.imaging.morphology import measure_morphology
from rotator_assets.imaging.morphology_table import measure_all
from rotator_assets.imaging.neighbours import neighbour_mask

pytestmark = pytest.mark.slow

COLOUR = np.array([0.5, 1.0, 1.3])
G_MINUS_I = 2.5 * np.log10(1.3 / 0.5)
FINER = 5


def sersic(n, r_eff, size=64, axis_ratio=1.0, x0=0.0, y0=0.0):
    """A Sersic profile of peak about 1, seeing-free, averaged over each pixel, (size, size, 3); r_eff in pixels."""
    place = (np.arange(size * FINER) + 0.5) / FINER - size / 2
    y, x = np.meshgrid(place - y0, place - x0, indexing="ij")
    light = np.exp(-gammaincinv(2 * n, 0.5) * (np.hypot(x, y / axis_ratio) / r_eff) ** (1 / n))
    light = light.reshape(size, FINER, size, FINER).mean(axis=(1, 3))
    return (light / light.max())[..., None].astype(np.float32) * COLOUR.astype(np.float32)


def sersic_concentration(n):
    """5 log10(r80 / r20) of the light within 1.5 Petrosian radii (eta = 0.2), by the profile's curve of growth."""
    b = gammaincinv(2 * n, 0.5)

    def within(r):
        return gammainc(2 * n, b * r ** (1 / n))

    def petrosian(r):
        slope = (within(r * 1.0005) - within(r * 0.9995)) / (0.001 * r)
        return slope / (2 * np.pi * r) / (within(r) / (np.pi * r**2)) - 0.2

    total = within(1.5 * brentq(petrosian, 0.3, 10))
    r20, r80 = (brentq(lambda r, part=part: within(r) - part * total, 1e-6, 20) for part in (0.2, 0.8))
    return 5 * np.log10(r80 / r20)


def noise(sigma, size=64, seed=1):
    return np.random.default_rng(seed).normal(0, sigma, (size, size, 3)).astype(np.float32)


@pytest.mark.parametrize("sigma", [0.0, 0.002])
@pytest.mark.parametrize(("n", "published"), [(1, 2.7), (4, 4.4)])
def test_concentration_of_sersic_profiles(n, published, sigma):
    measured = measure_morphology(sersic(n, 8, size=128) + noise(sigma, size=128), False)
    assert measured.usable and measured.reason is None
    assert measured.concentration == pytest.approx(sersic_concentration(n), rel=0.04)
    assert measured.concentration == pytest.approx(published, abs=0.25)
    assert abs(measured.asymmetry) < 0.02


def test_bulges_are_more_unequal_and_compact_than_discs():
    disc, bulge = (measure_morphology(sersic(n, 6), False) for n in (1, 4))
    assert disc.gini == pytest.approx(0.49, abs=0.02) and bulge.gini > disc.gini + 0.08
    assert bulge.m20 < disc.m20 - 0.2 and disc.m20 == pytest.approx(-1.79, abs=0.05)


def test_a_uniform_disc():
    y, x = np.indices((64, 64)) - 31.5
    measured = measure_morphology(((np.hypot(x, y) < 15)[..., None] * np.ones(3)).astype(np.float32), False)
    assert measured.gini < 0.05
    assert measured.concentration == pytest.approx(5 * np.log10(2), abs=0.01)
    assert measured.r_half_pixels == pytest.approx(15 / np.sqrt(2), rel=0.02)
    assert measured.asymmetry == pytest.approx(0, abs=1e-6) and measured.g_minus_i == pytest.approx(0, abs=1e-6)


def test_unequal_light_has_a_larger_gini():
    """A point source seen through the seeing: the Gini of a Gaussian falls with the radius that it is taken in."""
    y, x = np.indices((64, 64)) - 31.5
    point = np.exp(-0.5 * (x**2 + y**2) / 2.0**2)
    pedestal = 0.3 * (np.hypot(x, y) < 6)
    alone, filled = (
        measure_morphology((light[..., None] * np.ones(3)).astype(np.float32), False)
        for light in (point, point + pedestal)
    )
    assert alone.gini > filled.gini + 0.05
    assert alone.r_half_pixels == pytest.approx(2.0 * np.sqrt(2 * np.log(2)), rel=0.03)


def test_a_lopsided_galaxy_is_asymmetric():
    image = sersic(1, 6)
    lopsided = image * (1 + 0.8 * np.linspace(-1, 1, 64, dtype=np.float32)[:, None])
    assert measure_morphology(image, False).asymmetry < 0.01
    assert measure_morphology(lopsided, False).asymmetry > 0.05


def test_colour_and_size():
    measured = measure_morphology(sersic(1, 6) + noise(0.002), False)
    assert measured.g_minus_i == pytest.approx(G_MINUS_I, abs=0.01)
    assert measured.r_half_pixels == pytest.approx(6, rel=0.05)
    assert measured.sn_per_pixel > 10


def test_results_do_not_depend_on_unit_orientation_or_position():
    image = sersic(1, 6, axis_ratio=0.6) + noise(0.002)
    same = [image * np.float32(1e4), image * np.float32(1e-6), image[::-1, ::-1].copy(), np.rot90(image).copy()]
    first = measure_morphology(image, False)
    for other in (measure_morphology(each, False) for each in same):
        assert (other.gini, other.m20) == pytest.approx((first.gini, first.m20), abs=0.03)
        assert other.concentration == pytest.approx(first.concentration, abs=0.03)
        assert other.asymmetry == pytest.approx(first.asymmetry, abs=0.02)
    moved = measure_morphology(sersic(1, 6, axis_ratio=0.6, x0=2, y0=-1), False)
    alone = measure_morphology(sersic(1, 6, axis_ratio=0.6), False)
    assert moved.concentration == pytest.approx(alone.concentration, abs=0.03)


def lopsided_pair():
    """A galaxy that is not round, and a neighbour in front of its outskirts."""
    y, x = np.indices((64, 64)) - 31.5
    star = np.exp(-0.5 * ((x - 14) ** 2 + (y + 6) ** 2) / 1.5**2)[..., None] * COLOUR
    star += np.exp(-0.5 * ((x + 5) ** 2 + (y + 31) ** 2) / 1.5**2)[..., None] * COLOUR  # on the edge
    return (sersic(2, 6, axis_ratio=0.6, x0=0.3, y0=-0.8) + star + noise(0.002)).astype(np.float32)


AGAINST_STATMORPH = {
    "alone": sersic(2, 6, axis_ratio=0.6) + noise(0.002),
    "masked neighbour": lopsided_pair(),
    "no sky": sersic(1, 14, size=48) + noise(0.002, size=48),
    "noiseless": sersic(4, 3, size=33),
}


@pytest.mark.skipif(version("statmorph") != "0.7.2", reason="0.7.3 takes the area of an aperture without its mask")
@pytest.mark.filterwarnings("ignore")  # statmorph's, which are flags too
@pytest.mark.parametrize("name", AGAINST_STATMORPH)
def test_results_equal_those_of_unmodified_statmorph(name):
    """To the last bit: neither faster sums nor skipping other quantities changes those that are computed."""
    import statmorph

    image = AGAINST_STATMORPH[name]
    light = image[..., 1].astype(float)
    light /= light.max()
    mask, sigma = neighbour_mask(image), morphology._noise(light)
    assert mask.any() == (name == "masked neighbour")
    segments = morphology._segments(light, sigma, mask)
    ours = morphology._statistics(light, segments, mask, sigma)
    weights = np.full(light.shape, sigma or 1.0)
    full = statmorph.SourceMorphology(light, segments, 1, mask=mask, weightmap=weights, n_sigma_outlier=-1)
    for name in ("gini", "m20", "concentration", "asymmetry", "sn_per_pixel", "r50", "xc_asymmetry", "flag"):
        assert getattr(ours, name) == getattr(full, name), name


def test_sky_is_subtracted_and_bands_averaged_in_pictures():
    image = sersic(1, 6) + noise(0.002)
    picture = np.clip(0.5 * image / image.max() + 0.1, 0, 1).astype(np.float32)
    assert measure_morphology(picture, True).concentration == pytest.approx(
        measure_morphology(image, False).concentration, abs=0.05
    )
    assert measure_morphology(picture, True).g_minus_i == pytest.approx(G_MINUS_I, abs=0.02)


def test_a_star_next_to_the_galaxy_is_masked():
    y, x = np.indices((64, 64)) - 31.5
    star = np.exp(-0.5 * ((x - 20) ** 2 + (y + 8) ** 2) / 1.5**2)[..., None] * COLOUR
    image = sersic(1, 5) + noise(0.005)
    alone, crowded = measure_morphology(image, False), measure_morphology((image + star).astype(np.float32), False)
    assert crowded.asymmetry < alone.asymmetry + 0.1
    assert crowded.concentration == pytest.approx(alone.concentration, abs=0.1)


FAULTY = {
    "empty": (np.zeros((64, 64, 3)), "empty"),
    "flat": (np.full((64, 64, 3), 3.0), "empty"),
    "noise": (np.random.default_rng(0).normal(size=(64, 64, 3)), "no source"),
    "negative": (-sersic(1, 6), "no source"),
    "no value": (np.where(np.indices((64, 64))[0][..., None] == 3, np.nan, sersic(1, 6)), "without a value"),
    "one pixel": (np.eye(64)[..., None] * np.eye(64)[32, :, None, None] * np.ones(3), "not resolved|no source"),
}


@pytest.mark.parametrize("name", FAULTY)
def test_unmeasurable_images_have_a_reason_and_no_values(name):
    image, reason = FAULTY[name]
    measured = measure_morphology(image.astype(np.float32), False)
    assert not measured.usable and measured.reason is not None
    assert any(part in measured.reason for part in reason.split("|")), measured.reason
    for number in (measured.gini, measured.m20, measured.concentration, measured.asymmetry, measured.g_minus_i):
        assert np.isnan(number)


def test_an_error_of_statmorph_is_a_reason(monkeypatch):
    def fail(*_):
        raise AssertionError

    monkeypatch.setattr(morphology, "_statistics", fail)
    measured = measure_morphology(sersic(1, 6), False)
    assert not measured.usable and measured.reason == "statmorph could not measure it (AssertionError)"


@settings(max_examples=10)
@given(st.integers(0, 2**31), st.sampled_from([8, 17, 32, 48]), st.sampled_from(["noise", "steps", "spikes", "huge"]))
def test_nothing_raises(seed, size, kind):
    random = np.random.default_rng(seed)
    image = random.normal(size=(size, size, 3))
    if kind == "steps":
        image = np.round(np.abs(image))
    elif kind == "spikes":
        image = image**9 * (random.random((size, size, 1)) < 0.1)
    elif kind == "huge":
        image = image * 1e30
    measured = measure_morphology(image.astype(np.float32), bool(seed % 2))
    assert measured.usable == (measured.reason is None)
    assert (
        measured.usable == np.isfinite([measured.gini, measured.m20, measured.concentration, measured.asymmetry]).all()
    )


@pytest.fixture(scope="module")
def some():
    return np.stack([sersic(1, 5, 32), np.zeros((32, 32, 3), np.float32), sersic(4, 5, 32), sersic(1, 4, 32)])


def test_all_rows_in_their_order(some):
    reported = []
    rows = np.array([2, 0, 1])
    pictures = np.zeros(3, dtype=bool)
    table = measure_all(some, rows, pictures, lambda done, total: reported.append((done, total)), workers=1)
    assert reported == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert table["usable"].tolist() == [True, True, False]
    assert table["gini"][0] == measure_morphology(some[2], False).gini
    assert measure_all(some, rows[:0], pictures[:0]).empty


def test_processes_measure_the_same(some, tmp_path, monkeypatch):
    np.save(tmp_path / "images.npy", some)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    rows, pictures = np.arange(4), np.array([False, False, False, True])
    monkeypatch.setattr(morphology_table, "FEWEST_IN_PARALLEL", 0)
    parallel, here = (measure_all(mapped, rows, pictures, workers=workers) for workers in (2, 1))
    assert parallel.equals(here)


def test_only_what_changed_is_measured_again(some, tmp_path, monkeypatch):
    kept, pictures = tmp_path / "of" / "a-dataset.npz", np.zeros(4, dtype=bool)
    seen = []

    def measure(images, are_pictures=pictures):
        seen.clear()
        return measure_all(images, np.arange(len(images)), are_pictures[: len(images)], workers=1, kept=kept)

    def counting(image, is_picture):
        seen.append(image)
        return measure_morphology(image, is_picture)

    monkeypatch.setattr(morphology_table, "measure_morphology", counting)
    first = measure(some)
    assert len(seen) == 4
    again = measure(some[::-1])
    assert not seen and again.equals(first[::-1].reset_index(drop=True))

    brighter = some.copy()
    brighter[2] *= 2
    measure(brighter)
    assert len(seen) == 1
    measure(brighter, np.array([False, False, False, True]))
    assert len(seen) == 1
    monkeypatch.setattr(morphology_table, "_method", lambda: "another version")
    assert measure(some).equals(first) and len(seen) == 4

    measure(brighter[2:3])  # keeps nothing else
    measure(some)
    assert len(seen) == 4
    damaged = bytearray(kept.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    kept.write_bytes(damaged)
    assert measure(some).equals(first) and len(seen) == 4
    kept.write_bytes(b"not an archive")
    assert measure(some).equals(first) and len(seen) == 4
