"""Plans kept in files: who does what, without the figures that another embedder would change."""

from __future__ import annotations

import json
from pathlib import Path

from metier.plan import Plan, Step


class PlanChanged(AssertionError):
    """A plan differs from the one that is kept, or none is kept."""


def outline(plan: Plan) -> str:
    """A plan as JSON for people: each step's task, expert, capability and needs.

    Probabilities, words and runners-up are left out, so that only a change of who does what shows.
    """
    shown = {"question": plan.question, "steps": [_step(step) for step in plan.steps]}
    return f"{json.dumps(shown, indent=2, ensure_ascii=False)}\n"


def check_plan(plan: Plan, file: Path, *, update: bool = False) -> None:
    """Compare a plan with the one in a file.

    Args:
        update: write it instead.

    Raises:
        PlanChanged: they differ, or there is no file.
    """
    now = outline(plan)
    if update:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(now, encoding="utf-8")
        return
    kept = file.read_text(encoding="utf-8") if file.is_file() else None
    if kept == now:
        return
    what = "no plan is kept" if kept is None else f"it was:\n{kept}"
    raise PlanChanged(f"{file}: {what}\nnow it is:\n{now}Where it is right: pytest --update-plans")


def _step(step: Step) -> dict[str, object]:
    chosen = next((c for c in step.candidates if c.expert == step.expert), None)
    capability = chosen.capability if chosen is not None and step.reason is None else None
    needs = list(step.needs) or None
    shown = {"task": step.task, "expert": step.expert, "capability": capability, "needs": needs}
    return {name: value for name, value in shown.items() if value is not None}
