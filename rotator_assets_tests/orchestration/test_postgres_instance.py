"""``instance:`` of the settings: errors in one line, one instance for Dagster's commands too, no password shown."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
import yaml
from sqlalchemy import text

from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.errors import InputError
from rotator_assets.lineage.settings_file import load_settings
from rotator_assets.orchestration.instance import INSTANCE_SETTINGS, open_instance
from rotator_assets.orchestration.remembered import last_event
from rotator_assets.orchestration.runner import WORKSPACE
from rotator_assets.training.assets import TRAINING_POOL
from rotator_assets_tests.commands import complaint, rotators
from rotator_assets_tests.postgres import DATABASE, NEEDS_POSTGRES, PASSWORD, USER, VARIABLE, running_postgres

DEPLOY = Path(__file__).parents[2] / "deploy"
SERVER = "postgresql://dagster@db.example.org/rotators"


@pytest.fixture(scope="module")
def server():
    with running_postgres() as server:
        yield server


@pytest.mark.parametrize(
    ("block", "problem"),
    [
        (
            f"postgres_url: '{SERVER}', port: 1",
            "instance.port: unknown key; the keys are postgres_url, password_variable",
        ),
        ("postgres_url: 'postgresql://dagster:hidden@db/rotators'", "leave the password out"),
        ("postgres_url: 'postgresql://dagster@db/rotators?password=hidden'", "leave the password out"),
        ("postgres_url: 'postgresql://db.example.org/rotators'", "a user, a server and a database"),
        ("postgres_url: 'mysql://dagster@db/rotators'", "a user, a server and a database"),
        ("postgres_url: 'postgresql://dagster@/rotators'", "names no server"),
        ("postgres_url: 'postgresql://dagster@db/rotators?options=x'", "the parameter 'options'"),
        ("postgres_url: 'postgresql://dagster@db:many/rotators'", "is not a URL"),
        (f"postgres_url: '{SERVER}', password_variable: 'hidden!'", "never the password itself"),
        (f"postgres_url: '{SERVER}', password_variable: DAGSTER_PASSWORD", "ignores the variable"),
        ("password_variable: SECRET", "postgres_url: Field required"),
    ],
)
def test_a_wrong_block_is_one_line_without_a_password(tmp_path, block, problem):
    (tmp_path / "settings.yaml").write_text(f"instance: {{{block}}}")
    with pytest.raises(InputError) as error:
        load_settings(DataRoot(tmp_path))
    assert problem in str(error.value) and "hidden" not in str(error.value)
    assert str(error.value).startswith(f"{tmp_path}/settings.yaml: line 1: instance")


def test_a_socket_and_an_encoded_name_are_understood(tmp_path):
    url = "postgresql://me%40here@/rotators?host=/run/postgresql&sslmode=require"
    (tmp_path / "settings.yaml").write_text(f"instance: {{postgres_url: '{url}', password_variable: SECRET}}")
    database = load_settings(DataRoot(tmp_path)).instance.database
    assert (database["username"], database["hostname"], database["port"]) == ("me@here", "", 5432)
    assert database["params"]["host"] == "/run/postgresql" and database["params"]["sslmode"] == "require"
    assert database["password"] == {"env": "SECRET"}


def test_a_server_that_cannot_be_used_is_one_line(tmp_path, monkeypatch):
    root = DataRoot(tmp_path)
    root.dagster_home.mkdir(parents=True)
    root.settings.write_text(
        f"instance: {{postgres_url: 'postgresql://me@127.0.0.1:1/x', password_variable: {VARIABLE}}}"
    )
    monkeypatch.delenv(VARIABLE, raising=False)
    assert f"the variable {VARIABLE} is not set" in complaint(rotators("status", data=tmp_path))
    monkeypatch.setenv(VARIABLE, PASSWORD)
    told = complaint(rotators("status", data=tmp_path))
    assert "Postgres at 127.0.0.1:1/x cannot be used" in told and "refused" in told and PASSWORD not in told


def test_the_storage_follows_the_settings_and_other_keys_stay(tmp_path, monkeypatch):
    """Also one that the user has put into ``dagster.yaml``, which stays where the settings have none."""
    root, file = DataRoot(tmp_path), tmp_path / "results" / "dagster" / "dagster.yaml"
    monkeypatch.delenv(VARIABLE, raising=False)
    with open_instance(root):
        assert yaml.safe_load(file.read_text()) == INSTANCE_SETTINGS
        assert last_event(root)
    file.write_text(yaml.safe_dump({**INSTANCE_SETTINGS, "retention": {"sensor": {"purge_after_days": 3}}}))
    own = yaml.safe_load(file.read_text())
    root.settings.write_text(f"instance: {{postgres_url: '{SERVER}', password_variable: {VARIABLE}}}")
    with pytest.raises(InputError, match=VARIABLE):
        open_instance(root)
    assert {name: value for name, value in yaml.safe_load(file.read_text()).items() if name != "storage"} == own
    assert (
        yaml.safe_load(file.read_text())["storage"]["custom"]["config"]["postgres_db"]["hostname"] == "db.example.org"
    )
    assert last_event(root) == ()  # what is remembered would not change with an event in Postgres
    root.settings.unlink()
    with open_instance(root):
        assert yaml.safe_load(file.read_text()) == own
    file.write_text(yaml.safe_dump({**own, "storage": {"sqlite": {"base_dir": str(tmp_path / "elsewhere")}}}))
    with open_instance(root):
        assert (tmp_path / "elsewhere" / "history").is_dir()


@NEEDS_POSTGRES
def test_commands_and_dagster_share_the_instance_and_nobody_shows_the_password(server, tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, PASSWORD)
    root = DataRoot(tmp_path)
    root.settings.write_text(server.settings)
    with open_instance(root) as instance:
        instance.report_runless_asset_event(dg.AssetObservation("seen"))
        assert PASSWORD not in instance.info_str()
    code = "import dagster as dg; print(dg.DagsterInstance.get().all_asset_keys())"
    environment = {**os.environ, "DAGSTER_HOME": str(root.dagster_home)}
    programs = [[sys.executable, "-c", code], [str(Path(sys.executable).with_name("dagster")), "instance", "info"]]
    seen, info = (subprocess.run(one, env=environment, capture_output=True, text=True, check=True) for one in programs)
    assert "seen" in seen.stdout
    assert "Postgres" in info.stdout and PASSWORD not in info.stdout + info.stderr
    assert not (root.dagster_home / "history").exists()


@NEEDS_POSTGRES
def test_the_deployed_instance_loads_and_has_the_limits_of_every_root(server, tmp_path, monkeypatch):
    described = yaml.safe_load((DEPLOY / "dagster.yaml").read_text("utf-8"))
    assert {name: described[name] for name in INSTANCE_SETTINGS} == INSTANCE_SETTINGS
    place = {"USER": USER, "PASSWORD": PASSWORD, "HOST": "127.0.0.1", "DATABASE": DATABASE, "PORT": str(server.port)}
    for name, value in place.items():
        monkeypatch.setenv(f"ROTATORS_POSTGRES_{name}", value)
    root = DataRoot(tmp_path)
    root.dagster_home.mkdir(parents=True)
    shutil.copy(DEPLOY / "dagster.yaml", root.dagster_home)
    with open_instance(root) as instance:
        assert type(instance.run_launcher).__name__ == "DefaultRunLauncher" and not instance.run_monitoring_enabled
        assert type(instance.event_log_storage).__name__ == "PostgresEventLogStorage"
        assert instance.event_log_storage.get_concurrency_info(TRAINING_POOL).slot_count == 1
    assert (root.dagster_home / "dagster.yaml").read_text() == (DEPLOY / "dagster.yaml").read_text()


def test_the_files_of_deploy_agree():
    files = {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in DEPLOY.glob("*.yaml")}
    chart, compose, launched = files["helm-values"], files["compose"], files["workspace"]["load_from"][0]["grpc_server"]
    assert chart["additionalInstanceConfig"]["concurrency"] == INSTANCE_SETTINGS["concurrency"]
    assert not chart["dagsterDaemon"]["runMonitoring"]["enabled"]
    code = compose["services"]["code"]
    assert launched["host"] == code["hostname"] and str(launched["port"]) in code["command"]
    assert (
        launched["location_name"]
        == yaml.safe_load(WORKSPACE.read_text())["load_from"][0]["python_module"]["location_name"]
    )
    assert compose["services"]["webserver"]["ports"] == ["127.0.0.1:3000:3000"]
    asked = re.findall(r"ROTATORS_POSTGRES_\w+", (DEPLOY / "dagster.yaml").read_text())
    assert set(asked) <= set(code["environment"])


@NEEDS_POSTGRES
def test_events_wait_for_a_server_that_restarts(server, tmp_path, monkeypatch):
    """In the connection of a statement, and between two of them; each event is there once."""
    monkeypatch.setenv(VARIABLE, PASSWORD)
    root = DataRoot(tmp_path)
    root.settings.write_text(server.settings)
    key = dg.AssetKey("restarted")
    with open_instance(root) as instance, instance.event_log_storage.index_connection() as connection:
        connection.execute(text("SELECT 1"))
        server.stop()
        server.start()
        assert connection.execute(text("SELECT 2")).scalar() == 2
        for _ in range(3):
            instance.report_runless_asset_event(dg.AssetObservation(key))
        assert len(instance.fetch_observations(key, limit=10).records) == 3
