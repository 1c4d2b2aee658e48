"""The seam to strategies: an async function of a step and a sampler.

Its keyword-only parameters are its options: each has an annotation, by which a value is checked,
and a default. `Sampler` is all that a strategy may use.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol

from pydantic import Field

from metier.answer import StepResult, Vote
from metier.experts.card import Card
from metier.experts.expert import Task
from metier.models.embedder import Vectors
from metier.models.server import Chunk
from metier.plan import Message
from metier.sandbox import Sandbox
from metier.settings.renamed import warn_renamed
from metier.strategies.ballots.voting import VoteAggregator

Prompt = Sequence[Message]
# How many answers a step may have.
Samples = Annotated[int, Field(ge=1, le=64)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Voter:
    """An expert on a model, and what is known of the two before they are asked.

    Attributes:
        model: the expert's own choice where it is empty.
        skill: how probable it is that this model gets this step right, where outcomes have
            taught it.
        fit: how probable the planner finds it that this expert is the right one.
        size_bytes: of the model; 0 if it is not known.
    """

    expert: str
    model: str = ""
    skill: float | None = None
    fit: float = 1.0
    size_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleOptions:
    """How one sample is taken.

    Attributes:
        draw: tells samples of one voter apart: it is added to the seed.
        temperature: the card's where it is None.
        live: let the words out as they come, where the expert's card says `direct`. At most one
            sample of a step may be live.
    """

    draw: int = 0
    temperature: float | None = None
    live: bool = False


class Sampled(StepResult):
    """One whole answer to a step, of one expert or made of several.

    Attributes:
        logprob: mean log-probability of the tokens that its models wrote; None if no server
            reported it.
        agreement: the share of the votes' weight that it has; None if nothing was counted.
    """

    logprob: float | None = None
    agreement: float | None = None


class Sampler(Protocol):
    """Asks experts and models about the step at hand. Every call counts against the budget."""

    @property
    def task(self) -> Task:
        """What is asked."""
        ...

    @property
    def output(self) -> str:
        """The kind of answer that the chosen capability promises, such as `number`."""
        ...

    @property
    def own(self) -> Voter:
        """The step's expert on the model of its choice."""
        ...

    @property
    def calls_left(self) -> int:
        """How many model calls this step may still make."""
        ...

    @property
    def judge(self) -> Voter:
        """The voter that compares and joins answers: the general expert, if there is one."""
        ...

    @property
    def sandbox(self) -> Sandbox:
        """The sandbox in which programs are compared."""
        ...

    @property
    def voting(self) -> VoteAggregator | None:
        """How the votes of several models add up, if that was learnt from past votes."""
        ...

    async def voters(self, among: Literal["models", "experts"]) -> Sequence[Voter]:
        """The voters that may be asked: the step's members, if it names any.

        Args:
            among: else the step's expert on each of its models that is installed, or each of the
                step's candidates on the model of its choice. The step's own expert comes first.

        Raises:
            ModelMissing: a model that the step names is not installed.
        """
        ...

    def concurrency(self, voter: Voter) -> int:
        """How many requests to its model run side by side."""
        ...

    def run_together(self, voters: Sequence[Voter]) -> bool:
        """Whether one request to the model of each can run side by side."""
        ...

    async def sample(
        self,
        voter: Voter,
        *,
        options: SampleOptions = SampleOptions(),
        prompt: Prompt | None = None,
    ) -> Sampled:
        """One answer.

        Args:
            prompt: what its model is asked, without the expert's own code; the step's task,
                answered by that code, if not given.

        Raises:
            MetierError: it has no answer.
        """
        ...

    async def probe(
        self, voter: Voter, prompt: Prompt, labels: Sequence[str]
    ) -> Mapping[str, float]:
        """How probable its model finds each label as its next word; the sum is 1.

        Raises:
            MetierError: the model cannot be asked.
        """
        ...

    def stream(self, voter: Voter, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        """Its model's reply with the log-probability of each token.

        A prompt that ends with words of the assistant is gone on with, not answered.
        """
        ...

    def card(self, voter: Voter) -> Card:
        """The card of the voter's expert."""
        ...

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """One unit vector a text."""
        ...

    def tell(self, vote: Vote) -> None:
        """Say that an answer has come, or could not be had."""
        ...


class OldSamplerNames:
    """The names of its methods before version 0.2, for a sampler to inherit."""

    def slots(self: Sampler, voter: Voter) -> int:
        """Deprecated since version 0.2: use `concurrency`."""
        warn_renamed("Sampler.slots", "Sampler.concurrency")
        return self.concurrency(voter)


Strategy = Callable[..., Awaitable[Sampled]]
