"""`rotators predict` and `rotators model export`, as a user starts them, against the candidates of a training."""

import json
import shutil

import duckdb
import numpy as np
import pandas as pd
import pytest
from astropy.table import Table

from rotator_assets.core.data_root import DataRoot
from rotator_assets.tables import open_store
from rotator_assets_tests.commands import complaint, rotators

pytestmark = pytest.mark.chain
TRAINING = ("--dataset", "manga-observed-64", "--recipe", "thesis")


@pytest.fixture(scope="module")
def model(finished_root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "model"
    done = rotators("model", "export", folder, *TRAINING, data=finished_root)
    assert done.returncode == 0, done.stderr
    assert "MODEL_CARD.md" in done.stdout
    return folder


@pytest.fixture(scope="module")
def candidates(finished_root):
    store = open_store(DataRoot(finished_root))
    types = store.read("galaxies", "manga").set_index("galaxy_id")["t_type"]
    return store.read("candidates", "manga-observed-64|thesis").set_index("galaxy_id").join(types)


def test_a_bare_folder_of_images_gives_the_candidates(finished_root, model, candidates, tmp_path):
    """Without the data root, and also for galaxies of the training: only networks that have not seen them predict."""
    shutil.copytree(finished_root / "manga" / "images", tmp_path / "images")
    done = rotators("predict", tmp_path / "images", "--model", model, "-o", tmp_path / "out.fits", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for part in ("made from synthetic galaxies", "galaxies of the training: ", "give t_type in a --catalog"):
        assert part in done.stdout
    found = Table.read(tmp_path / "out.fits").to_pandas()
    found["galaxy_id"] = [name.decode() if isinstance(name, bytes) else name for name in found["galaxy_id"]]
    found = found.set_index("galaxy_id")
    assert found.index[found["usable"].astype(bool)].isin(candidates.index).all()
    known = candidates.loc[candidates["population"] == "early"]
    found = found.loc[known.index]
    assert (known["labelled"].sum() > 20) and (found["n_networks_left_out"] > 0).any()
    for name in ("probability_slow", "domain_distance", "n_networks"):
        np.testing.assert_allclose(found[name].astype(float), known[name].astype(float), rtol=1e-5)


def test_a_catalogue_gives_late_types_the_calibration_of_the_candidates(finished_root, candidates, tmp_path):
    candidates[["t_type"]].to_csv(tmp_path / "types.csv")
    done = rotators(
        *("predict", finished_root / "manga" / "images", *TRAINING),
        *("--catalog", tmp_path / "types.csv", "-o", tmp_path / "out.csv"),
        data=finished_root,
    )
    assert done.returncode == 0, done.stderr
    found = pd.read_csv(tmp_path / "out.csv", dtype={"galaxy_id": str}).set_index("galaxy_id").loc[candidates.index]
    known = candidates["population_known"].astype(bool)
    assert (found["population"][known] == candidates["population"][known]).all() and found["in_catalog"].all()
    same = known & ((candidates["population"] == "early") | ~candidates["labelled"].astype(bool))
    np.testing.assert_allclose(found["probability_slow"][same], candidates["probability_slow"][same], rtol=1e-5)


def test_the_card_of_a_synthetic_training_says_so(model):
    assert json.loads((model / "model.json").read_text())["synthetic"] is True
    assert "Trained on synthetic galaxies" in (model / "MODEL_CARD.md").read_text()


@pytest.mark.parametrize(
    ("settings", "stale"),
    [
        ("images: {check_centre: false}", "image_tensors of manga-observed-64"),
        ("labels: {t_type_max: 1.0}", "galaxies of manga"),
    ],
)
def test_results_that_are_out_of_date_are_not_exported(finished_root, tmp_path, settings, stale):
    root = tmp_path / "root"
    shutil.copytree(finished_root, root, copy_function=shutil.copy2)
    (root / "settings.yaml").write_text(f"manga: {{{settings}}}\n")
    line = complaint(rotators("model", "export", tmp_path / "model", *TRAINING, data=root))
    assert f"{stale} is out of date" in line and "rotators run --stale" in line
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["predict", ".", "-o", "out.csv"], "say which model: --dataset D and --recipe R of a training, or --model"),
        (["predict", ".", "--model", "none", "-o", "out.csv"], "none: there is no such folder"),
        (["predict", ".", "--model", "none", *TRAINING, "-o", "out.csv"], "leave out --dataset, --recipe and --data"),
        (["predict", "nothing", "--model", "MODEL", "-o", "out.csv"], "nothing: there is no such file or folder"),
        (["predict", ".", "--model", "MODEL", "-o", "out.csv"], "no images found"),
        (["predict", ".", "--model", "MODEL", "-o", "out.xls"], "its ending selects no format"),
        (["predict", ".", "--model", "MODEL", "--prior", "nan", "-o", "out.csv"], "--prior is not a number"),
        (["predict", ".", "--model", "MODEL", "--prior", "1.5", "-o", "out.csv"], "1.5 is not in the range 0<x<1"),
        (["model", "export", "new"], "say which model"),
        (["model", "export", "new", "-d", "manga-observed-64", "-r", "unknown"], "there is no recipe 'unknown'"),
        (["model", "export", "new", "-d", "manga-observed-64", "-r", "log"], "has no candidates of manga-observed-64"),
    ],
)
def test_wrong_usage_gives_one_line(arguments, part, finished_root, model, tmp_path):
    named = [str(model) if argument == "MODEL" else argument for argument in arguments]
    of_root = arguments[0] == "model"
    assert part in complaint(rotators(*named, data=finished_root if of_root else None, cwd=tmp_path))
    assert not list(tmp_path.iterdir())


def test_parquet_holds_types_and_the_mark(finished_root, model, tmp_path):
    images = sorted((finished_root / "manga" / "images").iterdir())[:3]
    done = rotators("predict", *images, "--model", model, "-o", tmp_path / "out.parquet")
    assert done.returncode == 0, done.stderr
    rows = duckdb.read_parquet(str(tmp_path / "out.parquet"))
    assert dict(zip(rows.columns, map(str, rows.types), strict=True))["in_domain"] == "BOOLEAN"
    assert rows.df()["synthetic"].all()
