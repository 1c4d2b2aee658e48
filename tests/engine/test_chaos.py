"""Random plans, all strategies, failures, deadlines and cancellations: what holds in every run."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence

import pytest
from engine.chaos import Schedule, Seen, play, told

from metier.events import Event, StepDone, StepFailed, fold, parse_event
from metier.strategies import Strategies

FEW, MANY, SHARE = 300, 10_000, 100


def check(made: Schedule, seen: Seen) -> None:
    """What holds in every run, however it ended."""
    check_order(made, seen.events)
    check_calls(made, seen)
    assert (seen.open_streams, seen.tasks_left) == (0, 0)
    if not seen.left_early:
        check_end(made, seen.events)


def check_order(made: Schedule, events: Sequence[Event]) -> None:
    """Numbered, of one run, each step begun after its needs and ended once."""
    assert [event.seq for event in events] == list(range(len(events)))
    assert len({event.run_id for event in events}) <= 1
    needs = {step.id: step.needs for step in made.plan.steps}
    begun: set[str] = set()
    done: set[str] = set()
    ended: Counter[str] = Counter()
    for event in events:
        name = event.step_id or ""
        match event.type:
            case "step_started":
                assert name not in begun
                assert done.issuperset(needs[name])
                begun.add(name)
            case "step_done" | "step_failed":
                ended[name] += 1
                done |= {name} if isinstance(event, StepDone) else set()
            case "call_started" if event.purpose == "step":
                assert name in begun
                assert name not in ended
            case _:
                pass
    assert set(ended.values()) <= {1}
    assert done <= begun


def check_calls(made: Schedule, seen: Seen) -> None:
    """No more than the budget has; each that began has ended."""
    started = [event.call_id for event in seen.events if event.type == "call_started"]
    ended = [event.call_id for event in seen.events if event.type == "call_done"]
    assert len(set(started)) == len(started) <= made.limits.max_calls
    assert set(ended) <= set(started)
    assert len(ended) == len(set(ended))
    assert seen.calls <= made.limits.max_calls
    assert seen.left_early or len(ended) == len(started)


def check_end(made: Schedule, events: Sequence[Event]) -> None:
    """The last event is the answer, and the events tell it, also after a way through JSON."""
    last = events[-1]
    assert last.type == "answered"
    assert [event.type for event in events].count("answered") == 1
    assert fold(events) == last.answer
    assert fold([parse_event(event.model_dump_json()) for event in events]) == last.answer
    ends = [each.step_id for each in events if isinstance(each, StepDone | StepFailed)]
    assert sorted(map(str, ends)) == sorted(step.id for step in made.plan.steps)
    parts, missing = last.answer.parts, last.answer.missing
    assert len(parts) + len(missing) == len(made.plan.steps)


def check_all(seeds: range) -> tuple[set[str], set[str]]:
    """Check every run; which strategies took part, and which events and errors there were."""
    before = threading.active_count()
    strategies, codes = set[str](), set[str]()
    for seed in seeds:
        made, seen = play(seed)
        try:
            check(made, seen)
        except AssertionError as exc:
            raise AssertionError(f"seed {seed}: {exc}") from exc
        strategies.update(step.strategy for step in made.plan.steps)
        codes.update(event.code for event in seen.events if event.type == "step_failed")
        codes.update(event.type for event in seen.events)
    assert threading.active_count() <= before + 1
    return strategies, codes


def test_what_holds_in_every_run_holds_in_300_of_them() -> None:
    strategies, codes = check_all(range(FEW))
    # Else the schedules show nothing: all strategies took part, and steps ended in every way.
    assert strategies == set(Strategies().names)
    assert codes > {"deadline_exceeded", "budget_exceeded", "stream_interrupted", "voted"}


@pytest.mark.matrix
@pytest.mark.parametrize("share", range(SHARE))
def test_what_holds_in_every_run_holds_in_10000_of_them(share: int) -> None:
    size = MANY // SHARE
    check_all(range(FEW + share * size, FEW + (share + 1) * size))


def test_the_same_seed_gives_the_same_run() -> None:
    compared = 0
    for seed in range(40):
        made, first = play(seed)
        # With several calls at once, threads decide who goes first.
        if made.concurrency == 1:
            compared += 1
            assert told(first.events) == told(play(seed)[1].events), f"seed {seed}"
    assert compared > 10
