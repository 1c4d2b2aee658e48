"""Fits the rule that tells two needs in one request from one (`metier.planning.pairs`).

Requests that need one tool are queries of MetaTool's pool; requests that need two are two of them
joined. Queries of the candidates files, which the benchmarks report on, are not among them.
Prints the constants of the rule.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from benchmarks.contract import say
from benchmarks.data import arguments, require
from benchmarks.tools import EXAMPLES, FILES, LIST, Tools, expert_id, load
from benchmarks.vectors import kept_vectors
from metier.planning.calibrating import logistic
from metier.planning.needs import asks_several
from metier.planning.pairs import features, phrases
from metier.planning.selecting import Selector

JOINED = 600
SINGLE = 1200
_POLITE = re.compile(
    r"^(?:(?:can|could|would|will) you (?:please |kindly )?|please |i (?:need|want|would like) "
    r"(?:you )?to |help me )",
    re.IGNORECASE,
)

Array = npt.NDArray[np.float64]


def joined(first: str, second: str, dice: random.Random) -> str:
    """Two requests as one, in one of five ways."""
    start, bare = first.rstrip(" .?!"), _POLITE.sub("", second)
    return dice.choice(
        [
            f"{start}. Also, {lower(second)}",
            f"{start} and {lower(bare)}",
            f"{first} Additionally, {lower(second)}",
            f"{first} {second}",
            f"{start}, and also {lower(bare)}",
        ]
    )


def lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def drawn(tools: Tools, examples: dict[int, list[str]], seed: int) -> list[tuple[str, list[int]]]:
    """Requests with the numbers of the tools that they need."""
    dice = random.Random(seed)
    pool = [
        (text, n)
        for n, texts in tools.pool.items()
        for text in dice.sample(list(texts), min(20, len(texts)))
        if text not in set(examples[n])
    ]
    found = [(text, [n]) for text, n in dice.sample(pool, SINGLE)]
    while len(found) < SINGLE + JOINED:
        (first, a), (second, b) = dice.sample(pool, 2)
        if a != b:
            found.append((joined(first, second, dice), [a, b]))
    return found


def observed(
    tools: Tools, requests: Sequence[tuple[str, list[int]]], selector: Selector, seed: int
) -> Iterator[tuple[Array, bool, int]]:
    """Features among 10 tools and among all, whether two are needed, and among how many."""
    pieces = [phrases(text) for text, _ in requests]
    texts = [text for text, _ in requests] + [piece for each in pieces for piece in each]
    names, near = selector.affinity(tools.embedder.vectors(texts))
    place = {name: n for n, name in enumerate(names)}
    dice = random.Random(seed)
    start = len(requests)
    for n, ((text, needed), mine) in enumerate(zip(requests, pieces, strict=True)):
        parts = near[start : start + len(mine)]
        start += len(mine)
        if not len(parts):
            continue
        others = [m for m in dice.sample(range(len(tools.names)), 20) if m not in needed]
        listed = [*needed, *others][:LIST]
        for allowed in (listed, range(len(tools.names))):
            columns = [place[expert_id(m)] for m in allowed]
            seen = features(near[n, columns], parts[:, columns], cut=asks_several(text))
            yield seen, len(needed) > 1, len(columns)


def main() -> None:
    options = arguments(__doc__ or "").parse_args()
    require(options.data, FILES)
    rows: list[Array] = []
    labels: list[bool] = []
    sizes: list[int] = []
    with kept_vectors(options.embedder, model=options.embed_model) as embedder:
        tools, _, _ = load(options.data, embedder, limit=options.limit)
        examples = tools.draw(options.seed, EXAMPLES)
        cards = {card.id: card for card in tools.cards(examples)}
        selector = Selector(tools.index(examples), cards)
        requests = drawn(tools, examples, options.seed)
        for row, label, size in observed(tools, requests, selector, options.seed):
            rows.append(row)
            labels.append(label)
            sizes.append(size)
    matrix, wanted = np.array(rows), np.array(labels, float)
    means, spread = matrix.mean(axis=0), matrix.std(axis=0)
    weights = logistic((matrix - means) / spread, wanted)
    chance = 1 / (1 + np.exp(-((matrix - means) / spread @ weights[:-1] + weights[-1])))
    alone = wanted == 0
    for size in sorted(set(sizes)):
        mine = chance[alone & (np.array(sizes) == size)]
        # Requests that join nothing have no pieces, and are kept anyway.
        for kept in (0.96, 0.97, 0.98):
            at = np.quantile(mine, 1 - (1 - kept) * SINGLE / len(mine))
            say(f"keeping {kept} of the single ones among {size}: {at:.3f}")
    print("weights", np.round(weights[:-1] / spread, 3).tolist())
    print("bias", round(float(weights[-1] - weights[:-1] / spread @ means), 4))


if __name__ == "__main__":
    main()
