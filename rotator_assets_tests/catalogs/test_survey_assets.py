"""Survey files of every kind through Dagster: measured lambda_R, agreement, frames, archives, catalogues only."""

import shutil

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from PIL import Image

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.errors import InputError
from rotator_assets.domains import exhibits
from rotator_assets.galaxies.matching import HIDDEN
from rotator_assets.orchestration.plans import DATASET_ASSETS, SURVEY_ASSETS, Step, plan
from rotator_assets.orchestration.runner import input_error
from rotator_assets.report.content import ReportContent
from rotator_assets.report.source_sections import sensitivity_section
from rotator_assets.running import open_runner
from rotator_assets.store.table_store import TableStore
from rotator_assets.store.tensors import open_tensor
from rotator_assets.tables import open_store
from rotator_assets_tests.imaging.test_frames import write_field
from rotator_assets_tests.kinematics.maps_files import Disc
from rotator_assets_tests.kinematics.test_particle_files import galaxy, write_cutout
from rotator_assets_tests.surveys.files import (
    BROADBAND_HEADER,
    picture,
    write_cube,
    write_hdf5,
    write_manga_catalogs,
    write_text,
)
from rotator_assets_tests.surveys.seeds import write_tar

MANGA = Step("catalogues of manga", SURVEY_ASSETS, "manga")
TNG100 = Step("catalogues of tng100", SURVEY_ASSETS, "tng100")


@pytest.fixture
def root(new_root) -> DataRoot:
    return new_root


def materialize(root: DataRoot, *steps: Step) -> TableStore:
    with open_runner(root) as runner:
        for step in steps:
            runner.materialize(step)
    return open_store(root)


def images_step(dataset: str) -> Step:
    return Step(f"images {dataset}", DATASET_ASSETS, dataset)


def tng_catalogs(root: DataRoot, ids=(6, 7)):
    catalogs = root.survey("tng100") / "catalogs"
    write_hdf5(
        catalogs / "morphologies_deeplearn.hdf5", {"Snapshot_99": {"SubhaloID": list(ids), "P_Late": [0.1] * len(ids)}}
    )
    return catalogs


def test_lambda_r_from_maps_makes_labels_and_is_compared_with_the_tables(root):
    folder = write_manga_catalogs(root.survey("manga"))
    disc = Disc()
    disc.write(folder / "maps" / "manga-8000-1902-MAPS-HYB10-GAU-MILESHC.fits", "DR15", PLATEIFU="8000-1902")
    disc.write(folder / "maps" / "deep" / "manga-8002-6101-MAPS-VOR10-GAU-MILESHC.fits", "DR15", PLATEIFU="8002-6101")
    write_text(folder / "maps" / "manga-8000-1901-MAPS-SPX-GAU-MILESHC.fits", "not a FITS file")
    root.settings.write_text("manga: {kinematics: {aperture: header}}")
    tables = materialize(root, MANGA)
    measured = tables.query("FROM measured_kinematics").set_index("galaxy_id")
    assert measured["usable"].to_dict() == {"8000-1901": False, "8000-1902": True, "8002-6101": True}
    assert "manga-8000-1901-MAPS" in measured.loc["8000-1901", "reason"]
    assert measured.loc["8000-1902", "lambda_r_observed"] == pytest.approx(disc.lambda_r(), rel=0.01)
    assert measured.loc["8002-6101", "path"] == "maps/deep/manga-8002-6101-MAPS-VOR10-GAU-MILESHC.fits"
    row = measured.loc["8000-1902"]
    assert (row["aperture"], bool(row["regular_rotator"]), row["sersic_n"]) == ("header", True, 2.0)
    assert row["lambda_r"] == pytest.approx(row["lambda_r_observed"] * row["beam_factor"])
    assert 0 <= row["k5_over_k1"] < 0.04 and row["k5_over_k1_error"] > 0
    chosen = tables.query("FROM galaxies").set_index("galaxy_id")["lambda_r_source"]
    assert chosen["8000-1902"] == "dynpop"  # preferred
    pairs = tables.query("FROM lambda_r_agreement").set_index(["reference", "source"])["n_galaxies"].to_dict()
    assert pairs == {("dynpop", "maps"): 2, ("dynpop", "pipe3d"): 2, ("maps", "pipe3d"): 1}
    assert (root.figures / "manga" / "lambda_r_agreement.png").is_file()

    uncorrected = "kinematics: {aperture: header, beam_correction: none}"
    root.settings.write_text(f"manga: {{lambda_r_preference: [maps, dynpop], {uncorrected}}}")
    tables = materialize(root, MANGA)
    rows = tables.query("FROM galaxies").set_index("galaxy_id")
    assert rows.loc["8000-1902", "lambda_r_source"] == "maps"
    assert rows.loc["8000-1902", "lambda_r"] == pytest.approx(disc.lambda_r(), rel=0.01)
    lost = tables.query("FROM source_report WHERE step = 'kinematics: lambda_r (pipe3d)'")
    assert "source is not in the preference" in set(lost["reason"])
    choices = tables.query("FROM label_sensitivity ORDER BY choice_number").set_index("choice")
    assert choices.index[0] == "as set" and {"ellipticity: nsa", "lambda_R: dynpop", "lambda_R: maps"} <= set(
        choices.index
    )
    labeled = tables.query("FROM labeled_galaxies")
    assert choices.loc["as set", "n_labelled"] == labeled["rotator_type"].notna().sum()


def test_a_measurement_with_little_coverage_is_not_filled_and_is_noticed(root):
    folder = write_manga_catalogs(root.survey("manga"))
    (folder / "catalogs" / "SDSSDR17_MaNGA_JAM.fits").unlink()
    disc, planes = Disc(), Disc().planes()
    part = planes.where(np.hypot(planes.east, planes.north) > 2.5, bin_id=-1)
    for name, changed in (("8000-1901", planes), ("8000-1902", part)):
        path = folder / "maps" / f"manga-{name}-MAPS-HYB10-GAU-MILESHC.fits"
        disc.write(path, "DR15", changed, PLATEIFU=name)
    root.settings.write_text("manga: {kinematics: {min_coverage: 0.5}}")
    tables = materialize(root, MANGA)
    measured = tables.query("FROM measured_kinematics").set_index("galaxy_id")
    assert measured["refused"].to_dict() == {"8000-1901": False, "8000-1902": True}
    rows = tables.query("FROM galaxies").set_index("galaxy_id")
    assert rows["lambda_r_source"].loc[["8000-1901", "8001-3701"]].tolist() == ["maps", "pipe3d"]
    assert np.isnan(rows.loc["8000-1902", "lambda_r"]) and rows.loc["8000-1902", "lambda_r_refused"] == "maps"
    told = set(tables.query("FROM notices")["notice"])
    assert any(line.startswith("1 of 5 galaxies has no lambda_r: a quality cut refuses that of maps") for line in told)
    assert any(line.startswith("labels come from several sources of lambda_r: ") for line in told)
    choices = tables.query("FROM label_sensitivity").set_index("choice")
    section = sensitivity_section(ReportContent(tables, exhibits()))
    assert section.tables[0].frame["choice"].tolist() == choices.index.tolist()
    filled = choices.loc["refused lambda_R: filled", "n_labelled"]
    assert filled == choices.loc["as set", "n_labelled"] + 1


def test_star_particles_give_lambda_r_and_ellipticity_where_no_table_does(root):
    tng_catalogs(root)
    write_cutout(root.survey("tng100") / "cutouts" / "cutout_6.hdf5", galaxy(n=8000))
    tables = materialize(root, TNG100)
    row = tables.query("FROM labeled_galaxies WHERE galaxy_id = '6'").iloc[0]
    assert (row["lambda_r_source"], row["axis_ratio_source"]) == ("particles", "particles")
    assert row["rotator_type"] == 1 and row["ellipticity"] == pytest.approx(0.5, abs=0.05)
    measured = tables.query("FROM measured_kinematics").iloc[0]
    assert measured["n_particles"] > 1000 and measured["lambda_r_floor"] < 0.15
    other = tables.query("FROM labeled_galaxies WHERE galaxy_id = '7'").iloc[0]
    assert np.isnan(other["lambda_r"])


def test_labels_lost_to_noise_are_counted_and_reported(root):
    tng_catalogs(root)
    stars = galaxy(n=2500)
    stars["Coordinates"][:, 1] = 40_000 + 1.9 * (stars["Coordinates"][:, 1] - 40_000)  # nearly round
    write_cutout(root.survey("tng100") / "cutouts" / "cutout_6.hdf5", stars)
    tables = materialize(root, TNG100)
    row = tables.query("FROM labeled_galaxies WHERE galaxy_id = '6'").iloc[0]
    assert row["lambda_r_limit"] > row["spin_threshold"] and pd.isna(row["rotator_type"])
    lost = tables.query("FROM match_report WHERE step = 'label'").set_index("reason")
    assert lost.loc[HIDDEN, "rows_dropped"] == 1
    (notice,) = tables.query("FROM notices WHERE asset = 'labeled_galaxies' AND notice LIKE '%star particles%'")[
        "notice"
    ]
    assert notice.startswith("1 of 1 galaxies with lambda_r of star particles have no label")


def test_a_survey_without_any_lambda_r_says_what_would_give_it(root):
    tng_catalogs(root)
    with pytest.raises(Exception) as failure:
        materialize(root, TNG100)
    error = input_error(failure.value)
    assert isinstance(error, InputError) and "lambda_r" in str(error) and "cutout_" in str(error)


def test_simulated_images_from_a_tar_are_observed_by_the_settings(root):
    catalogs = tng_catalogs(root)
    write_text(catalogs / "lambda_r.csv", "subfind_id,lambda_r,ellipticity\n6,0.1,0.3\n7,0.2,0.3\n")
    planes = np.stack([*picture(150), picture(150)[0]]) * 1e3
    plain = [
        write_cube(root.path / f"broadband_{k}.fits", planes.astype(np.float32), BROADBAND_HEADER, wcs=False)
        for k in (6, 7)
    ]
    (root.survey("tng100") / "images").mkdir()
    write_tar(root.survey("tng100") / "images" / "sdss.tar", *plain)
    root.settings.write_text("tng100: {mock: {psf: moffat, redshift: 0.1, psf_fwhm_arcsec: [1.5, 1.4, 1.3]}}")
    tables = materialize(root, TNG100, images_step("tng100-noisy-64"), images_step("tng100-noiseless-64"))
    images = tables.query("FROM images").set_index(["dataset", "galaxy_id"])
    assert images["usable"].all()
    noisy, noiseless = images.loc[("tng100-noisy-64", "6")], images.loc[("tng100-noiseless-64", "6")]
    assert noisy["path"] == "images/sdss.tar:sdss/data/broadband_6.fits"
    assert (noisy["psf_profile"], noisy["psf_fwhm_r_arcsec"], noisy["mock_redshift"]) == ("moffat", 1.4, 0.1)
    assert noiseless["mock_redshift"] == 0.1 and noiseless["psf_profile"] is None
    pixels = open_tensor(root.tensors / "tng100-noiseless-64").images
    assert pixels[0].sum() < 0.5 * np.asarray(planes).sum()  # dimmed


def write_manga_image(folder, name, planes=None, *extensions):
    """A cube of 128 pixels a side without coordinates, with extensions behind it."""
    write_cube(folder / "images" / name, picture(128) if planes is None else planes, wcs=False)
    with fits.open(folder / "images" / name, mode="append") as hdus:
        hdus.extend(extensions)


def test_unused_images_are_reported(root):
    folder = write_manga_catalogs(root.survey("manga"))
    write_manga_image(folder, "8000-1901.fits", None, fits.ImageHDU(np.ones((128, 128), np.int16), name="DQ"))
    write_manga_image(folder, "9999-1901.fits")
    holes = picture(128)
    holes[1, 60:64, 70] = -99
    write_manga_image(folder, "8000-1902.fits", holes)
    noise = np.random.default_rng(0).integers(0, 200, (128, 128, 3)).astype(np.uint8)
    Image.fromarray(noise).save(folder / "images" / "8001-3701.png")
    for name in ("8001-3702.fits", "8002-6101.fits"):
        padded = picture(128)
        padded[:, :, 50:82] = 0
        write_manga_image(folder, name, padded)
    tables = materialize(root, MANGA, images_step("manga-observed-64"))
    told = "SELECT notice FROM notices WHERE asset = 'image_tensors' ORDER BY notice"
    assert tables.query(told)["notice"].tolist() == [
        "1 images in manga/images belong to no galaxy of the morphology catalogue and are left out, "
        "such as that of 9999-1901",
        "1 images of manga-observed-64 are calibrated and 1 are colour pictures: networks see the difference; "
        "keep only one kind",
        "1 images of manga-observed-64 have no pixel scale in the file and are not checked, "
        "such as that of 8000-1901: 0.396 arcsec are needed",
        "3 of 5 images of manga-observed-64 are unusable, 2 of them like this: "
        "50 % of the pixels in the crop are missing (exact zeros)",
        "masks of 1 images of manga-observed-64 are not read (DQ): flagged pixels are used",
    ]
    reason = "SELECT reason FROM images WHERE galaxy_id = '8000-1902'"
    assert "0.098 % of the pixels in the crop are missing (sentinel" in tables.query(reason)["reason"][0]

    root.settings.write_text("manga: {images: {max_missing_fraction: 0.001}}")
    tables = materialize(root, images_step("manga-observed-64"))
    filled = tables.query("SELECT usable, filled_fraction FROM images WHERE galaxy_id = '8000-1902'").iloc[0]
    assert filled["usable"] and filled["filled_fraction"] == 4 / 64**2
    filling = "1 images of manga-observed-64 had missing pixels, which were filled (max_missing_fraction)"
    assert filling in tables.query(told)["notice"].tolist()


def test_frames_give_the_images_that_files_do_not(root):
    folder = write_manga_catalogs(root.survey("manga"))
    write_field(folder / "images", [(210.0, 45.0)], ra=210.0, dec=45.0)
    write_cube(folder / "images" / "8000-1901.fits", picture(128), {"CRVAL1": 210.0, "CRVAL2": 45.0})
    write_cube(folder / "images" / "8000-1902.fits", picture(128))  # coordinates of another place
    tables = materialize(root, MANGA, images_step("manga-observed-64"))
    images = tables.query("FROM images").set_index("galaxy_id")
    assert images.loc["8000-1901", "path"].endswith("8000-1901.fits")
    assert images.loc["8001-3702", "usable"] and "frame-" in images.loc["8001-3702", "path"]  # its repeat observation
    assert not images.loc["8000-1902", "usable"] and "celestial coordinates" in images.loc["8000-1902", "reason"]
    assert images.loc["8000-1901", "north_angle_deg"] == pytest.approx(330, abs=0.01)

    root.settings.write_text("manga: {images: {check_centre: false}}")
    tables = materialize(root, images_step("manga-observed-64"))
    assert tables.query("SELECT usable FROM images WHERE galaxy_id = '8000-1902'")["usable"][0]


@pytest.mark.real_data
def test_a_survey_of_catalogues_alone_runs_and_is_reported(root, real_data):
    folder = root.survey("atlas3d") / "catalogs"
    folder.parent.mkdir(parents=True)
    shutil.copytree(real_data / "atlas3d", folder)
    with open_runner(root) as runner:
        outcome = runner.run(plan([], ["thesis"], surveys=("atlas3d",)))
    assert not outcome.failed and not outcome.skipped
    counts = open_store(root).query("SELECT count(*) AS n, sum((rotator_type = 0)::INT) AS slow FROM labeled_galaxies")
    assert (counts["n"][0], counts["slow"][0]) == (260, 36)
    assert "Galaxies of atlas3d" in root.report.read_text()
