"""Stellar maps and star particles of the sample: measurements give the truth, and files are like the published ones."""

import h5py
import numpy as np
import pandas as pd
import pytest
from astropy import units as u
from astropy.io import fits

from rotator_assets.core.settings import KinematicsSettings
from rotator_assets.galaxies.matching import GALAXIES, label_galaxies
from rotator_assets.kinematics.measured import HalfLightEllipse
from rotator_assets.kinematics.spin import beam_corrected_lambda_r
from rotator_assets.surveys import SURVEYS
from rotator_assets.surveys.base import conform
from rotator_assets.synthetic.manga_sample import BUNDLE_DIAMETERS_ARCSEC, manga_truth
from rotator_assets.synthetic.particle_cutouts import HUBBLE, N_WIND, write_cutout
from rotator_assets.synthetic.tng100_sample import BOX_CKPC_H, POSITION, tng100_truth
from rotator_assets.synthetic.velocity_maps import DAPTYPE, adaptive_blocks, covered_spaxels, seen_lambda_r
from rotator_assets.synthetic.velocity_maps import write_maps as write_one_maps

pytestmark = pytest.mark.slow
SEEDS = (2020, 5)
DRAWN = {
    "manga": (manga_truth, write_one_maps, "maps"),
    "tng100": (tng100_truth, write_cutout, "cutouts"),
}
OPTIONS = {
    "manga": KinematicsSettings(
        aperture="header", beam_correction="all"
    ),  # all motions are drawn as seeing leaves them
    "tng100": KinematicsSettings(),
}


def rows_of(key, seed=2020):
    truth = DRAWN[key][0](200, seed)
    return list(truth[truth["has_kinematics"]].itertuples(index=False))


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """By survey: truth, file and measurement of every galaxy with kinematics in samples of two seeds."""
    results = {}
    for key, (_, write, folder) in DRAWN.items():
        results[key] = []
        for seed in SEEDS:
            survey = tmp_path_factory.mktemp(f"{key}-{seed}")
            (survey / folder).mkdir()
            rows = rows_of(key, seed)
            for row in rows:
                write(survey / folder, row, seed)
            files = SURVEYS[key].kinematic_files(survey)
            assert set(files) == {str(row.galaxy_id) for row in rows}, "named as the readers look for them"
            for row in rows:
                ellipse, path = HalfLightEllipse(nsa_sersic_n=row.sersic_n), files[str(row.galaxy_id)]
                results[key].append((row, path, SURVEYS[key].measure(path, ellipse, OPTIONS[key])))
    return results


def column(results, name):
    """A column of the truth and of the measurements."""
    return np.array([[getattr(row, name), getattr(m, name)] for row, _, m in results]).T


def turned(one, other):
    """Angle between axes in degrees."""
    return np.abs((np.asarray(one) - other + 90) % 180 - 90)


def test_maps_give_the_true_lambda_r_within_their_errors(measured):
    """Noise about velocities near zero raises slow rotators slightly, which first-order errors do not include."""
    true, found = column(measured["manga"], "lambda_r")
    errors = np.array([m.lambda_r_error for *_, m in measured["manga"]])
    pull = (found - true) / errors
    assert np.all((np.abs(found - true) < 3 * errors) | (np.abs(found - true) < 0.015))
    assert abs(np.median(pull)) < 1 and (errors > 0).all()
    assert all(m.beam_correction == "graham2018" and m.note == "" for *_, m in measured["manga"])
    assert all(m.coverage > 0.95 and m.n_bins < m.n_pixels for *_, m in measured["manga"])


def test_every_fast_rotator_is_seen_to_be_regular(measured):
    """All have the motions of a disc; noise dominates the slowest."""
    regular = {
        kind: [m.regular_rotator for row, _, m in measured["manga"] if row.rotator_type == kind] for kind in (0, 1)
    }
    assert all(regular[1]) and False not in regular[1]
    assert sum(one is True for one in regular[0]) > len(regular[0]) / 3


def test_particles_give_the_true_lambda_r_within_their_errors(measured):
    true, found = column(measured["tng100"], "lambda_r")
    errors, limits = np.array([[m.lambda_r_error, m.lambda_r_limit] for *_, m in measured["tng100"]]).T
    off = np.abs(found - true)
    assert np.mean(off < errors) > 0.6 and np.mean(off < 2 * errors) >= 0.9 and off.max() < 0.075
    resolved = true > 2 * limits
    assert resolved.sum() >= 15 and abs(np.median((found - true)[resolved])) < 0.015
    assert abs(np.mean((found - true)[~resolved])) < 0.02


@pytest.mark.parametrize(("key", "differing"), [("manga", 0.05), ("tng100", 0.1)])
def test_measured_labels_are_the_true_ones_for_most(measured, key, differing):
    """Only galaxies near the boundary are mislabelled; few have no label because of their noise."""
    galaxies = pd.DataFrame(
        [
            {"lambda_r": m.lambda_r, "lambda_r_limit": m.lambda_r_limit, "ellipticity": m.ellipticity}
            for *_, m in measured[key]
        ]
    ).assign(survey=key)
    labeled, _ = label_galaxies(conform(galaxies, GALAXIES))
    kept = labeled["rotator_type"].notna().to_numpy()
    true_slow = np.array([row.rotator_type == 0 for row, *_ in measured[key]])
    slow = (labeled["rotator_type"] == 0).fillna(False).to_numpy()
    assert true_slow.sum() >= 12 and (~true_slow).sum() >= 24
    assert kept.mean() == 1 if key == "manga" else 0.75 < kept.mean() < 1
    assert np.mean((slow != true_slow)[kept]) <= differing
    assert (column(measured[key], "lambda_r")[0][slow] < 0.2).all()
    assert (column(measured[key], "lambda_r")[0][kept & ~slow] > 0.1).all()


@pytest.mark.parametrize("key", DRAWN)
def test_size_shape_and_orientation_are_those_of_the_truth(measured, key):
    """Exact if the header gives them; with the scatter of two thousand particles if they are measured."""
    exact = key == "manga"
    true, found = column(measured[key], "r_eff_arcsec")
    np.testing.assert_allclose(found, true, rtol=1e-6 if exact else 0.1)
    assert np.median(found / true) == pytest.approx(1, abs=0.02)
    true_ellipticity, found = column(measured[key], "ellipticity")
    np.testing.assert_allclose(found, true_ellipticity, atol=1e-6 if exact else 0.1)
    assert abs(np.median(found - true_ellipticity)) < 0.02
    true, found = column(measured[key], "position_angle_deg")
    assert turned(true, found)[true_ellipticity > 0.3].max() < (1e-6 if exact else 8)


@pytest.mark.parametrize("key", DRAWN)
def test_every_measurement_is_marked_synthetic(measured, key):
    assert all(m.synthetic for *_, m in measured[key])


@pytest.mark.parametrize("key", DRAWN)
def test_motions_are_as_large_as_the_catalogue_says(measured, key):
    for row, _, m in measured[key]:
        assert m.sigma_e_km_s == pytest.approx(10 ** (2.1 + 0.3 * (row.log_mass_h2_msun - 10.3)), rel=0.08)


def test_seeing_lowers_lambda_r_by_what_the_correction_gives_back():
    for row in rows_of("manga"):
        seen = seen_lambda_r(row)
        assert seen < row.lambda_r
        assert beam_corrected_lambda_r(seen, row.sersic_n, 2.5 / 2.3548, row.r_eff_arcsec) == pytest.approx(
            row.lambda_r, rel=1e-4
        )


def test_maps_show_the_light_and_the_rotation_along_the_major_axis(measured):
    """Independent of the reader: moments of light and of light times velocity within the half-light ellipse."""
    for row, path, _ in measured["manga"]:
        with fits.open(path) as hdus:
            (east, north), flux = hdus["SPX_SKYCOO"].data, hdus["SPX_MFLUX"].data.astype(float)
            velocity, (radius, in_r_eff, azimuth) = hdus["STELLAR_VEL"].data, hdus["SPX_ELLCOO"].data
            reach = hdus[0].header["REFF"]
        inside = in_r_eff < 1
        assert (np.diff(east, axis=1) == -0.5).all() and (np.diff(north, axis=0) == 0.5).all()
        pixel = 0.5**2 / 12
        xx, yy, xy = (np.average(p[inside], weights=flux[inside]) for p in (east**2, north**2, east * north))
        spread = np.hypot(xx - yy, 2 * xy)
        angle = np.degrees(np.arctan2(2 * xy, yy - xx)) / 2
        if row.ellipticity > 0.2:
            assert turned(angle, row.position_angle_deg) < 3
            assert np.sqrt((xx + yy - spread) / (xx + yy + spread)) == pytest.approx(row.axis_ratio, abs=0.06 + pixel)
        if row.lambda_r > 0.2:
            v = velocity - np.average(velocity[inside], weights=flux[inside])
            kinematic = np.degrees(np.arctan2(np.sum((flux * v * east)[inside]), np.sum((flux * v * north)[inside])))
            assert turned(kinematic, row.position_angle_deg) < (3 if row.axis_ratio > 0.5 else 15)
        np.testing.assert_allclose(radius, in_r_eff * reach, rtol=1e-5)
        assert (azimuth >= 0).all() and (azimuth <= 360).all()
        per_angstrom = u.erg / u.s / u.cm**2 / u.AA
        total = (row.mag_r * u.ABmag).to(1e-17 * per_angstrom, u.spectral_density(6231 * u.AA)).value
        assert 2 * flux[inside].sum() == pytest.approx(total, rel=0.01)


def test_maps_have_the_layout_of_dr15(measured):
    row, path, measurement = measured["manga"][0]
    assert path.name == f"manga-{row.galaxy_id}-MAPS-{DAPTYPE}.fits.gz" and measurement.release == "DR15"
    with fits.open(path) as hdus:
        hdus.verify("exception")
        header, side = hdus[0].header, hdus["STELLAR_VEL"].shape[0]
        assert hdus[0].data is None and header["SYNTHET"] is True
        assert header["PLATEIFU"] == row.galaxy_id and header["MANGAID"] == row.object_id
        assert header["SCINPVEL"] == pytest.approx(299792.458 * row.redshift)
        assert (header["DAPQUAL"], header["DRP3QUAL"], header["RFWHM"]) == (0, 0, 2.5)
        shapes = {hdu.name: hdu.shape[:-2] for hdu in hdus[1:]}
        assert all(hdu.shape[-2:] == (side, side) for hdu in hdus[1:])
        one_map = {name: () for name in shapes if name.startswith("STELLAR_")}
        assert len(one_map) == 7
        assert shapes == {
            "SPX_SKYCOO": (2,), "SPX_ELLCOO": (3,), "SPX_MFLUX": (), "SPX_SNR": (), "BINID": (5,), **one_map
        }  # fmt: skip
        for name in ("STELLAR_VEL", "STELLAR_SIGMA"):
            assert (hdus[name].header["ERRDATA"], hdus[name].header["QUALDATA"]) == (f"{name}_IVAR", f"{name}_MASK")


def test_spaxels_beyond_the_bundle_are_masked_and_no_grid_is_much_larger(measured):
    for row, path, _ in measured["manga"]:
        with fits.open(path) as hdus:
            (east, north), bins = hdus["SPX_SKYCOO"].data, hdus["BINID"].data[1]
            masks = [hdus[f"STELLAR_{name}_MASK"].data for name in ("VEL", "SIGMA")]
            ivar = hdus["STELLAR_VEL_IVAR"].data
        radius = BUNDLE_DIAMETERS_ARCSEC[int(row.galaxy_id.split("-")[1][:-2])] / 2
        outside = bins == -1
        assert outside[np.hypot(east, north) > radius].all()
        assert not outside[np.hypot(east, north) < radius * np.sqrt(0.75) - 1e-6].any()
        assert all((mask[outside] == (1 << 30) + 1).all() and not mask[~outside].any() for mask in masks)
        assert (ivar[outside] == 0).all() and (ivar[~outside] > 0).all()
        assert 0.5 * len(bins) <= 2 * radius + 2 and outside.mean() < 0.5


def test_bins_hold_one_measurement_and_reach_their_signal_to_noise(measured):
    for _, path, _ in measured["manga"]:
        with fits.open(path) as hdus:
            bins, velocity, sn = (hdus[n].data for n in ("BINID", "STELLAR_VEL", "SPX_SNR"))
        bins = bins[1]
        used = np.unique(bins[bins >= 0])
        np.testing.assert_array_equal(used, np.arange(len(used)))
        sizes = np.bincount(bins[bins >= 0])
        assert sizes.max() <= 16 and sizes.min() == 1
        for number in used[:: len(used) // 20]:
            assert np.unique(velocity[bins == number]).size == 1
        assert sn[bins >= 0].max() > 10


def test_bright_spaxels_are_single_bins_and_faint_ones_joined():
    spaxels = covered_spaxels(rows_of("manga")[0])
    alone = adaptive_blocks(spaxels, np.full(len(spaxels.row), 10.0))
    fours = adaptive_blocks(spaxels, np.full(len(spaxels.row), 6.0))
    sixteens = adaptive_blocks(spaxels, np.full(len(spaxels.row), 1.0))
    assert np.bincount(alone).max() == 1
    assert np.bincount(fours).max() == 4 and np.bincount(sixteens).max() == 16
    together = sixteens == np.bincount(sixteens).argmax()
    assert np.ptp(spaxels.row[together]) == np.ptp(spaxels.column[together]) == 3


def test_particles_have_the_light_and_mass_of_the_galaxy(measured):
    for row, path, _ in measured["tng100"]:
        with h5py.File(path) as file:
            formed, masses, magnitudes = (
                file[f"PartType4/{name}"][()]
                for name in ("GFM_StellarFormationTime", "Masses", "GFM_StellarPhotometrics")
            )
        stars = formed > 0
        assert 3000 <= stars.sum() <= 6000 and (~stars).sum() == N_WIND
        absolute = -2.5 * np.log10(np.sum(10 ** (-0.4 * magnitudes[stars, 5].astype(float))))
        assert absolute == pytest.approx(row.abs_mag_r + 5 * np.log10(HUBBLE), abs=0.01)
        solar_masses_h2 = masses[stars].sum(dtype=float) * 1e10 * HUBBLE
        assert np.log10(solar_masses_h2) == pytest.approx(row.log_mass_h2_msun, abs=1e-4)


def test_cutouts_have_the_published_fields(measured):
    _, path, _ = measured["tng100"][0]
    with h5py.File(path) as file:
        header = dict(file["Header"].attrs)
        assert file.attrs["synthetic"]
        shapes = {name: (values.shape[1:], values.dtype) for name, values in file["PartType4"].items()}
        assert header["NumPart_ThisFile"][4] == len(file["PartType4/Masses"])
    assert (header["BoxSize"], header["HubbleParam"], header["Time"]) == (75_000.0, 0.6774, 1.0)
    assert shapes == {
        "Coordinates": ((3,), "f8"),
        "Velocities": ((3,), "f4"),
        "Masses": ((), "f4"),
        "GFM_StellarFormationTime": ((), "f4"),
        "GFM_StellarPhotometrics": ((8,), "f4"),
    }


def test_cutouts_have_the_true_position_one_across_the_box_edge(measured):
    across_the_edge = []
    for row, path, _ in measured["tng100"]:
        with h5py.File(path) as file:
            positions = file["PartType4/Coordinates"][()]
        assert positions.min() >= 0 and positions.max() < BOX_CKPC_H
        centre = [getattr(row, name) for name in POSITION]
        offset = (positions - centre + BOX_CKPC_H / 2) % BOX_CKPC_H - BOX_CKPC_H / 2
        np.testing.assert_allclose(np.median(offset, axis=0), 0, atol=0.3)
        across_the_edge.append(np.mean(positions[:, 0] > BOX_CKPC_H / 2) not in (0, 1))
    assert across_the_edge[0] and across_the_edge[20]  # the first of each sample


@pytest.mark.parametrize("key", DRAWN)
def test_the_same_seed_writes_the_same_bytes_and_another_one_others(tmp_path, key):
    _, write, _ = DRAWN[key]
    row = rows_of(key)[0]
    contents = []
    for number, seed in enumerate((1, 1, 2)):
        (tmp_path / str(number)).mkdir()
        write(tmp_path / str(number), row, seed)
        (path,) = (tmp_path / str(number)).iterdir()
        contents.append(path.read_bytes())
    assert contents[0] == contents[1] != contents[2]


@pytest.mark.parametrize("key", DRAWN)
def test_files_are_small(measured, key):
    assert sum(path.stat().st_size for _, path, _ in measured[key]) / len(SEEDS) < 3_500_000


@pytest.mark.parametrize("key", DRAWN)
@pytest.mark.parametrize(("n", "count"), [(1, 1), (4, 4), (12, 6), (90, 9), (150, 15), (1000, 20)])
def test_a_tenth_of_the_galaxies_have_kinematics(key, n, count):
    truth = DRAWN[key][0](n, 3)
    chosen = truth[truth["has_kinematics"]]
    assert len(chosen) == count
    if n >= 12:
        assert chosen["is_early_type"].all()
        assert (chosen["rotator_type"] == 0).sum() == min(round(count / 3), (truth["rotator_type"] == 0).sum())


@pytest.mark.parametrize("key", DRAWN)
def test_the_seed_chooses_which(key):
    first, again, other = (DRAWN[key][0](200, seed)["has_kinematics"] for seed in (1, 1, 2))
    assert first.equals(again) and not first.equals(other)


def test_the_truth_table_lists_galaxies_with_kinematics(tmp_path):
    from rotator_assets.synthetic import write_demo

    write_demo(tmp_path, n_galaxies=12, seed=3)
    for key, (_, _, folder) in DRAWN.items():
        truth = pd.read_csv(tmp_path / f"truth_{key}.csv", comment="#", dtype={"galaxy_id": str})
        files = SURVEYS[key].kinematic_files(tmp_path / key)
        assert set(truth.loc[truth["has_kinematics"], "galaxy_id"]) == set(files)
        assert {path.parent for path in files.values()} == {tmp_path / key / folder}
