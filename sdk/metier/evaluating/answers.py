"""How many answers are right: of the general model alone, and of the council."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np

from metier.answer import Usage
from metier.evaluating.estimate import Estimate, Finding, mcnemar
from metier.grading import Verdict
from metier.plan import Combining


class Reply(Finding):
    """What one side answered, whether that is right, and what it cost.

    Attributes:
        text: as far as it came.
        experts: who answered; none if the model was asked alone.
        abstained: whether an expert said that it is not sure enough; the verdict is then of the
            answer that it finds likeliest, where it names one.
        confidence: that of the least sure of its experts; None if one does not say.
        error: what went wrong; empty if nothing did.
        seconds: from question to answer, less the time in which the server loaded models.
    """

    verdict: Verdict
    text: str
    experts: tuple[str, ...] = ()
    abstained: bool = False
    confidence: float | None = None
    error: str = ""
    usage: Usage = Usage()
    seconds: float = 0.0


class Pair(Finding):
    """One question, asked both ways.

    Attributes:
        model: the one that was asked alone.
        combining: how the council made one answer of several.
    """

    question: str
    domain: str
    model: str
    combining: Combining = Combining()
    single: Reply
    council: Reply


class Side(Finding):
    """How one side fares. Calls, tokens and seconds are means over the questions.

    Attributes:
        right: how many answers are.
        unread: answers out of which nothing could be read; they count as wrong.
        errors: questions on which something went wrong; what was answered is judged.
    """

    right: int
    accuracy: Estimate
    unread: int
    errors: int
    calls: float
    tokens: float
    seconds: float

    @classmethod
    def of(cls, replies: Sequence[Reply]) -> Self:
        """The figures of one reply or more."""
        right = np.array([reply.verdict.is_right for reply in replies])
        tokens = [r.usage.prompt_tokens + r.usage.completion_tokens for r in replies]
        return cls(
            right=int(right.sum()),
            accuracy=Estimate.share(right),
            unread=sum(reply.verdict.outcome == "no_answer" for reply in replies),
            errors=sum(bool(reply.error) for reply in replies),
            calls=float(np.mean([reply.usage.calls for reply in replies])),
            tokens=float(np.mean(tokens)),
            seconds=float(np.mean([reply.seconds for reply in replies])),
        )


class Compared(Finding):
    """Both sides on the same questions.

    Attributes:
        gain: of the council over the model alone, question by question, as a share.
        gained: questions that only the council got right.
        lost: questions that only the model alone did.
        p: exact, of McNemar's test: how likely so uneven a split is where both are as good.
    """

    domain: str
    n: int
    single: Side
    council: Side
    gain: Estimate
    gained: int
    lost: int
    p: float

    @classmethod
    def of(cls, domain: str, pairs: Sequence[Pair]) -> Self:
        """The figures of one pair or more."""
        single = np.array([pair.single.verdict.is_right for pair in pairs], dtype=np.float64)
        council = np.array([pair.council.verdict.is_right for pair in pairs], dtype=np.float64)
        gained, lost = int((council > single).sum()), int((single > council).sum())
        return cls(
            domain=domain,
            n=len(pairs),
            single=Side.of([pair.single for pair in pairs]),
            council=Side.of([pair.council for pair in pairs]),
            gain=Estimate.mean(council - single),
            gained=gained,
            lost=lost,
            p=mcnemar(gained, lost),
        )


class AnswersReport(Finding):
    """What the council brings over the general model alone.

    Attributes:
        model: the one that was asked alone.
        asked: questions that were answered both ways; all figures are of these.
        planned: questions that were to be asked; more than `asked` after an interruption.
        domains: each with a question.
        overall: all of them, each question counting the same; None if none was asked.
    """

    model: str
    asked: int
    planned: int
    domains: tuple[Compared, ...]
    overall: Compared | None
    pairs: tuple[Pair, ...]

    @classmethod
    def of(cls, pairs: Sequence[Pair], *, model: str, planned: int) -> Self:
        """The report on what was answered so far."""
        names = dict.fromkeys(pair.domain for pair in pairs)
        return cls(
            model=model,
            asked=len(pairs),
            planned=planned,
            domains=tuple(
                Compared.of(name, [pair for pair in pairs if pair.domain == name]) for name in names
            ),
            overall=Compared.of("all", pairs) if pairs else None,
            pairs=tuple(pairs),
        )
