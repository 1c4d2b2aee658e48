"""The `Sampler` of one step: experts, models, budget and events behind one face."""

from __future__ import annotations

import inspect
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Mapping,
    Sequence,
)
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import anyio
import numpy as np

from metier.answer import Vote
from metier.engine.calling import Caller
from metier.engine.context import StepContext
from metier.engine.recorder import Emit
from metier.errors import ExpertFailed, MetierError, ModelMissing, ResourceExhausted
from metier.events import Notice, Token, Voted
from metier.experts.card import GENERAL, Card
from metier.experts.expert import Expert, Task
from metier.experts.knowledge.passages import Passage
from metier.experts.loading import place_of
from metier.experts.model_choice import ModelChooser, full_name
from metier.experts.registry import Registry
from metier.experts.threads import in_thread
from metier.models.embedder import Embedder, Vectors
from metier.models.server import Chunk, InstalledModel
from metier.models.vector_checks import embedded
from metier.plan import Candidate, Member, Step
from metier.sandbox import Sandbox, Sandboxes
from metier.strategies import Sampled, SampleOptions, Voter
from metier.strategies.ballots.voting import VoteAggregator
from metier.strategies.strategy import OldSamplerNames, Prompt

# A candidate that the planner finds less probable has no say.
_LIKELY = 0.1
FindPassages = Callable[[str, str, int], Awaitable[Sequence[Passage]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What all steps share.

    Attributes:
        embedder: makes vectors of answers; without one, all free texts count as alike.
        voting: what past votes taught.
        runs_on: labels of the hosts that experts run on, over their cards'.
    """

    registry: Registry
    chooser: ModelChooser
    find_passages: FindPassages
    embedder: Embedder | None
    voting: Callable[[], VoteAggregator | None]
    runs_on: Mapping[str, str]

    @property
    def general(self) -> Card | None:
        """The card of the general expert."""
        return self.registry.cards.get(GENERAL)


class StepSampler(OldSamplerNames):
    """Asks experts about one step.

    Args:
        solo: whether the step's words are the answer.
    """

    def __init__(
        self,
        step: Step,
        task: Task,
        world: World,
        *,
        caller: Caller,
        emit: Emit,
        solo: bool,
    ) -> None:
        self._step = step
        self._task = task
        self._world = world
        self._caller = caller
        self._emit = emit
        self._solo = solo
        self.streamed = False

    @property
    def task(self) -> Task:
        """What is asked."""
        return self._task

    @property
    def own(self) -> Voter:
        """The step's expert on the model of its choice."""
        return Voter(expert=self._step.expert, fit=self._fit(self._step.expert))

    @property
    def judge(self) -> Voter:
        """The general expert; the step's own if there is none."""
        return Voter(expert=GENERAL) if self._world.general else self.own

    @property
    def output(self) -> str:
        """What the capability that was chosen promises; empty if none was."""
        candidate = self._candidate(self._step.expert)
        card = self._world.registry.cards[self._step.expert]
        kinds = {capability.name: capability.output for capability in card.capabilities}
        return kinds.get(candidate.capability or "", "") if candidate else ""

    @property
    def calls_left(self) -> int:
        """What the budget has for this step."""
        return self._caller.calls_left

    @cached_property
    def sandbox(self) -> Sandbox:
        """The sandboxes of this machine."""
        return Sandboxes()

    def card(self, voter: Voter) -> Card:
        """The card of the voter's expert."""
        return self._world.registry.cards[voter.expert]

    @cached_property
    def voting(self) -> VoteAggregator | None:
        """What past votes taught."""
        return self._world.voting()

    def concurrency(self, voter: Voter) -> int:
        """As the server has; one if the prompt is so long that reading it again costs more."""
        texts = (
            self._beginning(voter),
            self._task.text,
            *(message.content for message in self._task.messages),
            *(each.text for each in (*self._task.documents, *self._task.inputs)),
        )
        return self._caller.at_once(voter.model, prompt_chars=sum(map(len, texts)))

    def _beginning(self, voter: Voter) -> str:
        """With what its prompts begin: its card's prompt, as long as its code is not imported."""
        if (expert := self._world.registry.built.get(voter.expert)) is None:
            return self.card(voter).prompt
        try:
            each = ["".join(m.content for m in one) for one in expert.constant_messages]
        except Exception as exc:  # its code may raise anything; the step fails, the plan goes on
            raise _crashed(expert, exc) from exc
        return max(each, key=len, default="")

    def run_together(self, voters: Sequence[Voter]) -> bool:
        """As the server can."""
        return self._caller.run_together([voter.model for voter in voters])

    def tell(self, vote: Vote) -> None:
        """Say it in an event."""
        self._emit(Voted(step_id=self._step.id, vote=vote))

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors of the planner's embedder; all alike if there is none."""
        if self._world.embedder is not None:
            with suppress(ModelMissing):
                return await embedded(self._world.embedder, texts)
        return np.ones((len(texts), 1), dtype=np.float32)

    async def voters(self, among: Literal["models", "experts"]) -> Sequence[Voter]:
        """The step's members; else models of its expert, or its candidates."""
        if self._step.members:
            return [await self._member(member) for member in self._step.members]
        own = self._step.expert
        if among == "models":
            models = await self._world.chooser.models_for(
                self._world.registry.cards[own], self._world.general, chances=self._step.chances
            )
            return [self._voter(own, model) for model in models]
        others = [
            candidate.expert
            for candidate in self._step.candidates
            if candidate.expert != own
            and candidate.probability >= _LIKELY
            and candidate.expert in self._world.registry.cards
        ]
        return [await self._member(Member(expert=name)) for name in (own, *others)]

    async def _member(self, member: Member) -> Voter:
        if member.model is not None:
            return self._voter(member.expert, await self._world.chooser.named(member.model))
        return self._voter(member.expert, await self._chosen(member.expert))

    async def _chosen(self, expert: str) -> InstalledModel:
        card = self._world.registry.cards[expert]
        chances = self._step.chances
        model = await self._world.chooser.model_for(card, self._world.general, chances=chances)
        if news := self._world.chooser.news_of(model.name):
            self._emit(Notice(step_id=self._step.id, text=news))
        return model

    def _voter(self, expert: str, model: InstalledModel) -> Voter:
        chances = {full_name(name): chance for name, chance in self._step.chances.items()}
        return Voter(
            expert=expert,
            model=model.name,
            skill=chances.get(full_name(model.name)),
            fit=self._fit(expert),
            size_bytes=model.size_bytes,
        )

    def _fit(self, expert: str) -> float:
        candidate = self._candidate(expert)
        return candidate.probability if candidate else 1.0

    def _candidate(self, expert: str) -> Candidate | None:
        return next((each for each in self._step.candidates if each.expert == expert), None)

    async def sample(
        self,
        voter: Voter,
        *,
        options: SampleOptions = SampleOptions(),
        prompt: Prompt | None = None,
    ) -> Sampled:
        """One answer, told piece by piece where it is live."""
        found = await in_thread(self._world.registry.expert, voter.expert)
        context = self._context(found, voter, options)
        pieces: list[str] = []
        answering = _asked(context, prompt) if prompt else _pieces(found, self._task, context)
        try:
            async with aclosing(answering) as stream:
                async for piece in stream:
                    pieces.append(piece)
                    if options.live:
                        self._say(found, piece)
                    if self._caller.cut.ended:
                        break
        except MetierError:
            raise
        except (MemoryError, RecursionError) as exc:
            place, folder = _place_of(found, exc)
            raise ResourceExhausted(exc, place=place, folder=folder) from exc
        # An expert's code may raise anything; the step fails, the plan goes on.
        except (Exception, SystemExit) as exc:
            raise _crashed(found, exc) from exc
        finally:
            with anyio.CancelScope(shield=True):
                await context.aclose()
        return Sampled(
            text="".join(pieces),
            expert=voter.expert,
            models=tuple(context.models),
            sources=tuple(context.sources),
            checked=context.checked,
            how_checked=context.how_checked,
            confidence=context.confidence,
            abstained=context.abstained,
            warnings=tuple(context.warnings),
            values=context.values,
            logprob=context.mean_logprob,
        )

    def _say(self, expert: Expert, piece: str) -> None:
        as_answer = self._solo and expert.card.stream == "direct"
        self._emit(Token(step_id=self._step.id, text=piece, answer=as_answer))
        self.streamed = self.streamed or as_answer

    async def probe(
        self, voter: Voter, prompt: Prompt, labels: Sequence[str]
    ) -> Mapping[str, float]:
        """One token, and what else it might have been."""
        expert = await in_thread(self._world.registry.expert, voter.expert)
        return await self._context(expert, voter, SampleOptions()).probe(prompt, labels)

    async def stream(self, voter: Voter, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        """The model's reply, with log-probabilities."""
        expert = await in_thread(self._world.registry.expert, voter.expert)
        context = self._context(expert, voter, SampleOptions())
        async with aclosing(context.chunks(prompt, replace(context.sampling, logprobs=True))) as it:
            async for chunk in it:
                yield chunk

    def _context(self, expert: Expert, voter: Voter, options: SampleOptions) -> StepContext:
        """What the expert may use for this sample."""
        world = self._world
        wanted: dict[str, object] = {}
        if options.temperature is not None:
            wanted["temperature"] = options.temperature
        if label := world.runs_on.get(voter.expert):
            wanted["runs_on"] = label
        choose = world.chooser.named
        return StepContext(
            caller=self._caller,
            card=expert.card.model_copy(update=wanted),
            choose=lambda: choose(voter.model) if voter.model else self._chosen(voter.expert),
            find_tool=world.registry.tool,
            find_passages=world.find_passages,
            step_id=self._step.id,
            seed=self._caller.seed + options.draw,
            logprobs=self._step.strategy != "single",
        )


def _crashed(expert: Expert, exc: BaseException) -> ExpertFailed:
    """What an expert's code raised, and where."""
    place, folder = _place_of(expert, exc)
    hint = f"Mend it there; to see more: metier experts check {folder}" if place else ""
    where = f" ({place})" if place else ""
    return ExpertFailed(f"{expert.id} raised {type(exc).__name__}: {exc}{where}", hint=hint)


def _place_of(expert: Expert, exc: BaseException) -> tuple[str, str]:
    """The line of an expert's code that led to an error, and its folder; empty if none did."""
    place = place_of(exc, type(expert).__module__)
    return place, str(Path(place.rpartition(":")[0]).parent) if place else ""


async def _asked(context: StepContext, prompt: Prompt) -> AsyncGenerator[str, None]:
    """The model's own reply to a prompt."""
    async for piece in context.stream(prompt):
        yield piece


async def _pieces(expert: Expert, task: Task, context: StepContext) -> AsyncGenerator[str, None]:
    """The pieces of an answer, whichever way the expert was written."""
    answering = await _started(expert.answer, task, context)
    if inspect.isawaitable(answering):
        answering = await answering
    if isinstance(answering, str):
        yield answering
        return
    if not isinstance(answering, AsyncIterator):
        kind = type(answering).__name__
        raise ExpertFailed(f"{expert.id}.answer returned {kind}, not text or an async iterator")
    async for piece in answering:
        yield str(piece)


async def _started(answer: Callable[..., object], task: Task, context: StepContext) -> object:
    """Call `answer`; one that is a plain `def` of the user's runs in a thread."""
    plain = not (inspect.iscoroutinefunction(answer) or inspect.isasyncgenfunction(answer))
    if plain and getattr(answer, "__func__", None) is not Expert.answer:
        return await in_thread(answer, task, context)
    return answer(task, context)
