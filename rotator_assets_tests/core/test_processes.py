"""Worker processes: answers, progress, crashes, time limits and shutdown."""

import sys
import time
from concurrent.futures import wait

import pytest

from rotator_assets.core.processes import ProcessEnded, ProcessPool

pytestmark = pytest.mark.slow

WORKER = """
import json, os, sys, time
for line in sys.stdin:
    request = json.loads(line)
    if "status" in request:
        os._exit(request["status"])
    time.sleep(request.get("seconds", 0))
    print(json.dumps({"stage": "half", "done": 1, "total": 2}), flush=True)
    print(json.dumps({"double": 2 * request["number"], "pid": os.getpid()}), flush=True)
"""


def pool(count: int = 1, **options) -> ProcessPool:
    return ProcessPool([sys.executable, "-S", "-c", WORKER], count, **options)


def test_requests_are_answered_by_the_same_process_with_progress():
    reports = []
    with pool() as processes:
        answers = [processes.submit({"number": n}, lambda **report: reports.append(report)) for n in range(3)]
        assert [answer.result()["double"] for answer in answers] == [0, 2, 4]
    assert len({answer.result()["pid"] for answer in answers}) == 1
    assert reports == [{"stage": "half", "done": 1, "total": 2}] * 3


def test_a_process_that_ends_fails_its_request_only():
    with pool() as processes:
        lost, answered = processes.submit({"status": 3}), processes.submit({"number": 1})
        with pytest.raises(ProcessEnded, match="status 3"):
            lost.result()
        assert answered.result()["double"] == 2


def test_a_request_over_the_time_limit_is_killed():
    with pool(limit_seconds=0.5) as processes, pytest.raises(ProcessEnded):
        processes.submit({"number": 1, "seconds": 600}).result()


def test_shutdown_drops_waiting_requests_and_kills_running_ones():
    processes = pool()
    running, waiting = (processes.submit({"number": 1, "seconds": 600}) for _ in range(2))
    while processes._workers[0].process is None:
        time.sleep(0.01)
    processes.shutdown()
    wait([running], timeout=20)
    assert waiting.cancelled()
    assert isinstance(running.exception(), ProcessEnded)


def test_processes_start_before_their_requests_and_end_when_closed():
    with pool(2) as processes:
        processes.start()
        started = {worker.process.pid for worker in processes._workers}
        assert processes.submit({"number": 1}).result()["pid"] in started
        processes.close()
        assert [worker.process.wait(20) for worker in processes._workers] == [0, 0]
        with pytest.raises(RuntimeError):
            processes.submit({"number": 1})
