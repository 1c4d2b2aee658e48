"""What a model call costs, how it ended, and what is said of it."""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from metier.answer import Usage
from metier.engine import calling
from metier.engine.calling import Caller, prompt_hash
from metier.engine.recorder import Budget
from metier.errors import BudgetExceeded, StreamInterrupted
from metier.events import CallDone, CallStarted, Event, Notice
from metier.models.server import ChatRequest, Chunk, InstalledModel, Sampling
from metier.plan import Message
from metier.testing import ScriptedModels

pytestmark = pytest.mark.anyio

MODEL = InstalledModel(name="small", size_bytes=1, digest="abc")
ASKED = (
    Message(role="system", content="Be brief."),
    Message(role="user", content="What is two and two?"),
)
COST = Usage(calls=1, prompt_tokens=30, completion_tokens=7, total_s=0.5)


class Server(ScriptedModels):
    """Says these pieces, then raises the error if there is one."""

    def __init__(self, *pieces: Chunk, error: Exception | None = None) -> None:
        super().__init__({}, concurrency=3)
        self.pieces, self.error = pieces, error

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        self.requests.append(request)
        for piece in self.pieces:
            yield piece
        if self.error is not None:
            raise self.error


async def called(
    server: Server, *, read: int = 99, sampling: Sampling = Sampling()
) -> tuple[CallDone, list[Event]]:
    """Read so many pieces of a reply; how the call ended, and all events."""
    events: list[Event] = []
    caller = Caller(server, emit=events.append, budget=Budget(9))
    pieces = caller.stream(MODEL, ASKED, sampling, purpose="step", step_id="1", label="gpu")
    async with aclosing(pieces):
        async for _ in pieces:
            read -= 1
            if not read:
                break
    (done,) = (event for event in events if isinstance(event, CallDone))
    return done, events


WORDS = tuple(Chunk(text=word, host="a") for word in ("It ", "is ", "4."))


def end(reason: str = "stop") -> Chunk:
    return Chunk(done=True, done_reason=reason, usage=COST, host="b")


async def test_a_call_is_told_with_the_servers_own_counts() -> None:
    server = Server(*WORDS, end())
    done, (started, *_) = await called(server, sampling=Sampling(seed=5))
    assert isinstance(started, CallStarted)
    told = (started.call_id, started.model, started.digest, started.seed, started.step_id)
    assert told == ("1", "small", "abc", 5, "1")
    assert started.prompt_hash == prompt_hash(server.requests[0])
    assert (done.call_id, done.usage, done.done_reason, done.host) == ("1", COST, "stop", "b")
    assert done.error is None
    assert (server.requests[0].label, server.requests[0].think) == ("gpu", False)


@pytest.mark.parametrize(("count", "writing_s"), [(0, 0), (1, 0), (2, 2), (3, 3)])
async def test_of_a_reply_without_its_end_the_cost_is_estimated(
    count: int, writing_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A second passes between any two looks at the clock.
    clock = SimpleNamespace(perf_counter=itertools.count().__next__)
    monkeypatch.setattr(calling, "time", clock)
    events: list[Event] = []
    server = Server(*WORDS[:count], error=StreamInterrupted("gone"))
    caller = Caller(server, emit=events.append, budget=Budget(9))
    with pytest.raises(StreamInterrupted):
        async for _ in caller.chunks(MODEL, ASKED, Sampling(), purpose="step", step_id=None):
            pass
    (done,) = (event for event in events if isinstance(event, CallDone))
    assert (done.error, done.done_reason) == ("stream_interrupted", "")
    assert (server.requests[0].label, server.requests[0].think) == ("", False)
    assert done.first_token_s == (1 if count else None)
    # 29 characters are seven tokens; the first piece took as long to write as each other.
    assert done.usage == Usage(
        calls=1,
        prompt_tokens=7 if count else 0,
        completion_tokens=count,
        decode_s=writing_s,
        total_s=count + 1,
    )


async def test_a_reply_that_is_read_no_further_was_closed() -> None:
    done, _ = await called(Server(*WORDS, end()), read=2)
    assert (done.done_reason, done.error, done.usage.completion_tokens) == ("closed", None, 2)


@pytest.mark.parametrize(
    ("reason", "sampling", "told"),
    [
        ("length", {}, ["small was cut off after 7 tokens"]),
        ("stop", {}, []),
        ("length", {"schema": {"type": "object"}}, []),
        ("length", {"top_logprobs": 1}, []),
        ("length", {"logprobs": True}, ["small was cut off after 7 tokens"]),
    ],
)
async def test_an_answer_that_was_cut_off_is_reported(
    reason: str, sampling: dict[str, Any], told: list[str]
) -> None:
    _, events = await called(Server(*WORDS, end(reason)), sampling=Sampling(**sampling))
    assert [event.text for event in events if isinstance(event, Notice)] == told


def test_a_prompts_hash_tells_all_that_changes_the_reply() -> None:
    first = ChatRequest(model="small", messages=ASKED)
    same = [
        ChatRequest(model="large", messages=ASKED),
        replace(first, sampling=Sampling(logprobs=True, top_logprobs=5)),
    ]
    other = [
        replace(first, messages=ASKED[1:]),
        replace(first, messages=ASKED[::-1]),
        *(
            replace(first, sampling=sampling)
            for sampling in (
                Sampling(temperature=0.7),
                Sampling(seed=1),
                Sampling(max_tokens=1),
                Sampling(stop=("1",)),
                Sampling(schema={}),
                Sampling(schema={"type": "object"}),
            )
        ),
    ]
    assert {prompt_hash(each) for each in same} == {prompt_hash(first)}
    assert len({prompt_hash(each) for each in (first, *other)}) == 1 + len(other)
    two = [{"type": "object", "title": "A"}, {"title": "A", "type": "object"}]
    assert len({prompt_hash(replace(first, sampling=Sampling(schema=s))) for s in two}) == 1


def test_calls_are_numbered_over_all_steps_and_some_are_kept_for_others() -> None:
    whole = Caller(Server(), emit=lambda _: None, budget=Budget(4))
    first, second = whole.leaving(2), whole.leaving(4)
    assert [each.calls_left for each in (whole, first, second)] == [4, 2, 0]
    assert whole.seed == first.seed == 0
    assert [first.take_call(), first.take_call()] == ["1", "2"]
    with pytest.raises(BudgetExceeded):
        first.take_call()
    # The first call of a step is never refused for others.
    assert (second.take_call(), whole.take_call(), whole.calls_left) == ("3", "4", 0)
    with pytest.raises(BudgetExceeded):
        whole.take_call()


@pytest.mark.parametrize(("chars", "at_once"), [(1200, 3), (1201, 1)])
def test_samples_of_a_long_prompt_are_drawn_one_after_the_other(chars: int, at_once: int) -> None:
    caller = Caller(Server(), emit=lambda _: None, budget=Budget(9))
    assert caller.at_once("small", prompt_chars=chars) == at_once


@pytest.mark.parametrize(
    ("models", "together"), [(["a"] * 3, True), (["a"] * 4, False), (["a", "b"], False), ([], True)]
)
def test_a_server_runs_as_many_of_one_model_as_it_has_room_for(
    models: Sequence[str], *, together: bool
) -> None:
    caller = Caller(Server(), emit=lambda _: None, budget=Budget(9))
    assert caller.run_together(models) is together
