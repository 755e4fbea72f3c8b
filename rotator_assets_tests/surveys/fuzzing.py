"""Damaged and hostile inputs by the thousand: every one must end in a result or in a reason, soon, in little memory.

Run as a program it tries mutants of valid files and hostile files (`hostile`) one after the other, and writes a line of
JSON for each. Nothing outside the folder of the files may be opened.
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from rotator_assets.application.galaxy_tables import read_galaxies
from rotator_assets.core.errors import InputError, UnusableImage, UnusableKinematics
from rotator_assets.core.settings import KinematicsSettings
from rotator_assets.core.yaml_files import read_yaml
from rotator_assets.imaging.cutouts import Treatment, make_cutout
from rotator_assets.kinematics.measured import HalfLightEllipse
from rotator_assets.store.keras_files import require_harmless
from rotator_assets.surveys import SURVEYS
from rotator_assets_tests.surveys.hostile import hostile
from rotator_assets_tests.surveys.seeds import GALAXY, PLACE, write_seeds

REASONS = (InputError, UnusableImage, UnusableKinematics)
LIMIT_SECONDS = 10
LIMIT_BYTES = 1 << 30
SECRET = b"do-not-read-me "
GALAXIES = pd.DataFrame({"galaxy_id": [GALAXY], "ra": [PLACE[0]], "dec": [PLACE[1]]})


class TooSlow(BaseException):
    """Raised by the alarm; no reader may catch it."""


def read(folder: Path, name: str) -> None:
    """Everything the pipeline does with the file ``name`` (from the data root, ``folder``)."""
    if name == "settings.yaml":
        read_yaml(folder / name)
        return
    if name.startswith("tables/"):
        read_galaxies(folder / name, "galaxy_id")
        return
    if name.startswith("models/"):
        try:
            require_harmless(folder / name)
        except (ValueError, OSError, KeyError, BadZipFile) as error:  # as `store.models.read_model` does
            raise InputError(f"{name}: {error}") from None
        return
    survey = SURVEYS[name.split("/")[0]]
    where = folder / survey.key
    kind = name.split("/")[1]
    if kind == "images":
        for galaxy_id, source in survey.image_index(where, GALAXIES).items():
            make_cutout(source, galaxy_id, Treatment(survey.key, survey.noises[0], 32))
    elif kind in ("maps", "cutouts"):
        for path in survey.kinematic_files(where).values():
            survey.measure(path, HalfLightEllipse(5.0, 0.3, 20.0, 2.0), KinematicsSettings())
    else:
        for reader in (survey.read_morphology, survey.read_photometry, survey.read_kinematics):
            reader(where)


def truncated(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: rng.integers(0, len(data))]


def bits_flipped(data: bytes, rng: np.random.Generator) -> bytes:
    """Up to 40 bits, half of the time near the start, where headers are."""
    changed = bytearray(data)
    reach = min(len(data), 6000) if rng.random() < 0.5 else len(data)
    for position in rng.integers(0, reach, rng.integers(1, 41)):
        changed[position] ^= 1 << rng.integers(8)
    return bytes(changed)


def overwritten(data: bytes, rng: np.random.Generator) -> bytes:
    """A stretch of zeros, ones or noise."""
    start, length = int(rng.integers(len(data))), int(rng.integers(1, max(2, len(data) // 4)))
    length = min(length, len(data) - start)
    filling = [bytes(length), b"\xff" * length, rng.bytes(length)][rng.integers(3)]
    return data[:start] + filling + data[start + length :]


def numbers_changed(data: bytes, rng: np.random.Generator) -> bytes:
    """A number written in text (header cards, CSV fields) becomes huge, negative, NaN or a word."""
    digits = [i for i, byte in enumerate(data[:40_000]) if 48 <= byte <= 57]
    if not digits:
        return bits_flipped(data, rng)
    changed = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        start = int(rng.choice(digits))
        word = [b"9999999999", b"-1", b"NaN", b"x", b"0", b"1E99", b"2147483648"][rng.integers(7)]
        changed[start : start + len(word)] = word
    return bytes(changed)


def words_changed(data: bytes, rng: np.random.Generator) -> bytes:
    """Names of columns, keywords or datasets are misspelt."""
    letters = [i for i, byte in enumerate(data[:40_000]) if 65 <= byte <= 90 or 97 <= byte <= 122]
    if not letters:
        return bits_flipped(data, rng)
    changed = bytearray(data)
    for position in rng.choice(letters, min(len(letters), int(rng.integers(1, 30)))):
        changed[position] = int(rng.integers(65, 91))
    return bytes(changed)


def repeated(data: bytes, rng: np.random.Generator) -> bytes:
    return data + data[: rng.integers(1, len(data))]


MUTATIONS: tuple[Callable[[bytes, np.random.Generator], bytes], ...] = (
    truncated,
    bits_flipped,
    overwritten,
    numbers_changed,
    words_changed,
    repeated,
)


def mutant(seeds: dict[str, bytes], number: int) -> tuple[str, str, bytes]:
    """Name, how it was changed, and content of one mutant: a function of its number alone.

    One in twenty is a file of another kind under this name. What is compressed is changed inside or outside.
    """
    rng = np.random.default_rng([2020, number])
    names = sorted(seeds)
    name = names[number % len(names)]
    if rng.random() < 0.05:
        other = names[rng.integers(len(names))]
        return name, f"content of {other}", seeds[other]
    change = MUTATIONS[rng.integers(len(MUTATIONS))]
    packing = {".gz": (gzip.decompress, gzip.compress), ".bz2": (bz2.decompress, bz2.compress)}.get(Path(name).suffix)
    if packing and rng.random() < 0.6:
        unpack, pack = packing
        return name, f"{change.__name__} inside", pack(change(unpack(seeds[name]), rng))
    return name, change.__name__, change(seeds[name], rng)


class Watch:
    """Notes connections, processes, and opened files: to write, those outside a folder; to read, a secret one."""

    def __init__(self, folder: Path, secret: Path) -> None:
        self.folder, self.secret, self.seen = str(folder), str(secret), []
        sys.addaudithook(self._note)

    def _note(self, event: str, arguments: tuple) -> None:
        if event in ("socket.connect", "urllib.Request", "os.system", "subprocess.Popen", "os.exec"):
            self.seen.append(f"{event} {arguments}")
        elif event == "open" and isinstance(arguments[0], str | bytes):
            path, flags = os.fsdecode(arguments[0]), arguments[2] or 0
            writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and not path.startswith(self.folder)
            if writes or path.startswith((self.secret, "/etc/passwd")):
                self.seen.append(f"{event} {path}")


def outcome(folder: Path, name: str) -> dict:
    """What reading gives: ``ok``, ``reason`` with its text, or what must not be."""
    started = time.monotonic()
    signal.alarm(LIMIT_SECONDS)
    try:
        read(folder, name)
        result, text = "ok", ""
    except REASONS as reason:
        result, text = "reason", str(reason)
    except TooSlow:
        result, text = "too slow", ""
    except BaseException as error:
        result, text = "crash", f"{type(error).__name__}: {error}"
    finally:
        signal.alarm(0)
    return {"result": result, "text": text, "seconds": time.monotonic() - started}


def main() -> None:
    parser = argparse.ArgumentParser()
    for option in ("--first", "--last", "--step"):
        parser.add_argument(option, type=int, required=True)
    options = parser.parse_args()

    def alarm(*_: object) -> None:
        raise TooSlow

    signal.signal(signal.SIGALRM, alarm)
    with tempfile.TemporaryDirectory() as temporary:
        tempfile.tempdir = temporary
        secret = Path(temporary, "secret", "secret.hdf5")
        secret.parent.mkdir()
        secret.write_bytes(SECRET * 4096)
        watch = Watch(Path(temporary), secret)
        whole = Path(temporary, "whole")
        write_seeds(whole)
        names = [path.relative_to(whole) for path in sorted(whole.rglob("*")) if path.is_file()]
        seeds = {str(name): (whole / name).read_bytes() for name in names}
        for name in seeds:  # imports everything before memory is limited, and shows that the seeds are good
            read(_only(whole, Path(temporary, "seed"), name), name)
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + LIMIT_BYTES, used + LIMIT_BYTES))
        for number in range(options.first, options.last, options.step):
            if number % 3:
                name, change, content = mutant(seeds, number)
                refused = False
            else:
                change, (name, content, refused) = hostile(number // 3, secret)
            folder = _only(whole, Path(temporary, "mutant"), name)
            _place(folder / name, content)
            about = {"number": number, "name": name, "change": change, "refused": refused}
            print(json.dumps({**about, "result": "died"}), flush=True)
            watch.seen.clear()
            found = outcome(folder, name) | {"opened": watch.seen}
            print(json.dumps(about | found), flush=True)


def _place(path: Path, content: bytes | Callable[[Path], None]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        content(path)


def _only(whole: Path, folder: Path, name: str) -> Path:
    """A data root with this file and those that are read together with it."""
    shutil.rmtree(folder, ignore_errors=True)
    if not (whole / name).is_file():  # a hostile file of a kind that has no seed
        return folder
    survey, kind = name.split("/")[:2]
    if kind == "catalogs":
        shutil.copytree(whole / survey / kind, folder / survey / kind)
    companions = next((f"{start}*" for start in (f"{GALAXY}_", "frame-") if start in name), None)
    for path in (whole / name, *(whole.glob(f"{survey}/{kind}/{companions}") if companions else ())):
        target = folder / path.relative_to(whole)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return folder


if __name__ == "__main__":
    sys.exit(main())
