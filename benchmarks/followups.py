"""Questions in a conversation: is the last one planned with what was said before it?

    uv run python -m benchmarks.followups [--data DIR] [--limit N] [--seed S]

The experts are those that come with metier. `followups/questions.jsonl` has rows with `turns`, the
user's own in order, and `experts`, those that the last turn needs. With `--data benchmarks/own` the
rows are ours; `development.jsonl` beside them holds those that the weight in
`planning/following.py` was chosen on, and is not reported.

Keys: `followups.experts`: the plan of the last turn has exactly the right experts.

Baselines: `last alone`: the last turn without those before it; `last two joined`: the last two
turns as one text, both by the same planner.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import anyio

from benchmarks.contract import Metric, report, share_of
from benchmarks.data import arguments, require, rows
from benchmarks.natural import installed
from benchmarks.vectors import kept_vectors
from metier.plan import Message
from metier.planning.lessons import lessons_of
from metier.planning.planner import Planner
from metier.planning.selecting import Selector
from metier.planning.splitter import LearntSplitter

FILE = "followups/questions.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """What a user said, and who answers the last of it."""

    turns: tuple[str, ...]
    experts: frozenset[str]


# What the planner is given of a conversation: earlier turns, and the question.
Arm = Callable[[Sequence[str]], tuple[Sequence[str], str]]
ARMS: dict[str, Arm] = {
    "": lambda turns: (turns[:-1], turns[-1]),
    "last alone": lambda turns: ((), turns[-1]),
    "last two joined": lambda turns: ((), " ".join(turns[-2:])),
}


async def measured(planner: Planner, asked: Sequence[Conversation], arm: Arm) -> Metric:
    """How often the plan of the last turn has exactly the right experts."""
    right: list[bool] = []
    for each in asked:
        earlier, question = arm(each.turns)
        messages = [Message(role="user", content=turn) for turn in earlier]
        plan = await planner.plan(question, messages=messages)
        right.append({step.expert for step in plan.steps} == each.experts)
    return share_of(right)


def main() -> None:
    options = arguments(__doc__ or "").parse_args()
    require(options.data, (FILE,))
    started = time.perf_counter()
    asked = [
        Conversation(turns=tuple(row["turns"]), experts=frozenset(row["experts"]))
        for row in rows(options.data, FILE, limit=options.limit)
    ]
    with kept_vectors(options.embedder, model=options.embed_model) as embedder:
        index, cards = installed(embedder)
        calibration = Selector(index, cards).learnt()
        selector = Selector(index, cards, calibration)
        lessons = anyio.run(lessons_of, index, cards, calibration, embedder)
        planner = Planner(selector, embedder, cards, splitter=LearntSplitter(selector, lessons))
        shares = {who: anyio.run(measured, planner, asked, arm) for who, arm in ARMS.items()}
    report(
        "followups",
        {"followups.experts": shares.pop("")},
        baselines={who: {"followups.experts": share} for who, share in shares.items()},
        embedder=embedder.id,
        started=started,
        fitted_on="one weight, chosen on benchmarks/own/followups/development.jsonl",
    )


if __name__ == "__main__":
    main()
