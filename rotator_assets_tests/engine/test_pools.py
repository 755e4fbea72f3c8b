"""Requests are answered alike by processes of this machine and by those of a real Dask cluster."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml

from rotator_assets.core.errors import InputError
from rotator_assets.engine import address, cluster
from rotator_assets.engine.cluster_settings import ClusterSettings
from rotator_assets.engine.pools import open_pool
from rotator_assets.engine.processes import ProcessEnded
from rotator_assets_tests.engine.clusters import Cluster
from rotator_assets_tests.engine.work import double, end, fail, refuse, sleep, thread_variables

DEPLOY = Path(__file__).parents[2] / "deploy"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with Cluster(tmp_path_factory.mktemp("cluster"), 2) as started:
        yield started


@pytest.fixture(params=["here", "cluster"])
def engine(request, monkeypatch):
    """Where requests are answered."""
    monkeypatch.delenv(address.VARIABLE, raising=False)
    if request.param == "cluster":
        monkeypatch.setenv(address.VARIABLE, request.getfixturevalue("running").address)
    return request.param


def pid_in(file: Path) -> int:
    while not (file.exists() and file.read_text()):
        time.sleep(0.02)
    return int(file.read_text())


def wait_for_end(pid: int, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while psutil.pid_exists(pid) and time.monotonic() < until:
        time.sleep(0.02)
    return not psutil.pid_exists(pid)


@pytest.mark.slow
def test_answers_reports_and_errors_come_back(engine):
    reports = []
    with open_pool(2) as pool:
        assert pool.size == 2 and pool.is_here == (engine == "here")
        answers = [pool.submit(double, n, on_report=reports.append) for n in range(4)]
        refused, failed, lost = pool.submit(refuse, "no"), pool.submit(fail), pool.submit(end, 3)
        assert [answer.result()[0] for answer in answers] == [0, 2, 4, 6]
        assert isinstance(refused.exception(), InputError) and str(refused.exception()) == "no"
        assert isinstance(failed.exception(), ZeroDivisionError)
        assert isinstance(lost.exception(), ProcessEnded) and lost.exception().status == 3
        assert pool.submit("rotator_assets_tests.engine.work:double", 5).result()[0] == 10
    assert sorted(reports) == [f"half of {n}" for n in range(4)]


@pytest.mark.slow
def test_a_request_over_its_time_is_killed_and_leaving_kills_what_runs(engine, tmp_path):
    with open_pool(1, limit_seconds=0.5) as pool:
        assert isinstance(pool.submit(sleep, 600).exception(), ProcessEnded)
    with open_pool(1) as pool:
        running = pool.submit(sleep, 600, tmp_path / "pid")
        pid = pid_in(tmp_path / "pid")
    assert wait_for_end(pid, 20)
    assert isinstance(running.exception(), ProcessEnded)
    with pytest.raises(RuntimeError):
        pool.submit(double, 1)


@pytest.mark.slow
def test_the_threads_of_tasks_are_those_of_this_machine(running, monkeypatch):
    monkeypatch.setenv(address.VARIABLE, running.address)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    with open_pool(1) as pool:
        assert pool.submit(thread_variables).result() == ("3", str(len(os.sched_getaffinity(0))))


@pytest.mark.slow
def test_a_task_is_repeated_when_its_worker_dies_and_given_up_when_it_always_does(running, monkeypatch, tmp_path):
    monkeypatch.setenv(address.VARIABLE, running.address)
    with open_pool(1) as pool:
        slept = pool.submit(sleep, 1, tmp_path / "pid")
        psutil.Process(pid_in(tmp_path / "pid")).parent().send_signal(signal.SIGKILL)
        assert slept.result(60) is None
        seen = set()
        always = pool.submit(sleep, 600, tmp_path / "again")
        while not always.done():
            pid = pid_in(tmp_path / "again")
            if pid not in seen and psutil.pid_exists(pid):
                seen.add(pid)
                psutil.Process(pid).parent().send_signal(signal.SIGKILL)
            time.sleep(0.02)
        assert isinstance(always.exception(), ProcessEnded) and len(seen) == 4


@pytest.mark.slow
def test_workers_with_another_program_are_named(running, monkeypatch):
    monkeypatch.setenv(address.VARIABLE, running.address)
    monkeypatch.setattr(cluster.origin, "code_hash", lambda: "another")
    with open_pool(1) as pool, pytest.raises(InputError, match="has another version of this program"):
        pool.submit(double, 1).result()


@pytest.mark.parametrize(
    ("given", "known"),
    [
        ("127.0.0.1:8786", "tcp://127.0.0.1:8786"),
        ("tcp://localhost:8786/", "tcp://localhost:8786"),
        ("tcp://[::1]:8786", "tcp://[::1]:8786"),
        ("tls://head:8786", "tls://head:8786"),
    ],
)
def test_addresses(given, known):
    assert address.checked(given) == known


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("tcp://head:8786", "must be encrypted; start the scheduler with certificates, and give tls://head:8786"),
        ("10.0.0.1:8786", "must be encrypted"),
        ("inproc://127.0.0.1:1", "is no address"),
        ("head", "is no address"),
        ("tls://head:99999", "is no address"),
        ("", "is no address"),
    ],
)
def test_addresses_that_are_none_or_not_safe(given, reason):
    with pytest.raises(InputError, match=reason):
        address.checked(given)


def test_an_address_where_nothing_listens():
    with pytest.raises(InputError, match="cannot be reached"):
        address.require_reachable("tcp://127.0.0.1:9")


def test_dask_is_not_loaded_without_a_cluster():
    code = "import sys, rotator_assets.cli, rotator_assets.definitions; print({'dask', 'distributed'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", timeout=300, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.slow
def test_slurm_with_certificates(tmp_path):
    """The jobs are run by a script in place of SLURM."""
    certificates = {"cert": str(tmp_path / "cert.pem"), "key": str(tmp_path / "key.pem")}
    make = (
        "req -x509 -newkey rsa:2048 -nodes -subj /CN=ca -keyout ca-key.pem -out ca.pem",
        "req -newkey rsa:2048 -nodes -subj /CN=rotators -keyout key.pem -out request.pem",
        "x509 -req -in request.pem -CA ca.pem -CAkey ca-key.pem -CAcreateserial -out cert.pem",
    )
    for command in make:
        subprocess.run(["openssl", *command.split()], cwd=tmp_path, check=True, capture_output=True)
    roles = {role: certificates for role in ("client", "scheduler", "worker")}
    tls = {"ca-file": str(tmp_path / "ca.pem"), **roles}
    (tmp_path / "tls.yaml").write_text(yaml.safe_dump({"distributed": {"comm": {"tls": tls}}}))
    scripts = {
        "sbatch": f'cp "$1" {tmp_path}/job; setsid bash {tmp_path}/job >{tmp_path}/log 2>&1 & echo $! >{tmp_path}/pid\n'
        'echo "Submitted batch job 4711"',
        "scancel": f"kill -- -$(cat {tmp_path}/pid)",
    }
    (tmp_path / "bin").mkdir()
    for name, script in scripts.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/bash\n{script}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    code = """
import os, sys, yaml
from rotator_assets.engine.address import VARIABLE
from rotator_assets.engine.cluster_settings import ClusterSettings
from rotator_assets.engine.pools import open_pool
from rotator_assets.engine.starting import started
from rotator_assets_tests.engine.work import double
settings = ClusterSettings(**yaml.safe_load(open(sys.argv[1]))["cluster"]).model_copy(update={"workers": 1})
with started(settings) as os.environ[VARIABLE], open_pool(1) as pool:
    print(os.environ[VARIABLE].partition("://")[0], pool.submit(double, 21).result()[0])
"""
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [sys.executable, "-c", code, str(DEPLOY / "cluster-slurm.yaml")],
        env={**os.environ, "PATH": path, "DASK_CONFIG": str(tmp_path / "tls.yaml")},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    assert done.stdout == "tls 42\n", done.stderr
    assert "#SBATCH -p normal" in (tmp_path / "job").read_text()


@pytest.mark.parametrize("kind", ["slurm", "kubernetes", "ssh"])
def test_the_files_to_copy_are_valid(kind):
    content = yaml.safe_load((DEPLOY / f"cluster-{kind}.yaml").read_text())
    assert ClusterSettings(**content["cluster"]).kind == kind
