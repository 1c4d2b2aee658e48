"""Merges as text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from metier.cli.text import table

if TYPE_CHECKING:
    from metier.merging.acceptance import Accuracy, GateReport
    from metier.merging.making import Wanted
    from metier.merging.merging import Plan
    from metier.merging.report import MergeReport


def plan_report(plan: Plan, wanted: Wanted) -> str:
    """Describe the models, their licences, and the result."""
    rows = [(each.name, each.mostly, each.licence.name or "unknown") for each in plan.parents]
    count, size = plan.blueprint.count, plan.blueprint.size_bytes
    by = f", converted to {wanted.quantize} by Ollama" if wanted.quantize else ""
    models = table(rows, header=("model", "mostly", "licence"))
    tensors = len(plan.blueprint.tensors)
    what = f"{plan.recipe.method}: {count / 1e6:.0f} M weights in {tensors} tensors"
    result = f"{what}, {size >> 20} MB as {wanted.stored}{by}"
    return "\n".join([models, result, *(f"note: {each}" for each in _notes(plan))])


def _notes(plan: Plan) -> Iterator[str]:
    yield from plan.notices
    unknown = [each.name for each in plan.parents if not each.licence.name]
    if unknown:
        yield f"no known licence for {', '.join(unknown)}: look it up before you distribute it"
    if len({each.licence.name for each in plan.parents}) > 1:
        yield "the licences of all parents apply to the result"
    if plan.recipe.keeps_all:
        yield f"with a density of 1 {plan.recipe.method} drops nothing"


def merge_report(report: MergeReport, *, file: Path) -> str:
    """Describe the result and its evaluation."""
    speed = f"{report.weights / report.seconds / 1e6:.0f} M weights/s"
    made = f"{report.size_bytes >> 20} MB merged in {report.seconds:.0f} s ({speed})"
    parts = [gate_report(report.gate)] if report.gate else []
    return "\n".join([*parts, made, f"report: {file}"])


def gate_report(gate: GateReport) -> str:
    """Show the accuracy of each model, and how far the merged one is from each parent."""
    far = {each.parent: f"{each.kl.value:.3f}" for each in gate.divergences}
    rows = [
        (each.model, _right(each), str(each.errors), far.get(each.model, ""))
        for each in gate.parents
    ]
    rows.append((gate.child.model, _right(gate.child), str(gate.child.errors), ""))
    text = table(rows, header=("model", "right, 95 %", "errors", "KL to merged"), numbers_from=1)
    gain = [100 * value for value in (gate.gain.value, gate.gain.low, gate.gain.high)]
    verdict = "kept" if gate.passed else "not kept"
    return (
        f"{gate.gain.n} questions\n{text}\n{verdict}: {gain[0]:+.1f} points over {gate.best} "
        f"({gain[1]:+.1f} to {gain[2]:+.1f}), {-100 * gate.margin:g} are allowed"
    )


def _right(accuracy: Accuracy) -> str:
    share = accuracy.right
    value, low, high = (100 * each for each in (share.value, share.low, share.high))
    return f"{value:.1f} % ({low:.1f} to {high:.1f})"
