"""A data root of an earlier version opens: tables, models and history are unchanged, stale with a reason, and rebuilt.

The fixture was written before the report depended on observed results: 40 galaxies, `manga-observed-64`, `small`.
"""

import json
import re
import tarfile
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.number_text import with_interval
from rotator_assets.orchestration.is_current import COVERED, NAME
from rotator_assets.store.models import open_models
from rotator_assets.tables import TABLES, open_store
from rotator_assets_tests.commands import rotators

ARCHIVE = Path(__file__).parent / "fixtures" / "root_before_observed_results.tar.xz"
DATASET, RECIPE = "manga-observed-64", "small"
REASON = re.compile(
    r"has a new input \(\w+\)|no longer has the input \(\w+\)|its code changed \(version \d+ -> \d+\)"
    r"|\w+ changed \(.+\)|\w+ was updated.*|its page is gone"  # the fixture has none
)

NEXT = r"; (?=has a |no longer |its (?:code|page) |\w+ (?:changed|was) )"
"""Between two reasons, not between the changed settings of one."""


@pytest.fixture
def old(tmp_path) -> DataRoot:
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path / "old", filter="data")
    return DataRoot(tmp_path / "old")


def test_every_table_is_there_and_new_columns_are_null(old):
    with open_store(old).connect() as views:
        for name, table in TABLES.items():
            rows = views.sql(f'FROM "{name}"').df()
            files = list((old.tables / name).glob("manga*.parquet"))
            if not files:
                continue
            written = set(
                duckdb.sql(f"DESCRIBE FROM read_parquet({[str(file) for file in files]})").df()["column_name"]
            )
            new = [column for column in table.column_names if column not in written]
            assert list(rows.columns) == table.column_names and rows[new].isna().all(axis=None), name
        assert views.sql("SELECT count(*) FROM galaxies").fetchall() == [(40,)]


def test_old_networks_keep_their_recipe(old):
    models = open_models(old.models / DATASET / RECIPE)
    assert models.recipe.name == RECIPE and models.recipe.normalization == "max_all"
    assert models.recipe.networks == len(list(models.folder.glob("fold-*.keras"))) == 2


def test_stale_partitions_are_reported_and_rebuilt_in_one_command(old):
    from rotator_assets.running import open_runner

    with open_runner(old) as runner:
        runner.observe()
        stale = list(runner.staleness().stale())
    assert {"study_report", "dataset_comparison"} <= {one.asset for one in stale}
    for one in stale:
        assert all(REASON.fullmatch(reason) for reason in re.split(NEXT, one.reason)), one
    old_auc = open_store(old).query("SELECT auc FROM model_metrics_history")["auc"]
    done = rotators("run", "--stale", data=old.path)
    assert done.returncode == 0, done.stderr
    assert "nothing is stale" in rotators("status", data=old.path).stdout
    (auc,) = open_store(old).query("SELECT auc, auc_low, auc_high FROM model_metrics").itertuples(index=False)
    assert f"AUC {with_interval(*auc)}" in old.report.read_text()
    kept = open_store(old).query("SELECT auc, recipe_content FROM model_metrics_history ORDER BY trained_at")
    with open_runner(old) as runner:
        checks = [dg.AssetCheckKey(dg.AssetKey(asset), NAME) for asset in COVERED]
        recorded = runner.instance.event_log_storage.get_latest_asset_check_execution_by_key(checks).values()
    assert {str(check.key): check.status.value for check in recorded if check.status.value != "SUCCEEDED"} == {}
    assert kept["auc"][0] == old_auc[0] and json.loads(kept["recipe_content"][0])["architecture"] == "small"
