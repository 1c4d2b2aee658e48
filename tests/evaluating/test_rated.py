"""What ratings tell of models and plans."""

from __future__ import annotations

import pytest

from metier.evaluating.rated import rated_outcomes, rated_plans
from metier.events import PlanReady, StepDone
from metier.plan import Candidate, Plan, Step
from metier.runs.run import Rating, Run, Versions

EXPERTS = ("math", "law", "medical")


def step(name: str, task: str, expert: str) -> Step:
    candidates = tuple(
        Candidate(expert=each, score=1.0, probability=0.5, capability=f"{each} things")
        for each in EXPERTS
    )
    return Step(id=name, task=task, expert=expert, candidates=candidates)


def run(*ratings: Rating, models: tuple[str, ...] = ("small",), steps: int = 2) -> Run:
    planned = (step("1", "a dose", "math"), step("2", "a lease", "law"))[:steps]
    plan = Plan(question="a dose and a lease", steps=planned)
    done = [
        StepDone(step_id=each.id, expert=each.expert, task=each.task, text="so", models=models)
        for each in planned
    ]
    return Run(
        id="1",
        question=plan.question,
        status="answered",
        started=0,
        ratings=ratings,
        versions=Versions(metier="1", embedder="e"),
        events=(PlanReady(plan=plan), *done),
    )


GOOD, BAD = Rating(verdict="good"), Rating(verdict="bad")


@pytest.mark.parametrize(
    ("rated", "told"),
    [
        (run(GOOD), {"a dose": {"small": 1.0}, "a lease": {"small": 1.0}}),
        (run(BAD), {}),  # which step?
        (run(BAD, steps=1), {"a dose": {"small": 0.0}}),
        (run(Rating(verdict="bad", step_id="2")), {"a lease": {"small": 0.0}}),
        (run(GOOD, Rating(verdict="bad", step_id="2")),
         {"a dose": {"small": 1.0}, "a lease": {"small": 0.0}}),
        (run(Rating(verdict="bad", step_id="1", expert="medical")), {}),  # the expert was wrong
        (run(GOOD, models=("small", "other")), {}),  # which of them?
    ],
)  # fmt: skip
def test_a_rating_tells_whether_a_model_was_right(
    rated: Run, told: dict[str, dict[str, float]]
) -> None:
    assert {each.question: each.right for each in rated_outcomes([rated])} == told


def test_one_task_on_two_models_is_one_question() -> None:
    runs = [run(GOOD, steps=1), run(BAD, steps=1, models=("other",)), run(BAD, steps=1)]
    (question,) = rated_outcomes(runs)
    assert question.right == {"small": 0.5, "other": 0.0}


@pytest.mark.parametrize(
    ("rated", "experts"),
    [
        (run(GOOD), [["math", "law"]]),
        (run(BAD), []),
        (run(Rating(verdict="bad", step_id="1", expert="medical")), []),  # and step 2?
        (run(GOOD, Rating(verdict="bad", step_id="1", expert="medical")), [["medical", "law"]]),
        (run(Rating(verdict="bad", expert="medical"), steps=1), [["medical"]]),
        (run(Rating(verdict="bad", expert="gone"), steps=1), []),
    ],
)
def test_a_plan_is_right_if_its_ratings_say_so_of_every_step(
    rated: Run, experts: list[list[str]]
) -> None:
    plans = rated_plans([rated], EXPERTS)
    assert [[each.expert for each in plan.steps] for plan in plans] == experts
