"""The databases of a Dagster instance are queried through engines that are kept."""

import dagster as dg
import pytest
from sqlalchemy import Engine, event

from rotator_assets.core.data_root import DataRoot
from rotator_assets.orchestration.runner import open_instance


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
