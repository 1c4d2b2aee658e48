"""A sampler whose voters answer from a script: for tests of strategies, without a server."""

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
from metier.models.embedder import Vectors
from metier.models.server import Chunk
from metier.plan import Step
from metier.sandbox import Sandbox, Sandboxes
from metier.strategies import Sampled, SampleOptions, Voter
from metier.strategies.ballots.voting import VoteAggregator
from metier.strategies.strategy import OldSamplerNames, Prompt

QUESTION = "How many apples are left?"
STEP = Step(id="1", task=QUESTION, expert="math")
SMALL = Voter(expert="math", model="small", size_bytes=1)
LARGE = Voter(expert="math", model="large", size_bytes=2)

Reply = str | Sampled | MetierError | float
Judge = Callable[[Voter, Prompt, Sequence[str]], Mapping[str, float]]


def said(text: str, voter: Voter = SMALL, **known: Any) -> Sampled:  # noqa: ANN401
    """A voter's answer.

    Args:
        known: further fields of `Sampled`, such as `confidence`.
    """
    return Sampled(text=text, expert=voter.expert, models=(voter.model,), **known)


@dataclass
class ScriptedSampler(OldSamplerNames):
    """A `Sampler` whose voters answer from a script.

    Attributes:
        replies: each voter's replies, in order: a text, a `Sampled`, an error to raise, or a
            number of seconds to wait before the next one. The first voter is the step's own.
        question: what is asked.
        budget: how many model calls are left.
        room: how many requests to one model run side by side.
        judging: answers the probes; without it a probe is an error.
        vectors: what `embed` returns for a text.
        output: the kind of answer that the capability promises, such as `number`.
        learnt: what past votes taught.
        asked: the samples that were taken, as model and options.
        prompts: the prompts that replaced the step's own task.
        told: the votes that were reported.
        probes: how many probes were made.
    """

    replies: Mapping[Voter, list[Reply]]
    question: str = QUESTION
    budget: int = 100
    room: int = 1
    judging: Judge | None = None
    vectors: Mapping[str, Sequence[float]] = field(default_factory=dict)
    output: str = ""
    learnt: VoteAggregator | None = None
    asked: list[tuple[str, SampleOptions]] = field(default_factory=list)
    prompts: list[Prompt] = field(default_factory=list)
    told: list[Vote] = field(default_factory=list)
    probes: int = 0

    @property
    def task(self) -> Task:
        """The question."""
        return Task(text=self.question, question=self.question)

    @property
    def own(self) -> Voter:
        """The first voter."""
        return next(iter(self.replies))

    @property
    def judge(self) -> Voter:
        """The general expert."""
        return Voter(expert="general")

    @property
    def calls_left(self) -> int:
        """What is left of `budget`."""
        return self.budget

    @property
    def sandbox(self) -> Sandbox:
        """The sandboxes of this machine."""
        return Sandboxes()

    @property
    def voting(self) -> VoteAggregator | None:
        """What past votes taught."""
        return self.learnt

    def card(self, voter: Voter) -> Card:
        """A small card."""
        return Card(id=voter.expert, description="What it knows", prompt="Be brief.")

    def concurrency(self, voter: Voter) -> int:
        """As `room` says."""
        return self.room

    def run_together(self, voters: Sequence[Voter]) -> bool:
        """As many as `room` says, to one model."""
        return len({voter.model for voter in voters}) <= 1 and len(voters) <= max(1, self.room)

    async def voters(self, among: Literal["models", "experts"]) -> Sequence[Voter]:
        """All voters that have replies."""
        return list(self.replies)

    async def sample(
        self,
        voter: Voter,
        *,
        options: SampleOptions = SampleOptions(),
        prompt: Prompt | None = None,
    ) -> Sampled:
        """The voter's next reply."""
        self.asked.append((voter.model, options))
        if prompt is not None:
            self.prompts.append(prompt)
        reply = await self._reply(voter)
        return reply if isinstance(reply, Sampled) else said(reply, voter)

    async def _reply(self, voter: Voter) -> str | Sampled:
        self._spend()
        waiting = self.replies.get(voter) or [ModelMissing(voter.model)]
        reply = waiting.pop(0)
        while isinstance(reply, float):
            await anyio.sleep(reply)
            reply = waiting.pop(0)
        if isinstance(reply, MetierError):
            raise reply
        return reply

    async def probe(
        self, voter: Voter, prompt: Prompt, labels: Sequence[str]
    ) -> Mapping[str, float]:
        """What `judging` says."""
        self._spend()
        self.probes += 1
        assert self.judging is not None, "this sampler has no judge"
        return self.judging(voter, prompt, labels)

    async def stream(self, voter: Voter, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        """The voter's next reply, as one chunk."""
        reply = await self._reply(voter)
        yield Chunk(text=reply.text if isinstance(reply, Sampled) else reply)

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """The vectors of `vectors`, made unit length."""
        rows = np.asarray([self.vectors[text] for text in texts], dtype=np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def tell(self, vote: Vote) -> None:
        """Keep the vote in `told`."""
        self.told.append(vote)

    def _spend(self) -> None:
        if self.budget < 1:
            raise BudgetExceeded(0)
        self.budget -= 1
