"""Measuring a whole survey: in parallel, once per galaxy, even with files that crash the reader."""

import time
from dataclasses import replace

import numpy as np
import pytest

from rotator_assets.catalogs import measuring
from rotator_assets.catalogs.measuring import Job, measure_all
from rotator_assets.core.settings import KinematicsSettings
from rotator_assets.kinematics.measured import HalfLightEllipse
from rotator_assets_tests.catalogs import deadly
from rotator_assets_tests.surveys.files import write_text

pytestmark = pytest.mark.slow


@pytest.fixture
def jobs(tmp_path):
    """Six files that are no MAPS files."""
    names = [f"8000-190{k}" for k in range(6)]
    paths = [write_text(tmp_path / "maps" / f"manga-{name}-MAPS-SPX.fits", name) for name in names]
    job = Job("manga", "", tmp_path, HalfLightEllipse(), KinematicsSettings())
    return [replace(job, galaxy_id=name, path=path) for name, path in zip(names, paths, strict=True)]


def counting(monkeypatch, result=None):
    """Replaces the measurement by one that counts its calls."""
    calls = []

    def measure(job):
        calls.append(job.galaxy_id)
        return result or {"usable": True, "reason": None, "lambda_r": 0.25}

    monkeypatch.setattr(measuring, "measure", measure)
    return calls


def test_bad_files_are_listed_with_their_reasons_in_order(jobs, tmp_path):
    told = []
    frame = measure_all(jobs, tmp_path / "kept", lambda done, total: told.append((done, total)), workers=2)
    assert frame["galaxy_id"].tolist() == [job.galaxy_id for job in jobs]
    assert not frame["usable"].any()
    assert all(job.path.name in reason for job, reason in zip(jobs, frame["reason"], strict=True))
    assert told[0] == (0, 6) and told[-1] == (6, 6)


def test_an_interrupted_survey_goes_on_where_it_stopped(jobs, tmp_path, monkeypatch):
    calls = counting(monkeypatch)
    measure_all(jobs[:3], tmp_path / "kept", lambda *_: None, workers=0)
    frame = measure_all(jobs, tmp_path / "kept", lambda *_: None, workers=0)
    assert calls == [job.galaxy_id for job in jobs]
    np.testing.assert_array_equal(frame["lambda_r"], 0.25)


def test_a_changed_dependency_makes_a_result_measured_again(jobs, tmp_path, monkeypatch):
    job, kept = jobs[0], tmp_path / "kept"
    calls = counting(monkeypatch)
    changed = [
        job,
        replace(job, ellipse=HalfLightEllipse(semi_major_arcsec=5.0)),
        replace(job, settings=KinematicsSettings(beam_correction="none")),
    ]
    for variant in changed:
        measure_all([variant], kept, lambda *_: None, workers=0)
        measure_all([variant], kept, lambda *_: None, workers=0)
    job.path.write_text("another content")
    measure_all([changed[-1]], kept, lambda *_: None, workers=0)
    assert len(calls) == 4


def test_a_damaged_file_of_results_is_not_trusted(jobs, tmp_path, monkeypatch):
    calls = counting(monkeypatch)
    measure_all(jobs[:1], tmp_path / "kept", lambda *_: None, workers=0)
    (tmp_path / "kept" / f"{jobs[0].galaxy_id}.json").write_text('{"key": ')
    measure_all(jobs[:1], tmp_path / "kept", lambda *_: None, workers=0)
    assert len(calls) == 2


def test_no_files_give_no_rows(tmp_path):
    assert measure_all([], tmp_path, lambda *_: None).empty


def test_files_that_crash_or_block_their_reader_do_not_stop_the_others(jobs, tmp_path, monkeypatch):
    monkeypatch.setattr(measuring, "measure", deadly.measure)
    monkeypatch.setattr(measuring, "LIMIT_SECONDS", 20.0)  # includes the start of a process
    frame = measure_all(jobs, tmp_path / "kept", lambda *_: None, workers=2).set_index("galaxy_id")
    lost = ["8000-1901", "8000-1903"]  # one is killed, one never ends
    assert frame.loc[lost, "reason"].str.contains("crashes or does not finish").all()
    assert (frame["lambda_r"].drop(lost) == 0.5).all() and not frame.loc[lost, "usable"].any()
    started = time.monotonic()
    again = measure_all(jobs, tmp_path / "kept", lambda *_: None, workers=2)  # they are not tried again
    assert time.monotonic() - started < 2 and again["reason"].notna().sum() == 2
