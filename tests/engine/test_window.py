"""A conversation that is longer than the context window: old turns are left out, with a notice."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from metier import Card, Council, Expert, Settings
from metier.engine.window import Window
from metier.errors import ContextOverflow
from metier.events import Event, Notice, StepFailed
from metier.experts.card import Capability
from metier.models.server import ChatRequest, Sampling
from metier.plan import Message
from metier.testing import FixedEmbedder, ScriptedModels

pytestmark = pytest.mark.anyio


def turns(count: int, *, words: int = 60) -> list[Message]:
    """Turns that are numbered, and the question after them."""
    filler = "word " * words
    return [
        *(
            Message(role=role, content=f"{role} {n} {filler}")
            for n in range(count)
            for role in ("user", "assistant")
        ),
        Message(role="user", content="compute a sum"),
    ]


class Model:
    """A model that refuses more than so many messages, and keeps the prompts that it got."""

    def __init__(self, most: int = 10_000) -> None:
        self.most = most
        self.prompts: list[tuple[Message, ...]] = []

    def __call__(self, request: ChatRequest) -> str | Exception:
        self.prompts.append(request.messages)
        if len(request.messages) > self.most:
            return ContextOverflow("m", num_ctx=4096)
        return "3"


async def asked(
    messages: Sequence[Message], model: Model, *, num_ctx: int = 4096, prompt: str = "Be brief."
) -> list[Event]:
    capability = Capability(name="all", description="sums", examples=("compute a sum",))
    card = Card(
        id="sums", description="sums", models=("m",), prompt=prompt, capabilities=(capability,)
    )
    council = Council.of(
        [Expert(card)],
        settings=Settings(num_ctx=num_ctx),
        server=ScriptedModels({"m": model}),
        embedder=FixedEmbedder(),
    )
    async with council:
        return [event async for event in council.stream(messages)]


def notices(events: Sequence[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Notice)]


async def test_a_conversation_that_fits_is_sent_as_it_is() -> None:
    model = Model()
    events = await asked(turns(3), model)
    assert model.prompts[0][1:] == tuple(turns(3))
    assert notices(events) == []


async def test_the_oldest_turns_are_left_out_as_pairs_and_a_notice_says_so() -> None:
    model = Model()
    events = await asked(turns(20), model, num_ctx=2048)
    (prompt,) = model.prompts
    left = prompt[1:-1]
    assert prompt[0].role == "system"
    assert prompt[-1].content == "compute a sum"
    assert 0 < len(left) < 40
    assert left == tuple(turns(20))[:-1][-len(left) :]
    assert left[0].role == "user"
    said = f"the first {20 - len(left) // 2} turns of the conversation (20 in all) did not fit"
    assert [text.startswith(said) for text in notices(events)] == [True]


async def test_the_next_question_begins_with_the_same_turns() -> None:
    """So that the server need not read them again."""
    model = Model()
    for count in range(20, 28):
        await asked(turns(count), model, num_ctx=2048)
    begins = [prompt[1].content.split()[1] for prompt in model.prompts]
    assert len(set(begins)) <= 3


async def test_a_prompt_that_the_server_refuses_is_sent_again_with_fewer_turns() -> None:
    model = Model(most=5)
    events = await asked(turns(6), model)
    assert [len(prompt) for prompt in model.prompts] == [14, 8, 4]
    assert [text.partition(" of ")[0] for text in notices(events)] == [
        "the first 3 turns",
        "the first 5 turns",
    ]


async def test_what_is_too_long_without_any_turn_fails() -> None:
    events = await asked(turns(2), Model(most=0))
    assert [event.code for event in events if isinstance(event, StepFailed)] == ["context_overflow"]


async def test_a_question_is_never_left_out() -> None:
    model = Model()
    long = [*turns(2)[:-1], Message(role="user", content="compute a sum " * 3000)]
    await asked(long, model, num_ctx=2048)
    assert [message.role for message in model.prompts[0]] == ["system", "user"]


CONVERSATION = tuple(turns(20)[:-1])
AROUND = (Message(role="system", content="Be brief."), turns(0)[0])


def fitted(tokens: int | None, max_tokens: int | None = None) -> tuple[Message, ...]:
    window = Window(CONVERSATION, tokens=tokens, tell=lambda _: None)
    sampling = Sampling(max_tokens=max_tokens)
    return window.fitted((AROUND[0], *CONVERSATION, AROUND[1]), sampling)


def size(messages: Sequence[Message]) -> int:
    """In bytes, with 24 that a template puts around each."""
    return sum(len(message.content) + 24 for message in messages)


@pytest.mark.parametrize("max_tokens", [None, 100, 5000])
def test_turns_are_left_out_only_if_there_is_no_room_and_then_the_rest_fits(
    max_tokens: int | None,
) -> None:
    whole = size(CONVERSATION) + size(AROUND)
    for tokens in range(400, 8000, 7):
        # Three bytes a token; a quarter is kept for the answer, or what the answer may have.
        room = 3 * (tokens - min(max_tokens or tokens, tokens // 4))
        messages = fitted(tokens, max_tokens)
        assert (messages[0], messages[-1]) == AROUND
        assert (len(messages) == len(CONVERSATION) + 2) == (whole <= room)
        assert size(messages) <= room
        left = messages[1:-1]
        assert left == CONVERSATION[len(CONVERSATION) - len(left) :]
        # At most half of the room is left free, so that the next questions begin alike.
        assert whole <= room or size(left) + 700 >= (room - size(AROUND)) / 2


def test_a_window_of_unknown_size_leaves_nothing_out() -> None:
    assert fitted(None) == (AROUND[0], *CONVERSATION, AROUND[1])


def test_other_prompts_stay_as_they_are_and_cannot_be_shrunk() -> None:
    window = Window(CONVERSATION, tokens=100, tell=lambda _: None)
    assert window.fitted(AROUND, Sampling()) == AROUND
    assert not window.shrink(AROUND)


@pytest.mark.parametrize(("count", "said"), [(1, "the first turn of"), (2, "the first turn of")])
def test_half_of_the_turns_are_left_out_each_time_until_none_is_left(count: int, said: str) -> None:
    told: list[Notice] = []
    conversation = tuple(turns(count)[:-1])
    window = Window(conversation, tokens=None, tell=told.append)
    prompt = (*conversation, AROUND[1])
    assert [window.shrink(prompt) for _ in range(count + 1)] == [True] * count + [False]
    assert told[0].text.startswith(said)
    assert f"({count} in all)" in told[0].text
    assert window.fitted(prompt, Sampling()) == AROUND[1:]
