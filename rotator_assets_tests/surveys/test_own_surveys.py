"""A survey that settings alone describe: its table in every format and unit, its images in every form, its errors."""

import re
import tarfile
from pathlib import Path

import numpy as np
import pytest
from astropy import units
from PIL import Image

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.errors import InputError
from rotator_assets.lineage.settings_file import load_settings
from rotator_assets.surveys import BUILT_IN, surveys_of
from rotator_assets.surveys.inventory import inventory, lacking, not_read
from rotator_assets_tests.surveys.files import write_text
from rotator_assets_tests.surveys.own_files import BLOCK, galaxies, own, write_cube, write_survey

FORMATS = {"csv": "ascii.csv", "fits": "fits", "vot": "votable", "ecsv": "ascii.ecsv", "parquet": ""}


def write_table(table, path: Path) -> None:
    """Parquet is written by pandas, the rest by astropy."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if form := FORMATS[path.suffix[1:]]:
        table.write(path, format=form)
        return
    import duckdb

    frame = table.to_pandas()
    with duckdb.connect() as connection:
        connection.register("frame", frame)
        connection.execute(f"COPY (FROM frame) TO '{path}' (FORMAT parquet)")


@pytest.mark.parametrize("ending", FORMATS)
def test_the_table_is_read_in_every_format(tmp_path, ending):
    write_table(galaxies(6), tmp_path / "sami" / f"catalog.{ending}")
    survey = own(tmp_path, BLOCK.replace("catalog.csv", f"catalog.{ending}"))
    folder = tmp_path / "sami"
    morphology, photometry = survey.read_morphology(folder).frame, survey.read_photometry(folder).frame
    kinematics = survey.read_kinematics(folder).frame
    assert morphology["galaxy_id"].tolist() == [f"{90000 + n}" for n in range(6)]
    assert morphology["object_id"].tolist() == morphology["galaxy_id"].tolist()
    assert morphology["t_type"].tolist() == [1, 0, 0, 1, 0, 0]
    assert kinematics["lambda_r"].tolist()[1:] == [0.05, 0.6, 0.05, 0.6, 0.05] and np.isnan(kinematics["lambda_r"][0])
    assert set(kinematics["lambda_r_source"]) == {"sami"} == set(photometry["axis_ratio_source"])
    assert photometry["axis_ratio"].tolist() == pytest.approx([0.5, 0.9] * 3)
    assert photometry["r_eff_arcsec"].tolist() == pytest.approx([3, 3.1, 3.2, 3.3, 3.4, 3.5])
    (rows,) = {found.rows for found in inventory(survey, folder) if found.expected.what == "table of galaxies"}
    assert rows == "6 rows"


@pytest.mark.parametrize("ending", ["fits", "vot", "ecsv"])
def test_units_of_the_table_are_converted(tmp_path, ending):
    table = galaxies(4)
    table["r_e"] = table["r_e"] / 60 * units.arcmin
    if ending != "vot":  # which has no percent
        table["ellip"] = table["ellip"] * 100 * units.percent
    write_table(table, tmp_path / "sami" / f"catalog.{ending}")
    photometry = own(tmp_path, BLOCK.replace(".csv", f".{ending}")).read_photometry(tmp_path / "sami").frame
    assert photometry["r_eff_arcsec"].tolist() == pytest.approx([3, 3.1, 3.2, 3.3])
    assert photometry["axis_ratio"].tolist() == pytest.approx([0.5, 0.9] * 2)


def test_units_of_the_settings_come_first(tmp_path):
    table = galaxies(4)
    table["r_e"] = table["r_e"] / 3600 * units.kpc  # the table is wrong
    write_table(table, tmp_path / "sami" / "catalog.fits")
    block = BLOCK.replace(".csv", ".fits") + "    units: {r_eff_arcsec: deg}\n"
    photometry = own(tmp_path, block).read_photometry(tmp_path / "sami").frame
    assert photometry["r_eff_arcsec"].tolist() == pytest.approx([3, 3.1, 3.2, 3.3])


def test_an_axis_ratio_gives_the_ellipticity_of_the_label(tmp_path):
    write_text(tmp_path / "sami" / "catalog.csv", "name,lambda_r,ba\nA,0.1,0.8\nB,0.5,0.4\n")
    survey = own(tmp_path, "surveys: {sami: {catalog: catalog.csv, columns: {axis_ratio: ba}}}")
    assert survey.read_photometry(tmp_path / "sami").frame["axis_ratio"].tolist() == [0.8, 0.4]
    assert survey.read_kinematics(tmp_path / "sami").frame["ellipticity"].isna().all()
    assert survey.ellipticity_sources == ("sami",)


def test_columns_with_our_names_need_no_settings(tmp_path):
    write_text(tmp_path / "sami" / "catalog.csv", "galaxy_id,T-Type,lambda_re,epsilon\nA,-2,0.1,0.3\n")
    survey = own(tmp_path, "surveys: {sami: {catalog: catalog.csv}}")
    assert survey.read_morphology(tmp_path / "sami").frame["t_type"].tolist() == [-2]
    kinematics = survey.read_kinematics(tmp_path / "sami").frame
    assert kinematics[["lambda_r", "ellipticity"]].to_numpy().tolist() == [[0.1, 0.3]]
    assert survey.noises == () and not lacking(inventory(survey, tmp_path / "sami"))


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("  sami: {catalog: t.csv, colums: {}}", "line 2: surveys.sami.colums: unknown key; did you mean 'columns'?"),
        (
            "  sami: {catalog: t.csv, columns: {lamda_r: x}}",
            "columns.lamda_r: unknown key; did you mean 'lambda_r'?",
        ),
        (
            "  sami: {catalog: t.csv, units: {size: deg}}",
            "sami.units.size: unknown key; the keys are galaxy_id",
        ),
        ("  sami: {images: 'i/{galaxy_id}.png'}", "surveys.sami.catalog: Field required"),
        ("  manga: {catalog: t.csv}", "line 2: surveys: 'manga' is built in: its settings belong under its own key"),
        ("  pipe3d: {catalog: t.csv}", "'pipe3d' is built in"),
        ("  results: {catalog: t.csv}", "'results' has another meaning here"),
        ("  SAMI-2: {catalog: t.csv}", "'SAMI-2' is not a valid name: it needs a lower-case letter"),
        ("  sami: t.csv", "surveys.sami: expected keys such as catalog and images"),
        ("  sami: {catalog: /etc/passwd}", "surveys.sami.catalog: '/etc/passwd' leaves the survey's folder"),
        ("  sami: {catalog: ../t.csv}", "surveys.sami.catalog: '../t.csv' leaves the survey's folder"),
        ("  sami: {catalog: t.csv, images: 'a/../../{galaxy_id}.png'}", "images: 'a/../../{galaxy_id}.png' leaves"),
        ("  sami: {catalog: 't*.csv'}", "'t*.csv' is not the path of a file"),
        ("  sami: {catalog: t.csv, images: '{galaxy_id}.png'}", "surveys.sami.images: '{galaxy_id}.png' has no folder"),
        ("  sami: {catalog: t.csv, images: images/all.png}", "'images/all.png' needs one placeholder in the name"),
        ("  sami: {catalog: t.csv, images: 'i/{a}{b}.png'}", "'i/{a}{b}.png' needs one placeholder in the name"),
        ("  sami: {catalog: t.csv, images: 'i/{a.png'}", "'i/{a.png' needs one placeholder in the name"),
        ("  sami: {catalog: t.csv, images: '{field}/{a}.png'}", "has a placeholder in its folder"),
        ("  sami: {catalog: t.csv, noise: noisy}", "noise: only observed images are read by settings alone"),
        ("  sami: {catalog: t.csv, pixel_scale_arcsec: 0}", "pixel_scale_arcsec: Input should be greater than 0"),
    ],
)
def test_errors_of_a_block_are_one_line(tmp_path, block, message):
    write_text(tmp_path / "settings.yaml", f"surveys:\n{block}\n")
    with pytest.raises(InputError) as error:
        load_settings(DataRoot(tmp_path))
    assert message in str(error.value) and "\n" not in str(error.value)
    assert str(error.value).startswith(f"{tmp_path}/settings.yaml: line 2: ")
    assert surveys_of(DataRoot(tmp_path)).keys() == BUILT_IN.keys()


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (None, "catalog.csv: there is no such file"),
        ("CATID,type,ellip,r_e\n1,0,0.1,3\n", "has no column for lambda_r (looked for lambdar_re, in any case)"),
        ("CATID,type,lambdar_re,ellip,r_e\n1,0,0.1,0.1,3\n1,0,0.1,0.1,3\n", "row 2 repeats the galaxy id 1"),
        (
            "CATID,type,lambdar_re,ellip,r_e\n1,E,0.1,0.1,3\n",
            "column type holds 'E' in row 1 where a number",
        ),
        (
            "CATID,type,lambdar_re,ellip,r_e\n1,0,50,0.1,3\n2,0,60,0.1,3\n",
            "column lambdar_re: 2 of 2 rows have none",
        ),
    ],
)
def test_errors_of_the_table_are_one_line(tmp_path, table, message):
    survey = own(tmp_path, BLOCK)
    if table:
        write_text(tmp_path / "sami" / "catalog.csv", table)
    with pytest.raises(InputError) as error:
        survey.read_morphology(tmp_path / "sami")
        survey.read_kinematics(tmp_path / "sami")
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_unit_that_does_not_convert_is_an_error(tmp_path):
    table = galaxies(4)
    table["r_e"] = table["r_e"] * units.kpc
    write_table(table, tmp_path / "sami" / "catalog.fits")
    with pytest.raises(InputError, match="column r_e has the unit kpc, which cannot be converted to arcsec; give its"):
        own(tmp_path, BLOCK.replace(".csv", ".fits")).read_photometry(tmp_path / "sami")


def test_a_table_without_lambda_r_has_no_labels(tmp_path):
    write_text(tmp_path / "sami" / "catalog.csv", "name,ellipticity\nA,0.3\n")
    survey = own(tmp_path, "surveys: {sami: {catalog: catalog.csv}}")
    with pytest.raises(InputError, match=r"has no lambda_r; name its column under surveys\.sami\.columns"):
        survey.read_kinematics(tmp_path / "sami")


@pytest.mark.parametrize("linked", ["catalog.csv", "images"])
def test_links_out_of_the_folder_are_refused(tmp_path, linked):
    write_survey(tmp_path / "elsewhere", 2, block=None)
    write_survey(tmp_path, 2)
    path = tmp_path / "sami" / linked
    path.rename(tmp_path / "aside")
    path.symlink_to(tmp_path / "elsewhere" / "sami" / linked)
    with pytest.raises(InputError, match="is a link out of the survey's folder; move the files there, or make"):
        own(tmp_path).read_morphology(tmp_path / "sami")
        own(tmp_path).image_index(tmp_path / "sami")


def test_the_folder_itself_may_be_a_link(tmp_path):
    write_survey(tmp_path / "elsewhere", 2, block=None)
    (tmp_path / "sami").symlink_to(tmp_path / "elsewhere" / "sami")
    survey = own(tmp_path, BLOCK)
    assert len(survey.read_morphology(tmp_path / "sami").frame) == 2
    assert sorted(survey.image_index(tmp_path / "sami")) == ["90000", "90001"]


def test_images_are_found_in_folders_and_archives(tmp_path):
    images = tmp_path / "sami" / "images"
    write_cube(images / "deep" / "sami_1_cube.fits", 1)
    write_cube(images / "sami_2_cube.fits", 2)
    for band in "gri":
        write_cube(images / f"sami_3_cube_{band}.fits", 3)
    with tarfile.open(images / "more.tar", "w") as archive:
        archive.add(images / "sami_2_cube.fits", "in/sami_4_cube.fits")
    Image.new("RGB", (70, 70)).save(images / "sami_5_cube.png")
    write_cube(images / "other.fits", 6)
    survey = own(tmp_path, "surveys: {sami: {catalog: t.csv, images: 'images/sami_{galaxy_id}_cube.fits'}}")
    found = survey.image_index(tmp_path / "sami")
    assert {name: image.form for name, image in found.items()} == {"1": "cube", "2": "cube", "3": "bands", "4": "cube"}
    assert sorted(file.name for file in survey.images_in(tmp_path / "sami")[1]) == ["other.fits", "sami_5_cube.png"]
    write_text(tmp_path / "sami" / "t.csv", "name\n1\n")
    assert not lacking(inventory(survey, tmp_path / "sami")) and not_read(survey, tmp_path / "sami") == []


def test_names_with_a_band_may_say_so(tmp_path):
    for band in "gri":
        write_cube(tmp_path / "sami" / "images" / f"7_{band}.fits", 3)
    survey = own(tmp_path, "surveys: {sami: {catalog: t.csv, images: 'images/{galaxy_id}_{band}.fits'}}")
    assert survey.image_index(tmp_path / "sami")["7"].form == "bands"
    assert not [one for one in inventory(survey, tmp_path / "sami")[1:] if not one.paths]


def test_pictures_without_an_ending_in_the_settings(tmp_path):
    (tmp_path / "sami" / "cut").mkdir(parents=True)
    Image.new("RGB", (70, 70)).save(tmp_path / "sami" / "cut" / "A.jpg")
    survey = own(tmp_path, "surveys: {sami: {catalog: t.csv, images: 'cut/{galaxy_id}'}}")
    assert survey.image_index(tmp_path / "sami")["A"].form == "colour"


def test_a_column_of_the_table_may_name_the_images(tmp_path):
    write_text(tmp_path / "sami" / "catalog.csv", "name,FileName\nA,deep/one.fits\nB,two.fits.gz\nC,\n")
    for number, name in enumerate(("one", "two", "three")):
        write_cube(tmp_path / "sami" / "images" / f"{name}.fits", number)
    block = "surveys: {sami: {catalog: catalog.csv, images: 'images/{filename}.fits'}}"
    survey = own(tmp_path, block)
    found = survey.image_index(tmp_path / "sami")
    assert {name: image.paths[0].name for name, image in found.items()} == {"A": "one.fits", "B": "two.fits"}
    assert survey.image_name is None and "catalog.csv" in survey.folders["images"]


def test_a_placeholder_that_is_no_column_is_an_error(tmp_path):
    write_survey(tmp_path, 2, BLOCK.replace("{galaxy_id}.fits", "{plateifu}.fits"))
    with pytest.raises(InputError, match=r"sami\.images: \{plateifu\} is no column of .*: galaxy_id, CATID, RA"):
        own(tmp_path).image_index(tmp_path / "sami")


def test_settings_under_its_own_key_apply_to_it(tmp_path):
    write_survey(tmp_path, 2, BLOCK + "sami: {labels: {t_type_max: 1.0}}\n")
    settings = load_settings(DataRoot(tmp_path)).survey("sami")
    assert settings.labels.t_type_max == 1.0 and settings.lambda_r_preference == ("sami",)
    write_text(tmp_path / "settings.yaml", BLOCK + "sami: {lambda_r_preference: [dynpop]}\n")
    with pytest.raises(InputError, match=r"sami\.lambda_r_preference: there is no 'dynpop', only sami"):
        load_settings(DataRoot(tmp_path))


def test_what_is_read_changes_with_the_settings_about_it(tmp_path):
    before = own(tmp_path, BLOCK)
    columns = own(tmp_path, BLOCK.replace("lambda_r: lambdar_re", "lambda_r: lambdar_mge"))
    scale = own(tmp_path, BLOCK.replace("0.5", "0.4"))
    assert before.reading_of("catalogs") == scale.reading_of("catalogs") != columns.reading_of("catalogs")
    assert before.reading_of("images") == columns.reading_of("images") != scale.reading_of("images")
    assert before.reading_of("kinematics") == "" == BUILT_IN["manga"].reading_of("catalogs")


def test_every_column_of_the_catalogues_can_be_given():
    from rotator_assets.surveys.base import KINEMATICS, MORPHOLOGY, PHOTOMETRY
    from rotator_assets.surveys.own_columns import AVAILABLE

    of_sources = {"axis_ratio_source", "lambda_r_source", "refused", "nsa_axis_ratio", "jam_qual"}
    assert AVAILABLE.keys() == {*MORPHOLOGY, *PHOTOMETRY, *KINEMATICS} - of_sources


def test_the_example_of_each_form_in_the_document_is_read(tmp_path, monkeypatch):
    document = (Path(__file__).parents[2] / "docs" / "own-survey.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", document, re.DOTALL)
    (tmp_path / "sami").mkdir()
    monkeypatch.chdir(tmp_path / "sami")
    exec(code, {})
    survey = own(tmp_path, "surveys: {sami: {catalog: t.csv, images: 'images/{galaxy_id}'}}")
    read = {}
    for form, endings in (("cube", ".fits"), ("bands", "_r.fits"), ("colour", ".png")):
        image = survey.image_index(tmp_path / "sami")["9001"]
        assert image.form == form
        read[form] = image.read()
        (tmp_path / "sami" / "images" / f"9001{endings}").unlink()
        if form == "bands":
            for band in "gi":
                (tmp_path / "sami" / "images" / f"9001_{band}.fits").unlink()
    assert read["cube"].pixels == pytest.approx(read["bands"].pixels)
    assert read["cube"].unit == "nanomaggies" and read["cube"].arcsec_per_pixel == 0.5
    assert read["colour"].unit == "colour" and read["colour"].arcsec_per_pixel is None
    brightest = read["cube"].pixels.max()
    assert read["colour"].pixels == pytest.approx(read["cube"].pixels / brightest, abs=1 / 255)
