"""What ratings say besides who should answer: which models and which plans were right."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator

from metier.evaluating.questions import OutcomeQuestion
from metier.plan import Plan, Step
from metier.planning.learning.past import PastPlan
from metier.runs.run import Rating, Run


def rated_outcomes(runs: Iterable[Run]) -> list[OutcomeQuestion]:
    """Which models got which tasks right; runs of the same task are one question.

    A bad rating that names another expert is about the choice of the expert, so it tells nothing of
    the model; nor does any rating of a step that several models answered.
    """
    found: defaultdict[str, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        for step, rating in rated_steps(run):
            models = run.results[step.id].models if step.id in run.results else ()
            if len(models) == 1 and not rating.expert:
                found[step.task][models[0]].append(float(rating.verdict == "good"))
    return [
        OutcomeQuestion(
            question=task,
            right={model: sum(marks) / len(marks) for model, marks in marked.items()},
        )
        for task, marked in found.items()
        if task.strip()
    ]


def rated_plans(runs: Iterable[Run], experts: Collection[str]) -> list[PastPlan]:
    """The plans that ratings call right, as they were or with the experts that the ratings name."""
    right = (_right_plan(run, experts) for run in runs)
    return [past for plan in right if plan is not None and (past := PastPlan.of(plan)) is not None]


def _right_plan(run: Run, experts: Collection[str]) -> Plan | None:
    """The plan with its corrections; None unless every step is known to be right then."""
    if run.plan is None:
        return None
    rated = {step.id: rating for step, rating in rated_steps(run)}
    steps = [_corrected(step, rated.get(step.id), experts) for step in run.plan.steps]
    known = [step for step in steps if step is not None]
    return run.plan.model_copy(update={"steps": tuple(known)}) if len(known) == len(steps) else None


def _corrected(step: Step, rating: Rating | None, experts: Collection[str]) -> Step | None:
    if rating is None:
        return None
    if rating.verdict == "good":
        return step
    if rating.expert not in experts:
        return None
    return step.model_copy(update={"expert": rating.expert})


def rated_steps(run: Run) -> Iterator[tuple[Step, Rating]]:
    """Yield each step with the rating that holds for it: its own, or else the one of the run."""
    by_step = {rating.step_id: rating for rating in run.ratings}
    steps = run.plan.steps if run.plan else ()
    whole = by_step.get("")
    if whole is not None and whole.verdict == "bad" and len(steps) > 1:
        whole = None  # of which step?
    for step in steps:
        if (rating := by_step.get(step.id, whole)) is not None:
            yield step, rating
