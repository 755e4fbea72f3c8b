"""The command that checks the machine: doctor."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from typing import NamedTuple

import click

from rotator_assets.cli.examples import examples
from rotator_assets.cli.options import data_option, data_root
from rotator_assets.core import chromium, machine
from rotator_assets.core.data_root import DataRoot
from rotator_assets.core.errors import InputError
from rotator_assets.core.files import nearest_existing

OK, WARNING, ERROR = "ok", "warning", "error"
_PYTHON = ((3, 11), (3, 13))
"""First and last version of Python that the dependencies support."""
_MEMORY_GB, _DISK_GB = 4.0, 5.0
"""Less memory is short for a training, and less disk space for the tensors and networks of a survey."""


class Finding(NamedTuple):
    """One line of the answer."""

    what: str
    state: str
    text: str


@click.command(epilog=examples("rotators doctor", "rotators doctor --data /scratch/galaxies"))
@data_option
def doctor(data: str | None) -> None:
    """Check the machine, in about ten lines.

    Each line says what was found, and what to do about it if anything. The exit status is 0 unless an error makes the
    project unusable here.
    """
    from rotator_assets.orchestration.terminal import print_wrapped

    errors: list[Finding] = []
    for finding in _findings(data):
        print_wrapped(finding.text, f"{finding.what:<15}{finding.state:<9}")
        sys.stdout.flush()
        errors += [finding] if finding.state == ERROR else []
    if errors:
        raise InputError(f"{errors[0].what}: {errors[0].text}")


def _findings(data: str | None) -> Iterator[Finding]:
    yield _python()
    yield _versions("rotator_assets", "rotator-assets")
    libraries = _versions("tensorflow", "tensorflow", "keras")
    yield libraries
    yield _versions("dagster", "dagster", "duckdb")
    if libraries.state == OK:
        yield from _devices()
    yield _memory()
    root = data_root(data)
    yield _disk(root)
    yield _root(root)
    yield _chromium()


def _python() -> Finding:
    first, last = _PYTHON
    if first <= sys.version_info[:2] <= last:
        return Finding("python", OK, platform.python_version())
    wanted = " to ".join(".".join(map(str, one)) for one in _PYTHON)
    return Finding("python", WARNING, f"{platform.python_version()}; use {wanted}")


def _versions(what: str, *packages: str) -> Finding:
    """Return the versions of packages, without any of which nothing works."""
    found = {name: machine.installed(name) for name in packages}
    if missing := [name for name, version in found.items() if version is None]:
        return Finding(what, ERROR, f"{', '.join(missing)} is not installed; install the project again: make demo")
    first, *others = found.items()
    return Finding(what, OK, ", ".join([str(first[1]), *(f"{name} {version}" for name, version in others)]))


def _devices() -> Iterator[Finding]:
    """Yield what is found about the GPU, and about the processor and the precision of trainings."""
    from rotator_assets.core import backend

    try:
        backend.tensorflow()
    except ImportError as error:
        yield Finding("GPU", ERROR, f"tensorflow cannot be imported ({error}); install the project again: make demo")
        return
    if name := backend.gpu_name():
        yield Finding("GPU", OK, name)
    else:
        why, remedy = machine.why_no_gpu()
        yield Finding("GPU", WARNING, f"not used: {why}; {remedy}") if remedy else Finding("GPU", OK, f"none: {why}")
    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cores = "1 core" if n_cores == 1 else f"{n_cores} cores"
    fast = f"fast bfloat16 ({', '.join(backend.fast_bfloat16())})" if backend.fast_bfloat16() else "no fast bfloat16"
    yield Finding("processor", OK, f"{backend.processor_name()}, {cores}, {fast}")
    try:
        precision = "bfloat16" if "bfloat16" in backend.compute_policy() else "float32"
    except InputError as error:
        yield Finding("precision", ERROR, str(error))
    else:
        yield Finding("precision", OK, f"trainings use {precision} ({backend.PRECISION_VARIABLE} changes it)")


def _memory() -> Finding:
    found = machine.memory_bytes()
    if found is None:
        return Finding("memory", OK, "unknown")
    total, available = (size / 1e9 for size in found)
    text = f"{available:.1f} GB available of {total:.1f} GB"
    if available < _MEMORY_GB:
        return Finding("memory", WARNING, f"{text}; run one training at a time: --jobs 1")
    return Finding("memory", OK, text)


def _disk(root: DataRoot) -> Finding:
    folder = nearest_existing(root.path)
    free = shutil.disk_usage(folder).free / 1e9
    text = f"{free:.1f} GB free at {folder}"
    if free < _DISK_GB:
        return Finding("disk", WARNING, f"{text}; make room, or name another data root")
    return Finding("disk", OK, text)


def _root(root: DataRoot) -> Finding:
    """Return whether results can be written and the files of settings and recipes are valid."""
    from rotator_assets.core.recipes_file import load_recipes
    from rotator_assets.lineage.settings_file import load_settings

    try:
        root.require_writable()
        load_settings(root)
        load_recipes()
    except InputError as error:
        return Finding("data root", ERROR, str(error))
    folder = nearest_existing(root.path)
    if not os.access(folder, os.W_OK | os.X_OK):
        return Finding("data root", ERROR, f"{folder}: cannot be written to; check its permissions, or name another")
    return Finding("data root", OK, f"{root.path}, writable" if folder == root.path else f"{root.path}, to be created")


def _chromium() -> Finding:
    if found := chromium.find_chromium():
        return Finding("chromium", OK, str(found))
    if named := os.environ.get(chromium.VARIABLE):
        return Finding("chromium", WARNING, f"{chromium.VARIABLE}={named}: there is no such program; correct it")
    return Finding(
        "chromium",
        WARNING,
        f"none, so no PDF files: install it (Debian: apt-get install chromium), or name it with {chromium.VARIABLE}",
    )
