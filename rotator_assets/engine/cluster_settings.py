"""The block ``cluster`` of ``settings.yaml``: the Dask cluster of a data root."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field, model_validator

from rotator_assets.core.settings import STRICT, Line


class ClusterSettings(BaseModel):
    """A scheduler that runs, or a cluster that `rotators run` and `rotators predict` start and end."""

    model_config = STRICT

    kind: Literal["address", "slurm", "kubernetes", "ssh"] = Field(
        description="address: a scheduler that runs; the others are started for a command, and end with it"
    )
    address: Line | None = Field(default=None, description="address: the scheduler, such as tls://head:8786")
    workers: int | None = Field(
        default=None, ge=1, description="slurm and kubernetes: number of workers; ssh: one per host of the options"
    )
    options: dict[str, Any] = Field(
        default={}, description="options of Dask's SLURMCluster, KubeCluster or SSHCluster: see docs/cluster.md"
    )

    @model_validator(mode="after")
    def _fit_to_the_kind(self) -> ClusterSettings:
        given = self.model_fields_set
        wanted, idle = {
            "address": ("address", {"workers", "options"}),
            "slurm": ("workers", {"address"}),
            "kubernetes": ("workers", {"address"}),
            "ssh": ("options", {"address", "workers"}),
        }[self.kind]
        if wanted not in given:
            raise ValueError(f"kind {self.kind} needs {wanted}")
        if unused := sorted(idle & given):
            raise ValueError(f"{unused[0]} has no effect with kind {self.kind}: leave it out")
        return self
