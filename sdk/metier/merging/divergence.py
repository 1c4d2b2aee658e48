"""How far a merged model is from a parent: KL of next tokens, from a server's logprobs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Self

import numpy as np
from pydantic import BaseModel, ConfigDict

from metier.evaluating.estimate import Estimate
from metier.models.server import ModelServer, RawRequest, Sampling

# The most that Ollama returns.
_TOP = 20
_LEAST = 1e-9

NextToken = Mapping[str, float]


class Divergence(BaseModel):
    """The divergence from a parent to the merged model.

    Attributes:
        kl: mean over texts, in nats.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    parent: str
    kl: Estimate

    @classmethod
    def of(
        cls, parent: str, before: Sequence[NextToken | None], after: Sequence[NextToken | None]
    ) -> Self | None:
        """Compare the next tokens of both models; None if no text has them for both.

        Args:
            before: the parent's, one for each text; None if the server returned none.
            after: the merged model's, for the same texts.
        """
        both = [(p, q) for p, q in zip(before, after, strict=True) if p and q]
        values = np.array([divergence(p, q) for p, q in both])
        return cls(parent=parent, kl=Estimate.mean(values)) if len(values) else None


def divergence(p: NextToken, q: NextToken) -> float:
    """Compute KL(p ‖ q) in nats over the tokens that both list, with all others as one.

    KL over a partition is never more than the full KL (Cover and Thomas 2006, "Elements of
    information theory", section 2.7: the log sum inequality), and close to it if the shared tokens
    hold nearly all probability.
    """
    shared = p.keys() & q.keys()
    parts = [(p[token], q[token]) for token in shared]
    parts.append((1 - sum(a for a, _ in parts), 1 - sum(b for _, b in parts)))
    return math.fsum(a * math.log(a / max(b, _LEAST)) for a, b in parts if a > _LEAST)


async def next_tokens(
    server: ModelServer, model: str, texts: Sequence[str]
) -> list[NextToken | None]:
    """Return the most likely tokens after each text, with their probabilities.

    None if the server returns none, as it does where the text would end.

    Raises:
        ModelError, ModelServerError: the model cannot be called.
    """
    return [await _next_token(server, model, text) for text in texts]


async def _next_token(server: ModelServer, model: str, text: str) -> NextToken | None:
    sampling = Sampling(max_tokens=1, top_logprobs=_TOP)
    request = RawRequest(model=model, prompt=text, sampling=sampling)
    found: dict[str, float] = {}
    async with aclosing(server.generate(request)) as chunks:
        async for chunk in chunks:
            for token in chunk.logprobs[:1]:
                # Tokens that are parts of a letter may have one spelling: add them up.
                for name, logprob in token.top:
                    found[name] = found.get(name, 0.0) + math.exp(logprob)
    return found or None
