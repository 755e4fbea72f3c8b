"""What the project promises to others, held against a record: assets, checks, jobs, tables, and results on the demo.

Record an intended change with ``python -m rotator_assets_tests.test_snapshot`` and commit the difference with it.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rotator_assets.core.data_root import DataRoot
from rotator_assets.definitions import definitions
from rotator_assets.lineage.observed_results import RECORDS
from rotator_assets.orchestration.plans import DATASET_ASSETS, SURVEY_ASSETS
from rotator_assets.store.tensors import open_tensor
from rotator_assets.tables import TABLES, open_store

RECORD = Path(__file__).with_name("snapshot.json")
DATASET = "manga-observed-64"
OF_SCORES = {"roc_curves", "roc_curves_history"}
"""Tables with a row for each point of a curve: their number changes with the rounding of a processor."""


def _asset(node) -> dict[str, object]:
    partitions = node.partitions_def
    return {
        "group": node.group_name,
        "depends on": sorted(key.to_user_string() for key in node.parent_keys),
        "partitions": len(partitions.get_partition_keys()) if partitions else None,
        "code version": node.code_version,
        "kinds": sorted(node.kinds),
        "external": node.is_external,
    }


def code_location(root: DataRoot) -> dict[str, object]:
    """Assets, checks, jobs, sensors and resources."""
    found = definitions(root)
    graph = found.resolve_asset_graph()
    repository = found.get_repository_def()
    return {
        "assets": {key.to_user_string(): _asset(graph.get(key)) for key in sorted(graph.get_all_asset_keys())},
        "checks": sorted(f"{key.asset_key.to_user_string()}.{key.name}" for key in graph.asset_check_keys),
        "jobs": {
            job.name: sorted(key.to_user_string() for key in job.asset_layer.executable_asset_keys)
            for job in repository.get_all_jobs()
            if not job.name.startswith("__")
        },
        "sensors": sorted(sensor.name for sensor in repository.sensor_defs),
        "resources": sorted(found.resources),
    }


def tables() -> dict[str, object]:
    """Columns with their types, and the assets that write each table."""
    return {
        name: {
            "columns": [f"{column.name} {column.type}" for column in table.columns],
            "made by": sorted(TABLES[name].made_by),
        }
        for name, table in sorted(TABLES.items())
    }


def _numbers(frame: pd.DataFrame) -> dict[str, object]:
    """Rows; by column the number of values with their sum or, of text, a hash."""
    found: dict[str, object] = {"rows": len(frame)}
    for name, column in frame.items():
        known = column.dropna()
        if pd.api.types.is_numeric_dtype(known) or pd.api.types.is_bool_dtype(known):
            found[name] = [len(known), float(known.astype(float).sum())]
        elif pd.api.types.is_string_dtype(known) or known.empty:
            text = "\n".join(sorted(map(str, known)))
            found[name] = [len(known), hashlib.sha256(text.encode()).hexdigest()[:16]]
    return found


def results(root: DataRoot) -> dict[str, object]:
    """Tables that no training is part of, in numbers; rows of the others; means of the tensor by band."""
    store = open_store(root)
    untrained = {*SURVEY_ASSETS, *DATASET_ASSETS}
    found: dict[str, object] = {}
    for name in sorted(TABLES):
        if name in RECORDS or not store.partitions(name):
            continue
        frame = store.query(f'FROM "{name}"')
        if untrained.issuperset(TABLES[name].made_by):
            found[name] = _numbers(frame)
        else:
            found[name] = {"rows": len(frame) if name not in OF_SCORES else len(frame) > 2}
    tensor = open_tensor(root.tensors / DATASET)
    found["image_tensors"] = {
        "shape": list(tensor.images.shape),
        "means": np.asarray(tensor.images).mean((0, 1, 2)).tolist(),
    }
    return found


def _listed(content: object) -> dict[str, object]:
    """Leaves of nested mappings by their path, so that a difference names its place."""
    if not isinstance(content, dict):
        return {"": content}
    return {f"{key} {path}".strip(): leaf for key, inner in content.items() for path, leaf in _listed(inner).items()}


@pytest.fixture(scope="module")
def recorded() -> dict[str, object]:
    return json.loads(RECORD.read_text(encoding="utf-8"))


def test_assets_checks_and_jobs_are_as_recorded(recorded, tmp_path):
    assert _listed(code_location(DataRoot(tmp_path))) == _listed(recorded["code location"])


def test_tables_are_as_recorded(recorded):
    assert _listed(tables()) == _listed(recorded["tables"])


@pytest.mark.chain
def test_results_on_the_demo_are_as_recorded(recorded, finished_root):
    found, expected = _listed(results(DataRoot(finished_root))), _listed(recorded["results"])
    assert found.keys() == expected.keys()
    different = {}
    for name, value in expected.items():
        same = found[name] == value if not isinstance(value, list) else _alike(found[name], value)
        if not same:
            different[name] = (found[name], value)
    assert not different


def _alike(found: list, recorded: list) -> bool:
    """Numbers to a millionth, everything else exactly."""
    if len(found) != len(recorded):
        return False
    return all(
        a == pytest.approx(b, rel=1e-6, abs=1e-9) if isinstance(b, float) else a == b
        for a, b in zip(found, recorded, strict=True)
    )


def _record() -> None:
    import shutil
    import subprocess
    import sys
    import tempfile

    from rotator_assets.synthetic import write_demo

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        write_demo(root, n_galaxies=90, seed=7)
        command = [str(Path(sys.executable).with_name("rotators")), "run", "-d", DATASET, "-r", "thesis"]
        subprocess.run([*command, "--data", str(root)], check=True)
        content = {
            "code location": code_location(DataRoot(Path(folder) / "empty")),
            "tables": tables(),
            "results": results(DataRoot(root)),
        }
        RECORD.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        shutil.rmtree(root)


if __name__ == "__main__":
    _record()
