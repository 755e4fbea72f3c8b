"""Worker processes: answers, reports, errors, crashes, time limits and shutdown."""

import time
from concurrent.futures import wait

import pytest

from rotator_assets.core.errors import InputError
from rotator_assets.engine.processes import ProcessEnded, ProcessPool
from rotator_assets_tests.engine.work import double, end, refuse, sleep

pytestmark = pytest.mark.slow


def test_requests_are_answered_by_the_same_process_with_reports():
    reports = []
    with ProcessPool(1) as processes:
        answers = [processes.submit(double, n, on_report=reports.append) for n in range(3)]
        assert [answer.result()[0] for answer in answers] == [0, 2, 4]
    assert len({answer.result()[1] for answer in answers}) == 1
    assert reports == ["half of 0", "half of 1", "half of 2"]


def test_an_error_is_raised_here_and_a_process_that_ends_fails_its_request_only():
    with ProcessPool(1) as processes:
        refused, lost, answered = (processes.submit(*asked) for asked in ((refuse, "no"), (end, 3), (double, 1)))
        with pytest.raises(InputError, match=r"^no$"):
            refused.result()
        with pytest.raises(ProcessEnded, match="status 3"):
            lost.result()
        assert answered.result()[0] == 2


def test_a_request_over_the_time_limit_is_killed():
    with ProcessPool(1, limit_seconds=0.5) as processes, pytest.raises(ProcessEnded):
        processes.submit(sleep, 600).result()


def test_shutdown_drops_waiting_requests_and_kills_running_ones():
    processes = ProcessPool(1)
    running, waiting = (processes.submit(sleep, 600) for _ in range(2))
    while processes._workers[0].process is None:
        time.sleep(0.01)
    processes.shutdown()
    wait([running], timeout=20)
    assert waiting.cancelled()
    assert isinstance(running.exception(), ProcessEnded)


def test_processes_start_before_their_requests_and_end_when_closed():
    with ProcessPool(2) as processes:
        processes.start()
        started = {worker.process.pid for worker in processes._workers}
        assert processes.submit(double, 1).result()[1] in started
        processes.close()
        assert [worker.process.wait(20) for worker in processes._workers] == [0, 0]
        with pytest.raises(RuntimeError):
            processes.submit(double, 1)
