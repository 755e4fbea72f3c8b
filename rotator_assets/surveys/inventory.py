"""What a survey's folder holds of what it could hold, and whether that is enough."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rotator_assets.surveys.base import ExpectedInput, Survey


@dataclass(frozen=True)
class FoundInput:
    """An expected input and the files there are of it."""

    expected: ExpectedInput
    paths: tuple[Path, ...]

    @property
    def summary(self) -> str:
        """The newest file's name, and how many more there are; empty where there is none."""
        if not self.paths:
            return ""
        more = f" and {len(self.paths) - 1} more" if len(self.paths) > 1 else ""
        return self.paths[0].name + more


def inventory(survey: Survey, folder: Path) -> list[FoundInput]:
    """Every expected input of the survey with the files there are."""
    return [FoundInput(expected, tuple(expected.find(folder))) for expected in survey.expected_inputs]


def lacking(found: list[FoundInput]) -> list[str]:
    """What has to be there and is not: required inputs, and groups of which not one is there."""
    missing = [f.expected.what for f in found if f.expected.needed == "required" and not f.paths]
    groups: dict[str, list[FoundInput]] = {}
    for f in found:
        if f.expected.needed.startswith("one of "):
            groups.setdefault(f.expected.needed, []).append(f)
    for group, members in groups.items():
        if not any(member.paths for member in members):
            missing.append(f"{group} ({', '.join(member.expected.what for member in members)})")
    return missing
