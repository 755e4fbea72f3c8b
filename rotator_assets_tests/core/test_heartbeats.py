"""A process counts as dead by the clock of who looks, and only after a look at its last sign of life."""

import os
import time
from types import SimpleNamespace

import pytest

from rotator_assets.core import heartbeats
from rotator_assets.core.heartbeats import SILENT_SECONDS, beating, silent


@pytest.fixture
def clock(monkeypatch):
    """The seconds since the machine of the observer was started."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(heartbeats, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


@pytest.fixture
def look(tmp_path):
    """Whether the only heartbeat is silent; every look is like that of a new process."""
    return lambda: bool(silent([tmp_path / "one"], tmp_path / "seen"))


def beat(folder, seconds: float) -> None:
    (folder / "one").touch()
    os.utime(folder / "one", (seconds, seconds))


@pytest.mark.parametrize("seconds", [0, 631_152_000, time.time(), 4_102_444_800], ids=["1970", "1990", "now", "2100"])
def test_no_clock_of_another_host_counts(tmp_path, clock, look, seconds):
    beat(tmp_path, seconds)
    for _ in range(5):
        assert not look()
        clock.now += SILENT_SECONDS - 1
        seconds -= 3600  # that clock is even set back
        beat(tmp_path, seconds)
    assert not look()
    clock.now += SILENT_SECONDS + 1
    assert look()
    beat(tmp_path, seconds + 1)
    assert not look(), "it was only stopped for a while"


def test_a_file_that_is_missing_counts_like_one_that_does_not_change(tmp_path, clock, look):
    assert not look()
    clock.now += SILENT_SECONDS + 1
    assert look()


def test_a_look_before_the_machine_was_started_again_does_not_count(tmp_path, clock, look):
    """Without a name of the boot in /proc, its clock begins anew."""
    beat(tmp_path, 5)
    assert not look()
    clock.now = 10.0
    assert not look()
    clock.now += SILENT_SECONDS + 1
    assert look()


def test_a_damaged_memory_begins_anew(tmp_path, clock, look):
    beat(tmp_path, 5)
    assert not look()
    (memory,) = (tmp_path / "seen").iterdir()
    memory.write_text("{")
    clock.now += SILENT_SECONDS + 1
    assert not look()


def test_others_are_not_forgotten_by_a_look_at_one(tmp_path, clock):
    one, other, seen = tmp_path / "one", tmp_path / "other", tmp_path / "seen"
    assert not silent([one], seen)
    clock.now += SILENT_SECONDS + 1
    assert not silent([other], seen)
    assert silent([one, other], seen) == {one}


def test_a_process_beats_until_it_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(heartbeats, "BEAT_SECONDS", 0.02)
    file = tmp_path / "folder" / "one"
    with beating(file):
        first = file.stat().st_mtime_ns
        end = time.monotonic() + 20
        while file.stat().st_mtime_ns == first:
            assert time.monotonic() < end
        file.unlink()  # by someone who cleans up
        while not file.exists():
            assert time.monotonic() < end
    assert not file.exists()
