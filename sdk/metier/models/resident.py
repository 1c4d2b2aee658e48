"""Resident prompts: the beginnings of prompts that never change, each kept in a slot of the server.

On a CPU, reading a prompt is most of the wait. A server reads only what follows the longest common
prefix with one of its slots, and never takes a slot that is in use. So a prompt that is read while
others are in use lands in a slot of its own, and later each question finds its own, in any order.
Read one after the other, they all land in the same slot.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import cached_property

import anyio

from metier.answer import Usage
from metier.errors import MetierError
from metier.models.server import ChatRequest, Chunk, ModelDetails, Sampling
from metier.plan import Message

# Keys and values are 16-bit numbers.
_BYTES = 2
# Beside its weights a model takes about this share of them.
_OVERHEAD = 1.2
# Of the memory that the weights leave, the share that prompts may take.
_SHARE = 0.5
# A short prompt is read soon; while its answer goes on, no longer one can take its slot.
_HELD_TOKENS = 16
# A prompt of which more than this share was read again was not kept.
_READ_AGAIN = 0.5
# What any reading may take, however short.
_BRIEF_S = 0.1
# Characters of a text that measures how fast the server reads, and of one for a server that reads
# it so quickly that most of the time goes to what a call takes at all.
_MEASURED_CHARS, _MORE_CHARS = 128, 1024
_QUICK_S = 0.25
# After so many prompts that were not found again, the server's slots are too few for all.
_ENOUGH_LOST = 2


@dataclass(frozen=True, kw_only=True)
class ResidentPrompt:
    """The messages with which each of an expert's conversations begins.

    No message at all is the beginning of a conversation without a system prompt: it has a slot so
    that such conversations do not take one from a prompt.
    """

    model: str
    messages: tuple[Message, ...]

    def __post_init__(self) -> None:
        begun = ChatRequest(model=self.model, messages=self.messages)  # as a server gets them
        object.__setattr__(self, "messages", begun.messages)

    @cached_property
    def hash(self) -> str:
        """SHA-256 over the model and the messages, the same in every process."""
        content = [self.model, [message.model_dump() for message in self.messages]]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def begins(self, request: ChatRequest) -> bool:
        """Whether a request begins with it, byte for byte."""
        return (
            request.model == self.model
            and request.messages[: len(self.messages)] == self.messages
            and not request.tools
        )


@dataclass(slots=True)
class _Kept:
    """A prompt that the server has read.

    Attributes:
        tokens: its length.
        token_s: how long the server takes to read a token.
    """

    prompt: ResidentPrompt
    tokens: int
    token_s: float
    is_resident: bool = True


class ResidentPrompts:
    """The prompts that a server keeps, by their hash.

    Args:
        chat: asks the server.
    """

    def __init__(self, chat: Callable[[ChatRequest], AsyncGenerator[Chunk, None]]) -> None:
        self._chat = chat
        self._kept: dict[str, _Kept] = {}
        self._lost = anyio.Event()

    def is_resident(self, prompt: ResidentPrompt) -> bool:
        """Whether the server has read a prompt, and nothing speaks against its being there."""
        kept = self._kept.get(prompt.hash)
        return kept is not None and kept.is_resident

    async def fill(self, prompts: Sequence[ResidentPrompt], *, at_once: bool = False) -> bool:
        """Have the server read the prompts of one model, each while those before it are in use.

        So none takes the slot of another. A server reads a prompt that it has begun to the end,
        also if nobody waits for it any more: a question that comes meanwhile waits for one of them.
        Then each is looked for. What the server has lost by then is read once more, in case that
        another program or another prompt took its slot; if it is lost again, it has none there.

        Args:
            at_once: read all at the same time, which is quicker.

        Returns:
            Whether the server keeps them all.

        Raises:
            ModelServerError, ModelMissing: the server cannot be asked.
        """
        kept = await self._fill(prompts, at_once=at_once)
        if not kept and any(map(self.is_resident, prompts)):
            kept = await self._fill(prompts)
        return kept

    async def _fill(self, prompts: Sequence[ResidentPrompt], *, at_once: bool = False) -> bool:
        ordered = sorted(prompts, key=self.is_resident, reverse=True)
        known = sum(map(self.is_resident, prompts))
        for count in range(len(prompts) if at_once else max(1, known), len(prompts) + 1):
            await self._read_together(ordered[:count])
        kept = await self._found(sorted(prompts, key=_length, reverse=True))
        found = {each.prompt.hash: each for each in kept}
        for prompt in prompts:
            self._kept.pop(prompt.hash, None)
            if prompt.hash in found and len(found) > 1:
                self._kept[prompt.hash] = found[prompt.hash]
        self._lost.set()
        self._lost = anyio.Event()
        return len(found) == len(prompts)

    async def _read_together(self, prompts: Sequence[ResidentPrompt]) -> None:
        failed: list[MetierError] = []

        async def one(prompt: ResidentPrompt) -> None:
            try:
                await self._read(prompt)
            except MetierError as exc:
                failed.append(exc)

        async with anyio.create_task_group() as group:
            for prompt in prompts:
                group.start_soon(one, prompt)
        if failed:
            raise failed[0]

    async def _found(self, prompts: Sequence[ResidentPrompt]) -> list[_Kept]:
        """The prompts that the server still has, of some that it has read.

        How fast it reads is measured with a text that it has not read before, after the shortest of
        them: whether the others are found again does not depend on when they were read.
        """
        *others, last = prompts
        known = await self._read(last, tokens=1)
        new = await self._read(last, secrets.token_hex(_MEASURED_CHARS // 2), tokens=1)
        if new.prompt_s < _QUICK_S:
            new = await self._read(last, secrets.token_hex(_MORE_CHARS // 2), tokens=1)
        token_s = new.prompt_s / max(1, new.prompt_tokens - known.prompt_tokens)
        found, lost = [_Kept(last, known.prompt_tokens, token_s)], 0
        for prompt in others:
            usage = await self._read(prompt, "Good evening", tokens=1)
            if usage.prompt_s <= _READ_AGAIN * usage.prompt_tokens * token_s + _BRIEF_S:
                found.append(_Kept(prompt, usage.prompt_tokens, token_s))
            elif (lost := lost + 1) == _ENOUGH_LOST:
                break
        return found

    async def _read(
        self, prompt: ResidentPrompt, text: str = "Hello", *, tokens: int = _HELD_TOKENS
    ) -> Usage:
        """Have a prompt read with a message after it.

        Without one, a template may close the turn in another way.
        """
        request = ChatRequest(
            model=prompt.model,
            messages=(*prompt.messages, Message(role="user", content=text)),
            sampling=Sampling(max_tokens=tokens),
        )
        async with aclosing(self._chat(request)) as pieces:
            return [piece async for piece in pieces][-1].usage

    def note(self, request: ChatRequest, usage: Usage) -> None:
        """Learn from a reply whether the prompt that it began with was still there.

        Only from one during which the server did nothing else, which is as fast as was measured.
        """
        found = [kept for kept in self._kept.values() if kept.prompt.begins(request)]
        if not found:
            return
        kept = max(found, key=lambda each: len(each.prompt.messages))
        new_tokens = max(0, usage.prompt_tokens - kept.tokens)
        most_s = (new_tokens + _READ_AGAIN * kept.tokens) * kept.token_s + _BRIEF_S
        if kept.prompt.messages and usage.prompt_s > most_s:
            kept.is_resident = False
            self._lost.set()
        # What followed it has replaced what was in its slot, and the prompt itself stays.
        elif kept.prompt.messages:
            kept.is_resident = True

    async def lost(self) -> list[ResidentPrompt]:
        """Wait until a prompt is no longer there; all prompts of its model, to be filled again."""
        lost = None
        while lost is not self._lost:  # which a reading meanwhile replaces
            lost = self._lost
            await lost.wait()
        models = {kept.prompt.model for kept in self._kept.values() if not kept.is_resident}
        return [kept.prompt for kept in self._kept.values() if kept.prompt.model in models]


def slot_bytes(details: ModelDetails, num_ctx: int) -> int | None:
    """The memory of one slot of a model; None if its metadata does not say.

    Args:
        num_ctx: the context window of a slot, in tokens.
    """
    info = details.info
    arch = info.get("general.architecture")
    blocks = _number(info.get(f"{arch}.block_count"))
    heads = _number(info.get(f"{arch}.attention.head_count"))
    kv_heads = info.get(f"{arch}.attention.head_count_kv", heads)
    width = _number(info.get(f"{arch}.embedding_length"))
    if not (blocks and heads and width and kv_heads):
        return None
    # Some models have another number of heads in each block.
    all_heads = sum(kv_heads) if isinstance(kv_heads, list) else blocks * _number(kv_heads)
    key = _number(info.get(f"{arch}.attention.key_length")) or width // heads
    value = _number(info.get(f"{arch}.attention.value_length")) or width // heads
    return num_ctx * all_heads * (key + value) * _BYTES


def slots_for(
    wanted: int, *, slot_bytes: int | None, model_bytes: int, memory_bytes: int | None
) -> int:
    """How many prompts of a model fit into memory, at least one.

    Args:
        memory_bytes: for this model; None if it is not known, which leaves room for one only.
    """
    if not slot_bytes or memory_bytes is None:
        return 1
    room = (memory_bytes - model_bytes * _OVERHEAD) * _SHARE
    return max(1, min(wanted, int(room // slot_bytes)))


def most_useful(prompts: Iterable[ResidentPrompt], slots: int) -> list[ResidentPrompt]:
    """As many prompts as there are slots, the longest if they are too many."""
    return sorted(dict.fromkeys(prompts), key=_length, reverse=True)[:slots]


def _length(prompt: ResidentPrompt) -> int:
    return sum(len(message.content) for message in prompt.messages)


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
