"""A sampler whose voters say what a test wrote down."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import anyio
import numpy as np

from metier.answer import Vote
from metier.errors import BudgetExceeded, MetierError, ModelMissing
from metier.experts.card import Card
from metier.experts.expert import Task
from metier.learning.voting import VoteModel
from metier.models.embedder import Vectors
from metier.models.server import Chunk
from metier.plan import Step
from metier.sandbox import Sandbox, Sandboxes
from metier.strategies import Options, Sampled, Voter
from metier.strategies.strategy import Prompt

QUESTION = "How many apples are left?"
STEP = Step(id="1", task=QUESTION, expert="math")
SMALL = Voter(expert="math", model="small", size_bytes=1)
LARGE = Voter(expert="math", model="large", size_bytes=2)

Reply = str | Sampled | MetierError | float
Judge = Callable[[Voter, Prompt, Sequence[str]], Mapping[str, float]]


def said(text: str, voter: Voter = SMALL, **known: Any) -> Sampled:
    """An answer, as a voter gives it."""
    return Sampled(text=text, expert=voter.expert, models=(voter.model,), **known)


@dataclass
class Panel:
    """Voters with their replies, in order: a number of seconds is waited for before the next."""

    replies: Mapping[Voter, list[Reply]]
    question: str = QUESTION
    budget: int = 100
    room: int = 1
    judging: Judge | None = None
    vectors: Mapping[str, Sequence[float]] = field(default_factory=dict)
    output: str = ""
    learnt: VoteModel | None = None
    asked: list[tuple[str, Options]] = field(default_factory=list)
    prompts: list[Prompt] = field(default_factory=list)
    told: list[Vote] = field(default_factory=list)
    probes: int = 0

    @property
    def task(self) -> Task:
        return Task(text=self.question, question=self.question)

    @property
    def own(self) -> Voter:
        return next(iter(self.replies))

    @property
    def judge(self) -> Voter:
        return Voter(expert="general")

    @property
    def calls_left(self) -> int:
        return self.budget

    @property
    def sandbox(self) -> Sandbox:
        return Sandboxes()

    @property
    def voting(self) -> VoteModel | None:
        return self.learnt

    def card(self, voter: Voter) -> Card:
        return Card(id=voter.expert, description="What it knows", prompt="Be brief.")

    def slots(self, voter: Voter) -> int:
        return self.room

    async def voters(self, among: Literal["models", "experts"]) -> Sequence[Voter]:
        return list(self.replies)

    async def sample(
        self, voter: Voter, *, options: Options = Options(), prompt: Prompt | None = None
    ) -> Sampled:
        self._spend()
        self.asked.append((voter.model, options))
        if prompt is not None:
            self.prompts.append(prompt)
        waiting = self.replies.get(voter) or [ModelMissing(voter.model)]
        reply = waiting.pop(0)
        while isinstance(reply, float):
            await anyio.sleep(reply)
            reply = waiting.pop(0)
        if isinstance(reply, MetierError):
            raise reply
        return reply if isinstance(reply, Sampled) else said(reply, voter)

    async def probe(
        self, voter: Voter, prompt: Prompt, labels: Sequence[str]
    ) -> Mapping[str, float]:
        self._spend()
        self.probes += 1
        assert self.judging is not None, "this panel has no judge"
        return self.judging(voter, prompt, labels)

    async def stream(self, voter: Voter, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        raise NotImplementedError
        yield

    async def embed(self, texts: Sequence[str]) -> Vectors:
        rows = np.asarray([self.vectors[text] for text in texts], dtype=np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def tell(self, vote: Vote) -> None:
        self.told.append(vote)

    def _spend(self) -> None:
        if self.budget < 1:
            raise BudgetExceeded(0)
        self.budget -= 1
