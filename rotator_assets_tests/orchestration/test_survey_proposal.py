"""The settings proposed for a survey of the user's own, and adding them to `settings.yaml`."""

import numpy as np
import pytest
from astropy import units
from astropy.table import Table
from PIL import Image

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.errors import InputError
from rotator_assets.core.yaml_files import parse_yaml
from rotator_assets.lineage.settings_file import load_settings
from rotator_assets.orchestration.survey_proposal import Proposal, propose, write_proposal
from rotator_assets_tests.surveys.files import write_text
from rotator_assets_tests.surveys.own_files import galaxies, write_cube, write_survey


@pytest.fixture
def root(tmp_path):
    write_survey(tmp_path, 6, block=None)
    return DataRoot(tmp_path)


def proposed(root) -> Proposal:
    return propose(root, "sami", root.path / "sami" / "catalog.csv", root.path / "sami" / "images")


def test_columns_names_and_scale_are_found(root):
    proposal = proposed(root)
    assert proposal.block == {
        "catalog": "catalog.csv",
        "images": "images/{galaxy_id}.fits",
        "columns": {
            "galaxy_id": "CATID",
            "ra": "RA_OBJ",
            "dec": "DEC_OBJ",
            "t_type": "type",
            "lambda_r": "lambdar_re",
            "ellipticity": "ellip",
            "r_eff_arcsec": "r_e",
        },
        "pixel_scale_arcsec": 0.5,
    }
    assert "r_eff_arcsec: no unit in the table, arcsec is assumed" in proposal.text


def test_the_text_can_be_pasted(root):
    write_text(root.settings, proposed(root).text)
    survey = load_settings(root).own_surveys["sami"]
    assert sorted(survey.image_index(root.path / "sami")) == ["90000", "90001", "90002", "90003", "90004"]
    assert survey.read_kinematics(root.path / "sami").frame["lambda_r"].notna().sum() == 5


def test_text_around_the_names_and_what_is_not_known(tmp_path):
    folder = tmp_path / "sami"
    folder.mkdir()
    (folder / "cut").mkdir()
    for number in range(4):
        Image.fromarray(np.full((8, 8, 3), number, np.uint8)).save(folder / "cut" / f"sami-{number}_stamp.png")
    Table({"key": [f"sami-{n}" for n in range(4)], "Re": np.ones(4) * units.kpc}).write(folder / "t.fits")
    proposal = propose(DataRoot(tmp_path), "sami", folder / "t.fits", folder / "cut")
    assert proposal.block == {
        "catalog": "t.fits",
        "images": "cut/{galaxy_id}_stamp.png",
        "columns": {"galaxy_id": "key"},
    }
    notes = "\n".join(proposal.notes)
    assert "left out: r_eff_arcsec: column Re has the unit kpc, arcsec is needed" in notes
    assert "not determined: pixel_scale_arcsec; the files do not give it" in notes
    for lacking in ("lambda_r;", "ellipticity or axis_ratio;", "t_type or p_late;"):
        assert f"not determined: {lacking}" in notes


def test_images_of_no_galaxy_of_the_table(root):
    for path in (root.path / "sami" / "images").iterdir():
        path.rename(path.with_name(f"x{path.stem[-1]}.fits"))
    assert "not determined: galaxy_id: no column has the names of files such as x0.fits" in proposed(root).notes


def test_scales_that_differ_are_not_proposed(root):
    write_cube(root.path / "sami" / "images" / "90000.fits", 0, scale=0.4)
    proposal = proposed(root)
    assert "pixel_scale_arcsec" not in proposal.block and "the files differ (0.4 to 0.5)" in proposal.notes[-1]


def test_files_elsewhere_are_to_be_moved(root, tmp_path):
    galaxies(6).write(tmp_path / "other.csv", format="ascii.csv")
    proposal = propose(root, "sami", tmp_path / "other.csv", root.path / "sami" / "images")
    assert proposal.block["catalog"] == "other.csv"
    assert f"put other.csv into {root.path / 'sami'}, or make that folder a link" in "\n".join(proposal.notes)


@pytest.mark.parametrize(
    ("name", "table", "images", "message"),
    [
        ("manga", "catalog.csv", "images", "'manga' is built in"),
        ("Sami", "catalog.csv", "images", "'Sami' is not a valid name"),
        ("sami", "catalog.csv", "empty", "empty: holds no images (FITS, PNG or JPG, or a tar archive of them)"),
        ("sami", "bad.fits", "images", "bad.fits: cannot be read as a table of galaxies"),
        ("sami", "images/90000.fits", "images", "90000.fits: its first extension is not a table"),
    ],
)
def test_what_cannot_be_proposed_is_one_line(root, name, table, images, message):
    folder = root.path / "sami"
    (folder / "empty").mkdir()
    write_text(folder / "bad.fits", "SIMPLE")
    with pytest.raises(InputError) as error:
        propose(root, name, folder / table, folder / images)
    assert message in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "before",
    [
        "",
        "# mine\nprofile: quick  # fast",
        "profile: quick\nsurveys:  # own\n    # a remark\n    other: {catalog: t.csv}\nmanga: {}\n",
        "surveys:\nprofile: quick\n",
    ],
)
def test_the_block_is_added_and_the_rest_kept(root, before):
    write_text(root.settings, before)
    old = parse_yaml(root.settings, before.encode()).content or {}
    assert write_proposal(root, proposed(root)) == root.settings
    text = root.settings.read_text()
    assert all(line in text.splitlines() for line in before.splitlines())
    now = load_settings(root)
    assert now.own_surveys.keys() == {"sami", *(old.get("surveys") or {})}
    assert now.profile == old.get("profile", "auto")


@pytest.mark.parametrize(
    ("before", "message"),
    [
        ("surveys: {other: {catalog: t.csv}}\n", "cannot be extended safely: add the block by hand"),
        ("surveys:\n  sami: {catalog: t.csv}\n", "line 2: there is a survey sami already; edit it there"),
    ],
)
def test_settings_that_cannot_be_extended_stay(root, before, message):
    write_text(root.settings, before)
    with pytest.raises(InputError, match=message):
        write_proposal(root, proposed(root))
    assert root.settings.read_text() == before
