"""A part for each of two experts if one clause needs both."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from metier.experts.card import GENERAL
from metier.planning.needs import asks_several
from metier.planning.pairs import Pair, pair_of
from metier.planning.parts import Array, Asked, Part, shared_out
from metier.planning.selecting import Choice, Selector

# The experts, and how near each text of a question is to them: `Selector.affinity`.
Pull = tuple[tuple[str, ...], Array]


def paired(selector: Selector, asked: Asked, experts: Collection[str] | None) -> list[Part]:
    """Return a part for each of two experts that one clause needs; none if it needs only one."""
    if not asked.phrases:
        return []
    pull = selector.affinity(np.concatenate([asked.vectors[:1], asked.phrase_vectors]))
    pair = _pair(pull, asked, experts)
    if pair is None or pair.probability < pair.threshold:
        return []
    names, near = pull
    both = (names[pair.first], names[pair.second])
    if GENERAL in both or not _each_leads(selector, both, asked, experts):
        return []
    (ranked,) = selector.rank([asked.question], asked.vectors[:1], top=2, only=both)
    found = {candidate.expert: candidate for candidate in ranked}
    lean = near[1:, [pair.first, pair.second]]
    return [
        Part(
            text=text,
            choice=Choice(expert=both[n], candidates=(found[both[n]],)),
            vector=asked.vectors[:1],
        )
        for n, text in shared_out(asked.phrases, lean, asked.question)
    ]


def _pair(pull: Pull, asked: Asked, experts: Collection[str] | None) -> Pair | None:
    names, near = pull
    allowed = [n for n, name in enumerate(names) if experts is None or name in experts]
    pair = pair_of(near[0, allowed], near[1:, allowed], cut=asks_several(asked.question))
    if pair is None:
        return None
    return replace(pair, first=allowed[pair.first], second=allowed[pair.second])


def _each_leads(
    selector: Selector, both: Sequence[str], asked: Asked, experts: Collection[str] | None
) -> bool:
    """Whether each of two experts is the best one for some piece of the question, and fits."""
    pieces = [*asked.piece_texts, *asked.phrases]
    vectors = np.concatenate([asked.piece_vectors, asked.phrase_vectors])
    ranked = selector.rank(pieces, vectors, top=1, only=experts)
    leading = {best.expert for (best, *_) in ranked if best.fit >= selector.threshold}
    return leading.issuperset(both)
