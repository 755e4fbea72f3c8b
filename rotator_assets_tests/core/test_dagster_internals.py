"""What Dagster keeps: engines of its databases; and what it does not: outputs that are stored."""

import gc
import weakref

import dagster as dg
import pandas as pd
import pytest
from sqlalchemy import Engine, event

from rotator_assets.core.data_root import DataRoot
from rotator_assets.orchestration.instance import open_instance
from rotator_assets.store.io_managers import TableIOManager
from rotator_assets.tables import open_store


@pytest.fixture
def engines():
    """Every engine that runs a query."""
    used = set()
    listen = lambda connection, *_: used.add(connection.engine)  # noqa: E731
    event.listen(Engine, "before_cursor_execute", listen)
    yield used
    event.remove(Engine, "before_cursor_execute", listen)


def test_each_database_has_one_engine(tmp_path, engines):
    with open_instance(DataRoot(tmp_path)) as instance:
        for number in range(5):
            materialization = dg.AssetMaterialization("galaxies", partition=str(number))
            instance.report_runless_asset_event(materialization)
            assert len(instance.fetch_materializations(dg.AssetKey("galaxies"), limit=9).records) == number + 1
    urls = sorted(str(engine.url) for engine in engines)
    assert len(urls) == len(set(urls)) > 0


def test_a_run_keeps_no_output_that_is_stored(tmp_path):
    kept, gone = [], []

    @dg.asset
    def match_report() -> pd.DataFrame:
        frame = open_store(DataRoot(tmp_path)).query("FROM match_report")
        kept.append(weakref.ref(frame))
        return frame

    @dg.asset(deps=[match_report])
    def later() -> None:
        gc.collect()
        gone.append(kept[0]() is None)

    tables = TableIOManager(open_store(DataRoot(tmp_path)))
    dg.materialize([match_report, later.with_attributes()], resources={"io_manager": tables}, raise_on_error=False)
    assert gone == [True]
