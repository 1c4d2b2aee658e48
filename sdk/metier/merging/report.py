"""The report of a merge: its models, recipe and licences, and whether the result was kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from metier.errors import MergeFailed
from metier.merging.acceptance import GateReport
from metier.merging.licences import combined
from metier.merging.merging import Merged, Plan
from metier.merging.recipe import Recipe
from metier.settings import Settings, files

_UNSAFE = re.compile(r"[^\w.-]")


class ParentReport(BaseModel):
    """A model that was merged.

    Attributes:
        weights: its file names; in Ollama's own folder they are SHA-256 digests.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    model: str
    weights: str
    licence: str


class MergeReport(BaseModel):
    """The report of one merge.

    Attributes:
        model: its name in Ollama, or its file.
        gate: None if it was not evaluated.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    model: str
    recipe: Recipe
    parents: tuple[ParentReport, ...]
    licence: str
    notices: tuple[str, ...]
    quantization: str
    size_bytes: int
    weights: int
    seconds: float
    gate: GateReport | None = None

    @property
    def kept(self) -> bool:
        """Whether the model was kept."""
        return self.gate is None or self.gate.passed

    @property
    def told(self) -> str:
        """One line: how it was made, and its gain on the questions."""
        made = f"{self.recipe.method} of {', '.join(self.recipe.parents)}"
        if self.gate is None:
            return f"{made}; not evaluated"
        gain = f"{100 * self.gate.gain.value:+.1f} points over {self.gate.best}"
        return f"{made}; {gain} on {self.gate.gain.n} questions"

    @classmethod
    def of(
        cls, plan: Plan, merged: Merged, *, model: str, quantization: str, gate: GateReport | None
    ) -> MergeReport:
        """Report on a finished merge."""
        return cls(
            model=model,
            recipe=plan.recipe,
            parents=tuple(
                ParentReport(
                    model=each.name,
                    weights="+".join(path.name for path in each.paths),
                    licence=each.licence.name,
                )
                for each in plan.parents
            ),
            licence=combined([each.licence for each in plan.parents]),
            notices=plan.notices,
            quantization=quantization,
            size_bytes=merged.size_bytes,
            weights=merged.weights,
            seconds=merged.seconds,
            gate=gate,
        )


def report_file(settings: Settings, report: MergeReport) -> Path:
    """Return the path of a report: next to the model's file, or in the state folder.

    The report of a rejected model never replaces that of a kept one with the same name.
    """
    ending = ".json" if report.kept else ".refused.json"
    if report.model.endswith(".gguf"):
        return Path(report.model).expanduser().with_suffix(ending)
    return folder(settings) / f"{_UNSAFE.sub('_', report.model)}{ending}"


def folder(settings: Settings) -> Path:
    """Return the folder of the reports."""
    return settings.state_dir / "merges"


def keep(report: MergeReport, file: Path) -> None:
    """Write a report.

    Raises:
        MergeFailed: it cannot be written; the model exists nevertheless.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        files.remove_leftovers(file.parent, ".*.json.????????.tmp")  # of killed merges
        files.replace_file(file, report.model_dump_json(by_alias=True, indent=2).encode())
    except OSError as exc:
        raise MergeFailed(f"the model was made, but {file} cannot be written: {exc}") from exc


def kept(settings: Settings) -> Iterator[MergeReport]:
    """Yield the readable reports of models that were kept in Ollama, by file name."""
    for file in sorted(folder(settings).glob("*.json")):
        try:
            report = MergeReport.model_validate_json(file.read_bytes())
        except (OSError, ValidationError):
            continue
        if report.kept:
            yield report
