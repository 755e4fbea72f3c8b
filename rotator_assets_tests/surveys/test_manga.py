"""MaNGA catalogues and images: the pitfalls of the published files, and missing ones."""

import shutil

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotator_assets.core.errors import InputError
from rotator_assets.surveys import SURVEYS
from rotator_assets.surveys.base import KINEMATICS, MORPHOLOGY, PHOTOMETRY
from rotator_assets.surveys.manga import physical_galaxy
from rotator_assets_tests.surveys.files import (
    DYNPOP,
    IDS,
    MORPHOLOGY_DR15,
    PYMORPH_R,
    picture,
    table_hdu,
    write_cube,
    write_fits,
    write_manga_catalogs,
    write_text,
)

MANGA = SURVEYS["manga"]


@pytest.fixture
def manga(tmp_path):
    return write_manga_catalogs(tmp_path / "manga")


def catalog(folder, name):
    return folder / "catalogs" / name


def test_morphology_keeps_every_row_in_order(manga):
    catalogue = MANGA.read_morphology(manga)
    assert list(catalogue.frame.columns) == list(MORPHOLOGY)
    assert tuple(catalogue.frame["galaxy_id"]) == IDS
    assert catalogue.frame["t_type"].isna().tolist() == [False, False, False, False, True]
    assert catalogue.frame["flag_t_type"].tolist() == [0, 1, 0, 0, 0]
    assert catalogue.frame["object_id"].tolist() == ["1-100", "1-200", "1-300", "1-100", "1-500"]
    (source,) = catalogue.sources
    assert (source.release, source.rows, source.synthetic) == ("DR15", 5, False)


def test_dr17_spellings_win_over_dr15(manga):
    dr17 = {
        "MANGA_ID": ["1-9", "1-8"],
        "PLATEIFU": ["9000-101", "9000-102"],
        "Z": np.array([0.1, 0.2]),
        "T-Type": np.array([-1.0, 5.0]),
        "P_LTG": np.array([0.1, 0.9]),
        "P_S0": np.array([0.5, 0.5]),
        "Visual_Class": np.array([1, 3]),
        "Visual_Flag": np.array([0, 0]),
        "DUPL_GR": np.array([-999, -999]),
    }
    write_fits(catalog(manga, "manga-morphology-dl-DR17.fits"), table_hdu(dr17))
    catalogue = MANGA.read_morphology(manga)
    assert catalogue.frame["t_type"].tolist() == [-1.0, 5.0] and catalogue.frame["p_late"].tolist() == [0.1, 0.9]
    assert catalogue.frame["object_id"].tolist() == ["1-9", "1-8"]
    assert catalogue.frame["flag_t_type"].isna().all() and catalogue.frame["ra"].isna().all()
    assert catalogue.sources[0].release == "DR17"
    assert catalogue.sources[0].note == "other releases, not read (manga-morphology-dl-DR15.fits): 1"


def test_missing_morphology_says_what_to_download(manga):
    catalog(manga, "manga-morphology-dl-DR15.fits").unlink()
    with pytest.raises(InputError, match=r"there is no deep-learning morphology .*https://data.sdss.org"):
        MANGA.read_morphology(manga)


def test_missing_folder(tmp_path):
    with pytest.raises(InputError, match="there is no deep-learning morphology"):
        MANGA.read_morphology(tmp_path / "nowhere")
    assert MANGA.image_index(tmp_path / "nowhere") == {}


def test_a_plateifu_twice_is_an_error(manga):
    twice = MORPHOLOGY_DR15 | {"PLATEIFU": ["8-1", "8-2", "8-1", "8-3", "8-4"]}
    write_fits(catalog(manga, "manga-morphology-dl-DR15.fits"), table_hdu(twice))
    with pytest.raises(InputError, match="row 3 repeats the galaxy id 8-1"):
        MANGA.read_morphology(manga)


def test_photometry_is_pymorph_r_where_it_worked_else_nsa(manga):
    frame = MANGA.read_photometry(manga).frame.set_index("galaxy_id")
    assert list(frame.reset_index().columns) == list(PHOTOMETRY)
    assert frame.index.tolist() == [*IDS, "9000-1901"]
    np.testing.assert_allclose(frame["axis_ratio"], [0.9, 0.5, 0.7, 0.91, np.nan, np.nan], rtol=1e-6)
    assert frame["axis_ratio_source"].tolist() == ["pymorph", "pymorph", "nsa", "pymorph", None, None]
    np.testing.assert_allclose(frame["nsa_axis_ratio"], [0.8, 0.6, 0.7, np.nan, np.nan, np.nan], rtol=1e-6)
    np.testing.assert_allclose(frame["r_eff_arcsec"], [5.0, 6.0, 6.0, 5.1, np.nan, np.nan], rtol=1e-6)
    np.testing.assert_allclose(frame["sersic_n"], [4.0, 3.0, 1.0, 4.1, np.nan, np.nan], rtol=1e-6)
    np.testing.assert_allclose(frame["nsa_sersic_n"], [6.0, 2.0, 1.0, np.nan, np.nan, np.nan])
    np.testing.assert_allclose(frame["position_angle_deg"], [10, 20, 170, np.nan, np.nan, np.nan])
    np.testing.assert_allclose(frame["log_mass"], [10, 11, np.log10(5e9), np.nan, np.nan, np.nan])
    assert frame["psf_fwhm_arcsec"]["8001-3701"] == 2.6
    assert frame["drp3qual"]["8000-1902"] == 1 << 30
    assert frame["flag_failed_s"].tolist()[:5] == [0, 0, 1, 0, 1] and pd.isna(frame["flag_failed_s"]["9000-1901"])


def test_a_repeated_drpall_row_is_noted_not_multiplied(manga):
    catalogue = MANGA.read_photometry(manga)
    assert catalogue.frame["galaxy_id"].is_unique
    assert catalogue.sources[1].note == "rows that repeat an earlier id, left out: 1"


DAPALL_DR15 = {
    "PLATEIFU": ["8000-1901", "8000-1901", "8001-3702"],
    "DAPTYPE": ["VOR10-GAU-MILESHC", "HYB10-GAU-MILESHC", "HYB10-GAU-MILESHC"],
    "NSA_ELPETRO_BA": np.array([0.81, 0.82, 0.83]),
    "NSA_ELPETRO_PHI": np.array([11.0, 12.0, 13.0]),
    "NSA_ELPETRO_TH50_R": np.array([4.1, 4.2, 4.3]),
    "NSA_SERSIC_N": np.array([2.1, 2.2, 2.3]),
    "DRP3QUAL": np.array([1, 2, 4]),
    "DAPQUAL": np.array([0, 1 << 30, 16]),
}


def test_dapall_adds_its_quality_and_what_drpall_lacks(manga):
    write_fits(catalog(manga, "dapall-v2_4_3-2.2.1.fits"), table_hdu(DAPALL_DR15))
    catalogue = MANGA.read_photometry(manga)
    frame = catalogue.frame.set_index("galaxy_id")
    assert frame["dapqual"]["8000-1901"] == 1 << 30 and frame["dapqual"]["8001-3702"] == 16
    assert frame["dapqual"].notna().sum() == 2
    assert frame["drp3qual"]["8000-1901"] == 0 and frame["drp3qual"]["8001-3702"] == 4  # drpall's comes first
    assert frame["position_angle_deg"]["8001-3702"] == 13.0  # drpall has no such row
    assert [source.release for source in catalogue.sources] == ["DR15", "v2_4_3", "v2_4_3"]


def test_dapall_of_dr17_has_an_extension_an_analysis(manga):
    for name in ("drpall-v2_4_3", "manga-pymorph-DR15"):
        catalog(manga, f"{name}.fits").unlink()
    columns = {name: values for name, values in DAPALL_DR15.items() if name != "DAPTYPE"} | {
        "PLATEIFU": ["8000-1901", "8000-1902", "8001-3702"]
    }
    spx = table_hdu(columns | {"DAPQUAL": np.array([7, 7, 7])}, "SPX-MILESHC-MASTARSSP")
    write_fits(catalog(manga, "dapall-v3_1_1-3.1.0.fits"), spx, table_hdu(columns, "HYB10-MILESHC-MASTARSSP"))
    frame = MANGA.read_photometry(manga).frame
    assert frame["dapqual"].tolist() == [0, 1 << 30, 16] and frame["axis_ratio"].tolist() == [0.81, 0.82, 0.83]
    assert set(frame["axis_ratio_source"]) == {"nsa"}


def test_dapall_without_the_analysis_that_is_read(manga):
    write_fits(catalog(manga, "dapall-v2_4_3-2.2.1.fits"), table_hdu(DAPALL_DR15 | {"DAPTYPE": ["SPX"] * 3}))
    with pytest.raises(InputError, match="has no rows of daptype HYB10-GAU-MILESHC; it has: SPX"):
        MANGA.read_photometry(manga)


@pytest.mark.parametrize(("absent", "sources"), [("drpall-v2_4_3", {"pymorph"}), ("manga-pymorph-DR15", {"nsa"})])
def test_either_photometry_table_will_do(manga, absent, sources):
    catalog(manga, f"{absent}.fits").unlink()
    frame = MANGA.read_photometry(manga).frame
    assert set(frame["axis_ratio_source"].dropna()) == sources
    assert list(frame.columns) == list(PHOTOMETRY)


def test_neither_photometry_table(manga):
    catalog(manga, "drpall-v2_4_3.fits").unlink()
    catalog(manga, "manga-pymorph-DR15.fits").unlink()
    with pytest.raises(InputError, match=r"PyMorph photometry .*; or drpall"):
        MANGA.read_photometry(manga)


def test_kinematics_of_every_table(manga):
    write_text(
        catalog(manga, "lambda_r_mine.csv"), "plateifu,lambda_r,lambda_r_error\n8000-1902,0.3,0.01\n8000-1902,0.4,0.1\n"
    )
    catalogue = MANGA.read_kinematics(manga)
    frame = catalogue.frame
    assert list(frame.columns) == list(KINEMATICS)
    assert not frame.duplicated(["galaxy_id", "lambda_r_source"]).any()
    user, dynpop, pipe3d = (frame[frame["lambda_r_source"] == s] for s in ("user", "dynpop", "pipe3d"))
    assert user["lambda_r"].tolist() == [0.3] and user["lambda_r_error"].tolist() == [0.01]
    assert dynpop["lambda_r"].isna().tolist() == [False, False, True, True, False]
    assert dynpop["jam_qual"].tolist() == [1, -1, 0, 2, 3] and user["jam_qual"].isna().all()
    assert pipe3d["galaxy_id"].tolist() == [*IDS[:4], "9999-101"]
    np.testing.assert_allclose(pipe3d["lambda_r_error"], [0.01, 0.1, 0.1, 0.02, 0.1], rtol=1e-6)
    assert [source.rows for source in catalogue.sources] == [2, 5, 5]


def test_dynpop_comes_with_the_half_light_isophote_of_its_mge(manga):
    shapes = {"Eps_MGE": [0.1, 0.6, 0.0, -999.0, 0.3], "Rmaj_arcsec_MGE": [5.0, 6.0, 0.0, 4.0, np.inf]}
    columns = {name: np.array(values) for name, values in shapes.items()}
    write_fits(catalog(manga, "SDSSDR17_MaNGA_JAM.fits"), table_hdu(DYNPOP | columns))
    frame = MANGA.read_kinematics(manga).frame
    dynpop = frame[frame["lambda_r_source"] == "dynpop"]
    np.testing.assert_array_equal(dynpop["ellipticity"], [0.1, 0.6, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(dynpop["r_eff_arcsec"], [5.0, 6.0, np.nan, 4.0, np.nan])
    assert frame.loc[frame["lambda_r_source"] == "pipe3d", ["ellipticity", "r_eff_arcsec"]].isna().all(axis=None)


def test_dynpop_v2_wins(manga):
    shutil.copy(catalog(manga, "SDSSDR17_MaNGA_JAM.fits"), catalog(manga, "SDSSDR17_MaNGA_JAM_v2.fits"))
    releases = [source.release for source in MANGA.read_kinematics(manga).sources]
    assert releases == ["DR17 v2", "v2_1_2"]


def test_no_lambda_r_table_gives_no_rows(manga):
    for name in ("SDSSDR17_MaNGA_JAM", "manga.Pipe3D-v2_1_2"):
        catalog(manga, f"{name}.fits").unlink()
    catalogue = MANGA.read_kinematics(manga)
    assert catalogue.frame.empty and list(catalogue.frame.columns) == list(KINEMATICS)
    assert MANGA.kinematics_inputs[0].what.startswith("lambda_R")


def test_what_was_measured_joins_the_tables(manga):
    measured = pd.DataFrame(
        {
            "galaxy_id": ["8000-1901", "8000-1902"],
            "path": ["maps/a.fits", "maps/b.fits"],
            "release": ["DR17", None],
            "usable": [True, False],
            "lambda_r": [0.33, np.nan],
            "lambda_r_source": "maps",
            "ellipticity": [0.2, np.nan],
            "synthetic": [True, None],
        }
    )
    catalogue = MANGA.read_kinematics(manga).with_measured(measured)
    (row,) = catalogue.frame[catalogue.frame["lambda_r_source"] == "maps"].to_dict("records")
    assert (row["galaxy_id"], row["lambda_r"], row["ellipticity"]) == ("8000-1901", 0.33, 0.2)
    assert catalogue.synthetic and (catalogue.sources[-1].rows, catalogue.sources[-1].release) == (2, "DR17")
    assert str(catalogue.sources[-1].path) == "maps"


def test_synthetic_mark_reaches_the_catalogue(manga):
    write_fits(catalog(manga, "manga-morphology-dl-DR15.fits"), table_hdu(MORPHOLOGY_DR15), synthetic=True)
    assert MANGA.read_morphology(manga).synthetic
    assert not MANGA.read_photometry(manga).synthetic


def test_repeat_observations_share_a_galaxy_through_ids_and_groups():
    ids = pd.Series(["1-1", "1-2", "1-2", "1-3", "1-4", "1-5"])
    groups = pd.Series([7.0, 7.0, 0.0, np.nan, 0.0, -999.0])
    assert physical_galaxy(ids, groups).tolist() == ["1-1", "1-1", "1-1", "1-3", "1-4", "1-5"]


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 4)), min_size=1, max_size=12))
def test_no_two_galaxies_share_an_id_or_a_group(rows):
    ids, groups = pd.Series([r[0] for r in rows]), pd.Series([float(r[1]) for r in rows])
    galaxy = physical_galaxy(ids, groups)
    assert (galaxy.groupby(ids).nunique() == 1).all()
    assert (galaxy[groups > 0].groupby(groups[groups > 0]).nunique() == 1).all()
    assert set(galaxy) <= set(ids)


def test_images_are_indexed_in_every_form(tmp_path):
    images = tmp_path / "images"
    planes = picture(8)
    for band, plane in zip("gri", planes, strict=True):
        write_cube(images / f"1-1_{band}.fits", plane)
        write_cube(images / f"1-4_{band}.fits", plane)
    write_cube(images / "1-1.fits", planes)
    write_cube(images / "more" / "1-2.fits.gz", planes)
    for name in ("1-3.png", "1-4.jpg", "1-5.PNG", "1-6.png", "readme.txt", "frame-r-001043-1-0036.fits"):
        write_text(images / name, "not looked at")
    write_cube(images / "1-6_g.fits", planes[0])
    write_cube(images / "1-7_g.fits", planes[0])
    forms = {galaxy: source.form for galaxy, source in MANGA.image_index(tmp_path).items()}
    assert forms == {
        "1-1": "cube",
        "1-2": "cube",
        "1-3": "colour",
        "1-4": "bands",
        "1-5": "colour",
        "1-6": "colour",
        "1-7": "bands",
    }


@pytest.mark.parametrize("value", [1.001, 2.5, 0.0, -0.5, -999.0, np.nan, np.inf])
def test_an_axis_ratio_that_none_can_have_falls_back_to_the_nsa(manga, value):
    pymorph = PYMORPH_R | {"BA_S": np.array([value, 0.5, -999, 0.91, -999], dtype=np.float32)}
    write_fits(catalog(manga, "manga-pymorph-DR15.fits"), *[table_hdu(pymorph)] * 3)
    row = MANGA.read_photometry(manga).frame.set_index("galaxy_id").loc["8000-1901"]
    assert (row["axis_ratio"], row["axis_ratio_source"], row["r_eff_arcsec"]) == (0.8, "nsa", 4.0)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 0.0, -1.0, -999.0, 1e20])
def test_a_radius_that_none_can_have_falls_back_to_the_nsa(manga, value):
    pymorph = PYMORPH_R | {"A_HL_S": np.array([value, 6, -999, 5.1, -999], dtype=np.float32)}
    write_fits(catalog(manga, "manga-pymorph-DR15.fits"), *[table_hdu(pymorph)] * 3)
    row = MANGA.read_photometry(manga).frame.set_index("galaxy_id").loc["8000-1901"]
    assert (row["r_eff_arcsec"], row["axis_ratio_source"]) == (4.0, "pymorph")


@pytest.mark.parametrize("value", ["-999", "NULL", "", "None", "nan", "unknown", "0"])
def test_rows_without_a_manga_id_are_galaxies_of_their_own(manga, value):
    morphology = MORPHOLOGY_DR15 | {
        "MANGA-ID": [value, value, "1-300", value, "1-300"],
        "DUPL_GR": np.array([1, 0, 0, 1, -999], dtype=np.int32),
    }
    write_fits(catalog(manga, "manga-morphology-dl-DR15.fits"), table_hdu(morphology))
    objects = MANGA.read_morphology(manga).frame["object_id"].tolist()
    assert objects == ["8000-1901", "8000-1902", "1-300", "8000-1901", "1-300"]
