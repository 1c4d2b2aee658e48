"""Events: JSON both ways, and the answer that is folded from them."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from metier.answer import Answer, Missing, Part, Source, Span, Usage, Vote
from metier.events import (
    Answered,
    CallDone,
    CallStarted,
    Event,
    Folding,
    Notice,
    PlanReady,
    StepDone,
    StepFailed,
    StepStarted,
    Token,
    Voted,
    fold,
    parse_event,
)
from metier.plan import Plan, Step

PLAN = Plan(
    question="Add, then say it",
    steps=(
        Step(id="1", task="add", expert="math"),
        Step(id="2", task="say it", expert="general", needs=("1",)),
    ),
)
BOOK = Source(name="book.txt", place="page 3", quote="one and one")
USAGE = Usage(calls=1, prompt_tokens=10, completion_tokens=3, load_s=0.5, total_s=1.25)
CALL = CallStarted(
    call_id="c1", model="m:1b", purpose="step", prompt_hash="00ff", digest="ab", seed=7, step_id="1"
)
VOTE = Vote(expert="math", model="m:1b", answer="2", weight=0.5, confidence=0.9, chosen=True)
DONE = StepDone(
    step_id="1",
    expert="math",
    task="add",
    text="2",
    models=("m:1b",),
    sources=(BOOK,),
    checked=True,
    strategy="vote",
    votes=(VOTE, Vote(expert="math", error="model_missing")),
    spans=(Span(model="m:1b", text="2"),),
)
SAID = StepDone(step_id="2", expert="general", task="say it", text="two", sources=(BOOK,))
FAILED = StepFailed(step_id="2", expert="general", task="say it", code="model_missing", reason="no")

# One of every kind, with every field of its own set.
EVENTS: list[Event] = [
    PlanReady(run_id="r", seq=0, at=1.5, plan=PLAN),
    StepStarted(run_id="r", seq=1, at=1.5, step_id="1", attempt=2, expert="math", task="add"),
    CALL,
    CallDone(call_id="c1", model="m:1b", usage=USAGE, done_reason="stop", error="busy"),
    Token(text="2\n", answer=True, step_id="1"),
    Notice(text="Not advice.", answer=True),
    Voted(vote=VOTE, step_id="1"),
    DONE,
    FAILED,
    Answered(answer=Answer(question="Add, then say it", text="2", usage=USAGE)),
]


def name_of(event: Event) -> str:
    return type(event).__name__


def test_an_event_of_every_kind_is_tried_here() -> None:
    kinds = get_args(get_args(Event)[0])
    assert [type(event) for event in EVENTS] == list(kinds)


@pytest.mark.parametrize("event", EVENTS, ids=name_of)
def test_an_event_survives_json(event: Event) -> None:
    assert parse_event(event.model_dump_json()) == event


@given(st.text())
def test_any_text_survives_json(text: str) -> None:
    token = Token(text=text, answer=True)
    assert parse_event(token.model_dump_json().encode()) == token


@pytest.mark.parametrize(
    "line",
    ["", "{}", '{"type": "shout"}', '{"type": "token", "text": "x", "answer": true, "v": 2}'],
)
def test_a_line_that_is_no_event_of_this_version_is_refused(line: str) -> None:
    with pytest.raises(ValidationError):
        parse_event(line)


def test_the_answer_is_folded_from_the_events() -> None:
    events = [
        PlanReady(plan=PLAN),
        CALL,
        CallDone(call_id="c1", model="m:1b", usage=USAGE),
        DONE,
        Token(text="It is ", answer=True),
        Token(text="2.", answer=True),
        Notice(text="Not advice.", answer=True),
        FAILED,
    ]
    assert fold(events) == Answer(
        question="Add, then say it",
        text="It is 2.",
        parts=(
            Part(
                step_id="1",
                task="add",
                expert="math",
                text="2",
                models=("m:1b",),
                sources=(BOOK,),
                checked=True,
                strategy="vote",
                votes=DONE.votes,
                spans=DONE.spans,
            ),
        ),
        missing=(
            Missing(
                step_id="2", task="say it", expert="general", code="model_missing", reason="no"
            ),
        ),
        notices=("Not advice.",),
        usage=USAGE,
        composed=False,
    )


def test_the_answer_that_an_event_carries_changes_nothing() -> None:
    events = [PlanReady(plan=PLAN), Token(text="2", answer=True)]
    other = Answered(answer=Answer(question="another", text="another", notices=("another",)))
    assert fold([*events, other]) == fold(events)


def test_nothing_that_happened_is_an_empty_answer() -> None:
    assert fold([]) == Answer(question="", text="")


@given(st.lists(st.builds(Token, text=st.text(), answer=st.booleans())))
def test_the_text_is_what_the_tokens_of_the_answer_say(tokens: list[Token]) -> None:
    assert fold(tokens).text == "".join(token.text for token in tokens if token.answer)


@given(st.permutations([DONE, SAID]))
def test_parts_are_in_the_order_of_the_plan(done: list[StepDone]) -> None:
    assert [part.step_id for part in fold([PlanReady(plan=PLAN), *done]).parts] == ["1", "2"]


@given(st.lists(st.builds(Usage, calls=st.integers(0, 9), prompt_tokens=st.integers(0, 99))))
def test_the_usage_is_that_of_all_calls(usages: list[Usage]) -> None:
    calls = [CallDone(call_id=str(n), model="m", usage=usage) for n, usage in enumerate(usages)]
    usage = fold(calls).usage
    assert usage.calls == sum(usage.calls for usage in usages)
    assert usage.prompt_tokens == sum(usage.prompt_tokens for usage in usages)


def test_a_notice_is_told_once_and_only_where_it_belongs_to_the_answer() -> None:
    notices = [
        Notice(text="Not advice.", answer=True),
        Notice(text="loading", answer=False),
        Notice(text="Not advice.", answer=True),
    ]
    assert fold(notices).notices == ("Not advice.",)


def test_an_answer_is_composed_if_its_text_is_what_a_model_composed() -> None:
    call = CALL.model_copy(update={"purpose": "compose"})
    parts = Token(text="## Parts", answer=True)
    assert not fold([call, parts]).composed
    assert fold([call, parts.model_copy(update={"composed": True})]).composed


def test_a_source_of_several_parts_is_listed_once() -> None:
    assert fold([PlanReady(plan=PLAN), DONE, SAID]).sources == (BOOK,)


@pytest.mark.parametrize(("last", "complete"), [(SAID, True), (FAILED, False)], ids=name_of)
def test_an_answer_is_complete_where_no_step_is_missing(last: Event, *, complete: bool) -> None:
    assert fold([PlanReady(plan=PLAN), DONE, last]).complete is complete


def test_folding_tells_the_answer_so_far() -> None:
    folding = Folding()
    folding.add(Token(text="It is ", answer=True))
    so_far = folding.answer().text
    folding.add(Token(text="2.", answer=True))
    assert (so_far, folding.answer().text) == ("It is ", "It is 2.")
