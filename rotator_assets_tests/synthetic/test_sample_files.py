"""The files of the sample against the published formats, and files that writing them must not change."""

import json
import subprocess
import sys

import h5py
import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from rotator_assets.core.errors import InputError
from rotator_assets.galaxies.matching import early_types, label_galaxies, match_galaxies
from rotator_assets.imaging.cropping import centre_crop
from rotator_assets.imaging.image_checks import check_usable
from rotator_assets.surveys.manga import MANGA
from rotator_assets.surveys.tng100 import TNG100
from rotator_assets.synthetic import write_demo
from rotator_assets.synthetic.manga_sample import manga_truth
from rotator_assets.synthetic.manga_tables import write_manga_tables
from rotator_assets.synthetic.tng100_sample import tng100_truth, write_tng100_tables

ROWS = 300
SMALL = {"n_galaxies": 12, "seed": 5}


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Catalogues of the default number of galaxies, without images."""
    root = tmp_path_factory.mktemp("tables")
    for key, truth, write in (
        ("manga", manga_truth, write_manga_tables),
        ("tng100", tng100_truth, write_tng100_tables),
    ):
        (root / key / "catalogs").mkdir(parents=True)
        write(root / key / "catalogs", truth(ROWS, 2020), 2020)
    return root


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A small sample, with everything."""
    root = tmp_path_factory.mktemp("demo")
    write_demo(root, **SMALL)
    return root


def contents(root):
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def catalog(tables, name):
    return fits.open(tables / "manga" / "catalogs" / name)


MDLM = (
    "INTID J, MANGA-ID 9A, PLATEIFU 11A, OBJID K, RA D, DEC D, Z D, DUPL_GR J, DUPL_N J, DUPL_ID J, TTYPE D, "
    "FLAG_TT J, P_S0 D, FLAG_S0 J, P_EDGE_ON D, P_BAR_GZ2 D, P_BAR_N10 D, P_MERG D, P_BULGE D, P_CIGAR D"
)


def test_morphology_has_the_published_columns(tables):
    with catalog(tables, "manga-morphology-dl-DR15.fits") as hdus:
        assert hdus[0].data is None and len(hdus) == 2
        columns = hdus[1].columns
        assert ", ".join(f"{c.name} {c.format}" for c in columns) == MDLM
        assert all(dtype.byteorder in ">|" for dtype, _ in hdus[1].data.dtype.fields.values())
        assert len(hdus[1].data) == ROWS
        name = next(name for name in hdus[1].data["PLATEIFU"] if len(name) < 11)
    stored = (tables / "manga" / "catalogs" / "manga-morphology-dl-DR15.fits").read_bytes()
    assert name.ljust(11).encode() in stored, "padded with blanks, not with zeros"


def test_repeat_observations_share_the_galaxy_and_its_morphology(tables):
    with catalog(tables, "manga-morphology-dl-DR15.fits") as hdus:
        table = pd.DataFrame(
            {c.name: hdus[1].data[c.name].astype(c.array.dtype.newbyteorder("=")) for c in hdus[1].columns}
        )
    repeats = table[table["DUPL_GR"] > 0]
    assert len(repeats) == 12 and set(repeats["DUPL_N"]) == {2}
    for _, pair in repeats.groupby("DUPL_GR"):
        assert pair["MANGA-ID"].nunique() == pair["P_S0"].nunique() == pair["OBJID"].nunique() == 1
        assert list(pair["DUPL_ID"]) == [1, 2] and pair["PLATEIFU"].is_unique
    assert (table["TTYPE"] == -999).sum() == 2


def test_pymorph_has_three_bands_and_failed_fits(tables):
    with catalog(tables, "manga-pymorph-DR15.fits") as hdus:
        assert [len(hdu.data) for hdu in hdus[1:]] == [ROWS] * 3
        assert [np.median(hdu.data["M_S"]).round(1) for hdu in hdus[1:]] == sorted(
            (np.median(hdu.data["M_S"]).round(1) for hdu in hdus[1:]), reverse=True
        )
        r = hdus[2].data
        assert len(r.columns) == 59 and "MANGA_ID" in r.columns.names
        failed = r["FLAG_FAILED_S"] == 1
        assert failed.sum() == 6 and set(r["FLAG_FIT"][failed]) == {3} and (r["BA_S"][failed] == -999).all()
        assert r["BA_S"][~failed].min() > 0 and set(r["N_SE_DISK"]) == {1, -999}


def test_drpall_and_dynpop(tables):
    with catalog(tables, "drpall-v2_4_3.fits") as hdus:
        assert hdus[1].name == "MANGA" and len(hdus[1].columns) == 36 and len(hdus[1].data) == ROWS - 2
        mass = np.log10(hdus[1].data["nsa_elpetro_mass"])
        assert 9 < mass.min() < mass.max() < 12
        assert hdus[1].data["nsa_sersic_flux"].shape == (ROWS - 2, 7)
        assert hdus[1].columns["nsa_sersic_flux"].format == "7E"
    with catalog(tables, "SDSSDR17_MaNGA_JAM.fits") as hdus:
        data = hdus[1].data
        assert len(data) == ROWS - 4 and len(hdus[1].columns) == 38 and data["nsa_sersic_absmag"].shape[1] == 7
        assert (data["Lambda_Re"] == 0).sum() == np.isnan(data["Lambda_Re"]).sum() == 1
        assert (data["nsa_sersic_n"] == -9999).any() and (data["Qual"] == -1).any()


def test_tng_tables(tables):
    folder = tables / "tng100" / "catalogs"
    with h5py.File(folder / "morphologies_deeplearn.hdf5") as types:
        names = types["Snapshot_99/SubhaloID"][()]
        assert set(types["Snapshot_99"]) == {"SubhaloID", "P_Late", "P_S0", "P_Sab"}
        assert (np.diff(names) < 0).any() and len(set(names)) == ROWS
        assert types.attrs["synthetic"]
    spins = pd.read_csv(folder / "lambda_r.csv", comment="#")
    assert list(spins) == ["subfind_id", "lambda_r", "lambda_r_error", "ellipticity"] and len(spins) == ROWS - 3
    with h5py.File(folder / "morphs_i.hdf5") as morphs:
        assert (morphs["flag"][()] == 1).sum() == 9
        by_name = pd.Series(morphs["sersic_ellip"][()], index=morphs["subfind_id"][()])
    np.testing.assert_allclose(by_name[spins["subfind_id"]], spins["ellipticity"], rtol=1e-5)


@pytest.mark.parametrize(("survey", "truth"), [(MANGA, manga_truth), (TNG100, tng100_truth)], ids=["manga", "tng100"])
def test_the_readers_find_the_truth(tables, survey, truth):
    folder = tables / survey.key
    catalogs = survey.read_morphology(folder), survey.read_photometry(folder), survey.read_kinematics(folder)
    assert all(source.synthetic for catalog in catalogs for source in catalog.sources)
    galaxies, _ = match_galaxies(survey.key, *(c.frame for c in catalogs), ("user", "dynpop"), synthetic=True)
    drawn = truth(ROWS, 2020)
    assert list(galaxies["galaxy_id"]) == list(drawn["galaxy_id"].astype(str))
    assert galaxies["axis_ratio"].notna().all() and galaxies["lambda_r"].notna().sum() >= ROWS - 6
    np.testing.assert_allclose(galaxies["ellipticity"], drawn["ellipticity"], atol=0.12)
    np.testing.assert_allclose(galaxies["lambda_r"].fillna(drawn["lambda_r"]), drawn["lambda_r"], atol=0.08)
    turned = (galaxies["position_angle_deg"] - drawn["position_angle_deg"]).dropna()
    assert (((turned + 90) % 180 - 90).abs() < 10).all()
    early, _ = early_types(label_galaxies(galaxies)[0])
    assert 195 <= len(early) <= 206 and 0.22 < (early["rotator_type"] == 0).mean() < 0.32


def test_manga_images(root):
    truth = pd.read_csv(root / "truth_manga.csv", comment="#", keep_default_na=False).iloc[0]
    path = root / "manga" / "images" / f"{truth.galaxy_id}.fits"
    with fits.open(path) as hdus:
        header = hdus[0].header
        assert hdus[0].data.dtype == ">f4" and hdus[0].data.shape == (3, 128, 128)
        assert (header["BANDS"], header["BUNIT"], header["SYNTHET"]) == ("gri", "nanomaggy", True)
        wcs = WCS(header).celestial
        assert wcs.wcs_world2pix(truth.ra_deg, truth.dec_deg, 0) == pytest.approx((63.5, 63.5), abs=0.01)
        east, north = wcs.wcs_pix2world([[62.5, 63.5]], 0)[0], wcs.wcs_pix2world([[63.5, 64.5]], 0)[0]
        assert east[0] > truth.ra_deg and north[1] > truth.dec_deg
    image = MANGA.image_index(root / "manga")[truth.galaxy_id].read()
    check_usable(centre_crop(image.pixels, 128))
    assert image.synthetic and image.arcsec_per_pixel == pytest.approx(0.396)
    assert image.pixels.sum(axis=(0, 1))[1] == pytest.approx(10 ** (0.4 * (22.5 - truth.mag_r)), rel=0.3)


SKIRT_HEADER = (
    "SIMPLE BITPIX NAXIS NAXIS1 NAXIS2 NAXIS3 BUNIT CDELT1 CTYPE1 CDELT2 CTYPE2 PIXSCALE USE_Z "
    "FILTER0 FILTER1 FILTER2 FILTER3"
)


def test_tng_images(root):
    truth = pd.read_csv(root / "truth_tng100.csv", comment="#", keep_default_na=False)
    for row in truth.itertuples():
        with fits.open(root / "tng100" / "images" / f"broadband_{row.galaxy_id}.fits") as hdus:
            header, data = hdus[0].header, hdus[0].data
        assert " ".join(header) == f"{SKIRT_HEADER} SYNTHET"
        assert (header["BUNIT"], header["FILTER3"], header["USE_Z"]) == ("counts/s/pixel", "sloan/sdss_z", 0.0485236)
        assert data.dtype == ">f4" and data.shape == (4, data.shape[1], data.shape[1])
        assert data.shape[1] == round(15 * float(row.half_mass_radius_kpc) / 0.3886521)
    image = TNG100.image_index(root / "tng100")[str(row.galaxy_id)].read()
    assert image.pixels[..., 1].sum() == pytest.approx(10 ** (0.4 * (22.5 - float(row.mag_r))), rel=0.15)
    assert image.synthetic


def test_unusable_images(tmp_path):
    from rotator_assets.synthetic.galaxy_images import write_manga_image

    row = next(manga_truth(3, 1).itertuples(index=False))
    for loss in ("image small", "image with NaN", "image missing"):
        write_manga_image(tmp_path, row._replace(loss=loss, galaxy_id=loss.replace(" ", "-")), 1)
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["image-small", "image-with-NaN"]
    assert fits.getdata(tmp_path / "image-small.fits").shape == (3, 96, 96)
    assert np.isnan(fits.getdata(tmp_path / "image-with-NaN.fits")).any()


def test_every_file_is_marked(root):
    for path in (p for p in root.rglob("*") if p.is_file()):
        if path.name.endswith((".fits", ".fits.gz")):
            assert fits.getheader(path)["SYNTHET"] is True
            assert fits.getheader(path).comments["SYNTHET"] == "synthetic galaxies, not observations"
        elif path.suffix == ".hdf5":
            with h5py.File(path) as file:
                assert file.attrs["synthetic"]
        elif path.suffix == ".json":
            assert json.loads(path.read_text())["synthetic"] is True
        else:
            assert path.read_text().startswith("# synthetic\n")


def test_the_manifest_lists_every_file(root):
    for survey, folders in (("manga", {"catalogs", "images", "maps"}), ("tng100", {"catalogs", "images", "cutouts"})):
        manifest = json.loads((root / survey / "demo.json").read_text())
        there = {p.relative_to(root / survey).as_posix(): p.stat().st_size for p in (root / survey).rglob("*.*")}
        assert manifest["files"] == {name: size for name, size in there.items() if name != "demo.json"}
        assert {name.split("/")[0] for name in manifest["files"]} == folders


def test_the_same_bytes_from_any_number_of_workers(root, tmp_path):
    write_demo(tmp_path, **SMALL, workers=2)
    assert contents(tmp_path) == contents(root)


def test_nothing_is_written_again(root):
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    write_demo(root, **SMALL)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


@pytest.fixture
def small_root(tmp_path):
    write_demo(tmp_path, n_galaxies=2, seed=1)
    return tmp_path


def test_other_arguments_replace_the_sample_and_leave_the_rest(small_root):
    (small_root / "results").mkdir()
    (small_root / "results" / "mine.txt").write_text("kept")
    (small_root / "settings.yaml").write_text("profile: quick\n")
    stages = []
    write_demo(small_root, n_galaxies=3, seed=1, on_progress=lambda *state: stages.append(state))
    assert stages == [
        ("MaNGA galaxies", 0, 3),
        ("MaNGA galaxies", 3, 3),
        ("TNG100 galaxies", 0, 3),
        ("TNG100 galaxies", 3, 3),
    ]
    assert len(list((small_root / "manga" / "images").iterdir())) == 3
    assert (small_root / "results" / "mine.txt").read_text() == "kept"
    assert sorted(path.name for path in small_root.iterdir()) == [
        "README.txt", "manga", "results", "settings.yaml", "tng100", "truth_manga.csv", "truth_tng100.csv"
    ]  # fmt: skip


@pytest.mark.parametrize("deleted", ["manga/catalogs/drpall-v2_4_3.fits", "truth_tng100.csv", "manga/demo.json"])
def test_deleted_files_are_written_again(small_root, deleted):
    before = contents(small_root)
    (small_root / deleted).unlink()
    if deleted.endswith("demo.json"):  # without it the folder is not recognized as a sample
        with pytest.raises(InputError, match="not part of the synthetic sample"):
            write_demo(small_root, n_galaxies=2, seed=1)
    else:
        write_demo(small_root, n_galaxies=2, seed=1)
        assert contents(small_root) == before


@pytest.mark.parametrize("name", ["manga/catalogs/drpall-v3_1_1.fits", "tng100/cutouts/cutout_6.hdf5", "README.txt"])
@pytest.mark.parametrize("existing", [False, True], ids=["empty root", "sample"])
def test_foreign_files_are_never_overwritten(tmp_path, existing, name):
    if existing:
        write_demo(tmp_path, n_galaxies=1, seed=1)
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("an astronomer's own file")
    before = contents(tmp_path)
    with pytest.raises(InputError, match=(tmp_path / name).name):
        write_demo(tmp_path, n_galaxies=2, seed=1)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("name", ["notes.txt", "results/mine.txt", ".git/HEAD", "atlas3d/catalogs/table.txt"])
def test_a_folder_of_other_files_is_left_alone(tmp_path, name):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("an astronomer's own file")
    with pytest.raises(InputError, match=f"holds other files, such as {name.split('/')[0]};"):
        write_demo(tmp_path, n_galaxies=2, seed=1)
    assert [path.name for path in tmp_path.iterdir()] == [name.split("/")[0]]


@pytest.mark.parametrize("name", ["settings.yaml", "encoders/mine.keras", "results/dagster/dagster.yaml"])
def test_a_folder_may_be_prepared_for_the_sample(tmp_path, name):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("profile: quick")
    write_demo(tmp_path, n_galaxies=1, seed=1)
    assert (tmp_path / "manga" / "images").is_dir() and (tmp_path / name).read_text() == "profile: quick"


def test_a_sample_with_results_and_another_survey_is_replaced_but_not_with_other_files(small_root):
    for name in ("results/tables/a.parquet", "rotators.duckdb", "atlas3d/catalogs/table.txt"):
        (small_root / name).parent.mkdir(parents=True, exist_ok=True)
        (small_root / name).write_text("made from the sample")
    write_demo(small_root, n_galaxies=1, seed=1)
    assert len(list((small_root / "manga" / "images").iterdir())) == 1
    (small_root / "notes.txt").write_text("mine")
    before = contents(small_root)
    with pytest.raises(InputError, match=r"such as notes\.txt"):
        write_demo(small_root, n_galaxies=2, seed=1)
    assert contents(small_root) == before


def test_changed_files_are_never_overwritten(small_root):
    path = small_root / "manga" / "catalogs" / "drpall-v2_4_3.fits"
    path.write_text("the real table, say")
    with pytest.raises(InputError, match="changed since"):
        write_demo(small_root, n_galaxies=2, seed=1)
    assert path.read_text() == "the real table, say"


def test_an_interrupted_run_leaves_the_old_sample(small_root):
    before = contents(small_root)

    def interrupt(stage, done, total):
        if stage.startswith("TNG100") and done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_demo(small_root, n_galaxies=3, seed=1, on_progress=interrupt)
    assert contents(small_root) == before


@pytest.mark.parametrize("arguments", [{"n_galaxies": 0}, {"seed": -1}])
def test_impossible_samples(tmp_path, arguments):
    with pytest.raises(InputError, match="at least"):
        write_demo(tmp_path, **arguments)
    assert not list(tmp_path.iterdir())


def test_a_file_is_refused_as_root(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        write_demo(tmp_path / "file")


def test_importing_the_package_is_cheap():
    heavy = "{'galsim', 'astropy', 'pandas', 'numpy'}"
    check = f"import sys, rotator_assets.synthetic; assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)
