"""TNG100 catalogues and images."""

import numpy as np
import pytest

from rotator_assets.core.errors import InputError
from rotator_assets.surveys import SURVEYS
from rotator_assets.surveys.base import PHOTOMETRY
from rotator_assets_tests.surveys.files import BROADBAND_HEADER, write_cube, write_hdf5, write_text
from rotator_assets_tests.surveys.test_group_catalog import write_catalog

TNG100 = SURVEYS["tng100"]
MORPHS = {
    "subfind_id": [6, 5, 9, 10],
    "flag": [0, 0, 1, 0],
    "flag_sersic": [0, 0, 0, 0],
    "sn_per_pixel": [10.0, 2.5, 10.0, 8.0],
    "sersic_n": [4.0, 1.0, 1.0, 2.0],
    "sersic_rhalf": [10.0, 20.0, 30.0, 5.0],
    "sersic_ellip": [0.25, 0.5, 0.5, 0.1],
    "sersic_theta": [np.pi / 2, 0.0, 0.0, 3 * np.pi / 4],
}


@pytest.fixture
def tng(tmp_path):
    catalogs = tmp_path / "tng100" / "catalogs"
    morphology = {"SubhaloID": [9, 6, 5], "P_Late": [0.5, 0.2, 0.9], "P_S0": [0.1, 0.2, 0.3], "P_Sab": [0.1, 0.2, 0.3]}
    write_hdf5(catalogs / "morphologies_deeplearn.hdf5", {"Snapshot_99": morphology})
    write_text(catalogs / "lambda_r.csv", "# mine\nsubfind_id,lambda_r,ellipticity\n6,0.1,0.3\n5,0.6,0.5\n6,0.7,0.1\n")
    return tmp_path / "tng100"


def test_morphology_keeps_the_order_of_the_file(tng):
    frame = TNG100.read_morphology(tng).frame
    assert frame["galaxy_id"].tolist() == frame["object_id"].tolist() == ["9", "6", "5"]
    assert frame["p_late"].tolist() == [0.5, 0.2, 0.9]
    assert frame[["ra", "dec", "redshift", "t_type"]].isna().all(axis=None)


def test_missing_morphology(tmp_path):
    with pytest.raises(InputError, match="there is no deep-learning morphology"):
        TNG100.read_morphology(tmp_path)


def test_a_tng50_file_lacks_p_late(tng):
    write_hdf5(tng / "catalogs" / "morphologies_deeplearn.hdf5", {"Snapshot_99": {"SubhaloID": [1], "P_Disk": [0.1]}})
    with pytest.raises(InputError, match="has no column for p_late"):
        TNG100.read_morphology(tng)


def test_photometry_may_be_absent(tng):
    catalogue = TNG100.read_photometry(tng)
    assert catalogue.frame.empty and list(catalogue.frame.columns) == list(PHOTOMETRY)
    assert catalogue.sources == () and not catalogue.synthetic


def test_photometry_takes_reliable_fits_only(tng):
    write_hdf5(tng / "images" / "sdss" / "snapnum_099" / "morphs_i.hdf5", {"/": MORPHS})
    catalogue = TNG100.read_photometry(tng)
    frame = catalogue.frame
    assert "i band" in catalogue.sources[0].what
    np.testing.assert_allclose(frame["axis_ratio"], [0.75, np.nan, np.nan, 0.9])
    np.testing.assert_allclose(frame["r_eff_arcsec"], [3.96, np.nan, np.nan, 1.98])
    assert frame["axis_ratio_source"].tolist() == ["morphs", None, None, "morphs"]


def test_position_angle_counts_from_north_up_through_east_left(tng):
    write_hdf5(tng / "catalogs" / "morphs_g.hdf5", {"/": MORPHS})
    # Along +y is north: 0 degrees. From +x by 135 degrees points up and left, north-east: 45 degrees.
    np.testing.assert_allclose(TNG100.read_photometry(tng).frame["position_angle_deg"], [0, np.nan, np.nan, 45])


def test_photometry_prefers_r_then_i_then_g(tng):
    for band in "gi":
        write_hdf5(tng / "catalogs" / f"morphs_{band}.hdf5", {"/": MORPHS})
    assert TNG100.read_photometry(tng).sources[0].path.name == "morphs_i.hdf5"
    write_hdf5(tng / "catalogs" / "morphs_r.hdf5", {"/": MORPHS}, synthetic=True)
    assert TNG100.read_photometry(tng).sources[0].path.name == "morphs_r.hdf5"
    assert TNG100.read_photometry(tng).synthetic


def test_kinematics_keep_the_first_row_of_a_subhalo(tng):
    catalogue = TNG100.read_kinematics(tng)
    assert catalogue.frame["galaxy_id"].tolist() == ["6", "5"]
    assert catalogue.frame["lambda_r"].tolist() == [0.1, 0.6]
    assert catalogue.frame["ellipticity"].tolist() == [0.3, 0.5]
    assert catalogue.frame["lambda_r_source"].tolist() == ["user", "user"]
    assert catalogue.sources[0].note == "rows that repeat an earlier id, left out: 1"


def test_no_lambda_r_table_gives_no_rows(tng):
    (tng / "catalogs" / "lambda_r.csv").unlink()
    assert TNG100.read_kinematics(tng).frame.empty
    assert [expected.needed for expected in TNG100.kinematics_inputs] == ["one of lambda_R"] * 2


def test_images_are_found_in_the_folders_of_the_tar(tng):
    planes = np.ones((4, 10, 10), dtype=np.float32)
    write_cube(tng / "images" / "sdss" / "snapnum_099" / "data" / "broadband_6.fits", planes, BROADBAND_HEADER, False)
    write_cube(tng / "images" / "broadband_5.fits", planes, BROADBAND_HEADER, False)
    write_text(tng / "images" / "broadband_rest.fits", "")
    assert {galaxy: source.form for galaxy, source in TNG100.image_index(tng).items()} == {"5": "counts", "6": "counts"}


def test_a_group_catalogue_without_most_galaxies_is_noticed_or_refused(tng):
    write_catalog(tng / "catalogs" / "groups_099")  # subhalos 0 to 8
    assert TNG100.read_photometry(tng).sources[-1].notices == ()
    few = {"SubhaloID": [6, 100, 200], "P_Late": [0.1, 0.1, 0.1]}
    write_hdf5(tng / "catalogs" / "morphologies_deeplearn.hdf5", {"Snapshot_99": few})
    told = TNG100.read_photometry(tng).sources[-1].notices
    assert told == ("group catalogue: 1 of 3 galaxies are among its subhalos",)
    none = {"SubhaloID": [100, 200], "P_Late": [0.1, 0.1]}
    write_hdf5(tng / "catalogs" / "morphologies_deeplearn.hdf5", {"Snapshot_99": none})
    with pytest.raises(InputError, match="groups_099: the group catalogue has none of the galaxies, such as 100"):
        TNG100.read_photometry(tng)
