"""A survey of 40 galaxies by settings alone, from nothing to the report; removed, and added again."""

from pathlib import Path

import pandas as pd
import pytest

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.recipes_file import ENVIRONMENT_VARIABLE
from rotator_assets.tables import open_store
from rotator_assets_tests.commands import rotators
from rotator_assets_tests.surveys.files import write_text
from rotator_assets_tests.surveys.own_files import write_survey

pytestmark = pytest.mark.chain

RECIPES = """
recipes:
  thesis: {architecture: small, epochs: 1, folds: 2, attribution_steps: 3, attribution_doublings: 0}
variants: {}
"""
DATASET = "sami-observed-64"


def said(*arguments, data) -> str:
    """What a command prints, which must work."""
    done = rotators(*arguments, data=data)
    assert done.returncode == 0, (arguments, done.stdout[-1000:], done.stderr[-3000:])
    return done.stdout


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """The survey, proposed, checked and run by the command line."""
    path: Path = tmp_path_factory.mktemp("own") / "root"
    write_survey(path, block=None)
    write_text(path.parent / "recipes.yaml", RECIPES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ENVIRONMENT_VARIABLE, str(path.parent / "recipes.yaml"))
        assert "surveys:\n  sami:\n" in said(
            *("survey", "new", "sami", path / "sami" / "catalog.csv", path / "sami" / "images", "--write"), data=path
        )
        assert "nothing is missing" in said("survey", "check", "sami", data=path)
        said("run", "-d", DATASET, "-r", "thesis", data=path)
        yield DataRoot(path)


def test_labels_images_and_predictions_are_those_of_the_files(root):
    tables = open_store(root)
    labeled = tables.read("labeled_galaxies", "sami").set_index("galaxy_id")
    assert labeled["rotator_type"].value_counts().to_dict() == {0: 20, 1: 19}
    assert set(labeled["lambda_r_source"].dropna()) == {"sami"} == set(labeled["axis_ratio_source"])
    images = tables.read("images", DATASET).set_index("galaxy_id")
    assert images.loc["90018", "reason"].endswith("pixels of 0.396 arcsec, 0.5 arcsec are needed")
    assert images["usable"].sum() == 38 and images.loc["90005", "path"] is None
    assert images.loc["90010", "r_eff_pixels"] == pytest.approx((3 + 1.0) / 0.5)
    assert len(tables.read("predictions", f"{DATASET}|thesis")) == 37


def test_its_report_and_figures_are_there(root):
    assert DATASET in root.report.read_text(encoding="utf-8")
    assert (root.figures / DATASET).is_dir() and (root.figures / "sami" / "spin_ellipticity.png").is_file()


def test_its_networks_predict_other_images(root, tmp_path):
    output = tmp_path / "slow.csv"
    said("predict", root.path / "sami" / "images", "-d", DATASET, "-r", "thesis", "-o", output, data=root.path)
    predicted = pd.read_csv(output).set_index("galaxy_id")
    assert predicted["usable"].sum() == 38 and "0.5 arcsec are needed" in predicted.loc[90018, "reason"]


def test_removed_it_stays_readable_and_added_again_it_goes_on(root):
    block = root.settings.read_text()
    assert "nothing is stale" in said("status", data=root.path)

    root.settings.write_text(block.replace("lambda_r: lambdar_re", "lambda_r: ellip"))
    assert "1 file changed (settings.yaml, surveys.sami)" in " ".join(said("status", data=root.path).split())

    root.settings.unlink()
    status = said("status", data=root.path)
    assert "not offered: sami: settings.yaml no longer declares it; its results remain in the tables" in status
    answer = said(
        "query", "SELECT count(*) AS n FROM predictions WHERE dataset LIKE 'sami%'", "--format", "csv", data=root.path
    )
    assert answer == "n\n37\n"
    refused = rotators("run", "-d", DATASET, data=root.path)
    assert refused.returncode == 2 and f"there is no dataset '{DATASET}'" in refused.stderr
    said("report", data=root.path)
    assert (root.figures / "sami" / "spin_ellipticity.png").is_file()

    root.settings.write_text(block)
    trained = open_store(root).query("SELECT run_id FROM model_metrics")["run_id"].tolist()
    said("run", "--stale", data=root.path)
    assert "nothing is stale" in said("status", data=root.path)
    assert open_store(root).query("SELECT run_id FROM model_metrics")["run_id"].tolist() == trained
    assert DATASET in root.report.read_text(encoding="utf-8")
