"""Cut-outs of star particles: what is read, what is ignored, and every reason to refuse them."""

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotator_assets.core.errors import UnusableKinematics
from rotator_assets.core.settings import KinematicsSettings
from rotator_assets.imaging.psf import SDSS_ARCSEC_PER_PIXEL
from rotator_assets.kinematics.measured import HalfLightEllipse
from rotator_assets.kinematics.particle_files import KPC_PER_ARCSEC, find_cutouts, measure_cutout
from rotator_assets_tests.surveys.files import write_text

H, BOX = 0.6774, 75_000.0
NO_ELLIPSE = HalfLightEllipse()


def galaxy(n=4000, r_eff=4.0, centre=(30_000.0, 40_000.0, 50_000.0), scale_factor=1.0, box=BOX) -> dict:
    """``PartType4`` of an inclined rotating disc: half-light radius in kpc, centre in ckpc/h; 5 % of wind particles."""
    rng = np.random.default_rng(0)
    radius, azimuth = rng.gamma(2, r_eff / 1.678347, n), rng.uniform(0, 2 * np.pi, n)
    x, y = radius * np.cos(azimuth), 0.5 * radius * np.sin(azimuth)
    v = 200 * radius / np.hypot(radius, 0.5) * np.cos(azimuth) + rng.normal(0, 100, n) + 300
    position = np.column_stack([x, y, rng.normal(0, 1, n)]) * H / scale_factor
    formed = rng.uniform(0.1, 0.9, n)
    formed[::20] = -formed[::20]
    return {
        "Coordinates": (np.array(centre) + position) % box,
        "Velocities": np.column_stack([rng.normal(0, 50, (n, 2)), v]).astype(np.float32) / np.sqrt(scale_factor),
        "Masses": rng.uniform(0.5e-4, 1.5e-4, n).astype(np.float32),
        "GFM_StellarFormationTime": formed.astype(np.float32),
        "GFM_StellarPhotometrics": (rng.normal(0, 0.5, (n, 8)) - np.arange(8)).astype(np.float32),
    }


def write_cutout(path, stars, header=None, synthetic=False):
    path.parent.mkdir(parents=True, exist_ok=True)
    header = {"BoxSize": np.array([BOX]), "HubbleParam": H, "Time": 1.0} | (header or {})
    with h5py.File(path, "w") as file:
        file.create_group("Header").attrs.update({k: v for k, v in header.items() if v is not None})
        if synthetic:
            file.attrs["synthetic"] = True
        for name, values in (stars or {}).items():
            file[f"PartType4/{name}"] = values
    return path


def measured(tmp_path, stars, header=None, ellipse=NO_ELLIPSE, **settings):
    return measure_cutout(
        write_cutout(tmp_path / "cutout_7.hdf5", stars, header), ellipse, KinematicsSettings(**settings)
    )


def assert_same(one, other):
    for name, value in vars(one).items():
        assert vars(other)[name] == (pytest.approx(value, rel=1e-6, nan_ok=True) if isinstance(value, float) else value)


def test_cutouts_are_found_by_id_at_any_depth(tmp_path):
    for name in ("cutout_12.hdf5", "b/c/cutout_3.hdf5", "b/cutout_12.hdf5", "cutout_x.hdf5", "cutout_4.hdf5.part"):
        write_text(tmp_path / name, "")
    assert find_cutouts(tmp_path) == {"3": tmp_path / "b/c/cutout_3.hdf5", "12": tmp_path / "cutout_12.hdf5"}
    assert list(find_cutouts(tmp_path)) == ["3", "12"]
    assert find_cutouts(tmp_path / "absent") == {}


def test_what_a_measurement_holds(tmp_path):
    measurement = measured(tmp_path, galaxy())
    assert measurement.ellipticity == pytest.approx(0.5, abs=0.1)
    assert measurement.position_angle_deg == pytest.approx(90, abs=5)  # along x: east-west
    assert measurement.r_eff_arcsec * KPC_PER_ARCSEC == pytest.approx(4.0, rel=0.05)
    assert measurement.systemic_velocity_km_s == pytest.approx(300, abs=15)
    assert measurement.sigma_e_km_s == pytest.approx(np.hypot(200 / np.sqrt(2), 100), rel=0.05)
    assert 0.75 < measurement.lambda_r < 0.85 and 0.003 < measurement.lambda_r_error < 0.03
    assert 0.99 < measurement.lambda_r / measurement.lambda_r_observed <= 1 and measurement.beam_correction == "none"
    assert measurement.n_particles == pytest.approx(1900, rel=0.1) and measurement.n_bins >= 16
    assert (measurement.n_pixels, measurement.coverage, measurement.note) == (0, 1.0, "")
    assert np.isnan(measurement.psf_fwhm_arcsec) and not measurement.synthetic and measurement.release == ""


def test_the_scale_on_the_sky_is_that_of_the_images():
    assert pytest.approx(0.3886521247594941) == KPC_PER_ARCSEC * SDSS_ARCSEC_PER_PIXEL


@pytest.mark.parametrize("centre", [(0.5, 40_000.0, 50_000.0), (74_999.0, 0.1, 3.0)])
def test_a_galaxy_across_the_edge_of_the_box_gives_the_same(tmp_path, centre):
    middle, edge = galaxy(), galaxy(centre=centre)
    assert np.ptp(edge["Coordinates"], axis=0).max() > BOX / 2
    assert_same(measured(tmp_path, middle), measured(tmp_path, edge))


def test_the_size_of_the_box_is_the_headers(tmp_path):
    stars = galaxy(centre=(0.5, 17_000.0, 34_999.9), box=35_000.0)
    assert_same(measured(tmp_path, galaxy()), measured(tmp_path, stars, {"BoxSize": 35_000.0}))


def test_wind_particles_do_not_matter(tmp_path):
    stars = galaxy()
    wind = stars["GFM_StellarFormationTime"] <= 0
    without = {name: values[~wind] for name, values in stars.items()}
    stars["Velocities"][wind] = 5000.0
    stars["Coordinates"][wind] += 100.0
    stars["GFM_StellarPhotometrics"][wind] = np.nan
    assert_same(measured(tmp_path, without), measured(tmp_path, stars))
    stars["GFM_StellarFormationTime"][np.flatnonzero(wind)[:5]] = 0.0
    assert_same(measured(tmp_path, without), measured(tmp_path, stars))


def test_positions_and_velocities_of_an_earlier_snapshot_are_scaled(tmp_path):
    now, earlier = galaxy(), galaxy(scale_factor=0.5)
    assert_same(measured(tmp_path, now), measured(tmp_path, earlier, {"Time": np.array([0.5])}))


def test_light_is_that_of_the_r_band(tmp_path):
    stars = galaxy()
    one_sided = np.where(stars["Coordinates"][:, 0] > 30_000.0, -2.5, 0.0)
    stars["GFM_StellarPhotometrics"][:, 5] = one_sided  # the receding side is ten times brighter
    assert measured(tmp_path, stars).systemic_velocity_km_s > 350
    stars["GFM_StellarPhotometrics"][:, 5] = 30.0
    stars["GFM_StellarPhotometrics"][:, 4] = one_sided
    assert measured(tmp_path, stars).systemic_velocity_km_s == pytest.approx(300, abs=15)


def test_without_photometry_particles_count_by_mass(tmp_path):
    stars = galaxy()
    by_mass = {name: values for name, values in stars.items() if name != "GFM_StellarPhotometrics"}
    measurement = measured(tmp_path, by_mass)
    assert measurement.note == "weighted by mass: the file has no GFM_StellarPhotometrics"
    stars["GFM_StellarPhotometrics"][:, 5] = -2.5 * np.log10(stars["Masses"])
    assert measurement.lambda_r == pytest.approx(measured(tmp_path, stars).lambda_r, rel=1e-4)


def test_the_aperture_of_the_photometry(tmp_path):
    ellipse = HalfLightEllipse(semi_major_arcsec=6.0, ellipticity=0.3, position_angle_deg=100.0, sersic_n=2.5)
    measurement = measured(tmp_path, galaxy(), ellipse=ellipse, aperture="photometry")
    chosen = (measurement.r_eff_arcsec, measurement.ellipticity, measurement.position_angle_deg, measurement.sersic_n)
    assert chosen == pytest.approx((6.0, 0.3, 100.0, 2.5)) and measurement.note == ""
    particles_own = measured(tmp_path, galaxy(), ellipse=ellipse)
    assert particles_own.ellipticity == pytest.approx(0.5, abs=0.1) and particles_own.sersic_n == 2.5


@pytest.mark.parametrize("lacking", [(np.nan, 0.3, 9.0), (6.0, np.nan, 9.0), (6.0, 1.0, 9.0), (6.0, 0.3, np.nan)])
def test_particles_give_an_aperture_missing_in_the_photometry(tmp_path, lacking):
    ellipse = HalfLightEllipse(*lacking)
    measurement = measured(tmp_path, galaxy(), ellipse=ellipse, aperture="photometry")
    assert measurement.note == "half-light ellipse of the particles: the photometry has none"
    assert measurement.ellipticity == measured(tmp_path, galaxy()).ellipticity


def test_a_round_aperture_needs_no_angle(tmp_path):
    measurement = measured(tmp_path, galaxy(), ellipse=HalfLightEllipse(6.0, 0.0), aperture="photometry")
    assert measurement.ellipticity == 0 and measurement.note == ""


def test_unknown_aperture(tmp_path):
    with pytest.raises(ValueError, match="unknown aperture 'header'"):
        measured(tmp_path, galaxy(), aperture="header")


def test_caveats_are_noted(tmp_path):
    small = measured(tmp_path, galaxy(r_eff=2.0))
    assert small.note.startswith("half-light semi-major axis 2.0") and "below 3 softenings" in small.note
    few = measured(tmp_path, galaxy(n=1800))
    assert few.note == f"few star particles inside the half-light ellipse: {few.n_particles}"
    stars = galaxy()
    stars["Velocities"] = np.random.default_rng(1).normal(0, 150, (4000, 3))
    dispersed = measured(tmp_path, stars)
    assert dispersed.note == (
        f"lambda_R is below {dispersed.lambda_r_limit:.2f} and thus consistent with no rotation (95 %)"
    )
    assert dispersed.lambda_r_observed > 0.8 * dispersed.lambda_r_floor


def test_synthetic_mark(tmp_path):
    assert measure_cutout(write_cutout(tmp_path / "cutout_7.hdf5", galaxy(), synthetic=True), NO_ELLIPSE).synthetic


def changed(name, change):
    """Stars in which a dataset is changed."""
    stars = galaxy(n=2000)
    stars[name] = change(stars[name])
    return stars


def without(*names):
    return {name: values for name, values in galaxy(n=2000).items() if name not in names}


def with_nan(values):
    values = values.copy()
    values[3, ..., 2 if values.shape[-1] == 3 else 5] = np.nan
    return values


UNUSABLE = {
    "no stars": (None, {}, "has no group PartType4 (star particles); it has: Header"),
    "no Coordinates": (without("Coordinates"), {}, "has no dataset PartType4/Coordinates"),
    "no Velocities": (without("Velocities"), {}, "has no dataset PartType4/Velocities"),
    "no formation time": (without("GFM_StellarFormationTime"), {}, "has no dataset PartType4/GFM_StellarFormationTime"),
    "neither mass nor light": (
        without("Masses", "GFM_StellarPhotometrics"),
        {},
        "has no dataset PartType4/Masses nor GFM_StellarPhotometrics",
    ),
    "flat coordinates": (
        changed("Coordinates", lambda c: c[:, :2]),
        {},
        "PartType4/Coordinates has shape (2000, 2), at least 3 values per particle are expected",
    ),
    "wide masses": (
        changed("GFM_StellarFormationTime", lambda t: t[:, None]),
        {},
        "PartType4/GFM_StellarFormationTime has shape (2000, 1), one value per particle are expected",
    ),
    "few bands": (
        changed("GFM_StellarPhotometrics", lambda m: m[:, :4]),
        {},
        "PartType4/GFM_StellarPhotometrics has shape (2000, 4), at least 6 values",
    ),
    "lengths differ": (
        changed("Velocities", lambda v: v[:-1]),
        {},
        "PartType4/Velocities has 1999 rows, GFM_StellarFormationTime has 2000",
    ),
    "text": (changed("Velocities", lambda v: v.astype("S8")), {}, "PartType4/Velocities holds no numbers"),
    "NaN positions": (changed("Coordinates", with_nan), {}, "PartType4/Coordinates has 1 values that are NaN"),
    "NaN velocities": (changed("Velocities", with_nan), {}, "PartType4/Velocities has 1 values that are NaN"),
    "NaN light": (changed("GFM_StellarPhotometrics", with_nan), {}, "GFM_StellarPhotometrics has 1 values"),
    "NaN ages": (
        changed("GFM_StellarFormationTime", lambda t: np.where(np.arange(len(t)) == 3, np.nan, t)),
        {},
        "PartType4/GFM_StellarFormationTime has 1 values that are NaN",
    ),
    "no mass": (
        {**without("GFM_StellarPhotometrics"), "Masses": np.zeros(2000)},
        {},
        "PartType4/Masses has values that are not positive",
    ),
    "all wind": (
        changed("GFM_StellarFormationTime", lambda t: -np.abs(t)),
        {},
        "has 0 star particles, at least 100 are needed",
    ),
    "few stars": (galaxy(n=600), {}, "make 4 bins of at least 50 particles of equal light and 0.5 kpc, 8 are needed"),
    "no size": (galaxy(r_eff=0.3), {}, "8 are needed"),
    "no motion": (changed("Velocities", np.zeros_like), {}, "give no lambda_R"),
    "fast": (changed("Velocities", lambda v: v * 1e200 * np.ones(1)), {}, "Velocities are outside"),
    "no BoxSize": (galaxy(n=2000), {"BoxSize": None}, "has no attribute BoxSize in group Header"),
    "no HubbleParam": (galaxy(n=2000), {"HubbleParam": None}, "has no attribute HubbleParam in group Header"),
    "no Time": (galaxy(n=2000), {"Time": None}, "has no attribute Time in group Header"),
    "no time": (galaxy(n=2000), {"Time": np.nan}, "attribute Time of group Header is not a number above 0 and up to 1"),
    "two boxes": (galaxy(n=2000), {"BoxSize": [1.0, 2.0]}, "attribute BoxSize of group Header is not a number"),
    "text in the header": (galaxy(n=2000), {"HubbleParam": "h"}, "HubbleParam of group Header is not a number"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_unusable_cutouts(tmp_path, case):
    stars, header, words = UNUSABLE[case]
    with pytest.raises(UnusableKinematics) as error:
        measured(tmp_path, stars, header)
    assert str(error.value).startswith("cutout_7.hdf5: ") and words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_cutout_without_header(tmp_path):
    path = write_cutout(tmp_path / "cutout_7.hdf5", galaxy(n=2000))
    with h5py.File(path, "a") as file:
        del file["Header"]
    with pytest.raises(UnusableKinematics, match=r"^cutout_7.hdf5: has no attribute BoxSize in group Header$"):
        measure_cutout(path, NO_ELLIPSE)


@pytest.mark.parametrize("content", [b"", b"<html>", None])
def test_files_that_are_not_hdf5(tmp_path, content):
    path = tmp_path / "cutout_7.hdf5"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UnusableKinematics, match=r"^cutout_7.hdf5: cannot be read \("):
        measure_cutout(path, NO_ELLIPSE)


def test_half_a_download(tmp_path):
    path = write_cutout(tmp_path / "cutout_7.hdf5", galaxy())
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UnusableKinematics, match=r"^cutout_7.hdf5: cannot be read \("):
        measure_cutout(path, NO_ELLIPSE)


def test_announced_sizes_are_checked_before_anything_is_read(tmp_path):
    path = tmp_path / "cutout_7.hdf5"
    with h5py.File(write_cutout(path, None), "a") as file:  # HDF5 stores nothing until something is written
        file.create_dataset("PartType4/GFM_StellarFormationTime", (10**12,), "f4", chunks=(1024,), compression="gzip")
    with pytest.raises(UnusableKinematics, match=r"claims shape \(1000000000000,\) .* is too large"):
        measure_cutout(path, NO_ELLIPSE)
    with h5py.File(write_cutout(path, without("GFM_StellarFormationTime")), "a") as file:
        large = {"maxshape": (None,), "chunks": (200_000_000,)}
        file.create_dataset("PartType4/GFM_StellarFormationTime", (2000,), "f4", **large)
    with pytest.raises(UnusableKinematics, match="too large"):
        measure_cutout(path, NO_ELLIPSE)


def test_an_empty_aperture(tmp_path):
    tiny = HalfLightEllipse(1e-9, 0.0)
    with pytest.raises(UnusableKinematics, match=r"^cutout_7.hdf5: has no star particle inside the half-light ellipse"):
        measured(tmp_path, galaxy(), ellipse=tiny, aperture="photometry")


@pytest.fixture(scope="module")
def good_cutout(tmp_path_factory):
    return write_cutout(tmp_path_factory.mktemp("good") / "cutout_7.hdf5", galaxy(n=1000)).read_bytes()


@given(data=st.data())
def test_damage_never_raises_anything_else(tmp_path_factory, good_cutout, data):
    path = tmp_path_factory.getbasetemp() / "cutout_8.hdf5"
    content = bytearray(good_cutout)
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, min(len(content), 12_000) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        measurement = measure_cutout(path, NO_ELLIPSE)
    except UnusableKinematics as error:
        assert str(error).startswith("cutout_8.hdf5: ") and "\n" not in str(error)
    else:
        assert 0 <= measurement.lambda_r <= 1


@pytest.mark.real_data
def test_real_star_particles_are_stable_under_halving(real_data, tmp_path):
    """2000 particles of a TNG halo, a hollow shell of streams: random halves keep the mean of lambda_R to 5 per cent.

    Over 1600 halves the mean is 4.5 per cent low, as bins of as many particles are twice as large; single halves
    scatter by 10 per cent, a part of it because of the ellipse.
    """
    path = real_data / "kinematics" / "SimSpin_example_IllustrisTNG.hdf5"
    full = measure_cutout(path, NO_ELLIPSE)
    assert full.n_particles == pytest.approx(1000, rel=0.02)
    with h5py.File(path) as file:
        header = {name: file["Header"].attrs[name] for name in ("BoxSize", "HubbleParam", "Time")}
        stars = {name: file["PartType4"][name][()] for name in without("GFM_StellarPhotometrics")}
    rng = np.random.default_rng(0)
    halves = []
    for _ in range(300):
        half = rng.permutation(len(stars["Masses"]))[: len(stars["Masses"]) // 2]
        halves.append(measured(tmp_path, {name: values[half] for name, values in stars.items()}, header).lambda_r)
    assert np.mean(halves) == pytest.approx(full.lambda_r, rel=0.05)
    assert np.std(halves) < 0.15 * full.lambda_r


@pytest.mark.slow
def test_lambda_r_of_a_disc_is_stable_under_halving(tmp_path):
    stars = galaxy(n=20_000)
    full = measured(tmp_path, stars)
    rng = np.random.default_rng(0)
    halves = []
    for _ in range(20):
        half = rng.permutation(20_000)[:10_000]
        halves.append(measured(tmp_path, {name: values[half] for name, values in stars.items()}).lambda_r)
    assert np.mean(halves) == pytest.approx(full.lambda_r, rel=0.01)
    np.testing.assert_allclose(halves, full.lambda_r, rtol=0.05)


@pytest.mark.parametrize("value", [-99.0, 99.0, -999.0, 1e20, np.nan, np.inf])
def test_a_magnitude_that_no_particle_has_makes_the_galaxy_unusable(tmp_path, value):
    stars = galaxy()
    stars["GFM_StellarPhotometrics"][7, 5] = value
    with pytest.raises(UnusableKinematics, match=r"cutout_7\.hdf5: PartType4.* 1 "):
        measured(tmp_path, stars)


def test_a_velocity_that_no_star_has_makes_the_galaxy_unusable(tmp_path):
    stars = galaxy()
    stars["Velocities"][7, 2] = 1e20
    with pytest.raises(UnusableKinematics, match=r"1 Velocities are outside \[-50000, 50000\], such as 1e\+20"):
        measured(tmp_path, stars)
