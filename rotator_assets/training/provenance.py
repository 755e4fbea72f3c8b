"""Where a training comes from, as one row of table ``provenance``."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from rotator_assets.core import origin
from rotator_assets.store.models import TrainedModels


@dataclass(frozen=True)
class Program:
    """The program and its packages.

    Attributes
    ----------
    program_version
        Version of this program.
    code_hash
        Hash of its modules.
    code_commit
        Its git commit; None where unknown.
    code_version
        Version of the asset ``rotator_classifier``.
    packages
        Versions of packages by name, JSON.
    python
        Version of Python.
    """

    program_version: str
    code_hash: str
    code_commit: str | None
    code_version: str
    packages: str
    python: str

    @classmethod
    def of(cls, code_version: str) -> Program:
        """Return the program that is running."""
        return cls(
            program_version=origin.program_version(),
            code_hash=origin.code_hash(),
            code_commit=origin.commit(),
            code_version=code_version,
            packages=json.dumps(origin.packages()),
            python=platform.python_version(),
        )


def provenance(
    models: TrainedModels, policy: str, program: Program, run_id: str, inputs: Mapping[str, Any]
) -> pd.DataFrame:
    """Return the row of a training that has just ended in this process.

    Parameters
    ----------
    models
        Its networks.
    policy
        Keras dtype policy of the training.
    program
        The program, as it was when the training began.
    run_id
        The Dagster run.
    inputs
        Versions of everything that the training has read, by name.
    """
    row = {
        "dataset": models.folder.parent.parent.name,
        "recipe": models.recipe.name,
        "training": models.folder.name,
        "trained_at": pd.Timestamp(datetime.now(UTC).replace(tzinfo=None)).floor("ms"),
        "run_id": run_id,
        "content_hash": models.training,
        "recipe_content": models.recipe.model_dump_json(),
        "profile": models.profile,
        "seed": models.recipe.seed,
        "inputs": json.dumps(inputs),
        **asdict(program),
        "device": models.device,
        "system": origin.system(),
        "environment": json.dumps(origin.environment(policy)),
        "synthetic": models.synthetic,
    }
    return pd.DataFrame([row])
