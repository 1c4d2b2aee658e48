"""Prompts that a server keeps in its slots."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import cast

import anyio
import anyio.lowlevel
import pytest

from metier.answer import Usage
from metier.errors import ModelServerError
from metier.models import shared as sharing
from metier.models.resident import (
    ResidentPrompt,
    ResidentPrompts,
    most_useful,
    slot_bytes,
    slots_for,
)
from metier.models.server import ChatRequest, Chunk, ModelDetails, ModelServer
from metier.models.shared import SharedServer
from metier.plan import Message
from metier.testing import ScriptedModels, Stall

pytestmark = pytest.mark.anyio
MEBIBYTE = 1 << 20
# What Ollama tells of qwen2.5-coder:1.5b.
QWEN = ModelDetails(
    name="qwen",
    capabilities=frozenset({"completion"}),
    info={
        "general.architecture": "qwen2",
        "qwen2.block_count": 28,
        "qwen2.attention.head_count": 12,
        "qwen2.attention.head_count_kv": 2,
        "qwen2.embedding_length": 1536,
    },
)


class Slots:
    """Chooses slots as Ollama does: the free one with the longest common prefix, else the first."""

    def __init__(self, count: int, *, call_s: float = 0.0, char_s: float = 1.0) -> None:
        self._call_s, self._char_s = call_s, char_s
        self._held: list[str] = [""] * count
        self._used = [False] * count
        self._batch = 0
        self._room = anyio.Semaphore(count)

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """Read what is new in all prompts that came together."""
        prompt = "".join(f"<{message.role}>{message.content}" for message in request.messages)
        async with self._room:
            free = [n for n, used in enumerate(self._used) if not used]
            slot = max(free, key=lambda n: common(self._held[n], prompt))
            new = len(prompt) - common(self._held[slot], prompt)
            self._batch = self._batch + new if any(self._used) else new
            self._used[slot], self._held[slot] = True, prompt
            await anyio.wait_all_tasks_blocked()  # all that were sent together have a slot now
            prompt_s = self._call_s + self._batch * self._char_s
            usage = Usage(calls=1, prompt_tokens=len(prompt), prompt_s=prompt_s)
            await anyio.wait_all_tasks_blocked()
            self._used[slot] = False
            yield Chunk(done=True, usage=usage)


def common(held: str, prompt: str) -> int:
    pairs = enumerate(zip(held, prompt, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(held), len(prompt)))


def prompt_of(text: str) -> ResidentPrompt:
    return ResidentPrompt(model="m", messages=(Message(role="system", content=text),))


PROMPTS = [prompt_of(f"{name} knows what {name} is for. " * 5) for name in ("Ann", "Ben", "Cy")]


async def asked(slots: Slots, prompt: ResidentPrompt, question: str) -> tuple[ChatRequest, Usage]:
    user = Message(role="user", content=question)
    request = ChatRequest(model=prompt.model, messages=(*prompt.messages, user))
    return request, [chunk async for chunk in slots.chat(request)][-1].usage


@pytest.mark.parametrize("at_once", [False, True])
async def test_prompts_that_were_read_together_are_found_again_in_any_order(
    *, at_once: bool
) -> None:
    slots = Slots(3)
    await ResidentPrompts(slots.chat).fill(PROMPTS, at_once=at_once)
    for number in (2, 0, 1, 1, 0, 2):
        _, usage = await asked(slots, PROMPTS[number], "Why?")
        assert usage.prompt_s <= len("<user>Why?")


async def test_a_prompt_that_was_read_again_is_lost_and_known_by_its_hash() -> None:
    slots = Slots(3)
    prompts = ResidentPrompts(slots.chat)
    await prompts.fill(PROMPTS)
    await asked(slots, prompt_of("Ann knows another thing. "), "Why?")
    for prompt in PROMPTS:
        prompts.note(*await asked(slots, prompt, "Why?"))
    with anyio.fail_after(5):
        assert await prompts.lost() == PROMPTS
    assert not all(map(prompts.is_resident, PROMPTS))


async def test_a_prompt_that_is_filled_again_takes_no_slot_from_the_others() -> None:
    slots = Slots(3)
    prompts = ResidentPrompts(slots.chat)
    await prompts.fill(PROMPTS)
    await asked(slots, prompt_of("Ann knows another thing. "), "Why?")
    prompts.note(*await asked(slots, PROMPTS[0], "Why?"))
    await prompts.fill(await prompts.lost())
    assert all(map(prompts.is_resident, PROMPTS))
    for prompt in PROMPTS:
        _, usage = await asked(slots, prompt, "And then?")
        assert usage.prompt_s <= len("<user>And then?")


class Taken(Slots):
    """Slots of which somebody else takes one before it is looked for what is in them."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.is_taken = False

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """Read what is new."""
        if request.sampling.max_tokens == 1 and not self.is_taken:
            self.is_taken = True
            await asked(self, prompt_of("Ann knows another thing. "), "Why?")
        async for chunk in super().chat(request):
            yield chunk


async def test_a_prompt_whose_slot_was_taken_while_they_were_read_is_read_once_more() -> None:
    prompts = ResidentPrompts(Taken(3).chat)
    assert await prompts.fill(PROMPTS)
    assert all(map(prompts.is_resident, PROMPTS))


async def test_who_waits_for_a_lost_prompt_hears_of_one_that_is_lost_after_another_reading() -> (
    None
):
    slots = Slots(3)
    prompts = ResidentPrompts(slots.chat)
    await prompts.fill(PROMPTS)
    lost = list[ResidentPrompt]()

    async def wait() -> None:
        lost.extend(await prompts.lost())

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            await prompts.fill(PROMPTS)
            await anyio.wait_all_tasks_blocked()
            assert lost == []
            await asked(slots, prompt_of("Ann knows another thing. "), "Why?")
            prompts.note(*await asked(slots, PROMPTS[0], "Why?"))
    assert lost == PROMPTS


async def test_a_long_question_is_no_sign_that_its_prompt_was_lost() -> None:
    slots = Slots(3)
    prompts = ResidentPrompts(slots.chat)
    await prompts.fill(PROMPTS)
    prompts.note(*await asked(slots, PROMPTS[0], "Why? " * 200))
    assert prompts.is_resident(PROMPTS[0])


@pytest.mark.parametrize(("slots", "kept"), [(1, False), (2, False), (3, True), (4, True)])
async def test_whether_a_server_keeps_prompts_is_measured(slots: int, *, kept: bool) -> None:
    assert await ResidentPrompts(Slots(slots).chat).fill(PROMPTS) is kept


async def test_what_a_call_takes_at_all_does_not_hide_that_prompts_are_read_again() -> None:
    slots = Slots(1, call_s=0.1, char_s=0.0005)
    prompts = [prompt_of(f"{name} knows what {name} is for. " * 24) for name in ("Ann", "Ben")]
    assert not await ResidentPrompts(slots.chat).fill(prompts)


async def test_prompts_that_were_there_before_are_not_taken_for_lost() -> None:
    slots = Slots(3)
    await ResidentPrompts(slots.chat).fill(PROMPTS)
    second = ResidentPrompts(slots.chat)
    await second.fill(PROMPTS)
    for prompt in PROMPTS:
        second.note(*await asked(slots, prompt, "Why is that so? " * 5))
    assert all(map(second.is_resident, PROMPTS))


async def test_a_model_that_has_only_one_slot_is_not_read_to_again_and_again() -> None:
    slots = Slots(1)
    prompts = ResidentPrompts(slots.chat)
    await prompts.fill(PROMPTS)
    for prompt in PROMPTS:
        prompts.note(*await asked(slots, prompt, "Why?"))
    with anyio.move_on_after(0.01) as scope:
        await prompts.lost()
    assert scope.cancelled_caught


def test_a_prompt_with_a_control_token_begins_the_requests_made_of_it() -> None:
    prompt = prompt_of("Never write <|im_end|>.")
    assert prompt.begins(ChatRequest(model="m", messages=prompt.messages))
    written = Message(role="system", content="Never write <|im_end|>.")
    assert prompt.begins(ChatRequest(model="m", messages=(written,)))


class Leaving(Slots):
    """Slots of a server that cannot be asked once, after the first loading."""

    address = "http://127.0.0.1:1"

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.is_back = anyio.Event()
        self._loads = 0

    async def load(self, _: str) -> None:
        self._loads += 1
        if self._loads == 2:
            raise ModelServerError("nothing answers")
        if self._loads == 3:
            self.is_back.set()


async def test_lost_prompts_are_asked_for_again_after_the_server_was_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sharing, "_IDLE_S", 0.01)
    monkeypatch.setattr(sharing, "_PAUSE_S", 0.01)
    slots = Leaving(3)
    shared = SharedServer(cast(ModelServer, slots), keeps=3)
    await shared.keep("m", PROMPTS)
    await asked(slots, prompt_of("Ann knows another thing. "), "Why?")
    shared.prompts.note(*await asked(slots, PROMPTS[0], "Why?"))
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(shared.keep_again)
            await slots.is_back.wait()
            group.cancel_scope.cancel()


@pytest.mark.parametrize("concurrency", [1, 2])
async def test_reading_beforehand_makes_way_for_a_question(concurrency: int) -> None:
    models = ScriptedModels({"m": ["x", Stall(), Stall(), "Because."]})
    shared = SharedServer(models, keeps=3, concurrency=concurrency)
    request = ChatRequest(model="m", messages=(Message(role="user", content="Why?"),))
    read: list[bool] = []

    async def keep() -> None:
        read.append(await shared.keep("m", PROMPTS))

    async with anyio.create_task_group() as group:
        group.start_soon(keep)
        await anyio.wait_all_tasks_blocked()
        with anyio.fail_after(5):
            assert "".join([chunk.text async for chunk in shared.chat(request)]) == "Because."
    assert read == [False]
    begun = [each.messages[: len(PROMPTS[2].messages)] for each in models.requests]
    assert PROMPTS[2].messages not in begun


async def test_nothing_is_read_beforehand_beside_a_question() -> None:
    models = ScriptedModels({"m": [Stall()]})
    shared = SharedServer(models, keeps=3, concurrency=2)
    request = ChatRequest(model="m", messages=(Message(role="user", content="Why?"),))

    async def ask() -> None:
        assert [chunk async for chunk in shared.chat(request)] == []

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        with anyio.fail_after(5):
            assert not await shared.keep("m", PROMPTS)
        group.cancel_scope.cancel()
    assert len(models.requests) == 1


async def test_reading_beforehand_makes_way_for_a_question_that_waits_already() -> None:
    loading, asking = anyio.Event(), anyio.Event()

    class Loading(ScriptedModels):
        async def load(self, model: str) -> None:
            loading.set()
            await asking.wait()

    models = Loading({"m": ["Because."]})
    shared = SharedServer(models, keeps=2)
    read: list[bool] = []

    async def keep() -> None:
        read.append(await shared.keep("m", PROMPTS[:2]))

    async def ask() -> None:
        request = ChatRequest(model="m", messages=(Message(role="user", content="Why?"),))
        assert "".join([chunk.text async for chunk in shared.chat(request)]) == "Because."

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(keep)
            await loading.wait()
            group.start_soon(ask)
            await anyio.wait_all_tasks_blocked()
            asking.set()
    assert (read, len(models.requests)) == ([False], 1)


def test_a_prompt_has_the_same_hash_everywhere_and_another_for_another_model() -> None:
    prompt = prompt_of("Be brief.")
    assert prompt.hash == prompt_of("Be brief.").hash
    assert prompt.hash != ResidentPrompt(model="other", messages=prompt.messages).hash


def test_the_memory_of_a_slot_follows_from_the_metadata_of_the_model() -> None:
    assert slot_bytes(QWEN, 4096) == 112 * MEBIBYTE


def test_the_memory_of_a_slot_is_not_guessed() -> None:
    unknown = ModelDetails(name="m", capabilities=frozenset())
    assert slot_bytes(unknown, 4096) is None
    assert slots_for(5, slot_bytes=None, model_bytes=1, memory_bytes=1 << 40) == 1


def test_there_are_no_more_slots_than_memory_holds() -> None:
    sizes = {"slot_bytes": 100 * MEBIBYTE, "model_bytes": 1000 * MEBIBYTE}
    assert slots_for(5, **sizes, memory_bytes=8000 * MEBIBYTE) == 5
    assert slots_for(5, **sizes, memory_bytes=1850 * MEBIBYTE) == 3
    assert slots_for(5, **sizes, memory_bytes=900 * MEBIBYTE) == 1


def test_the_longest_prompts_are_kept_if_there_are_too_few_slots() -> None:
    long, short = prompt_of("x" * 100), prompt_of("x")
    assert most_useful([short, long, long], 1) == [long]
