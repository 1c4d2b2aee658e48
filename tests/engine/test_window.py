"""A conversation that is longer than the context window: old turns are left out, with a notice."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from metier import Card, Council, Expert, Settings
from metier.errors import ContextOverflow
from metier.events import Event, Notice, StepFailed
from metier.experts.card import Capability
from metier.models.server import ChatRequest
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
