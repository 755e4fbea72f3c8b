"""Notices of unused inputs appear on the console, in the status, in the UI and in the database."""

import os
from types import SimpleNamespace

import dagster as dg
import pandas as pd
import pytest

from rotator_assets.cli.runs import _execute
from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.errors import InputError
from rotator_assets.core.settings import ImageSettings, MockSettings
from rotator_assets.lineage.notices import notices_of
from rotator_assets.lineage.partitions import dataset
from rotator_assets.orchestration.plans import Step
from rotator_assets.orchestration.runner import input_error
from rotator_assets.orchestration.status import print_status
from rotator_assets.running import open_runner
from rotator_assets.tables import open_store
from rotator_assets.tensors.image_notices import idle_image_settings
from rotator_assets_tests.kinematics.maps_files import Disc
from rotator_assets_tests.surveys.files import IDS, PYMORPH_R, table_hdu, write_fits, write_manga_catalogs, write_text

CATALOGUES = Step(
    "catalogues of manga",
    ("morphology_catalog", "measured_kinematics", "photometry_catalog", "kinematics_catalog"),
    "manga",
)
MATCHED = Step("galaxies of manga", (*CATALOGUES.assets, "galaxies"), "manga")
LABELLED = Step("labels of manga", (*MATCHED.assets, "labeled_galaxies"), "manga")


def told(text: str) -> list[str]:
    """Return the notices of the user's tables, without those of the published tables in the root."""
    return [line for line in text.splitlines() if line.startswith("notice: ") and "lambda_r" in line]


@pytest.fixture
def root(new_root) -> DataRoot:
    write_manga_catalogs(new_root.survey("manga"))
    return new_root


def test_an_unused_file_is_reported_until_it_is_removed(root, capsys):
    catalogs = root.survey("manga") / "catalogs"
    for name in ("lambda_r_1.csv", "lambda_r_2.csv"):
        write_text(catalogs / name, "plateifu,lambda_r\n8000-1901,0.3\n8000-1902,0.3\n")
    line = "notice: manga: lambda_r_1.csv is not read, as lambda_r_2.csv is there: keep the one that counts"
    _execute(root, [CATALOGUES])
    assert told(capsys.readouterr().out) == [line]
    _execute(root, [CATALOGUES])
    output = capsys.readouterr().out
    assert "fresh" in output and told(output) == [line]
    print_status(root, open_store, open_runner)
    assert told(capsys.readouterr().out) == [line]
    row = open_store(root).query("FROM notices WHERE notice LIKE 'lambda_r%'").to_dict("records")[0]
    assert row == {
        "survey": "manga", "asset": "kinematics_catalog", "partition": "manga", "synthetic": False,
        "notice": line.removeprefix("notice: manga: "),
    }  # fmt: skip
    with open_runner(root) as runner:
        event = runner.instance.get_latest_materialization_event(dg.AssetKey("kinematics_catalog"))
        assert row["notice"] in event.asset_materialization.metadata["notices"].value

    (catalogs / "lambda_r_1.csv").unlink()
    _execute(root, [CATALOGUES])
    assert told(capsys.readouterr().out) == []


def test_unused_rows_of_a_table_are_reported(root, capsys):
    write_text(
        root.survey("manga") / "catalogs" / "lambda_r.csv",
        "plateifu,lambda_r\n8000-1901,0.3\n8000-1901,0.4\n8000-1902,0.2\n,0.1\n,0.2\n",
    )
    _execute(root, [CATALOGUES])
    assert told(capsys.readouterr().out) == [
        "notice: manga: lambda_r.csv: 1 of 5 rows left out, that repeat an earlier id",
        "notice: manga: lambda_r.csv: 2 of 5 rows left out, without an id",
    ]


def user_table(root: DataRoot, text: str) -> None:
    write_text(root.survey("manga") / "catalogs" / "lambda_r.csv", text)


def materialized(root: DataRoot, step: Step = CATALOGUES) -> list[str]:
    """Return the notices of the user's table from the catalogues of a root."""
    with open_runner(root) as runner:
        runner.materialize(step)
    return [notice for _, notice in notices_of(open_store(root)) if "lambda_r" in notice]


def test_identifiers_as_bytes_are_matched(root):
    user_table(root, "plateifu,lambda_r\n" + "".join(f"b'{name}',0.05\n" for name in IDS))
    assert materialized(root, MATCHED) == []
    used = open_store(root).query("SELECT DISTINCT lambda_r_source, lambda_r FROM galaxies")
    assert used.to_dict("records") == [{"lambda_r_source": "user", "lambda_r": 0.05}]


def test_a_table_without_matching_rows_stops_the_run(root, capsys):
    user_table(root, "plateifu,lambda_r\n1901-8000,0.05\n1902-8000,0.05\n")
    with pytest.raises(SystemExit) as ended:
        _execute(root, [CATALOGUES])
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "manga/catalogs/lambda_r.csv: no row names a galaxy of the morphology catalogue: column plateifu" in line
    assert "1901-8000" in line and "8000-1901" in line


def test_a_published_table_of_other_galaxies_alone_stops_the_run_too(root):
    pymorph = PYMORPH_R | {"PLATEIFU": [f"9{name}" for name in IDS]}
    path = root.survey("manga") / "catalogs" / "manga-pymorph-DR15.fits"
    write_fits(path, *[table_hdu(pymorph)] * 3)
    with pytest.raises(Exception) as error, open_runner(root) as runner:
        runner.materialize(CATALOGUES)
    assert isinstance(input_error(error.value), InputError)
    assert "column PLATEIFU has identifiers such as 98000-1901" in str(input_error(error.value))


def test_unused_rows_and_numbers_are_reported(root):
    user_table(
        root, "plateifu,lambda_r,comment\n8000-1901,0.05,a\n8000-1902,12.3,b\n9-9,0.1,c\n9-8,0.1,d\n9-7,-999,e\n"
    )
    assert materialized(root) == [
        "lambda_r.csv, column lambda_r: 2 of 5 rows have none in [0, 1.5], such as 12.3 in row 2",
        "lambda_r.csv, column plateifu: 2 of 5 rows name a galaxy of the morphology catalogue, others such as 9-9 none",
        "lambda_r.csv: not read of it: column comment",
    ]
    matched = open_store(root).query("SELECT n_rows, n_taken, n_matched FROM input_files WHERE path LIKE '%.csv'")
    assert matched.to_numpy().tolist() == [[5, 5, 2]]


def test_a_table_without_one_usable_number_stops_the_run(root):
    user_table(root, "plateifu,lambda_r\n8000-1901,30\n8000-1902,45\n")
    with pytest.raises(Exception) as error, open_runner(root) as runner:
        runner.materialize(CATALOGUES)
    assert "2 of 2 rows have none in [0, 1.5], such as 30 in row 1" in str(input_error(error.value))


def test_numbers_in_percent_stop_the_run_and_sentinels_do_not(root):
    user_table(root, "plateifu,lambda_r\n8000-1901,0.9\n8000-1902,12\n9-9,31\n9-8,\n")
    with pytest.raises(Exception) as error, open_runner(root) as runner:
        runner.materialize(CATALOGUES)
    assert "3 of 4 rows have none in [0, 1.5], such as 12 in row 2" in str(input_error(error.value))
    user_table(root, "plateifu,lambda_r\n8000-1901,0.9\n8000-1902,9999\n8000-1902,0.4\n9-9,9999\n9-8,9999\n")
    assert "lambda_r.csv: 1 of 5 rows left out, that repeat an earlier id" in materialized(root, MATCHED)
    used = open_store(root).query("SELECT lambda_r FROM galaxies WHERE lambda_r_source = 'user' ORDER BY galaxy_id")
    assert used["lambda_r"].tolist() == [0.9, 0.4]


def test_published_spins_without_a_usable_number_stop_the_run(root):
    path = root.survey("manga") / "catalogs" / "SDSSDR17_MaNGA_JAM.fits"
    for spins, what in (([-999.0] * len(IDS), "such as -999"), ([20.0 + n for n in range(len(IDS))], "such as 20")):
        write_fits(path, table_hdu({"plateifu": IDS, "Lambda_Re": spins, "Qual": [1] * len(IDS)}))
        with pytest.raises(Exception) as error, open_runner(root) as runner:
            runner.materialize(CATALOGUES)
        assert "column Lambda_Re" in str(input_error(error.value)) and what in str(input_error(error.value))


def test_photometry_with_only_failed_fits_is_reported(root):
    path = root.survey("manga") / "catalogs" / "manga-pymorph-DR15.fits"
    write_fits(path, *[table_hdu(PYMORPH_R | {"FLAG_FAILED_S": [1] * len(PYMORPH_R["PLATEIFU"])})] * 3)
    with open_runner(root) as runner:
        runner.materialize(MATCHED)
    line = "manga-pymorph-DR15.fits is not used: none of its fits worked (FLAG_FAILED_S, BA_S)"
    assert ("manga", line) in notices_of(open_store(root))
    assert open_store(root).query("FROM galaxies WHERE axis_ratio_source = 'pymorph'").empty


def test_folders_and_devices_in_place_of_files_are_reported(root):
    catalogs = root.survey("manga") / "catalogs"
    (catalogs / "lambda_r.csv").mkdir()
    os.mkfifo(catalogs / "lambda_r_2.csv")
    for folder in ("dr17", ".ipynb_checkpoints"):
        write_text(catalogs / folder / "lambda_r.csv", "plateifu,lambda_r\n8000-1901,0.05\n")
    assert materialized(root) == [
        "catalogs/dr17/lambda_r.csv is not read: it belongs in catalogs/",
        "catalogs/lambda_r.csv is not read: it is a folder",
        "catalogs/lambda_r_2.csv is not read: it is not a regular file",
    ]


def test_settings_without_effect_and_a_survey_without_labels_are_reported(root):
    user_table(root, "plateifu,lambda_r,ellipticity\n8000-1901,0.05,0.4\n")
    write_text(root.settings, "manga: {kinematics: {min_coverage: 0.9}, labels: {log_mass_min: 20}}")
    why = "those of pymorph, nsa come first (setting ellipticity_preference)"
    assert f"1 ellipticities of lambda_r.csv are not used: {why}" in materialized(root, LABELLED)
    told = [notice for _, notice in notices_of(open_store(root))]
    assert "settings kinematics: have no effect, as there are no kinematic files" in told
    (line,) = (notice for notice in told if "has a label" in notice)
    n_galaxies = open_store(root).query("SELECT count(*) AS n FROM galaxies")["n"].item()
    assert line.startswith(f"none of {n_galaxies} galaxies has a label: ") and line.endswith("; see match_report")


def test_labels_that_a_factor_changes_are_reported(root, capsys):
    """8001-3701 has 0.5 and is fast; 8001-3702 has 0.06 at a threshold of 0.093."""
    write_text(root.settings, "manga: {lambda_r_scale: {pipe3d: 2.0}}")
    line = (
        "notice: manga: setting lambda_r_scale: lambda_r of pipe3d times 2 changes 1 of 2 labels from slow to fast and "
        "0 from fast to slow; 0 values above 1 are set to 1"
    )
    _execute(root, [LABELLED])
    assert told(capsys.readouterr().out) == [line]
    print_status(root, open_store, open_runner)
    assert told(capsys.readouterr().out) == [line]
    root.settings.unlink()
    _execute(root, [LABELLED])
    assert not any("times" in notice for notice in told(capsys.readouterr().out))


def test_image_settings_without_effect_are_reported():
    settings = SimpleNamespace(mock=MockSettings(redshift=0.1), images=ImageSettings(arcsec_per_pixel=0.2))
    images = pd.DataFrame({"image_unit": ["nanomaggies", None]})
    observed = dataset("manga-observed-64")
    assert idle_image_settings(observed, images, settings) == [
        "settings mock: have no effect, as images of manga are observed",
        "setting images.arcsec_per_pixel: has no effect, as manga-observed-64 has no colour pictures",
    ]
    assert idle_image_settings(observed, images.replace("nanomaggies", "colour"), settings) == [
        "settings mock: have no effect, as images of manga are observed"
    ]
    defaults = SimpleNamespace(mock=MockSettings(), images=ImageSettings())
    assert idle_image_settings(observed, images, defaults) == []


def test_a_table_of_many_columns_names_some_of_those_that_are_not_read(root):
    names = ",".join(f"c{number}" for number in range(20))
    user_table(root, f",plateifu,lambda_r,{names}\n0,8000-1901,0.05{',1' * 20}\n")
    assert materialized(root) == ["lambda_r.csv: not read of it: column c0, c1, c2, c3, c4, c5, c6, c7 and 12 more"]


def test_settings_and_files_without_effect_are_reported(root):
    write_text(root.survey("manga") / "catalogs" / "my_spins.csv", "plateifu,lambda_r\n8000-1901,0.05\n")
    write_text(root.survey("manga") / "lambda_r.csv", "plateifu,lambda_r\n8000-1901,0.05\n")
    (root.survey("manga") / "catalogs" / "lambda_r.csv").symlink_to("not-there.csv")
    Disc().write(root.survey("manga") / "maps" / "manga-8000-1901-MAPS-HYB10-GAU-MILESHC.fits", "DR15")
    write_text(root.survey("manga") / "maps" / "manga-8000-1901-LOGCUBE.fits.gz", "")
    write_text(root.settings, "manga: {lambda_r_preference: [dynpop], labels: {reject_spurious_subhalos: true}}")
    with open_runner(root) as runner:
        runner.materialize(LABELLED)
    told = {notice.split(":")[0].split(" is not")[0] for _, notice in notices_of(open_store(root))}
    assert told >= {
        "catalogs/my_spins.csv", "catalogs/lambda_r.csv", "lambda_r.csv", "lambda_r of source pipe3d", "maps/",
        "lambda_r of source maps", "setting labels.reject_spurious_subhalos",
    }  # fmt: skip


def test_the_first_reason_is_reported_where_no_kinematics_are_measured(root):
    for name in ("SDSSDR17_MaNGA_JAM.fits", "manga.Pipe3D-v2_1_2.fits"):
        (root.survey("manga") / "catalogs" / name).unlink()
    write_text(root.survey("manga") / "maps" / "manga-8000-1901-MAPS-HYB10-GAU-MILESHC.fits", "no FITS")
    with pytest.raises(Exception) as error, open_runner(root) as runner:
        runner.materialize(CATALOGUES)
    message = str(input_error(error.value))
    assert "none of 1 kinematic files gives a lambda_R: manga-8000-1901-MAPS-HYB10-GAU-MILESHC.fits" in message


def test_kinematic_files_of_other_galaxies_alone_stop_the_run(root):
    write_text(root.survey("manga") / "maps" / "manga-9-9-MAPS-HYB10-GAU-MILESHC.fits", "no FITS")
    with pytest.raises(Exception) as error, open_runner(root) as runner:
        runner.materialize(CATALOGUES)
    assert "none of 1 kinematic files belongs to a galaxy of the morphology catalogue" in str(input_error(error.value))
