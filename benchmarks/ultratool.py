"""UltraTool: chains over 260 tools, planned from what past plans taught. No model call.

    uv run python -m benchmarks.ultratool [--data DIR] [--limit N] [--seed S]

Learns from the plans that are not the paper's test ids, reports on those that are. Metrics are
GNN4TaskPlan's: means over the requests of the F1 of tool names (`node_f1`) and of links
(`link_f1`), and the share of requests whose names are all right (`accuracy`); 0 to 100.
`steps.*`: the gold steps are given, the tools' names cut out. `untrained.*`: nothing learnt from
past plans; the tools' texts and the declared edges only.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks import data
from benchmarks.contract import Metric, mean_of, median_of, report, say, share_of
from benchmarks.step_tools import StepTools
from benchmarks.vectors import KeptVectors, kept_vectors
from metier.models.embedder import Vectors
from metier.planning.learning.chains import PlanPredictor
from metier.planning.learning.past import CapabilityKey, PastPlan, PastStep

PLANS = "ultratool/plans.jsonl.gz"
TOOLS = "ultratool/tools.jsonl"
EDGES = "ultratool/graph_links.jsonl"
_NEAR = 0.9
_RIGHT = 0.99
_EXPERT = "ultratool"
_LEAD = re.compile(r"^\s*step\s*\d+\W*", re.IGNORECASE)
_CALL = re.compile(r"\bcall\s+\w*_\w*\s+to\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """The tools: their names, texts and declared edges."""

    names: tuple[str, ...]
    texts: tuple[str, ...]
    edges: tuple[tuple[str, str], ...]
    pattern: re.Pattern[str]

    @classmethod
    def read(cls, folder: Path) -> Tools:
        tools = data.rows(folder, TOOLS)
        names = tuple(tool["id"] for tool in tools)
        longest_first = "|".join(sorted(map(re.escape, names), key=_length, reverse=True))
        return cls(
            names=names,
            texts=tuple(f"{tool['id'].replace('_', ' ')}: {tool['desc']}" for tool in tools),
            edges=tuple((source, target) for source, target in data.rows(folder, EDGES)),
            pattern=re.compile(
                rf"(?:\bcall\s+)?(?<![\w-])({longest_first})(?![\w-])(?:\s+to\b)?", re.IGNORECASE
            ),
        )

    def named(self, step: str) -> str | None:
        """The tool that a step names first."""
        found = self.pattern.search(step)
        return found[1].lower() if found else None

    def cut(self, step: str) -> str:
        """The step without its number and without any tool's name."""
        bare = self.pattern.sub(" ", _CALL.sub(" ", _LEAD.sub("", step)))
        return " ".join(bare.split()) or "step"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plans:
    """Rows with the vectors of their requests and steps."""

    rows: Sequence[data.Row]
    steps: Sequence[Sequence[str]]
    requests: Vectors
    tasks: Sequence[Vectors]

    @classmethod
    def read(cls, rows: Sequence[data.Row], tools: Tools, embedder: KeptVectors) -> Plans:
        steps = [[tools.cut(step) for step in row["steps"]] for row in rows]
        assert not any(tools.named(step) for plan in steps for step in plan)
        vectors = embedder.vectors([step for plan in steps for step in plan])
        ends = np.cumsum([len(plan) for plan in steps])
        return cls(
            rows=rows,
            steps=steps,
            requests=embedder.vectors([row["request"] for row in rows]),
            tasks=np.split(vectors, ends[:-1]),
        )


def past_plan(row: data.Row, steps: Sequence[str], tools: Tools) -> PastPlan:
    """A row as a past plan: tools of the steps that name one, links at their first use."""
    first: dict[str, int] = {}
    found: list[PastStep] = []
    for words, task in zip(row["steps"], steps, strict=True):
        name = tools.named(words)
        if name is None:
            continue
        needs = [first[a] for a, b in row["links"] if b == name and a in first and a != name]
        new = name not in first
        first.setdefault(name, len(found))
        found.append(
            PastStep(
                expert=_EXPERT,
                capability=name,
                task=task,
                needs=tuple(sorted(set(needs))) if new else (),
            )
        )
    return PastPlan(request=row["request"], steps=tuple(found))


def fit(plans: Plans, tools: Tools, descriptions: Vectors) -> StepTools:
    """What the plans teach; a plan whose steps name no tool teaches nothing."""
    past: list[PastPlan] = []
    requests: list[Vectors] = []
    tasks: list[Vectors] = []
    asked: list[Vectors] = []
    for n, row in enumerate(plans.rows):
        named = [tools.named(step) is not None for step in row["steps"]]
        if any(named):
            past.append(past_plan(row, plans.steps[n], tools))
            requests.append(plans.requests[n])
            tasks.append(plans.tasks[n][named])
            asked += [plans.requests[n]] * sum(named)
    model = PlanPredictor.fit(
        past, np.array(requests, np.float32), keys=keys(tools.names), descriptions=descriptions
    )
    known = [step.key for plan in past for step in plan.steps]
    return StepTools.fit(model, np.concatenate(tasks), np.array(asked, np.float32), known)


def untrained(tools: Tools, descriptions: Vectors) -> StepTools:
    """What the tools' texts and declared edges say."""
    edges = [(key(source), key(target)) for source, target in tools.edges]
    model = PlanPredictor.fit(
        [], descriptions[:0], keys=keys(tools.names), descriptions=descriptions, declared=edges
    )
    return StepTools(model=model)


def key(name: str) -> CapabilityKey:
    return _EXPERT, name


def keys(names: Sequence[str]) -> list[CapabilityKey]:
    return [key(name) for name in names]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """Tools and links for one request."""

    nodes: Sequence[str]
    links: Sequence[tuple[str, str]]

    @classmethod
    def path(cls, names: Sequence[str]) -> Prediction:
        """Each tool linked to the next."""
        once = tuple(dict.fromkeys(names))
        return cls(nodes=once, links=tuple(pairwise(once)))

    @classmethod
    def linked(cls, model: PlanPredictor, chain: Sequence[CapabilityKey]) -> Prediction:
        """The tools with the links that the model's graph finds probable."""
        once = tuple(dict.fromkeys(chain))
        names = [name for _, name in once]
        links = [(names[i], names[j]) for i, j, _ in model.graph.links(once)]
        return cls(nodes=names, links=links)


def planned(learnt: StepTools, plans: Plans) -> list[Prediction]:
    """From the request alone."""
    model = learnt.model
    return [Prediction.linked(model, model.predict(r).capabilities) for r in plans.requests]


def assigned(learnt: StepTools, plans: Plans) -> list[Prediction]:
    """From the steps' texts."""
    pairs = zip(plans.tasks, plans.requests, strict=True)
    return [
        Prediction.linked(learnt.model, learnt.assign(tasks, request)) for tasks, request in pairs
    ]


def scored(
    predictions: Sequence[Prediction], rows: Sequence[data.Row], *, seed: int, prefix: str = ""
) -> dict[str, Metric]:
    """The three metrics of GNN4TaskPlan (its evaluate.py)."""
    nodes = [f1(p.nodes, row["tools"]) for p, row in zip(predictions, rows, strict=True)]
    links = [
        f1(p.links, [(a, b) for a, b in row["links"]])
        for p, row in zip(predictions, rows, strict=True)
    ]
    figures = {
        "node_f1": nodes,
        "link_f1": links,
        "accuracy": [float(value >= _RIGHT) for value in nodes],
    }
    return {
        prefix + name: mean_of([100 * value for value in values], seed=seed)
        for name, values in figures.items()
    }


def f1(predicted: Sequence[object], gold: Sequence[object]) -> float:
    """As GNN4TaskPlan's `f1_score`: a name given twice counts twice in the lengths."""
    common = len(set(predicted) & set(gold))
    return 2 * common / (len(predicted) + len(gold)) if common else 0.0


def baselines(
    past: Plans, plans: Plans, tools: Tools, descriptions: Vectors, *, seed: int
) -> dict[str, dict[str, Metric]]:
    """What the nearest text gives, on the same vectors."""
    names = np.array(tools.names)
    given = [
        Prediction.path(names[np.argsort(-row, kind="stable")[: len(gold["tools"])]].tolist())
        for row, gold in zip(plans.requests @ descriptions.T, plans.rows, strict=True)
    ]
    copied = [
        Prediction.path(past.rows[n]["tools"])
        for n in (plans.requests @ past.requests.T).argmax(axis=1)
    ]
    each = [
        Prediction.path(names[(tasks @ descriptions.T).argmax(axis=1)].tolist())
        for tasks in plans.tasks
    ]
    known = [
        (name, vector)
        for row, tasks in zip(past.rows, past.tasks, strict=True)
        for step, vector in zip(row["steps"], tasks, strict=True)
        if (name := tools.named(step)) is not None
    ]
    labels, examples = [name for name, _ in known], np.array([vector for _, vector in known])
    alike = [
        Prediction.path([labels[n] for n in (tasks @ examples.T).argmax(axis=1)])
        for tasks in plans.tasks
    ]
    return {
        "nearest descriptions, number given": scored(given, plans.rows, seed=seed),
        "plan of the nearest past request": scored(copied, plans.rows, seed=seed),
        "nearest description of each step": scored(each, plans.rows, seed=seed, prefix="steps."),
        "nearest past step of each step": scored(alike, plans.rows, seed=seed, prefix="steps."),
    }


def _length(text: str) -> int:
    return len(text)


def milliseconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - started)


def measured(
    past: Plans, plans: Plans, tools: Tools, descriptions: Vectors, *, seed: int
) -> dict[str, Metric]:
    """All keys."""
    learnt = fit(past, tools, descriptions)
    say(f"learnt from {len(past.rows)} plans; {len(learnt.model.chains)} distinct chains")
    bare = untrained(tools, descriptions)
    found, by_step = planned(learnt, plans), assigned(learnt, plans)
    near = (plans.requests @ past.requests.T).max(axis=1) >= _NEAR
    far = np.flatnonzero(~near).tolist()
    far_rows = [plans.rows[n] for n in far]
    times = [milliseconds(partial(learnt.model.predict, request)) for request in plans.requests]
    metrics = {
        **scored(found, plans.rows, seed=seed),
        **scored(by_step, plans.rows, seed=seed, prefix="steps."),
        **scored(planned(bare, plans), plans.rows, seed=seed, prefix="untrained."),
        **scored(assigned(bare, plans), plans.rows, seed=seed, prefix="untrained.steps."),
        "near_duplicates": share_of(near),
        "predict_ms": median_of(times, seed=seed),
    }
    if far:
        metrics |= scored([found[n] for n in far], far_rows, seed=seed, prefix="far.")
        metrics |= scored([by_step[n] for n in far], far_rows, seed=seed, prefix="far.steps.")
    return metrics


def main() -> None:
    parser = data.arguments(str(__doc__))
    options = parser.parse_args()
    data.require(options.data, [PLANS, TOOLS, EDGES])
    started = time.perf_counter()
    tools = Tools.read(options.data)
    rows = data.rows(options.data, PLANS)
    kinds = [
        [row for row in rows if row["test"] is test][: options.limit] for test in (False, True)
    ]
    with kept_vectors(options.embedder, model=options.embed_model) as embedder:
        past, plans = (Plans.read(kind, tools, embedder) for kind in kinds)
        descriptions = embedder.vectors(tools.texts)
    report(
        "ultratool",
        measured(past, plans, tools, descriptions, seed=options.seed),
        baselines=baselines(past, plans, tools, descriptions, seed=options.seed),
        embedder=embedder.id,
        started=started,
        fitted_on=f"{len(past.rows)} plans that are not test ids; constants chosen by "
        "cross-validation inside them",
    )


if __name__ == "__main__":
    main()
