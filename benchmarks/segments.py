"""Fits the weights by which a question is divided (`metier.planning.weights`), and tests them.

    python -m benchmarks.segments [--data DIR] [--rounds N]

`benchmarks/own/splitting/questions.jsonl` holds questions that were written for it, the last 70 by
another hand than the splitter's, with the experts in their order; so does
`own/chains/development.jsonl`. `joins.jsonl` has forms for gold questions of public sets; the
questions that `benchmarks.natural` draws and reports are left out. Where a question is to be cut
is not given: it is a latent variable of the model (Sarawagi and Cohen 2004, "Semi-Markov
conditional random fields", section 3, with a sum over all segmentations that have the right experts
in order).

Prints the weights. Keys: `GROUP.shipped` and `GROUP.fitted`, the percentage of questions divided
rightly with the weights that ship (in sample) and with weights fitted to the other two thirds.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio
import numpy as np
import numpy.typing as npt

from benchmarks.contract import Metric, report, say, share_of
from benchmarks.data import arguments, require, rows
from benchmarks.gold import items
from benchmarks.natural import Question, installed, joins
from benchmarks.vectors import KeptVectors, kept_vectors
from metier.planning.cutting import Piece, cut
from metier.planning.lessons import Lessons, lessons_of
from metier.planning.observing import observed, texts_of
from metier.planning.segmenting import (
    FEATURES,
    NOBODY,
    best,
    climbed,
    expected_features,
    features,
)
from metier.planning.selecting import Selector
from metier.planning.weights import PRIOR

Array = npt.NDArray[np.float64]

OWN = Path(__file__).parent / "own" / "splitting"
CHAINS = OWN.parent / "chains"
FILES = ("gsm8k/test.jsonl", "humaneval/test.jsonl", "natural/joins.jsonl")
JOINED = 160
WHOLE = 80
FOLDS = 3
# The seeds whose joins are reported, or were looked at.
REPORTED = (0, 1, 7)
# How much a question counts: there are many joins, and of one need much depends.
COUNTS = {"single": 3.0, "several": 2.0, "linked": 2.0, "hard": 2.0, "lang": 1.5}
COUNTS |= {"long": 0.3, "joined": 1.0, "whole": 1.25}
# How much the shipped weights count, for each squared distance.
TRUST = 0.01


def own_questions() -> list[Question]:
    return [
        Question(
            text=row["q"],
            group=row.get("group", "linked"),
            experts=tuple(row["experts"]),
            links=None,
        )
        for row in (*rows(OWN, "questions.jsonl"), *rows(CHAINS, "development.jsonl"))
    ]


def gold_questions(folder: Path, seed: int) -> list[Question]:
    """Gold questions joined in the forms that are our own, and some that stand alone."""
    draw = random.Random(seed)
    used = {
        part
        for each in REPORTED
        for one in joins(folder, count=80, seed=each)
        for part in one.parts
    }
    pools = {
        kind: [
            item.asked.question
            for item in items(folder, name, limit=10**9)
            if item.asked.question not in used
        ]
        for kind, name in (("math", "gsm8k"), ("medical", "medqa"), ("code", "humaneval"))
    }
    forms = rows(OWN, "joins.jsonl")
    found: list[Question] = []
    for n in range(JOINED):
        form = forms[n % len(forms)]
        parts = tuple(draw.choice(pools[kind]) for kind in form["kinds"])
        text, experts = form["form"].format(*parts), tuple(form["kinds"])
        found.append(Question(text=text, group="joined", experts=experts, links=None, parts=parts))
    for n in range(WHOLE):
        kind = sorted(pools)[n % len(pools)]
        text = draw.choice(pools[kind])
        found.append(Question(text=text, group="whole", experts=(kind,), links=None))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """A segment in the lattice of the right segmentations.

    Attributes:
        begun: how many of the right parts are begun before it, and after it.
    """

    start: int
    end: int
    begun: tuple[int, int]
    expert: int


class Lattice:
    """All segmentations of a question that have the right experts in the right order.

    Args:
        found: `features` of the question, shape (pieces, pieces, experts + 1, features).
        gold: the numbers of the experts, in order.
        parts: of each piece, which part it belongs to; None if that is not known.
    """

    def __init__(
        self, found: Array, gold: Sequence[int], parts: Sequence[int | None], group: str
    ) -> None:
        self.found, self.gold, self.group = found, tuple(gold), group
        self._count = len(parts)
        nobody = found.shape[2] - 1
        self._edges = [
            edge
            for start in range(self._count)
            for end in range(start, self._count)
            for edge in _edges(start, end, gold, parts, nobody)
        ]
        self._rows = np.array([(e.start, e.end, e.expert) for e in self._edges]).T
        forward, _ = self._sums(np.zeros(len(self._edges)))
        self.possible = bool(np.isfinite(forward[-1, -1]))

    def slope(self, weights: Array) -> Array:
        """What makes the right segmentations likelier: expected features of these, less of all."""
        scores = self.found @ weights
        mine = scores[tuple(self._rows)]
        forward, backward = self._sums(mine)
        chance = np.exp(
            [
                forward[e.start, e.begun[0]] + score + backward[e.end + 1, e.begun[1]]
                for e, score in zip(self._edges, mine, strict=True)
            ]
            - forward[-1, -1]
        )
        right = chance @ self.found[tuple(self._rows)]
        return np.asarray(right - expected_features(self.found, weights), dtype=np.float64)

    def right(self, weights: Array) -> bool:
        """Whether the best segmentation has the right experts; if natural, in any order."""
        segments, _ = best(self.found, weights)
        named = [each.expert for each in segments if each.expert != NOBODY]
        named = [e for n, e in enumerate(named) if n == 0 or e != named[n - 1]]
        if not named:
            return len(self.gold) == 1
        if self.group in ("several", "hard", "lang"):
            return sorted(named) == sorted(self.gold)
        return named == list(self.gold)

    def _sums(self, scores: Array) -> tuple[Array, Array]:
        """Log-sums of the ways to each state, and from it to the end."""
        shape = self._count + 1, len(self.gold) + 1
        forward, backward = np.full(shape, -np.inf), np.full(shape, -np.inf)
        forward[0, 0] = backward[-1, -1] = 0.0
        order = sorted(range(len(self._edges)), key=lambda n: self._edges[n].end)
        for n in order:
            e = self._edges[n]
            to = e.end + 1, e.begun[1]
            forward[to] = np.logaddexp(forward[to], forward[e.start, e.begun[0]] + scores[n])
        for n in sorted(order, key=lambda n: -self._edges[n].start):
            e = self._edges[n]
            at = e.start, e.begun[0]
            backward[at] = np.logaddexp(backward[at], backward[e.end + 1, e.begun[1]] + scores[n])
        return forward, backward


def _edges(
    start: int, end: int, gold: Sequence[int], parts: Sequence[int | None], nobody: int
) -> list[Edge]:
    inside = {part for part in parts[start : end + 1] if part is not None}
    if len(inside) > 1:
        return []
    found: list[Edge] = []
    for begun in range(len(gold) + 1):
        if not inside:
            found.append(Edge(start=start, end=end, begun=(begun, begun), expert=nobody))
        if begun > 0 and inside <= {begun - 1}:
            same = Edge(start=start, end=end, begun=(begun, begun), expert=gold[begun - 1])
            found.append(same)
        if begun < len(gold) and inside <= {begun}:
            found.append(Edge(start=start, end=end, begun=(begun, begun + 1), expert=gold[begun]))
    return found


def fitted(questions: Sequence[Lattice], rounds: int) -> Array:
    """The weights under which the right segmentations are the likeliest, from the shipped ones."""
    total = sum(COUNTS[each.group] for each in questions)

    def slope(weights: Array) -> Array:
        found = sum(
            (COUNTS[each.group] * each.slope(weights) for each in questions), np.zeros(len(weights))
        )
        return found / total - TRUST * (weights - PRIOR)

    return climbed(slope, PRIOR, rounds=rounds)


def part_of(question: Question, pieces: Sequence[Piece]) -> list[int | None]:
    """Which part each piece lies in; None for what stands between them, or if nothing is known."""
    at, spans = 0, list[tuple[int, int]]()
    for part in question.parts:
        start = question.text.index(part, at)
        at = start + len(part)
        spans.append((start, at))
    found: list[int | None] = []
    for piece in pieces:
        inside = [min(piece.end, end) - max(piece.start, start) for start, end in spans]
        most = max(inside, default=0)
        known = most > 0.3 * (piece.end - piece.start)
        found.append(inside.index(most) if known else None)
    return found


def lattices(questions: Sequence[Question], embedder: KeptVectors) -> list[Lattice]:
    """Of the questions that can be cut, and cut rightly."""
    index, cards = installed(embedder)
    calibration = Selector(index, cards).learnt()
    selector = Selector(index, cards, calibration)
    lessons: Lessons = anyio.run(lessons_of, index, cards, calibration, embedder)
    found: list[Lattice] = []
    for question in questions:
        pieces = cut(question.text, lessons.openings)
        if len(pieces) < 2:
            continue
        names, seen = observed(
            selector,
            question.text,
            pieces,
            embedder.vectors([question.text, *texts_of(question.text, pieces)]),
            scale=lessons.scale,
            fillers=lessons.fillers,
            openings=lessons.openings,
            figures=lessons.figures,
            also=question.experts,
        )
        gold = [names.index(name) for name in question.experts]
        each = Lattice(features(seen), gold, part_of(question, pieces), question.group)
        if each.possible:
            found.append(each)
    return found


def shares(name: str, questions: Sequence[tuple[Lattice, Array]]) -> dict[str, Metric]:
    right: dict[str, list[bool]] = defaultdict(list)
    for question, weights in questions:
        right[question.group].append(question.right(weights))
    return {f"{group}.{name}": share_of(found) for group, found in right.items()}


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--rounds", type=int, default=80, help="steps of the fit")
    options = parser.parse_args()
    started = time.perf_counter()
    require(options.data, FILES)
    with kept_vectors(options.embedder, model=options.embed_model) as embedder:
        asked = [*own_questions(), *gold_questions(options.data, options.seed)][: options.limit]
        questions = lattices(asked, embedder)
        embedder_id = embedder.id
    say(f"{len(questions)} of {len(asked)} questions can be cut")
    random.Random(options.seed).shuffle(questions)
    tested: list[tuple[Lattice, Array]] = []
    for fold in range(FOLDS):
        weights = fitted([q for n, q in enumerate(questions) if n % FOLDS != fold], options.rounds)
        tested += [(q, weights) for q in questions[fold::FOLDS]]
    metrics = shares("shipped", [(q, PRIOR) for q in questions]) | shares("fitted", tested)
    for name, weight in zip(FEATURES, fitted(questions, options.rounds), strict=True):
        say(f'    "{name}": {weight:.2f}')
    report("segments", metrics, baselines={}, embedder=embedder_id, started=started)


if __name__ == "__main__":
    main()
