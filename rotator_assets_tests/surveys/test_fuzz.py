"""Hundreds of damaged and hostile files: no traceback, no hang over 10 s, no gigabyte of memory, no other file opened;
for each a reason of one line.

The variable ROTATORS_FUZZ sets their number; `make fuzz` tries 10 000.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rotator_assets_tests.surveys.fuzzing import LIMIT_SECONDS

COUNT = int(os.environ.get("ROTATORS_FUZZ", 300))
PARTS = 1 if COUNT < 1000 else 2
"""Processes at a time; few files do not repay the imports of another one."""
OUT_OF_MEMORY = ("memory", "unable to allocate")


def _tried(part: int) -> list[dict]:
    """Outcomes of a part of the mutants; a process that dies is started again behind the file that killed it."""
    outcomes: dict[int, dict] = {}
    first = part
    while first < COUNT:
        command = [sys.executable, "-m", "rotator_assets_tests.surveys.fuzzing"]
        command += ["--first", str(first), "--last", str(COUNT), "--step", str(PARTS)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=3500)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert lines, done.stderr
        outcomes.update({line["number"]: line for line in lines})
        first = lines[-1]["number"] + PARTS
    return list(outcomes.values())


@pytest.fixture(scope="module")
def outcomes():
    with ThreadPoolExecutor(PARTS) as pool:
        return [outcome for part in pool.map(_tried, range(PARTS)) for outcome in part]


def test_every_mutant_ends_in_a_result_or_a_reason(outcomes):
    assert len(outcomes) == COUNT
    bad = [outcome for outcome in outcomes if outcome["result"] not in ("ok", "reason")]
    assert not bad, bad[:5]
    kinds = Counter(outcome["result"] for outcome in outcomes)
    assert kinds["reason"] > COUNT / 3, kinds  # else the mutations would be harmless, and the test with them


def test_every_reason_is_one_line_that_names_the_file(outcomes):
    """Of an image, table ``images`` names the file; what is not recognized as a catalogue is said to be missing."""
    for outcome in outcomes:
        if outcome["result"] == "reason":
            assert outcome["text"] and "\n" not in outcome["text"], outcome
            path = Path(outcome["name"])  # of pieces that do not fit each other, the folder is named
            named = any(name in outcome["text"] for name in (path.name, path.parent.name, "there is no "))
            assert named or path.parent.name == "images", outcome


def test_hostile_files_are_refused_and_open_no_other_file(outcomes):
    assert sum(outcome["refused"] for outcome in outcomes) > COUNT / 5
    for outcome in outcomes:
        assert outcome["result"] == "reason" or not outcome["refused"], outcome
        assert not outcome["opened"] and "do-not-read-me" not in outcome["text"], outcome


def test_none_takes_long_or_much_memory(outcomes):
    for outcome in outcomes:
        assert outcome["seconds"] < LIMIT_SECONDS, outcome
        assert not any(word in outcome["text"].casefold() for word in OUT_OF_MEMORY), outcome
