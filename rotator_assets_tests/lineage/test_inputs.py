"""Observations of inputs: their content and its changes."""

import os
import time
from pathlib import Path

import dagster as dg
import pytest
import yaml

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.errors import InputError
from rotator_assets.core.recipes_file import ENVIRONMENT_VARIABLE, RECIPES_FILE, load_recipes
from rotator_assets.lineage import observing
from rotator_assets.lineage.inputs import read_inputs
from rotator_assets.lineage.observing import (
    content_changes,
    input_changes,
    last_observation,
    observe,
    observed_content,
)
from rotator_assets.tables import open_store


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.delenv(ENVIRONMENT_VARIABLE, raising=False)
    root = DataRoot(tmp_path / "root")
    monkeypatch.setenv("ROTATORS_DATA", str(root.path))
    for name in ("a.fits", "b.fits", "c.fits"):
        _write(root, name, name)
    return root


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def recipes(tmp_path, monkeypatch):
    """Write the recipes file with changed settings of `thesis` and with recipes added or removed."""

    def write(change: dict | None = None, add: dict | None = None, without: tuple[str, ...] = ()) -> None:
        content = yaml.safe_load(RECIPES_FILE.read_text())["recipes"]
        content["thesis"] |= change or {}
        content |= add or {}
        path = tmp_path / "recipes.yaml"
        path.write_text(yaml.safe_dump({"recipes": {k: v for k, v in content.items() if k not in without}}))
        monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(path))

    return write


def _write(root, name, text):
    path = root.survey("manga") / "images" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _observe(instance, root) -> dict[tuple[str, str], str]:
    """Report the changes to the instance; return them by input and partition."""
    observations = observe(instance, open_store(root))
    for observation in observations:
        instance.report_runless_asset_event(observation)
    return {(o.asset_key.to_user_string(), o.partition): o.metadata["changed"].value for o in observations}


def test_every_input_is_first_seen_once(instance, root):
    changed = _observe(instance, root)
    assert set(changed.values()) == {"first seen"}
    surveys = {survey for asset, survey in changed if asset == "image_files"}
    assert len(changed) == 6 * len(surveys) + 3 * len(load_recipes())
    assert _observe(instance, root) == {}


def test_a_changed_recipe_is_reported_with_old_and_new_value(instance, root, recipes):
    _observe(instance, root)
    recipes({"normalization": "log", "augmentation": {"flip": False}})
    assert _observe(instance, root) == {
        ("training_recipe", "thesis"): "normalization: max_all -> log; augmentation.flip: True -> False"
    }
    observation = last_observation(instance, "training_recipe", "thesis")
    content = observed_content(instance, observation)
    assert content["normalization"] == "log" and content["profile"] == "auto"
    assert content == {**load_recipes()["thesis"].settings("training"), "profile": "auto"}
    assert observation.metadata["edited"].value == pytest.approx(time.time(), abs=60)
    assert observation.metadata["written_in"].value == os.environ[ENVIRONMENT_VARIABLE]


@pytest.mark.parametrize(
    ("text", "asset", "told"),
    [
        ("manga: {labels: {t_type_max: 0}}", "label_settings", "labels.t_type_max: 2.0 -> 0.0"),
        ("manga: {jam_qual_min: 1}", "label_settings", "jam_qual_min: None -> 1"),
        ("manga: {fill_refused: true}", "label_settings", "fill_refused: False -> True"),
        (
            "manga: {ellipticity_preference: [nsa]}",
            "label_settings",
            "ellipticity_preference: [pymorph, nsa, user, dynpop, maps] -> [nsa]",
        ),
        ("manga: {kinematics: {min_coverage: 0.5}}", "kinematics_settings", "kinematics.min_coverage: 0.0 -> 0.5"),
        (
            "manga: {mock: {psf_fwhm_arcsec: [1.4, 1.3, 1.2]}}",
            "image_settings",
            "mock.psf_fwhm_arcsec: None -> [1.4, 1.3, 1.2]",
        ),
    ],
)
def test_a_changed_setting_is_reported_for_its_survey_only(instance, root, text, asset, told):
    _observe(instance, root)
    root.settings.write_text(text)
    assert _observe(instance, root) == {(asset, "manga"): told}
    observation = last_observation(instance, asset, "manga")
    assert observation.metadata["content"].value == observed_content(instance, observation)
    root.settings.unlink()
    assert _observe(instance, root) == {(asset, "manga"): " -> ".join(_turned(told))}


MERGER = "manga: {exclude: [{galaxy_id: 8000-1901, excluded_from: training, reason: merger}]}"
STAR = "manga: {exclude: [{ra: 1, dec: 2, reason: star}]}"


@pytest.mark.parametrize(
    ("text", "assets", "told"),
    [
        (MERGER, ("label_settings",), "exclude.galaxy_id 8000-1901: (absent) -> training, merger"),
        (
            STAR,
            ("label_settings", "image_settings"),
            "exclude.ra 1.0 dec 2.0 within 5 arcsec: (absent) -> everything, star",
        ),
    ],
)
def test_excluded_galaxies_change_the_labels_and_only_if_need_be_the_images(instance, root, text, assets, told):
    _observe(instance, root)
    root.settings.write_text(text)
    assert _observe(instance, root) == {(asset, "manga"): told for asset in assets}
    root.settings.write_text("manga: {exclude: []}")
    back = told.replace("(absent) -> ", "") + " -> (absent)"
    assert _observe(instance, root) == {(asset, "manga"): back for asset in assets}


def test_every_property_of_an_exclusion_counts(root):
    def versions(**changed) -> tuple[str, ...]:
        entry = {"ra": 1.0, "dec": 2.0, "radius_arcsec": 5.0, "reason": "star"} | changed
        root.settings.write_text(yaml.safe_dump({"manga": {"exclude": [entry]}}))
        return _versions(root)

    every = [versions(), versions(ra=2.0), versions(dec=1.0), versions(radius_arcsec=6.0), versions(reason="ghost")]
    assert len({label for label, _ in every}) == len({image for _, image in every}) == 5
    label, image = versions(excluded_from="training")
    root.settings.unlink()
    assert label not in {label for label, _ in every} and image == _versions(root)[1]


def _versions(root) -> tuple[str, ...]:
    found = {now.asset: now.version for now in read_inputs(root) if now.partition == "manga"}
    return found["label_settings"], found["image_settings"]


def test_settings_without_exclusions_have_the_versions_of_before_there_were_any(root):
    """For good: results of an earlier version are not stale because this setting joined the others."""
    before = ("e0b9d876dec19225", "86b4bcf7f3db9778")
    assert _versions(root) == before
    root.settings.write_text("manga: {exclude: []}")
    assert _versions(root) == before


def test_labels_by_factors_without_an_upper_limit_are_stale(root):
    root.settings.write_text("manga: {lambda_r_scale: {pipe3d: 1.39}}")
    version_without_a_limit = "73e3d1ac78d53d63"
    assert _versions(root)[0] != version_without_a_limit
    (content,) = (now.content for now in read_inputs(root) if (now.asset, now.partition) == ("label_settings", "manga"))
    assert content_changes("label_settings", content, content) == ["recorded by an earlier version of this program"]


def _turned(told: str) -> list[str]:
    key, _, values = told.partition(": ")
    old, new = values.split(" -> ")
    return [f"{key}: {new}", old]


def test_a_changed_profile_changes_every_stage_that_it_reduces(instance, root, recipes):
    maps = {"attribution_steps": 3, "attribution_doublings": 0}  # the quick profile does not change them
    recipes({"folds": 2, "epochs": 1, "batch_size": 8, **maps}, add={"log": maps})
    _observe(instance, root)
    root.settings.write_text("profile: full")
    changed = {("training_recipe", name) for name in load_recipes() if name != "thesis"}
    changed |= {("attribution_recipe", name) for name in load_recipes() if name not in ("thesis", "log")}
    assert _observe(instance, root) == dict.fromkeys(changed, "profile: auto -> full")


STAGE_OF = {"normalization": "training", "test_time_averaging": "prediction", "attribution_steps": "attribution"}


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("normalization", "log", "normalization: max_all -> log"),
        ("test_time_averaging", True, "test_time_averaging: False -> True"),
        ("attribution_steps", 70, "attribution_steps: 50 -> 70"),
    ],
)
def test_a_changed_setting_of_a_recipe_changes_only_its_own_stage(instance, root, recipes, setting, value, told):
    recipes()
    _observe(instance, root)
    recipes({setting: value})
    assert _observe(instance, root) == {(f"{STAGE_OF[setting]}_recipe", "thesis"): told}


def test_order_comments_and_spelled_out_defaults_of_recipes_are_no_change(instance, root, tmp_path, monkeypatch):
    path = tmp_path / "recipes.yaml"
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(path))
    path.write_text("recipes:\n  thesis: {bands: r, epochs: 9}\n  log: {normalization: log}\n")
    _observe(instance, root)
    path.write_text(
        "# rewritten\nrecipes:\n  log: {seed: 2020, augmentation: {flip: true}, normalization: log}\n"
        "  thesis:\n    epochs: 9  # as before\n    attribution_steps: 50\n    augmentation: {rotation_deg: 180}\n"
        "    bands: r\n"
    )
    assert _observe(instance, root) == {}


def test_changed_files_are_counted_and_named(instance, root):
    _observe(instance, root)
    _write(root, "b.fits", "longer than before")
    _write(root, "d.fits", "new")
    (root.survey("manga") / "images" / "c.fits").unlink()
    assert _observe(instance, root) == {
        ("image_files", "manga"): (
            "1 file new (images/d.fits); 1 file gone (images/c.fits); 1 file changed (images/b.fits)"
        )
    }
    observation = last_observation(instance, "image_files", "manga")
    assert observation.metadata["files"].value == 3 and "content" not in observation.metadata
    assert set(observed_content(instance, observation)) == {"images/a.fits", "images/b.fits", "images/d.fits"}


def test_files_replaced_by_others_of_their_size_and_name_are_a_change(instance, root):
    _observe(instance, root)
    path = root.survey("manga") / "images" / "a.fits"
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    assert _observe(instance, root) == {("image_files", "manga"): "1 file changed (images/a.fits)"}


def test_dangling_links_and_names_that_are_not_utf8_are_no_errors(instance, root):
    folder = root.survey("manga") / "images"
    (folder / "annexed.fits").symlink_to(folder / "nowhere")
    (folder / os.fsdecode(b"caf\xe9.fits")).touch()
    _observe(instance, root)
    files = observed_content(instance, last_observation(instance, "image_files", "manga"))
    assert set(files) == {"images/a.fits", "images/b.fits", "images/c.fits", "images/caf\\udce9.fits"}


def test_a_change_from_a_state_that_was_not_kept_says_so(instance, root):
    _observe(instance, root)
    for path in (Path(instance.root_directory) / "inputs").iterdir():
        path.write_bytes(b"not a list of files")
    _write(root, "d.fits", "new")
    assert _observe(instance, root) == {("image_files", "manga"): "what it was before is not recorded"}


def test_lists_of_files_do_not_pile_up(instance, root, monkeypatch):
    monkeypatch.setattr(observing, "_MANIFESTS_KEPT", 2)
    for number in range(4):
        _write(root, "a.fits", "x" * number)
        _observe(instance, root)
    kept = Path(instance.root_directory) / "inputs"
    assert len(list(kept.glob("image_files.manga.*"))) == 2 and len(list(kept.glob("image_files.tng100.*"))) == 1


def test_the_list_of_files_just_seen_is_kept_after_the_clock_was_set_back(instance, root, monkeypatch):
    monkeypatch.setattr(observing, "_MANIFESTS_KEPT", 2)
    for number in range(3):
        _write(root, "a.fits", "x" * number)
        _observe(instance, root)
        for path in (Path(instance.root_directory) / "inputs").glob("image_files.manga.*"):
            os.utime(path, (time.time() + 365 * 86_400,) * 2)
    for name in ("d.fits", "e.fits"):
        _write(root, name, "new")
        assert _observe(instance, root) == {("image_files", "manga"): f"1 file new (images/{name})"}


def test_a_large_folder_is_read_fast_and_its_observation_stays_small(instance, root):
    for number in range(12_000):
        _write(root, f"{number}.fits", "")
    started = time.perf_counter()
    _observe(instance, root)
    assert time.perf_counter() - started < 20
    observation = last_observation(instance, "image_files", "manga")
    assert len(dg.serialize_value(observation)) < 2_000
    assert len(observed_content(instance, observation)) == 12_003


def test_recipes_added_and_removed_after_loading_are_no_change(instance, root, recipes):
    _observe(instance, root)
    recipes(add={"new-one": {}}, without=("log",))
    assert _observe(instance, root) == {}
    names = {now.partition for now in read_inputs(root) if now.asset == "training_recipe"}
    assert "new-one" not in names and "log" not in names and "thesis" in names


def _tick(instance, root):
    with dg.build_sensor_context(instance=instance, resources={"store": open_store(root)}) as context:
        return input_changes(context)


def test_the_sensor_reports_what_changed_and_nothing_twice(instance, root):
    events = _tick(instance, root).asset_events
    assert {event.metadata["changed"].value for event in events} == {"first seen"}
    for event in events:
        instance.report_runless_asset_event(event)
    assert _tick(instance, root).skip_message == "no input changed"


def test_a_tick_names_what_changed_in_one_line(instance, root, recipes):
    assert _tick(instance, root).skip_reason.skip_message.startswith(
        "catalog_files manga, tng100, atlas3d: first seen; "
    )
    _observe(instance, root)
    recipes({"normalization": "log"})
    tick = _tick(instance, root)
    assert tick.skip_reason.skip_message == tick.cursor == "training_recipe thesis: normalization: max_all -> log"
    root.settings.write_text("profile: full")
    assert " and " in _tick(instance, root).cursor and len(_tick(instance, root).cursor) < 400


def test_the_sensor_skips_an_error_in_settings_or_recipes(instance, root, recipes):
    root.settings.write_text("manga: {labels: {ttype: 3}}")
    assert "settings.yaml: line 1: manga.labels.ttype" in _tick(instance, root).skip_message
    root.settings.write_text("profile: [")
    assert len(_tick(instance, root).skip_message.splitlines()) == 1
    root.settings.unlink()
    recipes({"normalisation": "log"})
    assert "recipe 'thesis': normalisation" in _tick(instance, root).skip_message
    with pytest.raises(InputError):
        list(read_inputs(root))
