"""How plans, searches, building and memory grow with the number of capabilities.

    uv run python -m benchmarks.planner_scale [--data DIR] [--limit N] [--seed S]

- `plan_ms_200`: a plan without its embedding, at 200 experts with ten examples each, for questions
  that one expert takes; `plan_several_ms_200`: for questions with two parts.
- `select_ms_N`: a search for the 10 nearest of N vectors, one query at a time.
- `recall_at_10_N`: how many of the 10 nearest are among the 10 found.
- `build_s_N`: an index of N vectors, made at once. `replace_ms_N`: another card for an expert.
- `load_s_N`, `memory_mb_N`, `peak_mb_N`: reading the saved index in a process of its own, what it
  holds then, rows included, and the most that the process ever held.
- `plan_rows_ms_N`: a plan without its embedding at N vectors, ten for each expert.

The vectors are those of the sets' texts; beyond them, copies with isotropic noise, whose cosine to
their original is that of a paraphrase. Queries are other texts. `--limit` caps N; the cap is
measured too.
"""

from __future__ import annotations

import os

# As the command line has it: a plan's products are too small for threads.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import heapq
import math
import multiprocessing
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import TypeVar

import anyio
import faiss
import numpy as np

from benchmarks import data
from benchmarks.contract import Metric, exactly, mean_of, median_of, report, say
from benchmarks.vectors import KeptVectors, kept_vectors
from metier.experts.card import Capability, Card
from metier.models.embedder import Role, Vectors, unit
from metier.models.nearest import Ids
from metier.planning.index import CapabilityIndex, rows_of
from metier.planning.planner import Planner
from metier.planning.selecting import Selector

QUERIES = "metatool/queries.jsonl.gz"
TEXTS = {
    QUERIES: "query",
    "taskbench/dailylifeapis_requests.jsonl.gz": "request",
    "taskbench/huggingface_requests.jsonl.gz": "request",
    "taskbench/multimedia_requests.jsonl.gz": "request",
    "ultratool/plans.jsonl.gz": "request",
    "llmrouter/train.jsonl.gz": "query",
    "mmlu_pro/questions.jsonl.gz": "question",
    "routellm/mmlu.jsonl.gz": "prompt",
}
TOOLS = "metatool/tools.jsonl"
SINGLE = "metatool/similar_candidates.jsonl"
SEVERAL = "metatool/multi_candidates.jsonl"
SIZES = (100, 1_000, 10_000, 100_000, 1_000_000)
EXPERTS = 200
# The median cosine of MetaTool's queries to the nearest other query of the same tool is 0.829.
PARAPHRASE = 0.83

_K = 10
_ROWS_EACH = 10
_EXAMPLES_EACH = 10
_TIMED = 200
# With a `--limit` below this the whole run takes seconds.
_QUICK_BELOW = 100_000
_TIMED_QUICKLY = 40
_REPEATS = 5
_CHUNK = 50_000
# What a card says is no longer.
_LONGEST = 500


class Remembered:
    """Vectors that are all there, so that a plan is timed without its embedding.

    A text that is not there is noted, and has no direction until it is learnt.
    """

    def __init__(self, embedder: KeptVectors) -> None:
        self.id = embedder.id
        self._embedder = embedder
        self._vectors: dict[str, Vectors] = {}
        self.missing: dict[str, None] = {}

    async def embed(self, texts: Sequence[str], *, role: Role = "query") -> Vectors:
        """As `Embedder.embed`."""
        self.missing |= dict.fromkeys(text for text in texts if text not in self._vectors)
        anywhere = next(iter(self._vectors.values()))  # planned again once these are learnt
        return np.array([self._vectors.get(text, anywhere) for text in texts])

    async def learn(self, texts: Sequence[str] = ()) -> None:
        """Embed these texts and what is missing, in one batch."""
        wanted = [*texts, *self.missing]
        self._vectors.update(zip(wanted, await self._embedder.embed(wanted), strict=True))
        self.missing.clear()


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a process measures.

    Attributes:
        folder: of `vectors.npy`, `queries.npy`, and of the indexes that are saved.
        texts: of the vectors that have one of their own; the others are numbered copies.
        questions: the queries' texts.
        timed: how many of them are timed.
    """

    folder: Path
    size: int
    texts: list[str]
    questions: list[str]
    timed: int
    embedder: str


Figures = dict[str, Metric]
T = TypeVar("T")


def grown(vectors: Vectors, size: int, *, cosine: float, seed: int) -> Vectors:
    """The first `size` vectors in random order, then copies with noise."""
    draw = np.random.default_rng(seed)
    found = np.empty((size, vectors.shape[1]), np.float32)
    own = min(size, len(vectors))
    found[:own] = vectors[:own]
    # A unit vector plus noise of this length, at a right angle to it, has this cosine to it.
    length = math.sqrt(1 / cosine**2 - 1)
    for start in range(own, size, _CHUNK):
        end = min(size, start + _CHUNK)
        originals = vectors[draw.integers(0, len(vectors), end - start)]
        noise = draw.standard_normal(originals.shape, np.float32)
        found[start:end] = unit(originals + noise * np.float32(length / math.sqrt(noise.shape[1])))
    return found


def text_of(texts: Sequence[str], number: int) -> str:
    copy, original = divmod(number, len(texts))
    return texts[original] if not copy else f"{texts[original]} ({copy})"


def cards_of(texts: Sequence[str], size: int) -> list[Card]:
    """Experts with ten rows each: name, description and eight examples."""
    cards: list[Card] = []
    for start in range(0, size, _ROWS_EACH):
        own = [text_of(texts, n) for n in range(start, start + _ROWS_EACH)]
        examples = tuple(dict.fromkeys(own[2:]))
        capability = Capability(name="answer", description=own[1], examples=examples)
        cards.append(Card(id=f"e{start}", description=own[1], capabilities=(capability,)))
    return cards


def measured(work: Work) -> tuple[Figures, dict[str, Figures]]:
    """Build an index, search it, and save it."""
    vectors = np.load(work.folder / "vectors.npy", mmap_mode="r")[: work.size]
    queries = np.load(work.folder / "queries.npy")
    cards = cards_of(work.texts, work.size)
    index = CapabilityIndex(work.embedder, vectors.shape[1])
    started = time.perf_counter()
    index.add_all(cards, vectors)
    build_s = time.perf_counter() - started
    size = work.size
    asked = queries[: work.timed]
    wanted, baselines = exhaustive(vectors, queries, timing=asked)
    figures = {
        f"select_ms_{size}": timed(lambda query: index.nearest(query, _K), asked),
        f"recall_at_10_{size}": recall(index.nearest(queries, _K)[0], wanted),
        f"build_s_{size}": exactly(round(build_s, 3)),
    }
    index.save(work.folder / str(size))
    questions = work.questions[: work.timed // 4]
    figures[f"plan_rows_ms_{size}"] = planned(index, cards, questions, queries)
    figures[f"replace_ms_{size}"] = replaced(index, cards, vectors)
    return figures, baselines


def exhaustive(
    vectors: Vectors, queries: Vectors, *, timing: Vectors
) -> tuple[Ids, dict[str, Figures]]:
    """The 10 nearest of each query, and what it takes to compare all vectors."""
    matrix = np.array(vectors)
    flat = faiss.IndexFlatIP(vectors.shape[1])
    flat.add(matrix)
    size = len(vectors)
    # A query may take a third of a second.
    some = timing[: max(10, 20_000_000 // size)]
    raw = {f"memory_mb_{size}": exactly(round(matrix.nbytes / 2**20, 1))}
    all_of_numpy = timed(lambda query: by_numpy(matrix, query), some)
    all_of_faiss = timed(lambda query: flat.search(query, _K), some)
    figures = {
        "numpy, all": {f"select_ms_{size}": all_of_numpy, **raw},
        "faiss flat": {f"select_ms_{size}": all_of_faiss, **raw},
    }
    return flat.search(queries, _K)[1], figures


def timed(search: Callable[[Vectors], object], queries: Vectors) -> Metric:
    """Milliseconds a query, one at a time."""
    for query in queries[:3]:
        search(query[None])
    times: list[float] = []
    for query in queries:
        started = time.perf_counter()
        search(query[None])
        times.append((time.perf_counter() - started) * 1000)
    return median_of(times)


def by_numpy(vectors: Vectors, query: Vectors) -> Ids:
    similarities = (query @ vectors.T)[0]
    best = np.argpartition(-similarities, _K)[:_K]
    return best[np.argsort(-similarities[best])]


def recall(found: Ids, wanted: Ids) -> Metric:
    pairs = zip(found.tolist(), wanted.tolist(), strict=True)
    return mean_of([len(set(f) & set(w)) / len(w) for f, w in pairs])


def planned(
    index: CapabilityIndex, cards: Sequence[Card], questions: Sequence[str], vectors: Vectors
) -> Metric:
    """A plan of each question; a clause of it has the question's vector."""
    own = dict(zip(questions, vectors, strict=False))

    class Given:
        id = index.embedder_id
        question = ""

        async def embed(self, texts: Sequence[str], *, role: Role = "query") -> Vectors:
            return np.array([own.get(text, own[self.question]) for text in texts])

    embedder = Given()
    by_id = {card.id: card for card in cards}
    planner = Planner(Selector(index, by_id), embedder, by_id)

    async def run() -> list[float]:
        times: list[float] = []
        for question in questions:
            embedder.question = question
            await planner.plan(question)
            started = time.perf_counter()
            await planner.plan(question)
            times.append((time.perf_counter() - started) * 1000)
        return times

    return median_of(anyio.run(run))


def replaced(index: CapabilityIndex, cards: Sequence[Card], vectors: Vectors) -> Metric:
    times: list[float] = []
    for number, card in islice(enumerate(cards), 20):
        own = np.array(vectors[number * _ROWS_EACH : (number + 1) * _ROWS_EACH])
        started = time.perf_counter()
        index.replace(card, own)
        times.append((time.perf_counter() - started) * 1000)
    return median_of(times)


def loaded(work: Work) -> Figures:
    """Read a saved index, in a process that does nothing else."""
    before = _memory_mb("VmRSS")
    started = time.perf_counter()
    index = CapabilityIndex.load(work.folder / str(work.size), embedder_id=work.embedder)
    load_s = time.perf_counter() - started
    assert index is not None
    index.nearest(np.load(work.folder / "queries.npy")[:1], _K)
    return {
        f"load_s_{work.size}": exactly(round(load_s, 3)),
        f"memory_mb_{work.size}": exactly(round(_memory_mb("VmRSS") - before, 1)),
        f"peak_mb_{work.size}": exactly(round(_memory_mb("VmHWM"), 1)),
    }


def _memory_mb(field: str) -> float:
    """`VmRSS` is what this process holds, `VmHWM` the most it ever held."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    # ru_maxrss begins with what the parent held.
    (line,) = (line for line in status.read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


def experts(folder: Path) -> list[Card]:
    """MetaTool's tools with ten queries each; then the same tools with their next ten."""
    said = {row["name"]: row["description"] for row in data.rows(folder, TOOLS)}
    queries: dict[str, dict[str, None]] = {}
    for row in data.rows(folder, QUERIES):
        queries.setdefault(row["tool"], {})[row["query"]] = None

    def all_of_them() -> Iterator[Card]:
        for start in count(0, _EXAMPLES_EACH):
            for n, (tool, listed) in enumerate(queries.items()):
                examples = tuple(islice(listed, start, start + _EXAMPLES_EACH))
                if len(examples) == _EXAMPLES_EACH:
                    text = said.get(tool, tool)
                    capability = Capability(name="answer", description=text, examples=examples)
                    yield Card(id=f"t{n}_{start}", description=text, capabilities=(capability,))

    return list(islice(all_of_them(), EXPERTS))


async def plans_of_200(
    embedder: KeptVectors, folder: Path, *, limit: int
) -> tuple[Figures, dict[str, Figures]]:
    cards = experts(folder)
    texts = [row.text for card in cards for row in rows_of(card)]
    kept = Remembered(embedder)
    await kept.learn([*texts, *(card.description for card in cards)])
    vectors = await kept.embed(texts)
    index = CapabilityIndex(kept.id, vectors.shape[1])
    index.add_all(cards, vectors)
    by_id = {card.id: card for card in cards}
    planner = Planner(Selector(index, by_id), kept, by_id)
    figures: Figures = {}
    for key, name in ((f"plan_ms_{EXPERTS}", SINGLE), (f"plan_several_ms_{EXPERTS}", SEVERAL)):
        questions = [row["query"] for row in data.rows(folder, name, limit=limit)]
        figures[key] = await plans(planner, kept, questions)
    descriptions = (await kept.embed([card.description for card in cards])).tolist()
    questions = [row["query"] for row in data.rows(folder, SINGLE, limit=limit)]
    asked = await kept.embed(questions)
    key = f"select_ms_{EXPERTS}"
    figures[key] = timed(lambda query: index.nearest(query, _K), asked)
    stores = {
        "in-memory store, array of lists": {key: timed(_array_of_lists(descriptions), asked)},
        "in-memory store, loop over lists": {key: timed(_loop_over_lists(descriptions), asked)},
    }
    return figures, stores


async def plans(planner: Planner, kept: Remembered, questions: Sequence[str]) -> Metric:
    """Milliseconds a plan: the median of each question's runs, over the questions."""
    for question in questions:
        await planner.plan(question)
    while kept.missing:
        await kept.learn()
        for question in questions:
            await planner.plan(question)
    times: list[float] = []
    for question in questions:
        runs: list[float] = []
        for _ in range(_REPEATS):
            started = time.perf_counter()
            await planner.plan(question)
            runs.append((time.perf_counter() - started) * 1000)
        times.append(statistics.median(runs))
    return median_of(times)


def _array_of_lists(vectors: list[list[float]]) -> Callable[[Vectors], object]:
    """Descriptions as lists of numbers, put into an array for each query."""

    def search(query: Vectors) -> object:
        matrix = np.array(vectors)
        asked = query[0]
        cosines = matrix @ asked / (np.linalg.norm(matrix, axis=1) * np.linalg.norm(asked))
        return np.argsort(cosines)[::-1][:_K]

    return search


def _loop_over_lists(vectors: list[list[float]]) -> Callable[[Vectors], object]:
    """Descriptions as lists of numbers, compared one by one."""

    def search(query: Vectors) -> object:
        asked = query[0]
        norm = np.linalg.norm(asked)
        cosines = (
            (float(np.dot(asked, vector) / (norm * np.linalg.norm(vector))), n)
            for n, vector in enumerate(vectors)
        )
        return heapq.nlargest(_K, cosines)

    return search


def by_size(
    embedder: KeptVectors,
    folder: Path,
    sizes: Sequence[int],
    *,
    timed: int,
    cosine: float,
    seed: int,
) -> tuple[Figures, dict[str, Figures]]:
    asked = [row["query"] for name in (SINGLE, SEVERAL) for row in data.rows(folder, name)]
    found = [row[key] for name, key in TEXTS.items() for row in data.rows(folder, name)]
    texts = sorted({text for text in found if len(text) <= _LONGEST} - set(asked))
    order = np.random.default_rng(seed).permutation(len(texts)).tolist()
    texts = [texts[n] for n in order][: max(sizes)]
    asked = [asked[n] for n in np.random.default_rng(seed).permutation(len(asked)).tolist()]
    figures: Figures = {}
    baselines: dict[str, Figures] = {}
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        vectors = embedder.vectors(texts)
        np.save(home / "queries.npy", embedder.vectors(asked))
        np.save(home / "vectors.npy", grown(vectors, max(sizes), cosine=cosine, seed=seed))
        for size in sizes:
            say(f"{size} vectors")
            work = Work(
                folder=home,
                size=size,
                texts=texts,
                questions=asked,
                timed=timed,
                embedder=embedder.id,
            )
            own, others = _apart(measured, work)
            figures |= own | _apart(loaded, work)
            for who, theirs in others.items():
                baselines.setdefault(who, {}).update(theirs)
    return figures, baselines


def _apart(measure: Callable[[Work], T], work: Work) -> T:
    """In a process of its own: its memory is nobody else's."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(measure, work).result()


def main() -> None:
    parser = data.arguments(__doc__ or "")
    parser.add_argument(
        "--cosine", type=float, default=PARAPHRASE, help="of a copy to its original"
    )
    options = parser.parse_args()
    data.require(options.data, [*TEXTS, TOOLS, SINGLE, SEVERAL])
    limit = options.limit or max(SIZES)
    timed = _TIMED if limit >= _QUICK_BELOW else _TIMED_QUICKLY
    sizes = [size for size in SIZES if size < limit] + [limit]
    started = time.perf_counter()
    with kept_vectors(options.embedder, model=options.embed_model) as embedder:
        say(f"{EXPERTS} experts")
        figures, baselines = anyio.run(lambda: plans_of_200(embedder, options.data, limit=timed))
        own, others = by_size(
            embedder,
            options.data,
            sizes,
            timed=timed,
            cosine=options.cosine,
            seed=options.seed,
        )
    report(
        "planner_scale",
        figures | own,
        baselines=baselines | others,
        embedder=embedder.id,
        started=started,
    )


if __name__ == "__main__":
    main()
