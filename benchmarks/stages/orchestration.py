"""Start-up and everyday commands: the code location, `rotators status` and `query`, and the demo."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness import Case, Options, Result, Side

_DONE = "import json; print(json.dumps({'items': 1}))"
_COMMAND = "from rotator_assets.cli import main; main()"


def cases(options: Options) -> Iterator[Case]:
    """Yield the cases: each is one start of a program."""
    demo = options.generated("demo", _make_demo)
    yield Case(
        "import of the code location, next to `import dagster`",
        "starts",
        Side((sys.executable, "-c", f"import rotator_assets.definitions; {_DONE}")),
        Side((sys.executable, "-c", f"import dagster; {_DONE}")),
        _seconds_above,
    )
    yield Case("rotators status, demo", "commands", _rotators("status", "--data", demo))
    yield Case(
        "rotators query, demo",
        "commands",
        _rotators("query", "SELECT count(*) FROM predictions", "--data", demo),
        Side((sys.executable, "-c", f"import duckdb; {_query(demo)}; {_DONE}")),
    )
    yield Case("rotators demo, set-up not included", "commands", _rotators("demo", fresh=True), most_repeats=1)


def _make_demo(folder: Path) -> None:
    _run_command(["demo", "--data", str(folder)])


def _query(folder: Path) -> str:
    database = str(folder / "rotators.duckdb")
    return f"print(duckdb.connect({database!r}, read_only=True).sql('SELECT count(*) FROM predictions'))"


def _seconds_above(ours: Result, peer: Result) -> str:
    return f"{ours.seconds - peer.seconds:+.2f} s"


def _rotators(*arguments: object, fresh: bool = False) -> Side:
    """Return a ``rotators`` command; ``fresh``: on a new data root."""
    return Side.python(__name__, *(["--fresh"] if fresh else []), *arguments)


def _run_command(arguments: list[str]) -> None:
    subprocess.run([sys.executable, "-c", _COMMAND, *arguments], check=True, stdout=sys.stderr)


if __name__ == "__main__":
    if sys.argv[1] == "--fresh":
        folder = Path(tempfile.mkdtemp(), "demo")
        try:
            _run_command([*sys.argv[2:], "--data", str(folder)])
        finally:
            shutil.rmtree(folder.parent)
    else:
        _run_command(sys.argv[1:])
    print(json.dumps({"items": 1}))
