"""Picks among 199 tools, declines where none fits, finds both where two are needed (MetaTool).

Keys: `descriptions.*` with nothing but names and descriptions, `examples10.*` with 10 examples a
tool (mean of 5 draws): `top1` of 199; `similar_csr` among the 10 most similar; `declined_at_90`,
the share of lists without the right tool that is declined at the threshold that keeps 90 % of the
lists with it on other rows; `kept`, the share of the similar lists that is still answered.
`two.both_of_10`, `two.both_of_199`: both tools and no other, their number not given;
`two.single_kept`: exactly one tool on requests that need one, with the same settings.

Queries of the candidates files are never learnt from.
"""

from __future__ import annotations

import json
import random
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import anyio
import numpy as np
import numpy.typing as npt

from benchmarks.contract import Metric, mean_of, report, say
from benchmarks.data import arguments, require, rows
from benchmarks.tools import EXAMPLES, FILES, LIST, Rows, Tools, expert_id, load
from benchmarks.vectors import kept_vectors
from metier.models.embedder import unit
from metier.planning.calibrating import fitted
from metier.planning.index import CapabilityIndex
from metier.planning.learning.calibration import Calibration
from metier.planning.lessons import lessons_of
from metier.planning.planner import Planner
from metier.planning.selecting import Selector
from metier.planning.splitter import LearntSplitter
from metier.planning.words import WordScores, telling

SEEDS = 5
KEYS = ("top1", "similar_csr", "declined_at_90", "kept")
DEVELOPMENT = 10
# So many are drawn for each that is wanted: some are rewordings.
TRIED = 4
REWORDED = 0.8
KEPT = 0.9
# The quick form: development queries of a tool, and of how many tools one is taken away.
QUICK_DEVELOPMENT = 2
QUICK_PARTS = 20

Array = npt.NDArray[np.float64]
Observed = npt.NDArray[np.bool_]


def development(
    tools: Tools, examples: Mapping[int, Sequence[str]], seed: int, *, quick: bool
) -> Rows:
    """Labelled queries that are neither examples nor reported, with the 10 most similar tools.

    The pool holds many rewordings of one query. One that is nearly an example of its tool says
    nothing about queries that are new, so it is left out.
    """
    dice = random.Random(1000 + seed)
    wanted = QUICK_DEVELOPMENT if quick else DEVELOPMENT
    texts: list[str] = []
    right: list[int] = []
    for n, pool in tools.pool.items():
        own = list(examples.get(n, ()))
        drawn = dice.sample(list(pool), min(TRIED * wanted, len(pool)))
        if own:
            near = tools.embedder.vectors(drawn) @ tools.embedder.vectors(own).T
            drawn = [text for text, line in zip(drawn, near, strict=True) if line.max() < REWORDED]
        texts += drawn[:wanted]
        right += [n] * len(drawn[:wanted])
    similar = np.argsort(-(tools.stated @ tools.stated.T), axis=1)[:, :LIST]
    return Rows(
        texts=texts,
        vectors=tools.embedder.vectors(texts),
        right=np.array(right),
        lists=[similar[n].tolist() for n in right],
    )


def picks(selector: Selector, asked: Rows, *, listed: bool) -> tuple[npt.NDArray[np.int64], Array]:
    """The best tool for each question and how likely it fits, among all or among its list."""
    if not listed:
        found = selector.rank(asked.texts, asked.vectors, top=1)
    else:
        found = [
            selector.rank([text], vector[None], top=1, only={expert_id(n) for n in allowed})[0]
            for text, vector, allowed in zip(asked.texts, asked.vectors, asked.lists, strict=True)
        ]
    best = [candidates[0] for candidates in found]
    numbers = [int(candidate.expert.removeprefix("tool_")) for candidate in best]
    return np.array(numbers), np.array([candidate.fit for candidate in best])


def declined_by(
    tools: Tools,
    examples: Mapping[int, Sequence[str]],
    calibration: Calibration,
    asked: Rows,
    *,
    part: tuple[int, int],
) -> Array:
    """How likely the best listed tool fits each question, the right one not installed.

    Args:
        part: which questions, by their tool: number and count of the parts.
    """
    index = tools.index(examples)
    cards = {card.id: card for card in tools.cards(examples)}
    chances: list[Array] = []
    for n in sorted(set(asked.right.tolist())):
        if n % part[1] != part[0]:
            continue
        mine = np.flatnonzero(asked.right == n).tolist()
        without = {key: card for key, card in cards.items() if key != expert_id(n)}
        shrunk = CapabilityIndex(index.embedder_id, index.dimension)
        for key, card in without.items():
            ids = [i for name, ids in index.capabilities.items() if name[0] == key for i in ids]
            shrunk.add(card, index.vectors(np.array(ids)))
        chances.append(
            picks(Selector(shrunk, without, calibration), asked.only(mine), listed=True)[1]
        )
    return np.concatenate(chances) if chances else np.zeros(0)


def measured(
    tools: Tools, similar: Rows, absent: Rows, *, count: int, draw: int, seed: int, quick: bool
) -> dict[str, Observed]:
    """One draw: an observation for each row and key.

    Taking a tool away is learning everything anew, so with examples each draw does it for
    another fifth of the tools.
    """
    examples = tools.draw(seed, count) if count else {}
    cards = {card.id: card for card in tools.cards(examples)}
    index = tools.index(examples)
    dev = development(tools, examples, seed, quick=quick)
    bare = Selector(index, cards)
    placed = bare.placed(dev.texts, dev.vectors, [expert_id(n) for n in dev.right])
    right, fits = fitted(placed)
    calibration = Calibration(right=right, fits=fits)
    selector = Selector(index, cards, calibration)
    threshold = float(np.quantile(picks(selector, dev, listed=True)[1], 1 - KEPT))
    chosen, _ = picks(selector, similar, listed=False)
    among, chance = picks(selector, similar, listed=True)
    part = (draw, QUICK_PARTS if quick else SEEDS) if count else (0, 1)
    lonely = declined_by(tools, examples, calibration, absent, part=part)
    say(f"draw {seed} with {count} examples a tool: {100 * np.mean(chosen == similar.right):.1f}")
    return {
        "top1": chosen == similar.right,
        "similar_csr": among == similar.right,
        "declined_at_90": lonely < threshold,
        "kept": chance >= threshold,
    }


def baselines(
    tools: Tools, similar: Rows, absent: Rows, *, count: int, seed: int, quick: bool
) -> dict[str, dict[str, Observed]]:
    """The same questions by the rules of other routers, on the same vectors."""
    examples = tools.draw(seed, count) if count else {}
    dev = development(tools, examples, seed, quick=quick)
    documents = [
        telling(f"{name} {text}")
        for name, text in zip(tools.names, tools.descriptions, strict=True)
    ]
    for n, texts in examples.items():
        documents[n] = [word for text in texts for word in telling(text)]
    words = WordScores.of(documents)
    rules = {
        "nearest description": lambda asked: asked.vectors @ tools.stated.T,
        "BM25": lambda asked: words.scores([telling(text) for text in asked.texts]),
    }
    if count:
        owners = np.array([n for n, texts in examples.items() for _ in texts])
        vectors = tools.embedder.vectors([text for texts in examples.values() for text in texts])
        starts = np.searchsorted(owners, np.arange(len(tools.names)))
        centroids = unit(np.add.reduceat(vectors, starts, axis=0))
        rules |= {
            "best example": lambda asked: np.maximum.reduceat(
                asked.vectors @ vectors.T, starts, axis=1
            ),
            "centroid": lambda asked: asked.vectors @ centroids.T,
        }
    found: dict[str, dict[str, Observed]] = {}
    for who, rule in rules.items():
        kept = np.quantile(_listed(rule(dev), dev)[1], 1 - KEPT)
        scores = rule(similar)
        among, best = _listed(scores, similar)
        found[who] = {
            "top1": scores.argmax(axis=1) == similar.right,
            "similar_csr": among == similar.right,
            "declined_at_90": _listed(rule(absent), absent)[1] < kept,
            "kept": best >= kept,
        }
    return found


def by_semantic_router(
    python: Path, tools: Tools, similar: Rows, *, seed: int
) -> dict[str, Observed]:
    """The picks of the package itself with its defaults, in an environment that has it."""
    examples = tools.draw(seed, EXAMPLES)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "input.npz"
        np.savez(
            file,
            examples=tools.embedder.vectors(
                [text for texts in examples.values() for text in texts]
            ),
            owners=np.array([n for n, texts in examples.items() for _ in texts]),
            queries=similar.vectors,
            lists=np.array(similar.lists),
        )
        script = Path(__file__).with_name("by_semantic_router.py")
        done = subprocess.run([python, script, file], check=True, capture_output=True, text=True)
    picked = json.loads(done.stdout.splitlines()[-1])
    say(f"semantic-router {picked['version']}, draw {seed}")
    return {
        "top1": np.array(picked["all"]) == similar.right,
        "similar_csr": np.array(picked["listed"]) == similar.right,
    }


def _listed(scores: Array, asked: Rows) -> tuple[npt.NDArray[np.int64], Array]:
    lists = [np.array(allowed) for allowed in asked.lists]
    best = [allowed[line[allowed].argmax()] for line, allowed in zip(scores, lists, strict=True)]
    return np.array(best), scores[np.arange(len(best)), best]


async def needed(planner: Planner, asked: Rows, *, listed: bool) -> list[set[int]]:
    """The tools that each request is planned with, its number of needs unknown."""
    found: list[set[int]] = []
    for text, allowed in zip(asked.texts, asked.lists, strict=True):
        only = [expert_id(n) for n in allowed] if listed else None
        plan = await planner.plan(text, experts=only)
        found.append({int(step.expert.removeprefix("tool_")) for step in plan.steps})
    return found


def two(
    tools: Tools, single: Rows, absent: Rows, *, folder: Path, seed: int, limit: int | None
) -> dict[str, Observed]:
    """Requests that need two tools, and requests that need one, by one planner."""
    number = {name: n for n, name in enumerate(tools.names)}
    listed = rows(folder, "metatool/multi_candidates.jsonl", limit=limit)
    double = Rows(
        texts=[row["query"] for row in listed],
        vectors=np.zeros((0, 0), np.float32),
        right=np.zeros(0, np.int64),
        lists=[[number[name] for name in row["candidates"]] for row in listed],
    )
    gold = [{number[name] for name in row["gold"]} for row in listed]
    # The list without the right tool, and the right tool in place of the last one.
    place = {text: n for n, text in enumerate(absent.texts)}
    alone = single.only([n for n, text in enumerate(single.texts) if text in place])
    alone = replace(
        alone,
        lists=[
            [*absent.lists[place[text]][: LIST - 1], int(right)]
            for text, right in zip(alone.texts, alone.right, strict=True)
        ],
    )
    examples = tools.draw(seed, EXAMPLES)
    cards = {card.id: card for card in tools.cards(examples)}
    index = tools.index(examples)
    calibration = Selector(index, cards).learnt()
    selector = Selector(index, cards, calibration)
    # As the council builds it: where to cut is learnt from the examples of these tools.
    lessons = anyio.run(lessons_of, index, cards, calibration, tools.embedder)
    planner = Planner(selector, tools.embedder, cards, splitter=LearntSplitter(selector, lessons))

    def found(asked: Rows, *, listed: bool) -> list[set[int]]:
        return anyio.run(partial(needed, planner, asked, listed=listed))

    def both(*, listed: bool) -> list[bool]:
        return [
            mine == right for mine, right in zip(found(double, listed=listed), gold, strict=True)
        ]

    return {
        "two.both_of_10": np.array(both(listed=True)),
        "two.both_of_199": np.array(both(listed=False)),
        "two.single_kept": np.array([len(mine) == 1 for mine in found(alone, listed=True)]),
        "two.single_kept_199": np.array([len(mine) == 1 for mine in found(alone, listed=False)]),
    }


def over_draws(draws: Sequence[Mapping[str, Observed]], key: str) -> Metric:
    """Over the rows, each the mean of its draws where every draw has it."""
    observed = [100.0 * draw[key] for draw in draws]
    if len({len(each) for each in observed}) == 1:
        return mean_of(np.mean(observed, axis=0).tolist())
    return mean_of(np.concatenate(observed).tolist())


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument(
        "--semantic-router", type=Path, help="a Python that has semantic-router, as a baseline"
    )
    options = parser.parse_args()
    require(options.data, FILES)
    started = time.perf_counter()
    quick = options.limit is not None
    metrics: dict[str, Metric] = {}
    others: dict[str, dict[str, Metric]] = defaultdict(dict)
    seeds = range(options.seed, options.seed + (1 if quick else SEEDS))
    with kept_vectors(options.embedder, model=options.embed_model) as embedder:
        asked = load(options.data, embedder, limit=options.limit)
        for label, count in (("descriptions", 0), (f"examples{EXAMPLES}", EXAMPLES)):
            mine = list(enumerate(seeds if count else seeds[:1]))
            ours = [measured(*asked, count=count, draw=n, seed=s, quick=quick) for n, s in mine]
            theirs = [baselines(*asked, count=count, seed=s, quick=quick) for _, s in mine]
            for key in KEYS:
                metrics[f"{label}.{key}"] = over_draws(ours, key)
                for who in theirs[0]:
                    others[who][f"{label}.{key}"] = over_draws([each[who] for each in theirs], key)
        if options.semantic_router is not None:
            router = [
                by_semantic_router(options.semantic_router, *asked[:2], seed=s) for s in seeds
            ]
            for key in router[0]:
                others["semantic-router"][f"examples{EXAMPLES}.{key}"] = over_draws(router, key)
        pairs = [two(*asked, folder=options.data, seed=s, limit=options.limit) for s in seeds]
        for key in pairs[0]:
            metrics[key] = over_draws(pairs, key)
    report(
        "metatool",
        metrics,
        baselines=others,
        embedder=embedder.id,
        started=started,
        fitted_on=f"{DEVELOPMENT} other queries of queries.jsonl.gz a tool",
    )


if __name__ == "__main__":
    main()
