"""Start of every tutorial: the folder in which all of them run, and commands that end the build if they fail."""

import os
import subprocess
import sys
from pathlib import Path

from IPython import get_ipython


def system(command: str) -> None:
    """Run a command line as ``!command`` does, but raise an error where it fails. Paths are shown from the folder."""
    command = get_ipython().var_expand(command)
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True)
    for line in done.stdout.replace(f"{folder}{os.sep}", "").splitlines():
        print(line.rstrip())
    if done.returncode:
        raise RuntimeError(f"exit status {done.returncode} of {command}: {done.stderr}")


folder = Path(os.environ["ROTATORS_TUTORIALS"])
folder.mkdir(parents=True, exist_ok=True)
os.chdir(folder)
for name in ("DAGSTER_HOME", "ROTATORS_DATA"):
    os.environ.pop(name, None)
os.environ["COLUMNS"] = "110"
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
get_ipython().system = system
