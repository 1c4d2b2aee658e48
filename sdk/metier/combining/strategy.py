"""The seam to strategies: a pure async function over a sampler."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from metier.answer import Source
from metier.plan import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """One whole answer of an expert to a step.

    Attributes:
        checked: whether the expert's own check passed; None where it has none.
        confidence: how probable the expert finds it that the answer is right, between 0 and 1.
        abstained: whether the text only says that the expert is not sure enough to answer.
    """

    text: str
    expert: str
    models: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    checked: bool | None = None
    confidence: float | None = None
    abstained: bool = False


class Sampler(Protocol):
    """Asks experts for answers to the step at hand."""

    async def sample(self, expert: str, *, live: bool = False) -> Sampled:
        """One answer.

        Args:
            live: let its words out as they come, where the expert's card says `direct`. At
                most one sample of a step may be live.

        Raises:
            MetierError: the expert has no answer.
        """
        ...


Strategy = Callable[[Step, Sampler], Awaitable[Sampled]]
