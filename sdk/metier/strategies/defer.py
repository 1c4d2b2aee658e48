"""`defer`: one answer by two models. The small one writes; when it is unsure, the large one does.

Co-LLM (Shen et al. 2024, "Learning to Decode Collaboratively with Multiple Language Models")
learns for each token whether to defer, with one tokenizer and both models in one process. Over a
server each change costs a request, so here whole steps are deferred, and the sign is the small
model's own doubt at a step's first word (as GlimpRouter, 2026, takes its entropy). Models exchange
text, not tokens: their tokenizers may differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field

from metier.answer import Span
from metier.errors import MetierError
from metier.experts.expert import messages_for
from metier.models.server import Chunk
from metier.plan import Message, Step
from metier.strategies.strategy import Prompt, Sampled, Sampler, Voter

# The small model defers if it gives the first word of a step less than e^TAU.
TAU = -0.7
# Each is two requests: the large model's step, and going on with the small one.
MAX_DEFERRALS = 9
# More spaces than any text has in a row.
_LOOK_BACK = 200

LogProbability = Annotated[float, Field(le=0)]


async def defer(step: Step, sampler: Sampler, *, tau: LogProbability = TAU) -> Sampled:
    """One text by two models: the largest writes the steps that the smallest is unsure of.

    `Sampled.spans` says who wrote what.

    Args:
        tau: the log-probability of a step's first word below which it is deferred.
    """
    voters = sorted(await sampler.voters("models"), key=lambda voter: voter.size_bytes)
    writing = _Writing(sampler=sampler, tau=tau)
    await writing.through(voters[0], voters[-1])
    return Sampled(
        text=writing.text,
        expert=voters[-1].expert,
        models=tuple(dict.fromkeys(span.model for span in writing.spans)),
        logprob=writing.mean_logprob,
        spans=tuple(writing.spans),
    )


def begins_step(so_far: str, word: str) -> bool:
    """Whether a step begins with this word: it is the first of a text, a line or a sentence."""
    bare = so_far.rstrip(" ")
    apart = so_far != bare or word[:1].isspace()
    return bool(word.strip()) and (not bare or bare[-1] == "\n" or (bare[-1] in ".!?" and apart))


def _end(before: str, piece: str) -> str:
    """The end of a text: to join and read all of it at every word would take ever longer."""
    return before[-_LOOK_BACK:] + piece[-_LOOK_BACK:]


@dataclass(slots=True, kw_only=True)
class _Writing:
    """A text that two models write in turn."""

    sampler: Sampler
    tau: float
    spans: list[Span] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    deferrals: int = 0

    @property
    def text(self) -> str:
        return "".join(span.text for span in self.spans)

    @property
    def mean_logprob(self) -> float | None:
        return sum(self.logprobs) / len(self.logprobs) if self.logprobs else None

    async def through(self, base: Voter, expert: Voter) -> None:
        """Write until a model ends the answer.

        If the large model fails, the small one goes on alone; if the small one fails, the
        large one does.
        """
        alone = base == expert
        while True:
            left = self.sampler.calls_left
            try:
                if await self._base(base, may_defer=not alone and self._may_defer(left)):
                    return
            except MetierError:
                if alone:
                    raise
                await self._expert(expert, whole=True)
                return
            self.deferrals += 1
            try:
                if await self._expert(expert, whole=False):
                    return
            except MetierError:
                alone = True

    def _may_defer(self, calls_left: int) -> bool:
        """Whether the large model's step and going on after it are within the budget, too."""
        return self.deferrals < MAX_DEFERRALS and calls_left >= 3

    async def _base(self, voter: Voter, *, may_defer: bool) -> bool:
        """Go on with the small model. Whether it ended the answer; else it is unsure."""
        before, piece = self.text, ""
        async with aclosing(self.sampler.stream(voter, self._prompt(voter))) as chunks:
            async for chunk in chunks:
                fresh = before != "" and not piece  # what comes first after a deferred step
                if may_defer and not fresh and self._is_unsure(_end(before, piece), chunk):
                    self._add(voter, piece)
                    return False
                piece += chunk.text
                self.logprobs += [token.logprob for token in chunk.logprobs]
        self._add(voter, piece)
        return True

    def _is_unsure(self, so_far: str, chunk: Chunk) -> bool:
        logprob = chunk.logprobs[0].logprob if chunk.logprobs else 0.0
        return logprob < self.tau and begins_step(so_far, chunk.text)

    async def _expert(self, voter: Voter, *, whole: bool) -> bool:
        """One step of the large model, or all that is left. Whether it ended the answer."""
        before, piece = self.text, ""
        async with aclosing(self.sampler.stream(voter, self._prompt(voter))) as chunks:
            async for chunk in chunks:
                said = piece and not piece.isspace()
                if not whole and said and begins_step(_end(before, piece), chunk.text):
                    # A model is thrown off by a text that ends with a space.
                    self._add(voter, piece.rstrip(" "))
                    return False
                piece += chunk.text
                self.logprobs += [token.logprob for token in chunk.logprobs]
        self._add(voter, piece)
        return True

    def _prompt(self, voter: Voter) -> Prompt:
        asked: Sequence[Message] = messages_for(self.sampler.card(voter), self.sampler.task)
        begun = (Message(role="assistant", content=self.text),) if self.text else ()
        return (*asked, *begun)

    def _add(self, voter: Voter, text: str) -> None:
        if text:
            self.spans.append(Span(model=voter.model or voter.expert, text=text))
