"""What `rotators survey check` says of a table, of images and of labels."""

import pytest
from PIL import Image

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.errors import InputError
from rotator_assets.orchestration.survey_check import print_survey
from rotator_assets.surveys import SURVEYS
from rotator_assets_tests.surveys.files import write_text
from rotator_assets_tests.surveys.own_files import BLOCK, galaxies, own, write_survey


@pytest.fixture
def checked(tmp_path, monkeypatch, capsys):
    """Declare the survey, check it, and return what is printed."""

    def check(block=None):
        monkeypatch.setitem(SURVEYS, "sami", own(tmp_path, block))
        print_survey(DataRoot(tmp_path), "sami")
        return capsys.readouterr().out

    return check


def test_columns_images_and_labels_are_counted(tmp_path, checked):
    write_survey(tmp_path, 20)
    said = checked()
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert "lambda_r lambdar_re 19 of 20 1 of 20 rows have none in [0, 1.5], such as -99 in row 1" in lines
    assert "r_eff_arcsec r_e arcsec (assumed) 20 of 20" in lines
    assert "not read: RA_OBJ, DEC_OBJ, notes" in lines
    assert (
        "labels: 19 galaxies, 10 slow and 9 fast rotators; of early types: 19 galaxies, 10 slow and 9 fast rotators"
        in said
    )
    assert "images: images/{galaxy_id}.fits: 19 of 20 galaxies have one" in lines
    assert {"size: 70 x 70 (19)", "pixel scale: 0.5 arcsec (18)", "unit: nanomaggies (18)"} <= set(lines)
    assert {"usable at 64 pixels: 18 of 19 that were read", "usable at 128 pixels: 0 of 19 that were read"} <= set(
        lines
    )
    assert "64 1 pixels of 0.396 arcsec, 0.5 arcsec are needed 90018" in lines
    assert lines[-1] == "nothing is missing: rotators run -d sami-observed-64 -r thesis"


def test_what_labels_need_is_missing(tmp_path, checked):
    write_text(tmp_path / "sami" / "t.csv", "name\nA\n")
    assert "missing: lambda_r: without it there are no labels" in checked("surveys: {sami: {catalog: t.csv}}")
    write_text(tmp_path / "sami" / "t.csv", "name,lambda_r\nA,0.2\n")
    said = checked("surveys: {sami: {catalog: t.csv}}")
    assert "missing: ellipticity or axis_ratio: without it there are no labels" in said
    assert "missing: t_type or p_late: without it no galaxy is an early type" in said
    assert "missing: images: the settings name none, so there are catalogues only" in said


def test_images_that_are_not_read_are_named(tmp_path, checked):
    write_survey(tmp_path, 4)
    images = tmp_path / "sami" / "images"
    (images / "90001.fits").rename(images / "80001.fits")
    Image.new("RGB", (70, 70)).save(images / "90002.png")
    said = checked()
    assert "images of no galaxy of the table: 1, such as images/80001.fits" in said
    assert "files with another name, which are not read: 1, such as 90002.png" in said
    for path in images.iterdir():
        path.unlink()
    assert "missing: images of galaxies of the table: none has a name such as images/{galaxy_id}.fits" in checked()


def test_units_that_are_converted_are_shown(tmp_path, checked):
    (tmp_path / "sami").mkdir()
    table = galaxies(4)
    table["r_e"].unit = "arcmin"
    table.write(tmp_path / "sami" / "catalog.fits")
    said = checked(BLOCK.replace(".csv", ".fits"))
    assert "arcmin -> arcsec" in said


@pytest.mark.parametrize(
    ("name", "message"),
    [("manga", "manga is a built-in survey"), ("eso", "declares no survey 'eso': it declares sami")],
)
def test_other_surveys_are_refused(tmp_path, name, message):
    write_text(tmp_path / "settings.yaml", BLOCK)
    with pytest.raises(InputError, match=message):
        print_survey(DataRoot(tmp_path), name)
