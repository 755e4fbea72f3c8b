"""The survey package as a whole: its keys, its expected inputs, and the cost of importing it."""

import subprocess
import sys

from rotator_assets.surveys import SURVEYS
from rotator_assets.surveys.base import ExpectedInput, release_of
from rotator_assets_tests.surveys.files import write_text


def test_importing_the_surveys_loads_no_reader_and_no_framework():
    heavy = ("astropy", "h5py", "PIL", "scipy", "dagster", "tensorflow")
    code = f"import sys, rotator_assets.surveys; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_survey_says_what_it_needs_and_where_it_is():
    for key, survey in SURVEYS.items():
        assert survey.key == key
        for expected in survey.expected_inputs:
            assert expected.what and expected.patterns and expected.where and expected.size
            assert expected.needed in ("required", "optional") or expected.needed.startswith("one of ")


def test_newest_release_first(tmp_path):
    names = ["drpall-v2_4_3.fits", "drpall-v3_1_1.fits", "drpall-v2_10_0.fits.gz", "drpall-v9_9_9.fits.part"]
    for name in names:
        write_text(tmp_path / name, "")
    expected = ExpectedInput("drpall", ("drpall-*.fits", "drpall-*.fits.gz"), "required", "", "")
    assert [path.name for path in expected.find(tmp_path)] == [names[1], names[2], names[0]]


def test_release_is_read_from_the_name(tmp_path):
    releases = {
        "manga-morphology-dl-DR15.fits": "DR15",
        "drpall-v3_1_1.fits": "v3_1_1",
        "SDSSDR17_MaNGA_JAM_v2.fits": "DR17 v2",
        "lambda_r.csv": "",
    }
    assert {name: release_of(tmp_path / name) for name in releases} == releases


def test_images_in_linked_folders_are_found_and_folders_are_not(tmp_path):
    elsewhere = tmp_path / "disk2"
    elsewhere.mkdir()
    (elsewhere / "broadband_7.fits").write_bytes(b"x")
    images = tmp_path / "tng100" / "images"
    (images / "broadband_8.fits").mkdir(parents=True)
    (images / "linked").symlink_to(elsewhere, target_is_directory=True)
    (elsewhere / "loop").symlink_to(images, target_is_directory=True)
    survey = SURVEYS["tng100"]
    assert set(survey.image_index(tmp_path / "tng100")) == {"7"}
    found = {f.what: f.find(tmp_path / "tng100") for f in survey.expected_inputs}
    assert [path.name for path in found["images"]] == ["broadband_7.fits"]
