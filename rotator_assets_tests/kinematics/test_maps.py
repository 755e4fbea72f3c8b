"""lambda_R from MAPS files: known galaxies are recovered, masked spaxels ignored, damaged files refused."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.interpolate import griddata

from rotator_assets.core.errors import RefusedKinematics, UnusableKinematics
from rotator_assets.core.settings import KinematicsSettings
from rotator_assets.imaging.psf import FWHM_PER_SIGMA
from rotator_assets.kinematics.dap_files import PixelMask
from rotator_assets.kinematics.maps import find_maps, measure_maps
from rotator_assets.kinematics.measured import HalfLightEllipse
from rotator_assets_tests.kinematics.maps_files import DO_NOT_USE, Disc, Planes, binned, maps_hdus, planes, write_maps

DISC = Disc()
PLANES = DISC.planes()
DISC_HEADER = {"REFF": DISC.r_eff, "ECOOELL": 0.4, "ECOOPA": 35.0}
RELEASES = ("DR15", "DR17")
NO_PHOTOMETRY = HalfLightEllipse()
EXPONENTIAL = HalfLightEllipse(nsa_sersic_n=1.0)


def measure(path, ellipse, **settings):
    return measure_maps(path, ellipse, KinematicsSettings(**{"aperture": "header", **settings}))


def lambda_r_of(planes: Planes, disc: Disc, systemic: float, kept: np.ndarray | None = None) -> float:
    """An independent implementation: sums over the spaxels with an elliptical radius below r_eff."""
    kept = disc.inside(planes) if kept is None else kept
    weight = (planes.flux * np.hypot(planes.east, planes.north))[kept]
    velocity = planes.velocity[kept] - systemic
    squared = np.clip(planes.dispersion**2 - planes.correction**2, 0, None)[kept]
    return np.sum(weight * abs(velocity)) / np.sum(weight * np.sqrt(velocity**2 + squared))


@pytest.mark.parametrize("ending", [".fits", ".fits.gz"])
@pytest.mark.parametrize("release", RELEASES)
def test_a_rotating_disc_is_recovered_to_a_fraction_of_a_per_cent(tmp_path, release, ending):
    measured = measure(DISC.write(tmp_path / f"disc{ending}", release), EXPONENTIAL)
    assert measured.lambda_r_observed == pytest.approx(DISC.lambda_r(), rel=3e-3)
    assert measured.lambda_r_elliptical == pytest.approx(DISC.lambda_r(circular=False), rel=3e-3)
    assert measured.lambda_r_observed == pytest.approx(lambda_r_of(PLANES, DISC, 15.0), abs=1e-6)
    assert (measured.release, measured.note, measured.synthetic) == (release, "", False)
    assert measured.coverage == pytest.approx(1.0, abs=0.02) and measured.n_bins == measured.n_pixels == 340
    assert (measured.r_eff_arcsec, measured.ellipticity, measured.position_angle_deg) == pytest.approx(
        (6.713388, 0.4, 35)
    )
    assert (measured.psf_fwhm_arcsec, measured.sersic_n) == (2.5, 1.0)
    assert measured.n_particles == 0 and np.isnan(measured.lambda_r_floor)
    json.dumps(asdict(measured))  # plain numbers: results are kept as JSON


@pytest.mark.parametrize(
    "disc",
    [
        Disc(ellipticity=0.0, speed=60),
        Disc(ellipticity=0.65, position_angle_deg=110.0, scale=5.0),
        Disc(ellipticity=0.2, position_angle_deg=170.0, speed=30, dispersion=220),
        Disc(ellipticity=0.55, position_angle_deg=62.0, rise=0.5, dispersion=140, dispersion_scale=6.0),
    ],
)
def test_discs_off_the_middle_of_a_spaxel_are_recovered(tmp_path, disc):
    path = disc.write(tmp_path / "disc.fits", "DR15", disc.planes(centre=(0.13, -0.21)))
    measured = measure(path, NO_PHOTOMETRY)
    assert measured.lambda_r_observed == pytest.approx(disc.lambda_r(), rel=0.01)
    assert measured.systemic_velocity_km_s == pytest.approx(15.0, abs=1.5)


@pytest.mark.real_data
@pytest.mark.parametrize("release", RELEASES)
def test_manga_7957_6103_is_recovered_from_a_maps_file(real_data, tmp_path, release):
    """The example galaxy of Graham et al. (2018); x of its pixel file grows to the west, as its images show it.

    Their numbers are for velocities as they stand; less the systemic 0.8 km/s, lambda_R is 0.425091.
    """
    x, y, *values = np.loadtxt(real_data / "kinematics" / "7957-6103.txt", unpack=True)
    steps = np.arange(-25, 26) * 0.5
    west, north = np.meshgrid(steps + x[np.argmin(abs(x))], steps + y[np.argmin(abs(y))])
    flux, velocity, dispersion = (griddata((x, y), value, (west, north), method="nearest") for value in values)
    nearest = np.min(np.hypot(west[..., None] - x, north[..., None] - y), axis=2)
    galaxy = planes(-west, north, flux, velocity, dispersion)
    galaxy = galaxy.where(nearest > 0.1, mask_velocity=DO_NOT_USE, mask_dispersion=DO_NOT_USE)
    header = {"REFF": 8.33 / np.sqrt(1 - 0.124), "ECOOELL": 0.124, "ECOOPA": 94.7, "RFWHM": 1.058 * FWHM_PER_SIGMA}
    path = write_maps(tmp_path / "7957-6103.fits.gz", galaxy, release, header)
    nsa = {"REFF": 6.57161, "ECOOELL": 0.125245, "ECOOPA": 96.1678, "RFWHM": 2.46626}  # drpall
    pymorph = HalfLightEllipse(9.981141, 0.1601, 96.1678, 5.0323, 4.81222)
    in_nsa = write_maps(tmp_path / "nsa.fits", galaxy, release, nsa)
    apertures = {source: measure(in_nsa, pymorph, aperture=source) for source in ("header", "photometry")}
    observed = {source: one.lambda_r_observed for source, one in apertures.items()}
    assert observed == pytest.approx({"header": 0.3470, "photometry": 0.4503}, abs=2e-4)  # 18 % too low, 6 % too high
    assert all(one.regular_rotator and one.aperture == source for source, one in apertures.items())
    measured = measure(path, HalfLightEllipse(nsa_sersic_n=4.812))
    assert measured.n_pixels == 873 and measured.r_eff_arcsec == pytest.approx(8.9001, abs=5e-5)
    assert measured.lambda_r_observed == pytest.approx(0.425091, abs=2e-6)
    assert measured.lambda_r_observed == pytest.approx(0.425158, abs=2e-4)
    assert measured.lambda_r_elliptical == pytest.approx(0.417611, abs=2e-4)
    assert measured.lambda_r == pytest.approx(0.496410, abs=2e-4)
    assert measured.sigma_e_km_s == pytest.approx(186.94, abs=0.01)
    assert measured.systemic_velocity_km_s == pytest.approx(0.819, abs=1e-3)
    assert measured.regular_rotator is True and measured.beam_correction == "graham2018"


@pytest.mark.parametrize("angle", [20.0, 70.0, 110.0, 160.0])
def test_the_ellipse_of_a_tilted_galaxy_lies_along_its_position_angle(tmp_path, angle):
    """Spaxels outside have extreme velocities, and an ellipse mirrored in east and west would include them."""
    disc = Disc(ellipticity=0.6, position_angle_deg=angle)
    tilted = disc.planes()
    outside = ~disc.inside(tilted)
    wild = tilted.where(outside, velocity=3000 * np.sign(tilted.north))
    measured = measure(disc.write(tmp_path / "tilted.fits", changed=wild), NO_PHOTOMETRY)
    assert measured.n_pixels == np.count_nonzero(~outside)
    assert measured.lambda_r_observed == pytest.approx(disc.lambda_r(), rel=0.01)
    mirrored = measure(disc.write(tmp_path / "m.fits", changed=wild, ECOOPA=180 - angle), NO_PHOTOMETRY)
    assert abs(mirrored.lambda_r_observed / disc.lambda_r() - 1) > 0.1


def test_coordinates_count_and_not_the_direction_of_columns(tmp_path):
    turned = Planes(**{name: np.ascontiguousarray(plane[::-1, ::-1].T) for name, plane in vars(PLANES).items()})
    straight = measure(DISC.write(tmp_path / "straight.fits"), NO_PHOTOMETRY)
    other = measure(DISC.write(tmp_path / "turned.fits", changed=turned), NO_PHOTOMETRY)
    assert other.lambda_r == pytest.approx(straight.lambda_r, rel=1e-12) and other.n_pixels == straight.n_pixels


@pytest.mark.parametrize("offset", [-300.0, 0.0, 15.0, 300.0])
def test_the_systemic_velocity_is_subtracted(tmp_path, offset):
    disc = replace(DISC, offset_km_s=offset)
    measured = measure(disc.write(tmp_path / "disc.fits"), NO_PHOTOMETRY)
    assert measured.systemic_velocity_km_s == pytest.approx(offset, abs=1e-3)
    assert measured.lambda_r_observed == pytest.approx(lambda_r_of(PLANES, DISC, 15.0), abs=1e-5)


def test_a_star_before_one_side_does_not_shift_the_systemic_velocity(tmp_path):
    star = np.hypot(PLANES.east - 2.0, PLANES.north - 3.0) < 2.5
    path = DISC.write(tmp_path / "star.fits", changed=PLANES.where(star, mask_velocity=int(PixelMask.DONOTUSE)))
    measured = measure(path, NO_PHOTOMETRY)
    assert measured.systemic_velocity_km_s == pytest.approx(15.0, abs=0.01)
    inside = DISC.inside(PLANES) & ~star
    mean = np.average(PLANES.velocity[inside], weights=PLANES.flux[inside])
    assert mean == pytest.approx(15.0 - 36.6, abs=0.1)  # what all spaxels would give
    assert measured.lambda_r_observed == pytest.approx(lambda_r_of(PLANES, DISC, 15.0, inside), abs=1e-4)
    assert lambda_r_of(PLANES, DISC, mean, inside) / measured.lambda_r_observed == pytest.approx(0.942, abs=0.005)
    assert "below 85%" in measured.note


def test_a_galaxy_covered_on_one_side_gets_a_note(tmp_path):
    path = DISC.write(tmp_path / "half.fits", changed=PLANES.where(PLANES.east > -0.3, mask_velocity=1))
    note = measure(path, NO_PHOTOMETRY).note
    assert "systemic velocity from one side" in note and "data cover 44% of the half-light ellipse, below 85%" in note


UNUSABLE = {
    "velocity masked NOCOV": {"mask_velocity": int(PixelMask.NOCOV)},
    "velocity masked DONOTUSE and more": {"mask_velocity": DO_NOT_USE | int(PixelMask.FORESTAR)},
    "dispersion masked UNRELIABLE": {"mask_dispersion": int(PixelMask.UNRELIABLE)},
    "no bin": {"bin_id": -1},
    "no light": {"flux": 0.0},
    "negative flux": {"flux": -1.0},
    "flux NaN": {"flux": np.nan},
    "velocity NaN": {"velocity": np.nan},
    "velocity of no fit": {"velocity": 9999.0},
    "dispersion infinite": {"dispersion": np.inf},
    "dispersion negative": {"dispersion": -999.0},
    "correction NaN": {"correction": np.nan},
    "no coordinates": {"east": np.nan},
}


@pytest.mark.parametrize("values", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_unusable_spaxels_do_not_count(tmp_path, values):
    """A tenth of the spaxels, in pairs across the centre, with extreme velocities."""
    chosen = np.zeros(PLANES.flux.shape, dtype=bool)
    chosen.flat[::10] = True
    chosen |= chosen[::-1, ::-1]
    kept = DISC.inside(PLANES) & ~chosen
    changed = PLANES.where(chosen, **({"velocity": 900.0} | values))
    measured = measure(DISC.write(tmp_path / "masked.fits", changed=changed), NO_PHOTOMETRY)
    assert measured.n_pixels == measured.n_bins == kept.sum() < 300
    assert measured.lambda_r_observed == pytest.approx(lambda_r_of(PLANES, DISC, 15.0, kept), abs=1e-5)


def test_only_the_rejected_mask_bits_of_the_layout_count(tmp_path):
    half = PLANES.where(np.arange(72) % 2 == 0, mask_velocity=int(PixelMask.NEARBOUND | PixelMask.LOWCOV))
    path = DISC.write(tmp_path / "disc.fits", changed=half)
    assert measure(path, NO_PHOTOMETRY).n_pixels == 340


def test_spaxels_of_a_bin_are_one_measurement(tmp_path):
    """lambda_R is that of the spaxels; the error is that of as many measurements as there are bins."""
    bins = binned(PLANES, 3)
    together = measure(DISC.write(tmp_path / "bins.fits", changed=bins), NO_PHOTOMETRY)
    apart = measure(DISC.write(tmp_path / "apart.fits", changed=replace(bins, bin_id=PLANES.bin_id)), NO_PHOTOMETRY)
    assert together.n_pixels == apart.n_pixels == apart.n_bins == 340
    assert 340 / 9 < together.n_bins < 340 / 9 + 25
    for field in ("lambda_r_observed", "lambda_r_elliptical", "sigma_e_km_s", "systemic_velocity_km_s"):
        assert getattr(together, field) == pytest.approx(getattr(apart, field), rel=1e-9)
    assert together.lambda_r_error / apart.lambda_r_error == pytest.approx(np.sqrt(340 / together.n_bins), rel=0.15)
    assert together.lambda_r_observed == pytest.approx(DISC.lambda_r(), rel=0.03)


@pytest.mark.parametrize("release", RELEASES)
def test_dispersions_below_the_correction_count_as_zero(tmp_path, release):
    narrow = np.zeros(PLANES.flux.shape, dtype=bool)
    narrow.flat[::5] = True
    changed = PLANES.where(narrow, dispersion=30.0)
    measured = measure(DISC.write(tmp_path / "narrow.fits", release, changed), NO_PHOTOMETRY)
    assert measured.zero_dispersion_fraction == pytest.approx(0.2, abs=0.01)
    assert measured.n_pixels == 340
    assert measured.lambda_r_observed == pytest.approx(lambda_r_of(changed, DISC, 15.0), abs=2e-4)
    assert measured.lambda_r_observed > lambda_r_of(PLANES, DISC, 15.0) + 0.01


@pytest.mark.parametrize("disc", [DISC, Disc(speed=60, dispersion=180)])
def test_the_error_agrees_with_random_draws(tmp_path, disc):
    """Noise in bins of 2 x 2 spaxels; each draw has its own systemic velocity."""
    clean = binned(disc.planes(), 2)
    clean = replace(
        clean, velocity_error=clean.velocity_error + clean.bin_id % 7, dispersion_error=clean.velocity_error * 2
    )
    measured = measure(disc.write(tmp_path / "disc.fits", changed=clean), NO_PHOTOMETRY, beam_correction="none")
    inside = disc.inside(clean)
    rng = np.random.default_rng(11)
    draws = []
    for _ in range(1500):
        noise = rng.normal(size=(2, clean.bin_id.max() + 1))[:, clean.bin_id]
        velocity = clean.velocity + noise[0] * clean.velocity_error
        drawn = replace(clean, velocity=velocity, dispersion=clean.dispersion + noise[1] * clean.dispersion_error)
        draws.append(lambda_r_of(drawn, disc, np.average(velocity[inside], weights=clean.flux[inside]), inside))
    assert measured.lambda_r_error == pytest.approx(np.std(draws), rel=0.1)


OTHER = HalfLightEllipse(5.0, 0.2, 100.0, nsa_sersic_n=1.0)


@pytest.mark.parametrize(
    ("aperture", "photometry", "header", "used", "note"),
    [
        ("header", OTHER, {}, (6.713388, 0.4, 35.0), ""),
        ("photometry", OTHER, {}, (5.0, 0.2, 100.0), ""),
        ("photometry", OTHER, {"REFF": None, "ECOOELL": None, "ECOOPA": None}, (5.0, 0.2, 100.0), ""),
        ("photometry", EXPONENTIAL, {}, (6.713388, 0.4, 35.0), "half-light radius from the header; "),
        ("header", OTHER, {"REFF": -999.0}, (5.0, 0.4, 35.0), "half-light radius from the photometry"),
        ("header", OTHER, {"REFF": "unknown"}, (5.0, 0.4, 35.0), "half-light radius from the photometry"),
        ("header", OTHER, {"ECOOELL": 1.0}, (6.713388, 0.2, 35.0), "ellipticity from the photometry"),
        ("header", OTHER, {"ECOOPA": -9999.0}, (6.713388, 0.4, 100.0), "position angle from the photometry"),
        ("header", OTHER, {"ECOOPA": -145.0}, (6.713388, 0.4, 35.0), ""),
        ("header", EXPONENTIAL, {"ECOOELL": 0.0, "ECOOPA": None}, (6.713388, 0.0, np.nan), ""),
    ],
)
def test_each_source_of_the_ellipse_complements_the_other(tmp_path, aperture, photometry, header, used, note):
    measured = measure(DISC.write(tmp_path / "disc.fits", **header), photometry, aperture=aperture)
    ellipse = measured.r_eff_arcsec, measured.ellipticity, measured.position_angle_deg
    assert ellipse == pytest.approx(used, nan_ok=True)
    assert measured.note.startswith(note) and bool(measured.note) == bool(note)
    assert measured.aperture == ("header" if used[0] != 5.0 else "photometry")


def test_low_coverage_is_noted_or_refused(tmp_path):
    path = DISC.write(
        tmp_path / "disc.fits", changed=PLANES.where(np.hypot(PLANES.east, PLANES.north) > 3.6, bin_id=-1)
    )
    measured = measure(path, NO_PHOTOMETRY)
    fraction = np.count_nonzero(np.hypot(PLANES.east, PLANES.north) <= 3.6) * 0.25 / (np.pi * DISC.r_eff**2 * 0.6)
    assert measured.coverage == pytest.approx(fraction, abs=0.02) and 0.4 < fraction < 0.5
    assert f"data cover {measured.coverage:.0%} of the half-light ellipse, below 85%" in measured.note
    with pytest.raises(RefusedKinematics, match=r"^disc\.fits: data cover 4\d% of the half-light ellipse, 60% are"):
        measure(path, NO_PHOTOMETRY, min_coverage=0.6)


@pytest.mark.parametrize("key", ["DAPQUAL", "DRP3QUAL"])
def test_quality_masks_are_kept_and_critical_ones_noted(tmp_path, key):
    column = key.lower()
    marked = measure(DISC.write(tmp_path / "disc.fits", **{key: (1 << 30) | 4}), EXPONENTIAL)
    assert marked.note == f"{key} CRITICAL" and getattr(marked, column) == (1 << 30) | 4
    harmless = measure(DISC.write(tmp_path / "harmless.fits", **{key: (1 << 29) - 1}), EXPONENTIAL)
    assert harmless.note == "" and getattr(harmless, column) == (1 << 29) - 1
    absent = measure(DISC.write(tmp_path / "absent.fits", **{key: "unknown"}), EXPONENTIAL)
    assert absent.note == "" and getattr(absent, column) is None


def test_missing_errors_are_the_median_of_the_others(tmp_path):
    some = PLANES.where(np.arange(72) % 2 == 0, velocity_error=np.inf)  # an inverse variance of 0
    whole = measure(DISC.write(tmp_path / "whole.fits"), NO_PHOTOMETRY)
    partly = measure(DISC.write(tmp_path / "partly.fits", changed=some), NO_PHOTOMETRY)
    assert partly.lambda_r_error == pytest.approx(whole.lambda_r_error) and partly.n_pixels == whole.n_pixels
    hdus = maps_hdus(PLANES, header=DISC_HEADER)
    del hdus["STELLAR_SIGMA_IVAR"]
    hdus.writeto(tmp_path / "none.fits")
    without = measure(tmp_path / "none.fits", NO_PHOTOMETRY)
    assert np.isnan(without.lambda_r_error) and "the file gives no errors" in without.note
    assert without.lambda_r == whole.lambda_r


def test_synthetic_galaxies_stay_marked(tmp_path):
    assert measure(DISC.write(tmp_path / "disc.fits", SYNTHET=True), NO_PHOTOMETRY).synthetic is True


def test_files_are_found_by_galaxy_and_the_best_daptype_is_taken(tmp_path):
    def touch(folder: str, name: str) -> None:
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / name).touch()

    daptypes = ["SPX-MILESHC-MASTARSSP", "VOR10-MILESHC-MASTARSSP", "VOR10-GAU-MILESHC", "HYB10-GAU-MILESHC"]
    daptypes += ["HYB10-MILESHC-MASTARHC2", "HYB10-MILESHC-MASTARSSP", "ALL-GAU-MILESHC"]
    order = ["HYB10-MILESHC-MASTARSSP", "HYB10-MILESHC-MASTARHC2", "HYB10-GAU-MILESHC", "VOR10-MILESHC-MASTARSSP"]
    order += ["VOR10-GAU-MILESHC", "SPX-MILESHC-MASTARSSP", "ALL-GAU-MILESHC"]
    for number in range(len(order)):
        for daptype in daptypes:
            if daptype in order[number:]:
                touch(f"{daptype}/8000/{number}", f"manga-8000-{number}-MAPS-{daptype}.fits.gz")
    touch("", "manga-7443-12701-MAPS-HYB10-GAU-MILESHC.fits")
    for other in ("manga-8000-1901-LOGCUBE-HYB10-GAU-MILESHC.fits.gz", "manga-8000-77-MAPS-SPX.fits.part", "notes.txt"):
        touch("", other)
    found = find_maps(tmp_path)
    assert list(found) == ["7443-12701", *(f"8000-{number}" for number in range(7))]
    assert [found[f"8000-{n}"].name for n in range(7)] == [f"manga-8000-{n}-MAPS-{order[n]}.fits.gz" for n in range(7)]
    assert all(path.is_file() for path in found.values()) and find_maps(tmp_path / "none") == {}


def test_the_aperture_of_another_survey_is_an_error_of_the_caller(tmp_path):
    with pytest.raises(ValueError, match="unknown aperture 'particles'"):
        measure(DISC.write(tmp_path / "disc.fits"), NO_PHOTOMETRY, aperture="particles")


@given(st.integers(0, 10_000), st.floats(0, 400), st.floats(1, 300), st.floats(0, 0.9), st.integers(1, 6))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_lambda_r_of_any_maps_lies_in_0_to_1_and_flux_has_no_unit(tmp_path, seed, speed, dispersion, masked, size):
    rng = np.random.default_rng(seed)
    east, north = PLANES.east, PLANES.north
    noise = planes(
        east, north, rng.exponential(size=(72, 72)), rng.normal(0, speed, (72, 72)), np.full((72, 72), dispersion)
    )
    noise = binned(noise, size).where(rng.random((72, 72)) < masked, mask_dispersion=DO_NOT_USE)
    measured = []
    for scale in (1.0, 1000.0):
        path = tmp_path / "noise.fits"
        path.unlink(missing_ok=True)
        try:
            measured.append(measure(DISC.write(path, changed=replace(noise, flux=scale * noise.flux)), NO_PHOTOMETRY))
        except UnusableKinematics as reason:
            assert "usable bins" in str(reason)
            return
    one, other = measured
    assert 0 <= one.lambda_r_observed <= 1 and 0 < one.coverage <= 1 and one.lambda_r_error >= 0
    assert one.n_bins <= one.n_pixels and 0 <= one.zero_dispersion_fraction <= 1
    assert other.lambda_r_observed == pytest.approx(one.lambda_r_observed, abs=1e-5)
    assert other.lambda_r_error == pytest.approx(one.lambda_r_error, rel=1e-3)
