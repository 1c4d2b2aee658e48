"""Questions as people type them, and gold questions joined: right experts, whole parts, links?

    uv run python -m benchmarks.natural [--data DIR] [--limit N] [--seed S]

The experts are those that come with metier. `natural/questions.jsonl` has rows with `q`, `experts`
and `links` (pairs of numbers, earlier and later); `loose_links` says that its links are a matter of
taste, `hard` that a need is only implied or comes in another order, `lang` that it is not in
English. `natural/joins.jsonl` has forms with the kinds of their parts, which are drawn from GSM8K,
HumanEval and MedQA. `--questions benchmarks/own` takes 100 questions by another hand in place of
those of DIR.

Keys: `single.experts`, `several.experts`, `several.links`, `hard.experts`, `lang.experts`: the plan
has exactly the right experts, and with `links` exactly the right links too. `joined.experts`: as
many steps as parts, with the right experts in order; `joined.clean`: and each part stands whole in
its own step; `joined.unlinked`: of the clean ones, those in which no step needs another.
`plan_ms_joined`: median time of a plan without its embedding; `embeddings_per_plan`: calls of the
embedder for a question.

Baselines: `one pick` for the whole question; `cut`: at line breaks, sentence ends and " and ", each
piece by the selector, neighbours with one expert merged, no links.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio

from benchmarks.contract import Metric, exactly, median_of, report, share_of
from benchmarks.data import Row, arguments, require, rows
from benchmarks.gold import GSM8K, HUMANEVAL, MEDQA, items
from benchmarks.vectors import KeptVectors, kept_vectors
from metier.experts.card import Card
from metier.experts.registry import Registry
from metier.models.embedder import Role, Vectors
from metier.planning.index import CapabilityIndex, synchronised
from metier.planning.lessons import lessons_of
from metier.planning.planner import Planner
from metier.planning.selecting import Selector
from metier.planning.splitter import LearntSplitter
from metier.settings import Settings

QUESTIONS, JOINS = "natural/questions.jsonl", "natural/joins.jsonl"
FILES = (QUESTIONS, JOINS, GSM8K, HUMANEVAL, MEDQA)
EXPERTS = ("general", "math", "code", "medical")
JOINED = 80
_CUT = re.compile(r"\n+|(?<=[.?!;])\s+|\s+and\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question, and the plan that it should get.

    Attributes:
        links: as (earlier, later) numbers of the experts; None where they are a matter of taste.
        parts: the texts that are to stand whole in their own step.
    """

    text: str
    group: str
    experts: tuple[str, ...]
    links: frozenset[tuple[int, int]] | None
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What a planner made of a question."""

    experts: tuple[str, ...]
    tasks: tuple[str, ...]
    links: frozenset[tuple[int, int]]


Plans = Callable[[str], Awaitable[Planned]]


class Counting:
    """An embedder that counts its calls."""

    def __init__(self, embedder: KeptVectors) -> None:
        self.id = embedder.id
        self.calls = 0
        self.seconds = 0.0
        self._embedder = embedder

    async def embed(self, texts: Sequence[str], *, role: Role = "query") -> Vectors:
        """As `Embedder.embed`."""
        self.calls += 1
        started = time.perf_counter()
        vectors = await self._embedder.embed(texts, role=role)
        self.seconds += time.perf_counter() - started
        return vectors


def questions(folder: Path, limit: int | None) -> list[Question]:
    """The natural questions in their groups."""
    return [
        Question(
            text=row["q"],
            group=_group(row),
            experts=tuple(row["experts"]),
            links=None
            if row.get("loose_links")
            else frozenset((first, second) for first, second in row["links"]),
        )
        for row in rows(folder, QUESTIONS, limit=limit)
    ]


def _group(row: Row) -> str:
    if "lang" in row:
        return "lang"
    if row.get("hard"):
        return "hard"
    return "several" if len(row["experts"]) > 1 else "single"


def joins(folder: Path, *, count: int, seed: int) -> list[Question]:
    """Gold questions in the forms of `joins.jsonl`, each form as often as the others."""
    draw = random.Random(seed)
    pools = {"math": _texts(folder, "gsm8k"), "medical": _texts(folder, "medqa")}
    pools["code"] = _texts(folder, "humaneval")
    # A stub as it stands, as often as one in a fence with a request.
    pools["code"] += [row["prompt"].strip() for row in rows(folder, HUMANEVAL)]
    forms = rows(folder, JOINS)
    found: list[Question] = []
    for n in range(count):
        form = forms[n % len(forms)]
        parts = tuple(draw.choice(pools[kind]) for kind in form["kinds"])
        found.append(
            Question(
                text=form["form"].format(*parts),
                group="joined",
                experts=tuple(form["kinds"]),
                links=frozenset(),
                parts=parts,
            )
        )
    return found


def _texts(folder: Path, name: str) -> list[str]:
    return [item.asked.question for item in items(folder, name, limit=10**9)]


def by_planner(planner: Planner) -> Plans:
    """The plans of a planner."""

    async def plans(text: str) -> Planned:
        plan = await planner.plan(text)
        return Planned(
            experts=tuple(step.expert for step in plan.steps),
            tasks=tuple(step.task for step in plan.steps),
            links=frozenset(
                (int(need), n) for n, step in enumerate(plan.steps, 1) for need in step.needs
            ),
        )

    return plans


def by_cut(selector: Selector, embedder: KeptVectors, *, pattern: re.Pattern[str] | None) -> Plans:
    """Pieces between the matches of a pattern by the selector; without one, the whole question."""

    async def plans(text: str) -> Planned:
        cut = [text] if pattern is None else [each for each in pattern.split(text) if each.strip()]
        ranked = selector.rank(cut, await embedder.embed(cut))
        experts, tasks = list[str](), list[str]()
        for piece, candidates in zip(cut, ranked, strict=True):
            expert = selector.choose(candidates).expert
            if experts and experts[-1] == expert:
                tasks[-1] += f" {piece}"
            else:
                experts.append(expert)
                tasks.append(piece)
        return Planned(experts=tuple(experts), tasks=tuple(tasks), links=frozenset())

    return plans


def right_experts(asked: Question, planned: Planned) -> bool:
    """Whether a plan has exactly the right experts; of joined parts in their order."""
    if asked.group == "joined":
        return planned.experts == asked.experts
    return sorted(planned.experts) == sorted(asked.experts)


def right_links(asked: Question, planned: Planned) -> bool:
    """Whether the links are right, whatever the order of steps that need none of each other."""
    if not right_experts(asked, planned):
        return False
    if asked.links is None:
        return True

    def named(links: frozenset[tuple[int, int]], experts: Sequence[str]) -> set[tuple[str, str]]:
        return {(experts[first - 1], experts[second - 1]) for first, second in links}

    return named(asked.links, asked.experts) == named(planned.links, planned.experts)


def is_clean(asked: Question, planned: Planned) -> bool:
    """Whether each part stands whole in its own step, and in no other."""
    if not right_experts(asked, planned):
        return False
    tasks = [_plain(task) for task in planned.tasks]
    parts = [_plain(part) for part in asked.parts]
    return all(
        (part in task) == (n == m) for n, part in enumerate(parts) for m, task in enumerate(tasks)
    )


def _plain(text: str) -> str:
    return "".join(text.split())


async def measured(
    asked: Sequence[Question], plans: Plans, embedder: Counting | None = None
) -> tuple[dict[str, Metric], list[float]]:
    """The figures of one planner, and its seconds for each joined question, embedding excluded."""
    observed: dict[str, list[bool]] = {}
    seconds: list[float] = []
    for each in asked:
        embedding = embedder.seconds if embedder is not None else 0.0
        started = time.perf_counter()
        planned = await plans(each.text)
        took = time.perf_counter() - started
        observed.setdefault(f"{each.group}.experts", []).append(right_experts(each, planned))
        if each.group == "several":
            observed.setdefault("several.links", []).append(right_links(each, planned))
        if each.group != "joined":
            continue
        if embedder is not None:
            seconds.append(took - (embedder.seconds - embedding))
        clean = is_clean(each, planned)
        observed.setdefault("joined.clean", []).append(clean)
        if clean:
            observed.setdefault("joined.unlinked", []).append(not planned.links)
    return {key: share_of(flags) for key, flags in observed.items()}, seconds


def installed(embedder: KeptVectors) -> tuple[CapabilityIndex, dict[str, Card]]:
    """The experts that come with metier, by their cards alone."""
    registry = Registry.from_installed(Settings())
    cards = {name: registry.cards[name] for name in EXPERTS}
    return anyio.run(synchronised, None, cards.values(), embedder)[0], cards


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--questions", type=Path, help="folder of other natural questions")
    options = parser.parse_args()
    require(options.data, FILES)
    started = time.perf_counter()
    asked = questions(options.questions or options.data, options.limit)
    asked += joins(options.data, count=min(JOINED, options.limit or JOINED), seed=options.seed)
    with kept_vectors(options.embedder, model=options.embed_model) as embedder:
        index, cards = installed(embedder)
        calibration = Selector(index, cards).learnt()
        selector = Selector(index, cards, calibration)
        lessons = anyio.run(lessons_of, index, cards, calibration, embedder)
        counting = Counting(embedder)
        planner = Planner(selector, counting, cards, splitter=LearntSplitter(selector, lessons))
        metrics, seconds = anyio.run(measured, asked, by_planner(planner), counting)
        baselines = {
            who: anyio.run(measured, asked, by_cut(selector, embedder, pattern=pattern))[0]
            for who, pattern in (("one pick", None), ("cut", _CUT))
        }
    metrics["plan_ms_joined"] = median_of([1000 * each for each in seconds])
    metrics["embeddings_per_plan"] = exactly(counting.calls / len(asked), n=len(asked))
    report(
        "natural",
        metrics,
        baselines=baselines,
        embedder=embedder.id,
        started=started,
        fitted_on="the cards' own examples; the shipped weights were chosen on the developers' "
        "half of these very sets, so only figures on other rows count",
    )


if __name__ == "__main__":
    main()
