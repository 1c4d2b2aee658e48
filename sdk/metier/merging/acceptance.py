"""The gate: a merged model is kept if it answers questions about as well as its parents."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from metier.errors import InvalidInput, MetierError
from metier.evaluating.estimate import Estimate
from metier.merging.divergence import Divergence, next_tokens
from metier.models.server import ChatRequest, ModelServer, Progress, Sampling
from metier.plan import Message

# Long enough for a program; a model that repeats itself is cut off.
_MAX_TOKENS = 768
# Texts to compare next tokens on, one token for each.
_TEXTS = 50

Right = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exercise:
    """A question, and a function that judges an answer to it."""

    question: str
    is_right: Callable[[str], Awaitable[bool]]


class Accuracy(BaseModel):
    """The share of questions that a model answers correctly.

    Attributes:
        errors: questions without an answer; they count as wrong.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    model: str
    right: Estimate
    errors: int


class GateReport(BaseModel):
    """Whether a merged model is kept, and why.

    Attributes:
        best: the most accurate parent.
        gain: the child's gain over it, question by question.
        margin: how much less accurate the child may be, as a share.
        divergences: from each parent to the child, if the server returns logprobs.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    child: Accuracy
    parents: tuple[Accuracy, ...]
    best: str
    gain: Estimate
    margin: float
    divergences: tuple[Divergence, ...]

    @property
    def passed(self) -> bool:
        """Whether the child is at most by the margin worse than the best parent."""
        return self.gain.value >= -self.margin - 1e-12


async def passed_gate(
    server: ModelServer,
    exercises: Sequence[Exercise],
    *,
    child: tuple[str, str],
    parents: Sequence[tuple[str, str]],
    margin: float,
    report: Callable[[Progress], None] = lambda _: None,
) -> GateReport:
    """Ask all models all questions, model by model, so that each is loaded once.

    Args:
        child, parents: a model's name for people, and its name on the server.

    Raises:
        InvalidInput: there are no questions.
        ModelServerError, ModelMissing: a model cannot be called at all.
    """
    if not exercises:
        raise InvalidInput("there are no questions to evaluate with")
    texts = [exercise.question for exercise in exercises][:_TEXTS]
    found: dict[str, tuple[Right, int]] = {}
    nexts = {}
    for name, model in [*parents, child]:
        found[name] = await _asked(server, model, exercises, name=name, report=report)
        nexts[name] = await next_tokens(server, model, texts)
    accuracies = [_accuracy(name, *found[name]) for name, _ in parents]
    best = max(accuracies, key=lambda each: each.right.value).model
    made, _ = child
    divergences = (Divergence.of(name, nexts[name], nexts[made]) for name, _ in parents)
    return GateReport(
        child=_accuracy(made, *found[made]),
        parents=tuple(accuracies),
        best=best,
        gain=Estimate.mean(found[made][0] - found[best][0]),
        margin=margin,
        divergences=tuple(each for each in divergences if each is not None),
    )


def _accuracy(model: str, right: Right, errors: int) -> Accuracy:
    return Accuracy(model=model, right=Estimate.share(right > 0), errors=errors)


async def _asked(
    server: ModelServer,
    model: str,
    exercises: Sequence[Exercise],
    *,
    name: str,
    report: Callable[[Progress], None],
) -> tuple[Right, int]:
    """1 or 0 for each question, right or wrong, and how many had no answer."""
    await server.load(model)
    right, errors = np.zeros(len(exercises)), 0
    for n, exercise in enumerate(exercises):
        report(Progress(status=f"asking {name}: question {n + 1} of {len(exercises)}"))
        try:
            right[n] = await exercise.is_right(await _answer(server, model, exercise.question))
        except MetierError:
            errors += 1
    return right, errors


async def _answer(server: ModelServer, model: str, question: str) -> str:
    request = ChatRequest(
        model=model,
        messages=(Message(role="user", content=question),),
        sampling=Sampling(max_tokens=_MAX_TOKENS),
    )
    async with aclosing(server.chat(request)) as chunks:
        return "".join([chunk.text async for chunk in chunks])
