"""What a one-token probe says: how probable a model finds each of some labels.

The probabilities that a server reports are those of the model's own softmax, whatever the
temperature. A label's is the sum over the ways to write it (`B`, ` B`, `b`); what the reported
alternatives leave over is shared equally among the labels that are not among them, each of which is
no likelier than the least likely alternative: else it would have been reported in its place.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from metier.models.server import TokenProbability

MOST_ALTERNATIVES = 20


def label_probabilities(
    token: TokenProbability | None, labels: Sequence[str]
) -> Mapping[str, float]:
    """The probability of each label, in their order; all alike if nothing was reported.

    Args:
        token: the first token of a reply, with its alternatives.
    """
    alternatives = token.top if token is not None else ()
    found = dict.fromkeys(labels, 0.0)
    for text, logprob in alternatives:
        if label := _meant(text, labels):
            found[label] += math.exp(logprob)
    missing = [label for label in labels if not found[label]]
    left_over = max(0.0, 1.0 - sum(math.exp(logprob) for _, logprob in alternatives))
    least = min((math.exp(logprob) for _, logprob in alternatives), default=1.0)
    for label in missing:
        found[label] = min(left_over / len(missing), least)
    total = sum(found.values())
    return {label: share / total if total else 1 / len(labels) for label, share in found.items()}


def _meant(token: str, labels: Sequence[str]) -> str | None:
    """The label that a token is, or is the beginning of: `may` of `maybe`."""
    text = token.strip().casefold()
    if not text:
        return None
    whole = [label for label in labels if label.casefold() == text]
    begun = [label for label in labels if len(text) > 1 and label.casefold().startswith(text)]
    fitting = whole or begun
    return fitting[0] if len(fitting) == 1 else None
