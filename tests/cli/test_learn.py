"""`metier learn outcomes` and `metier learn plans`: applied where ratings teach, and taken back."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result
from small_council import SUBJECTS, install_small_council

from metier import Plan, Settings
from metier.cli.main import cli
from metier.events import Event, PlanReady, StepDone
from metier.plan import Candidate, Step
from metier.runs.run import Rating, Verdict, Versions
from metier.runs.store import RunStore

KINDS = ("red", "old", "large", "cheap", "rare", "lost", "new")


@pytest.fixture(autouse=True)
def small_council(monkeypatch: pytest.MonkeyPatch) -> None:
    install_small_council(monkeypatch)


def metier(*arguments: str, code: int = 0) -> Result:
    done = CliRunner().invoke(cli, arguments, prog_name="metier")
    assert done.exit_code == code, (done.output, done.exception)
    return done


def planned(question: str) -> list[dict[str, object]]:
    steps = json.loads(metier("plan", "--json", question).stdout)["steps"]
    assert isinstance(steps, list)
    return steps


def step(name: str, task: str, expert: str, *needs: str) -> Step:
    candidate = Candidate(expert=expert, score=1.0, probability=0.5, capability="all")
    return Step(id=name, task=task, expert=expert, needs=needs, candidates=(candidate,))


def keep(store: RunStore, plan: Plan, verdict: Verdict, *, model: str = "small") -> None:
    """A run that a person rated."""
    run = f"{len(store.newest(limit=1000)):032x}"
    done = [
        StepDone(step_id=each.id, expert=each.expert, task=each.task, text="so", models=(model,))
        for each in plan.steps
    ]
    events: list[Event] = [PlanReady(run_id=run, plan=plan), *done]
    row = store.begin(run, plan.question, Versions(metier="1", embedder="e"))
    store.add_events(row, events)
    store.end(row, "answered")
    store.rate(run, Rating(verdict=verdict))


@pytest.fixture
def rated_models() -> None:
    """One model is right about sums, the other about verses, by 80 rated runs."""
    with RunStore.of(Settings.load()) as store:
        for n in range(40):
            task = f"compute the sum of {n} and 3" if n % 2 else f"write verse {n}"
            plan = Plan(question=task, steps=(step("1", task, "general"),))
            for model, right in (("large", n % 2 == 1), ("small", n % 2 == 0)):
                keep(store, plan, "good" if right else "bad", model=model)


@pytest.fixture
def rated_plans() -> None:
    """A forecast takes a sum and then a program, which no word says; 56 such plans were right."""
    with RunStore.of(Settings.load()) as store:
        for question in (
            f"forecast our {kind} {subject}" for kind in KINDS for subject in SUBJECTS
        ):
            steps = (step("1", "add them", "math"), step("2", "write it", "code", "1"))
            keep(store, Plan(question=question, steps=steps), "good")


@pytest.mark.usefixtures("rated_models")
def test_what_ratings_say_of_models_is_applied_and_taken_back() -> None:
    question = "compute the sum of 9 and 3"
    assert not planned(question)[0]["chances"]
    assert "chosen for each question*          100.0 %" in metier("learn", "outcomes").stdout
    assert not planned(question)[0]["chances"]
    metier("learn", "outcomes", "--apply")
    chances = planned(question)[0]["chances"]
    assert isinstance(chances, dict)
    assert chances["large"] > chances["small"]
    metier("learn", "remove", "outcomes")
    assert not planned(question)[0]["chances"]


@pytest.mark.usefixtures("rated_plans")
def test_what_ratings_say_of_plans_is_applied_and_taken_back() -> None:
    question = "forecast our green apples"
    before = planned(question)
    metier("learn", "plans")
    assert planned(question) == before
    metier("learn", "plans", "--apply")
    learnt = planned(question)
    assert [(each["expert"], each["needs"]) for each in learnt] == [("math", []), ("code", ["1"])]
    metier("learn", "remove", "chains")
    assert planned(question) == before


def test_too_few_rated_plans_are_not_applied() -> None:
    with RunStore.of(Settings.load()) as store:
        keep(store, Plan(question="add", steps=(step("1", "add", "math"),)), "good")
    refused = metier("learn", "plans", "--apply", code=1)
    assert "Not applied: past plans are too few to learn from: 1" in refused.stderr


@pytest.mark.parametrize("what", ["outcomes", "plans"])
def test_without_ratings_the_command_says_how_to_rate(what: str) -> None:
    assert "metier rate last good" in metier("learn", what, code=2).stderr
