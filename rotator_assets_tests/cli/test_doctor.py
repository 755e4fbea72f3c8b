"""The check of the machine: one line per part, a remedy with each problem, status 0 unless nothing can work."""

import sys
from pathlib import Path

import pytest

from rotator_assets.core import chromium, machine
from rotator_assets_tests.commands import complaint, rotators

PARTS = [
    *("python", "rotator_assets", "tensorflow", "dagster", "GPU", "processor", "precision", "memory", "disk"),
    *("data root", "chromium"),
]


def states(output: str) -> dict[str, str]:
    """State of each part."""
    return {line[:15].strip(): line[15:].split()[0] for line in output.splitlines()}


def test_each_part_has_a_line_and_nothing_is_written(tmp_path):
    done = rotators("doctor", data=tmp_path / "new")
    assert (done.returncode, done.stderr) == (0, "")
    assert list(states(done.stdout)) == PARTS and set(states(done.stdout).values()) <= {"ok", "warning"}
    assert sys.version.split()[0] in done.stdout and "to be created" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_missing_browser_is_a_warning(tmp_path, monkeypatch):
    monkeypatch.setenv(chromium.VARIABLE, "no-such-browser")
    done = rotators("doctor", data=tmp_path)
    assert done.returncode == 0 and states(done.stdout)["chromium"] == "warning"
    assert "there is no such program" in done.stdout


def test_what_makes_the_project_unusable_is_an_error(tmp_path, monkeypatch):
    (tmp_path / "settings.yaml").write_text("profile: slow")
    done = rotators("doctor", data=tmp_path)
    assert states(done.stdout)["data root"] == "error" and states(done.stdout)["chromium"] in ("ok", "warning")
    assert "settings.yaml" in complaint(done)


def test_a_precision_that_does_not_exist_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("ROTATORS_PRECISION", "float16")
    done = rotators("doctor", data=tmp_path)
    assert states(done.stdout)["precision"] == "error" and "use float32 or bfloat16" in complaint(done)


@pytest.fixture
def browser(tmp_path, monkeypatch) -> Path:
    """The only program on the PATH."""
    program = tmp_path / "chromium-browser"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(chromium.VARIABLE, raising=False)
    return program


def test_chromium_is_found_on_the_path(browser):
    assert chromium.find_chromium() == browser


def test_the_variable_names_another_browser(browser, monkeypatch):
    other = browser.rename(browser.with_name("mine"))
    monkeypatch.setenv(chromium.VARIABLE, str(other))
    assert chromium.find_chromium() == other
    monkeypatch.setenv(chromium.VARIABLE, "mine")
    assert chromium.find_chromium() == other


def test_there_may_be_no_chromium(browser, monkeypatch):
    monkeypatch.setenv(chromium.VARIABLE, "chromium")
    assert chromium.find_chromium() is None
    monkeypatch.delenv(chromium.VARIABLE)
    browser.unlink()
    assert chromium.find_chromium() is None


def _card(folder: Path, vendor: str, kind: str) -> None:
    (folder / kind).mkdir()
    (folder / kind / "vendor").write_text(f"{vendor}\n")
    (folder / kind / "class").write_text(f"{kind}\n")


def test_a_machine_without_a_gpu_needs_nothing(tmp_path, monkeypatch):
    _card(tmp_path, "0x10de", "0x040300")  # sound
    _card(tmp_path, "0x8086", "0x030000")  # graphics of another maker
    monkeypatch.setattr(machine, "ACCELERATORS", (tmp_path / "nvidia0",))
    monkeypatch.setattr(machine, "_PCI", tmp_path)
    assert machine.why_no_gpu() == (f"no device file ({tmp_path / 'nvidia0'})", "")


def test_a_card_without_its_driver(tmp_path, monkeypatch):
    _card(tmp_path, "0x10de", "0x030200")
    monkeypatch.setattr(machine, "ACCELERATORS", (tmp_path / "nvidia0",))
    monkeypatch.setattr(machine, "_PCI", tmp_path)
    why, remedy = machine.why_no_gpu()
    assert "driver" in why and remedy == "install the driver of NVIDIA"


class _TensorFlow:
    """A TensorFlow with or without CUDA."""

    def __init__(self, is_built_with_cuda: bool) -> None:
        self.test = self
        self.is_built_with_cuda = lambda: is_built_with_cuda


@pytest.mark.parametrize(
    ("hidden", "cuda", "driver", "why"),
    [
        ("-1", True, "libcuda.so.1", "CUDA_VISIBLE_DEVICES hides it"),
        (None, False, "libcuda.so.1", "TensorFlow is a build for the CPU only"),
        (None, True, None, "the driver is missing (no libcuda)"),
    ],
)
def test_why_a_gpu_is_not_used(tmp_path, monkeypatch, hidden, cuda, driver, why):
    (tmp_path / "nvidia0").touch()
    monkeypatch.setattr(machine, "ACCELERATORS", (tmp_path / "nvidia0", tmp_path / "kfd"))
    monkeypatch.setattr(machine, "tensorflow", lambda: _TensorFlow(cuda))
    monkeypatch.setattr("ctypes.util.find_library", lambda name: driver)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if hidden:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    found, remedy = machine.why_no_gpu()
    assert found == why and remedy


def test_an_amd_card_is_not_used(tmp_path, monkeypatch):
    (tmp_path / "kfd").touch()
    monkeypatch.setattr(machine, "ACCELERATORS", (tmp_path / "nvidia0", tmp_path / "kfd"))
    assert "AMD" in machine.why_no_gpu()[0]
