"""Finds the right abstract among 484 by vectors, by words, and by both (PubMedQA).

The abstracts are added as documents, as `metier knowledge add` does it, and searched by
`KnowledgeBase.search`. Keys: `question.*` with the question that the abstract answers, which is the
title of its paper; `half.*` with either half of the words of it, which is nearer to what people
type. `recall_at_5` is how often one of the first five passages is of the right abstract; `mrr` is
the mean of one by the place of the first passage that is (0 beyond 50). `behind` is how much more
the product's search finds on the same rows.

The product gives words the same weight as similarity. `nested.*` is what it finds with the weight
that four fifths of the rows choose, on the other fifth.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import anyio
import numpy as np
import numpy.typing as npt

from benchmarks.contract import Metric, mean_of, report, say
from benchmarks.data import Row, arguments, folds, require, rows
from benchmarks.vectors import KeptVectors, kept_vectors
from metier.experts.knowledge.searching import WordIndex
from metier.experts.knowledge.store import KnowledgeBase

FILE = "pubmedqa/pqal.jsonl.gz"
DEEP = 50
WEIGHTS = (0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0)
# Cormack, Clarke, Büttcher: Reciprocal Rank Fusion (SIGIR 2009); the constant is theirs.
RRF = 60

Places = npt.NDArray[np.float64]
Ranking = Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One query and what is found for it; rankings are numbers of chunks, best first."""

    row: int
    query: str
    product: Ranking
    near: Mapping[int, float]
    shares: Mapping[int, float]

    @property
    def by_vectors(self) -> Ranking:
        """The nearest ones."""
        return best(self.near)

    @property
    def by_words(self) -> Ranking:
        """Those with most words in common, by BM25."""
        return best(self.shares)

    @property
    def by_ranks(self) -> Ranking:
        """Both orders, fused by their ranks."""
        scores: dict[int, float] = {}
        for ranking in (self.by_vectors, self.by_words):
            for rank, number in enumerate(ranking, 1):
                scores[number] = scores.get(number, 0.0) + 1 / (RRF + rank)
        return best(scores)

    def weighted(self, weight: float) -> Ranking:
        """By similarity and words, with another weight for words than the product's."""
        return best({n: near + weight * self.shares.get(n, 0.0) for n, near in self.near.items()})


OTHERS: dict[str, Callable[[Asked], Ranking]] = {
    "vectors": lambda each: each.by_vectors,
    "bm25": lambda each: each.by_words,
    "rank fusion": lambda each: each.by_ranks,
}


def best(scores: Mapping[int, float]) -> Ranking:
    """The numbers with the highest scores."""
    return sorted(scores, key=lambda number: -scores[number])[:DEEP]


def halves(question: str) -> tuple[str, ...]:
    """Both halves of a question's words."""
    words = question.split()
    middle = (len(words) + 1) // 2
    return " ".join(words[:middle]), " ".join(words[middle:])


async def base_of(sets: Sequence[Row], embedder: KeptVectors, folder: Path) -> KnowledgeBase:
    """The abstracts as documents; each is named by its row."""
    (folder / "abstracts").mkdir()
    for number, row in enumerate(sets):
        file = folder / "abstracts" / f"{number:04}.txt"
        file.write_text("\n\n".join(row["contexts"]), encoding="utf-8")
    base = KnowledgeBase.open(folder / "kept", embedder)
    await base.add(folder / "abstracts")
    return base


async def asked_of(
    base: KnowledgeBase, embedder: KeptVectors, queries: Sequence[tuple[int, str]]
) -> list[Asked]:
    """Search for each query, in each way."""
    chunks = base.chunks
    number_of = {chunk: number for number, chunk in enumerate(chunks)}
    words = WordIndex({n: f"{chunk.name}\n{chunk.text}" for n, chunk in enumerate(chunks)})
    vectors = await embedder.embed([chunk.text for chunk in chunks], role="document")
    asked = await embedder.embed([query for _, query in queries])
    return [
        Asked(
            row=row,
            query=query,
            product=[number_of[each.chunk] for each in await base.search(query, DEEP)],
            near=dict(enumerate((vectors @ vector).tolist())),
            shares=words.shares(query),
        )
        for (row, query), vector in zip(queries, asked, strict=True)
    ]


def places(
    asked: Sequence[Asked], owners: Sequence[int], ranking: Callable[[Asked], Ranking]
) -> Places:
    """For each query the place of the first passage of the right abstract; infinite if none is."""
    found = []
    for each in asked:
        hits = [place for place, n in enumerate(ranking(each), 1) if owners[n] == each.row]
        found.append(hits[0] if hits else np.inf)
    return np.array(found)


def by_row(asked: Sequence[Asked], values: Places) -> list[float]:
    """The mean of the queries of each row, so that an interval is over rows."""
    rows_asked = np.array([each.row for each in asked])
    return [float(values[rows_asked == row].mean()) for row in np.unique(rows_asked)]


def measured(asked: Sequence[Asked], found: Places) -> dict[str, list[float]]:
    """Both measures, by row."""
    return {
        "recall_at_5": by_row(asked, np.where(found <= 5, 100.0, 0.0)),
        "mrr": by_row(asked, 1 / found),
    }


def nested(
    asked: Sequence[Asked], halved: Sequence[Asked], owners: Sequence[int], seed: int
) -> tuple[Places, list[float]]:
    """The places with the weights that halved queries of other rows choose, and these weights."""
    by_weight = {w: places(asked, owners, lambda e, w=w: e.weighted(w)) for w in WEIGHTS}
    chosen_by = {w: 1 / places(halved, owners, lambda e, w=w: e.weighted(w)) for w in WEIGHTS}
    rows_asked, rows_halved = (np.array([e.row for e in each]) for each in (asked, halved))
    found = np.zeros(len(asked))
    weights: list[float] = []
    for others, held in folds(int(rows_asked.max()) + 1, seed):
        known = np.isin(rows_halved, others)
        weights.append(max(WEIGHTS, key=lambda w: float(chosen_by[w][known].mean())))
        mine = np.isin(rows_asked, held)
        found[mine] = by_weight[weights[-1]][mine]
    return found, weights


def compared(
    kind: str, asked: Sequence[Asked], owners: Sequence[int]
) -> tuple[dict[str, Metric], dict[str, dict[str, Metric]]]:
    """The figures of the product for one kind of queries, and of what it is compared with."""
    product = measured(asked, places(asked, owners, lambda each: each.product))
    metrics = {f"{kind}.{key}": mean_of(values) for key, values in product.items()}
    baselines: dict[str, dict[str, Metric]] = {}
    for who, ranking in OTHERS.items():
        found = measured(asked, places(asked, owners, ranking))
        baselines[who] = {f"{kind}.{key}": mean_of(values) for key, values in found.items()} | {
            f"{kind}.{key}.behind": mean_of(np.subtract(product[key], values).tolist())
            for key, values in found.items()
        }
    return metrics, baselines


async def run(
    sets: Sequence[Row], embedder: KeptVectors, *, seed: int
) -> tuple[dict[str, Metric], dict[str, dict[str, Metric]]]:
    """All figures."""
    whole = [(n, row["question"]) for n, row in enumerate(sets)]
    half = [(n, each) for n, row in enumerate(sets) for each in halves(row["question"]) if each]
    with tempfile.TemporaryDirectory() as folder:
        base = await base_of(sets, embedder, Path(folder))
        say(f"{len(base.entries)} abstracts in {len(base)} chunks")
        owners = [int(Path(chunk.name).stem) for chunk in base.chunks]
        halved = await asked_of(base, embedder, half)
        kinds = {"question": await asked_of(base, embedder, whole), "half": halved}
    metrics: dict[str, Metric] = {}
    baselines: dict[str, dict[str, Metric]] = {who: {} for who in OTHERS}
    for kind, asked in kinds.items():
        figures, others = compared(kind, asked, owners)
        metrics |= figures
        for who, each in others.items():
            baselines[who] |= each
        found, weights = nested(asked, halved, owners, seed)
        say(f"  {kind}: the folds choose the weights {weights}")
        for key, values in measured(asked, found).items():
            metrics[f"nested.{kind}.{key}"] = mean_of(values)
    for weight in WEIGHTS:
        found = places(halved, owners, lambda each, w=weight: each.weighted(w))
        baselines[f"weight {weight:g}"] = {"half.mrr": mean_of(by_row(halved, 1 / found))}
    return metrics, baselines


def main() -> None:
    started = time.perf_counter()
    given = arguments(__doc__ or "").parse_args()
    require(given.data, [FILE])
    sets = rows(given.data, FILE, limit=given.limit)
    with kept_vectors(given.embedder, model=given.embed_model) as embedder:
        metrics, baselines = anyio.run(partial(run, sets, embedder, seed=given.seed))
        name = embedder.id
    report(
        "knowledge",
        metrics,
        baselines=baselines,
        embedder=name,
        started=started,
        fitted_on="nested.*: pubmedqa, halves of questions of the other four folds",
    )


if __name__ == "__main__":
    main()
