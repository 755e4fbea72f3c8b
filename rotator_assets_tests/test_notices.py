"""What was supplied and is not used is told where the user is looking: console, status, UI, database."""

import dagster as dg
import pytest

from rotator_assets.cli import _execute
from rotator_assets.data_root import DataRoot
from rotator_assets.plans import SURVEY_ASSETS, Step
from rotator_assets.runner import Runner
from rotator_assets.storage.tables import TableStore
from rotator_assets.terminal import print_status
from rotator_assets_tests.surveys.files import write_manga_catalogs, write_text

MANGA = Step("catalogues of manga", SURVEY_ASSETS, "manga")


def told(text: str) -> list[str]:
    """Notices of the user's own tables: the published ones that the root is made with have some of their own."""
    return [line for line in text.splitlines() if line.startswith("notice: ") and "lambda_r" in line]


@pytest.fixture
def root(tmp_path) -> DataRoot:
    root = DataRoot(tmp_path / "root")
    write_manga_catalogs(root.survey("manga"))
    return root


def test_a_file_that_is_not_read_is_told_until_it_is_gone(root, capsys):
    catalogs = root.survey("manga") / "catalogs"
    for name in ("lambda_r_1.csv", "lambda_r_2.csv"):
        write_text(catalogs / name, "plateifu,lambda_r\n8000-1901,0.3\n8000-1902,0.3\n")
    line = "notice: manga: lambda_r_1.csv is not read, as lambda_r_2.csv is there: keep the one that counts"
    _execute(root, [MANGA], jobs=1)
    assert told(capsys.readouterr().out) == [line]
    _execute(root, [MANGA], jobs=1)
    output = capsys.readouterr().out
    assert "fresh" in output and told(output) == [line]
    print_status(root)
    assert told(capsys.readouterr().out) == [line]
    row = TableStore(root).query("FROM notices WHERE notice LIKE 'lambda_r%'").to_dict("records")[0]
    assert row == {
        "survey": "manga", "asset": "kinematics_catalog", "partition": "manga", "synthetic": False,
        "notice": line.removeprefix("notice: manga: "),
    }  # fmt: skip
    with Runner(root) as runner:
        event = runner.instance.get_latest_materialization_event(dg.AssetKey("kinematics_catalog"))
        assert row["notice"] in event.asset_materialization.metadata["notices"].value

    (catalogs / "lambda_r_1.csv").unlink()
    _execute(root, [MANGA], jobs=1)
    assert told(capsys.readouterr().out) == []


def test_rows_of_a_table_that_are_left_out_are_told(root, capsys):
    write_text(
        root.survey("manga") / "catalogs" / "lambda_r.csv",
        "plateifu,lambda_r\n8000-1901,0.3\n8000-1901,0.4\n8000-1902,0.2\n,0.1\n,0.2\n",
    )
    _execute(root, [MANGA], jobs=1)
    assert told(capsys.readouterr().out) == [
        "notice: manga: lambda_r.csv: 1 of 5 rows left out, that repeat an earlier id",
        "notice: manga: lambda_r.csv: 2 of 5 rows left out, without an id",
    ]
