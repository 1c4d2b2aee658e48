"""Questions that follow others: what was asked before helps to say who answers them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from metier.models.embedder import Vectors
from metier.plan import Message
from metier.planning.parts import Part
from metier.planning.selecting import Selector
from metier.planning.splitting.request import request_of

# How much the question together with those before it counts, for one point of the question alone.
# The middle of the range that is best on benchmarks/own/followups/development.jsonl.
_TOGETHER_WEIGHT = 0.8
# Earlier questions that are looked at, and how much of each: an embedder reads no more.
_MOST_EARLIER = 2
_MOST_CHARS = 400


def follow_ups(question: str, messages: Sequence[Message]) -> tuple[str, ...]:
    """The question after the last one before it, after the last two; empty if it is the first.

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
    """The question with the expert that fits it after the questions before it.

    The scores of the question alone and of the question after earlier ones are added: "now in
    Rust" says little by itself and takes the expert of what came before, a new subject says more
    and keeps its own.

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
