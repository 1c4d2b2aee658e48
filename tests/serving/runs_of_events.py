"""Runs for property tests: any events, with the answer that they tell at the end."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from metier.answer import Source, Usage, Vote
from metier.events import (
    Answered,
    CallDone,
    Event,
    Notice,
    PlanReady,
    StepDone,
    StepFailed,
    StepStarted,
    Token,
    Voted,
    fold,
)
from metier.plan import Plan, Step

PLAN = Plan(
    question="What now?",
    steps=(
        Step(id="1", task="Do this", expert="cooking"),
        Step(id="2", task="Do that", expert="wine", needs=("1",)),
    ),
)
texts = st.text(max_size=12)
_steps = st.sampled_from(["1", "2"])
_sources = st.builds(Source, name=texts, place=texts, quote=texts)
_events = st.one_of(
    st.builds(Token, text=texts, answer=st.booleans()),
    st.builds(Token, text=texts, answer=st.just(True)),
    st.builds(Notice, text=texts, answer=st.booleans()),
    st.builds(StepStarted, step_id=_steps, expert=st.just("cooking"), task=texts),
    st.builds(Voted, step_id=_steps, vote=st.builds(Vote, expert=texts, answer=texts)),
    st.builds(
        CallDone,
        call_id=st.just("1"),
        model=st.just("small"),
        usage=st.builds(
            Usage, prompt_tokens=st.integers(0, 99), completion_tokens=st.integers(0, 99)
        ),
    ),
    st.builds(
        StepDone,
        step_id=_steps,
        expert=st.just("cooking"),
        task=texts,
        text=texts,
        sources=st.lists(_sources, max_size=2).map(tuple),
    ),
    st.builds(
        StepFailed,
        step_id=_steps,
        expert=st.just("wine"),
        task=texts,
        code=st.just("expert_failed"),
        reason=texts,
    ),
)


def _whole(events: Sequence[Event]) -> list[Event]:
    run: list[Event] = [PlanReady(plan=PLAN), *events]
    return [*run, Answered(answer=fold(run))]


runs = st.lists(_events, max_size=20).map(_whole)
