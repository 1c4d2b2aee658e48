"""Asking each question twice: the general model alone, in one call, and the council."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Self

import anyio

from metier.answer import Answer
from metier.engine.calling import Caller
from metier.engine.recorder import Budget, Recorder
from metier.errors import DeadlineExceeded, InvalidInput, MetierError, ModelMissing
from metier.evaluating.answer_log import AnswerLog
from metier.evaluating.answers import Pair, Reply
from metier.evaluating.questions import AnswerQuestion
from metier.events import Folding
from metier.experts.card import GENERAL, Card
from metier.experts.expert import Task, messages_for
from metier.experts.model_choice import full_name
from metier.grading import CodeGold, Gold, is_right
from metier.models.server import InstalledModel, Sampling
from metier.plan import Combining, Message
from metier.sandbox import Sandboxes

if TYPE_CHECKING:
    from metier.council import Council


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What came of asking: an answer as far as it came, and what went wrong."""

    answer: Answer
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BothWays:
    """Asks questions of a model alone and of a council, and judges both answers.

    Attributes:
        card: whose prompt and sampling the model alone is asked with.
        sandboxes: where code is run that is an answer.
        combining: how the council makes one answer of several.
    """

    council: Council
    model: InstalledModel
    card: Card
    sandboxes: Sandboxes
    combining: Combining = Combining()

    @classmethod
    async def of(
        cls,
        council: Council,
        *,
        model: str | None = None,
        sandboxes: Sandboxes | None = None,
        combining: Combining = Combining(),
    ) -> Self:
        """See that both can be asked; what can only fail fails here, before the first question.

        Args:
            model: the one to ask alone; that of the general expert if not given.
            combining: how the council makes one answer of several.

        Raises:
            InvalidInput: there is no general expert, and no model was given.
            ModelMissing, ModelServerError: the model, or the embedder's, cannot be asked.
        """
        card = council.registry.cards.get(GENERAL)
        if card is None and model is None:
            raise InvalidInput(
                "there is no general expert whose model could be asked alone",
                hint="Name one: --single-model qwen2.5-coder:1.5b",
            )
        card = card or Card(id=GENERAL, description="The model alone")
        await council.planning.planner()
        return cls(
            council=council,
            model=await _installed(council, model or await council.model_of(card)),
            card=card,
            sandboxes=sandboxes or Sandboxes(),
            combining=combining,
        )

    async def check(self, questions: Sequence[AnswerQuestion]) -> None:
        """See that code can be run where an answer is code.

        Raises:
            InvalidInput: no sandbox works here.
        """
        programs = sum(isinstance(question.gold, CodeGold) for question in questions)
        if programs and not await self.sandboxes.installed():
            raise InvalidInput(
                f"the answers to {programs} questions are code, and no sandbox works here",
                hint="Install one: pip install 'metier[sandbox]'. Or name the other domains with "
                "--domain",
            )

    async def ask_all(
        self, questions: Sequence[AnswerQuestion], *, log: AnswerLog, take: Callable[[Pair], None]
    ) -> None:
        """Ask each question both ways; those in the log are judged again.

        As many questions are asked at once as the server runs requests to the model.

        Args:
            take: gets each pair of answers when both are there.

        Raises:
            InvalidInput: the log cannot be written.
        """
        waiting = iter(questions)
        failed: list[MetierError] = []

        async def work() -> None:
            try:
                for question in waiting:
                    take(await self._pair(question, log))
            except MetierError as exc:
                failed.append(exc)
                group.cancel_scope.cancel()

        async with anyio.create_task_group() as group:
            for _ in range(self.council.server.concurrency(self.model.name)):
                group.start_soon(work)
        if failed:
            raise failed[0]

    async def _pair(self, question: AnswerQuestion, log: AnswerLog) -> Pair:
        if (known := log.known(question.question)) is not None:
            return await self.judged(known, question.gold)
        pair = await self.ask(question)
        log.add(pair)
        return pair

    async def ask(self, question: AnswerQuestion) -> Pair:
        """Both answers to one question. An error of metier is part of the answer, never raised."""
        return Pair(
            question=question.question,
            domain=question.domain,
            model=self.model.name,
            combining=self.combining,
            single=await self.alone(question),
            council=await self.together(question),
        )

    async def alone(
        self, question: AnswerQuestion, *, messages: Sequence[Message] | None = None
    ) -> Reply:
        """The model's answer in one call, without tools and without a plan.

        Args:
            messages: what it is asked; the card's prompt and the question if not given.
        """
        if messages is None:
            task = Task(text=question.question, documents=question.documents)
            messages = messages_for(self.card, task)
        return await self._reply(partial(self._alone, messages), question.gold)

    async def together(self, question: AnswerQuestion) -> Reply:
        """The council's answer."""
        return await self._reply(partial(self._together, question), question.gold)

    async def judged(self, pair: Pair, gold: Gold) -> Pair:
        """The same answers, judged again."""
        single = await self._judged(pair.single, gold)
        council = await self._judged(pair.council, gold)
        return pair.model_copy(update={"single": single, "council": council})

    async def _judged(self, reply: Reply, gold: Gold) -> Reply:
        verdict = await is_right(reply.text, gold, sandboxes=self.sandboxes)
        return reply.model_copy(update={"verdict": verdict})

    async def _reply(self, ask: Callable[[], Awaitable[_Said]], gold: Gold) -> Reply:
        started = time.perf_counter()
        said = await ask()
        seconds = time.perf_counter() - started
        text = said.answer.text
        usage = said.answer.usage
        return Reply(
            verdict=await is_right(text, gold, sandboxes=self.sandboxes),
            text=text,
            experts=tuple(part.expert for part in said.answer.parts),
            abstained=any(part.abstained for part in said.answer.parts),
            confidence=_least([part.confidence for part in said.answer.parts]),
            error=said.error,
            usage=usage,
            seconds=max(0.0, seconds - usage.load_s),
        )

    async def _alone(self, messages: Sequence[Message]) -> _Said:
        """One call, and nothing else."""
        pieces: list[str] = []
        error = ""
        recorder = Recorder(lambda _: None)
        caller = Caller(self.council.server, emit=recorder, budget=Budget(1))
        settings = self.council.settings
        sampling = Sampling(
            temperature=self.card.temperature,
            seed=settings.seed,
            max_tokens=self.card.max_tokens,
        )
        stream = caller.stream(self.model, messages, sampling, purpose="step", step_id=None)
        try:
            with anyio.fail_after(settings.timeout_s):
                async with aclosing(stream) as reply:
                    async for piece in reply:
                        pieces.append(piece)  # noqa: PERF401  # an error keeps what came
        except TimeoutError:
            error = str(DeadlineExceeded(f"not done within {settings.timeout_s:g} s"))
        except MetierError as exc:
            error = str(exc)
        answer = recorder.answer().model_copy(update={"text": "".join(pieces)})
        return _Said(answer=answer, error=error)

    async def _together(self, question: AnswerQuestion) -> _Said:
        folding = Folding()
        error = ""
        try:
            stream = self.council.stream(
                question.question, documents=question.documents, strategy=self.combining
            )
            async with aclosing(stream) as events:
                async for event in events:
                    folding.add(event)
        except MetierError as exc:
            error = str(exc)
        answer = folding.answer()
        missing = "; ".join(f"{step.expert}: {step.reason}" for step in answer.missing)
        return _Said(answer=answer, error=error or missing)


def _least(confidences: Sequence[float | None]) -> float | None:
    known = [confidence for confidence in confidences if confidence is not None]
    return min(known) if known and len(known) == len(confidences) else None


async def _installed(council: Council, name: str) -> InstalledModel:
    models = {full_name(model.name): model for model in await council.server.list()}
    if (found := models.get(full_name(name))) is None:
        raise ModelMissing(name, installed=models)
    return found
