"""A council whose answers were rated with who is right."""

from __future__ import annotations

from pathlib import Path

from evaluating.test_ratings import council, month

from metier.council import Council
from metier.evaluating.questions import RoutingQuestion
from metier.events import PlanReady
from metier.plan import Plan, Step
from metier.runs.run import Rating, Versions
from metier.runs.store import RunStore


def rated_council(folder: Path, count: int) -> Council:
    """A council with so many ratings that say who should have answered."""
    store = RunStore(folder / "runs.db")
    for number, asked in enumerate(month(count, seed=1)):
        _rate(store, f"{number:032x}", asked)
    return council(folder, runs=store)


def _rate(store: RunStore, run_id: str, asked: RoutingQuestion) -> None:
    step = Step(id="1", task=asked.question, expert="math")
    run = store.begin(run_id, asked.question, Versions(metier="1", embedder="e"))
    plan = Plan(question=asked.question, steps=(step,))
    store.add_events(run, [PlanReady(run_id=run_id, plan=plan)])
    store.end(run, "answered")
    store.rate(run_id, Rating(verdict="bad", step_id="1", expert=asked.expert))
