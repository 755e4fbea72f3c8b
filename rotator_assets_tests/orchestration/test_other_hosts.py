"""Runs on other hosts that share a data root: live ones are left alone, those of dead processes count as failed."""

import platform
import subprocess
import sys
import time

import dagster as dg
import pytest

from rotator_assets.core import heartbeats
from rotator_assets.core.data_root import DataRoot
from rotator_assets.orchestration.at_work import is_at_work, run_alive
from rotator_assets.orchestration.instance import open_instance

SILENT_S = 4.0
OTHER_HOST = """
import platform, sys, uuid

platform.node = lambda: sys.argv[2]
import dagster as dg
from rotator_assets.core import heartbeats
from rotator_assets.core.data_root import DataRoot
from rotator_assets.orchestration.at_work import alive, at_work, process_tags
from rotator_assets.orchestration.instance import open_instance

heartbeats.BEAT_SECONDS = 0.1
root = DataRoot.at(sys.argv[1])

@dg.job
def work(): ...

with open_instance(root) as instance, alive(root), at_work(root):
    tags = process_tags(run_id := str(uuid.uuid4()))
    run = instance.create_run_for_job(work, run_id=run_id, status=dg.DagsterRunStatus.STARTED, tags=tags)
    print(run_id, flush=True)
    sys.stdin.read()
    instance.report_run_canceled(run)
"""


@pytest.fixture
def root(tmp_path, monkeypatch) -> DataRoot:
    monkeypatch.setattr(heartbeats, "SILENT_SECONDS", SILENT_S)
    return DataRoot(tmp_path)


def started(root: DataRoot, host: str) -> tuple[subprocess.Popen, str]:
    """A process on a host with a run, and its identifier."""
    command = [sys.executable, "-c", OTHER_HOST, str(root.path), host]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().strip()


def status(root: DataRoot, run_id: str) -> str:
    """The status of a run, as a command finds it that begins now."""
    with open_instance(root) as instance:
        return instance.get_run_by_id(run_id).status.name


def test_a_live_run_of_another_host_is_left_alone_and_a_dead_one_is_recognized(root):
    process, run_id = started(root, "elsewhere.example.org")
    end = time.monotonic() + 2 * SILENT_S
    while time.monotonic() < end:
        assert status(root, run_id) == "STARTED" and is_at_work(root)
        time.sleep(0.5)
    process.kill()
    process.wait()
    killed = time.monotonic()
    while status(root, run_id) == "STARTED":
        assert time.monotonic() < killed + 60
        time.sleep(0.2)
    assert time.monotonic() > killed + SILENT_S - 1  # not at once: it could have been alive
    with open_instance(root) as instance:
        (failed,) = instance.all_logs(run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
    assert "it was killed" in failed.message
    assert not is_at_work(root)
    assert not list((root.dagster_home / ".heartbeats").iterdir())


def test_a_process_that_ends_leaves_nothing_behind(root):
    process, run_id = started(root, "elsewhere")
    assert is_at_work(root)
    process.communicate("", timeout=60)
    assert process.returncode == 0 and status(root, run_id) == "CANCELED" and not is_at_work(root)


def test_a_killed_process_of_this_host_is_recognized_at_once(root):
    process, run_id = started(root, platform.node())
    assert status(root, run_id) == "STARTED" and is_at_work(root)
    process.kill()
    process.wait()
    assert not is_at_work(root)
    assert status(root, run_id) == "FAILURE"
    assert not list((root.dagster_home / ".heartbeats").iterdir())


def test_a_run_that_dagster_launches_shows_that_it_is_alive(root):
    """It has the tags of its own process, also where it repeats a run of another one."""
    seen = []

    @dg.resource
    def shown(context):
        with run_alive(context, root):
            yield

    @dg.op(required_resource_keys={"shown"})
    def look(context):
        seen.append(([path.name for path in (root.dagster_home / ".heartbeats").iterdir()], context.run.run_id))

    @dg.job(resource_defs={"shown": shown})
    def work():
        look()

    process, dead = started(root, platform.node())
    process.kill()
    process.wait()
    with open_instance(root) as instance:
        copied = instance.get_run_by_id(dead).tags
        queued = instance.create_run_for_job(work, status=dg.DagsterRunStatus.NOT_STARTED, tags=copied)
        assert work.execute_in_process(instance=instance, tags=copied).success
        ((heartbeat,), run_id) = seen[0]
        assert instance.get_run_by_id(run_id).tags[".dagster/rotators/heartbeat"] == heartbeat
        assert heartbeat not in copied.values()
    assert status(root, queued.run_id) == "NOT_STARTED"
    assert not list((root.dagster_home / ".heartbeats").iterdir())
