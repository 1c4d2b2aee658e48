"""Questions that follow others: what was asked before helps to choose their expert."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from metier.models.embedder import Vectors
from metier.plan import Message
from metier.planning.parts import Part
from metier.planning.selecting import Selector
from metier.planning.splitting.request import request_of

# The weight of the question together with those before it, relative to the question alone: the
# middle of the best range on benchmarks/own/followups/development.jsonl.
_TOGETHER_WEIGHT = 0.8
# How many earlier questions to use, and how much of each: embedders read no more.
_MOST_EARLIER = 2
_MOST_CHARS = 400


def follow_ups(question: str, messages: Sequence[Message]) -> tuple[str, ...]:
    """Return the question after the last one, and after the last two; empty if it is the first.

    >>> follow_ups("and in pounds?", [Message(role="user", content="10 stone in kg")])
    ('10 stone in kg and in pounds?',)
    """
    said = [message.content for message in messages if message.role == "user"]
    earlier = [request_of(text).text[:_MOST_CHARS] for text in said[-_MOST_EARLIER:]]
    return tuple(" ".join([*earlier[-n:], question]) for n in range(1, len(earlier) + 1))


def followed(
    selector: Selector,
    alone: Part,
    together: Sequence[str],
    vectors: Vectors,
    *,
    only: Collection[str] | None = None,
) -> Part:
    """Return the question with the expert that fits it, given the questions before it.

    The scores of the question alone and after earlier ones are added: "now in Rust" says little by
    itself and takes the expert of what came before; a new subject says more and keeps its own.

    Args:
        alone: the question with the expert that fits it by itself.
        together: the question after earlier ones, as `follow_ups` returns it.
        vectors: of the question and of these texts, shape (1 + len(together), dimension).
        only: experts that may be chosen.
    """
    names, scores, _, _ = selector.evidence([alone.text, *together], vectors, only=only)
    if not names:
        return alone
    total = scores[0] + _TOGETHER_WEIGHT * scores[1:].mean(axis=0)
    best = names[int(total.argmax())]
    if best == alone.choice.expert and alone.choice.fits:
        return alone
    clearest = int(scores[1:, names.index(best)].argmax())
    vector = vectors[1 + clearest : 2 + clearest]
    (ranked,) = selector.rank([together[clearest]], vector, only=only)
    first = [each for each in ranked if each.expert == best]
    others = [each for each in ranked if each.expert != best]
    choice = selector.choose((*first, *others), only=only)
    return replace(alone, choice=choice, vector=vector)
