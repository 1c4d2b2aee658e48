"""The council against the same model alone, end to end, on questions with gold answers.

For gsm8k, humaneval, medqa, pubmedqa (`SET`): `SET.single` and `SET.council` (% right), `SET.gain`
and `SET.gain_low` (points, and the lower end of their interval), `SET.p` (McNemar), `SET.calls`,
`SET.tokens`, `SET.time_ratio` (of the questions that were asked with nothing beside them);
`medqa.selective` and `pubmedqa.selective` (% right of those that were answered) with their
`.coverage`. `compound.single`, `compound.single_prompted`, `compound.council` (% with all parts
right), `compound.ratio`, `compound.p` and `compound.time_ratio` against the better of the two, and
`compound.ratio_by_part` (against one call, resampled by part). `general.kept`: % of questions for
no expert that the general expert answers alone, in one call.

Every answer is kept in a file at once: a run that is stopped goes on where it was. What came of it,
without its text, is kept in docs/results/end-to-end-answers.jsonl: a run that finds all of it there
asks nobody. The council's answers of another state of the code are asked anew, unless `--keep`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import anyio
import numpy as np
from pydantic import BaseModel

from benchmarks.compound import Compound, all_right, compounds
from benchmarks.contract import Metric, exactly, mean_of, ratio_of, report, say, share_of
from benchmarks.data import arguments, require
from benchmarks.gold import FILES, Item, general, items
from benchmarks.keeping import Keeping, key_of, revision
from benchmarks.server import BIG, EMBED, serving
from metier.council import Council
from metier.evaluating.answers import Reply
from metier.evaluating.both_ways import BothWays
from metier.evaluating.estimate import mcnemar
from metier.evaluating.questions import AnswerQuestion
from metier.experts.card import GENERAL
from metier.experts.expert import Expert
from metier.experts.registry import Registry
from metier.grading import TextGold
from metier.plan import Message
from metier.sandbox import Sandboxes
from metier.settings import Settings

Arm = Literal["single", "single_prompted", "council"]
SETS = ("gsm8k", "humaneval", "medqa", "pubmedqa")
N = 200
N_COMPOUND = 100
N_GENERAL = 200
ALONE_TOKENS = 1024
# Enough to see who answers: what it says is not judged.
GENERAL_TOKENS = 32
PUBLISHED = Path(__file__).parents[1] / "docs" / "results" / "end-to-end-answers.jsonl"


class Result(BaseModel):
    """What came of one question.

    Attributes:
        key: a hash over all that was asked.
        revision: the state of the code.
        right: whether all that was asked is.
        confidence: of the least sure expert, where each says how sure it is.
        seconds: from the question to the answer; None where other work ran beside it.
        question, text: left out where results on rows of others are published.
    """

    arm: Arm
    key: str
    model: str
    revision: str
    right: bool
    abstained: bool = False
    confidence: float | None = None
    experts: tuple[str, ...] = ()
    calls: int = 0
    tokens: int = 0
    seconds: float | None = None
    error: str = ""
    question: str = ""
    text: str = ""


Judge = Callable[[Reply], Awaitable[bool]]


class Asked:
    """Asks, and keeps every result in a file at once.

    Args:
        file: with the texts of the answers.
        any_revision: answers of another state of the code count, too.
        timed: nothing else runs, so that seconds mean something.
        side_by_side: both arms are asked in the same state of the code, and timed if this run is.
        published: the file of what came of each question; None if nothing is published.
    """

    def __init__(
        self,
        ways: BothWays,
        file: Path,
        *,
        any_revision: bool,
        timed: bool = True,
        side_by_side: bool = False,
        published: Path | None = PUBLISHED,
    ) -> None:
        self._ways = ways
        self._timed = timed

        def place(kept: Result) -> tuple[str, str] | None:
            fixed = any_revision or (kept.arm != "council" and not side_by_side)
            same = kept.model == ways.model.name and (fixed or kept.revision == revision())
            untimed = side_by_side and timed and kept.seconds is None
            return (kept.arm, kept.key) if same and not untimed else None

        self._kept = Keeping(Result, file, published, place=place)

    @property
    def ways(self) -> BothWays:
        """Who is asked."""
        return self._ways

    def has(self, asked: AnswerQuestion) -> bool:
        """Whether the council's answer is kept."""
        return self._kept.get(("council", _key(asked))) is not None

    async def alone(
        self,
        asked: AnswerQuestion,
        messages: Sequence[Message],
        arm: Arm,
        *,
        judge: Judge | None = None,
    ) -> Result:
        """The model's own answer."""
        key = _key(asked, *(message.content for message in messages))
        if (kept := self._kept.get((arm, key))) is not None:
            return kept
        reply = await self._ways.alone(asked, messages=messages)
        return await self._keep(arm, asked, key, reply, judge)

    async def council(self, asked: AnswerQuestion, *, judge: Judge | None = None) -> Result:
        """The council's answer."""
        key = _key(asked)
        if (kept := self._kept.get(("council", key))) is not None:
            return kept
        return await self._keep("council", asked, key, await self._ways.together(asked), judge)

    async def _keep(
        self, arm: Arm, asked: AnswerQuestion, key: str, reply: Reply, judge: Judge | None
    ) -> Result:
        result = Result(
            arm=arm,
            key=key,
            model=self._ways.model.name,
            revision=revision(),
            right=reply.verdict.is_right if judge is None else await judge(reply),
            abstained=reply.abstained,
            confidence=None if reply.confidence is None else round(reply.confidence, 4),
            experts=reply.experts,
            calls=reply.usage.calls,
            tokens=reply.usage.completion_tokens,
            seconds=round(reply.seconds, 2) if self._timed else None,
            error=reply.error,
            question=asked.question,
            text=reply.text,
        )
        return self._kept.add(result)

    def publish(self, *, texts: bool = False) -> None:
        """Write what came of every question; with its words if they may be shown."""
        without = {} if texts else {"question": "", "text": ""}
        self._kept.publish(lambda kept: kept.model_copy(update=without))


def _key(asked: AnswerQuestion, *more: str) -> str:
    return key_of(asked.question, *(document.text for document in asked.documents), *more)


async def on_set(asked: Asked, name: str, rows: Sequence[Item]) -> dict[str, Metric]:
    """One set, both ways, row by row."""
    single: list[Result] = []
    council: list[Result] = []
    for number, row in enumerate(rows, 1):
        single.append(await asked.alone(row.asked, row.alone, "single"))
        council.append(await asked.council(row.asked))
        _progress(name, number, len(rows), single=single, council=council)
    return {**_compared(name, single, council), **_selective(name, council)}


def _compared(name: str, single: Sequence[Result], council: Sequence[Result]) -> dict[str, Metric]:
    before, after = _right(single), _right(council)
    gain = mean_of([float(x) for x in 100 * (after - before)])
    p = mcnemar(int((after > before).sum()), int((before > after).sum()))
    return {
        f"{name}.single": share_of(before.astype(bool)),
        f"{name}.council": share_of(after.astype(bool)),
        f"{name}.gain": gain,
        f"{name}.gain_low": exactly(gain["ci95"][0], n=gain["n"]),
        f"{name}.p": exactly(round(p, 6), n=len(single)),
        f"{name}.calls": mean_of([float(reply.calls) for reply in council]),
        f"{name}.tokens": mean_of([float(reply.tokens) for reply in council]),
        **_times(name, council, single),
    }


def _selective(name: str, council: Sequence[Result]) -> dict[str, Metric]:
    answered = [reply for reply in council if not reply.abstained]
    if not answered or name not in ("medqa", "pubmedqa"):
        return {}
    return {
        f"{name}.selective": share_of([reply.right for reply in answered]),
        f"{name}.coverage": share_of([not reply.abstained for reply in council]),
    }


async def on_compound(asked: Asked, rows: Sequence[Compound]) -> dict[str, Metric]:
    """Joined questions, three ways; a row counts where all of its parts are right."""
    replies: dict[Arm, list[Result]] = {"single": [], "single_prompted": [], "council": []}
    for number, row in enumerate(rows, 1):
        judge = partial(_all_right, parts=row.parts, sandboxes=asked.ways.sandboxes)
        # Judged part by part: this gold is not looked at.
        gold = row.parts[0].gold
        whole = AnswerQuestion(question=row.question, domain="compound", gold=gold)
        for arm, messages in (("single", row.alone), ("single_prompted", row.prompted)):
            replies[arm].append(await asked.alone(whole, messages, arm, judge=judge))
        replies["council"].append(await asked.council(whole, judge=judge))
        _progress("compound", number, len(rows), **replies)
    return {**_compound_metrics(replies), "compound.ratio_by_part": _by_part(rows, replies)}


def _by_part(rows: Sequence[Compound], replies: dict[Arm, list[Result]]) -> Metric:
    """The ratio where parts are drawn anew, since several rows share one; n is that of the parts.

    A row counts as often as all of its parts are drawn (Owen 2007, "The pigeonhole bootstrap").
    """
    names = sorted({part.question for row in rows for part in row.parts})
    places = [[names.index(part.question) for part in row.parts] for row in rows]
    even = np.full(len(names), 1 / len(names))
    drawn = np.random.default_rng(0).multinomial(len(names), even, size=2000)
    counts = np.stack([drawn[:, place].prod(axis=1) for place in places], axis=1)
    before, after = _right(replies["single"]), _right(replies["council"])
    ratios = (counts @ after) / np.maximum(counts @ before, 0.5)
    low, high = np.percentile(ratios, [2.5, 97.5])
    value = float(after.sum() / max(before.sum(), 0.5))
    return {
        "value": round(value, 3),
        "n": len(names),
        "ci95": [round(float(low), 3), round(float(high), 3)],
    }


async def _all_right(
    reply: Reply, *, parts: Sequence[AnswerQuestion], sandboxes: Sandboxes
) -> bool:
    return await all_right(reply.text, parts, sandboxes=sandboxes)


def _compound_metrics(replies: dict[Arm, list[Result]]) -> dict[str, Metric]:
    alone: tuple[Arm, Arm] = ("single", "single_prompted")
    better = max(alone, key=lambda arm: _right(replies[arm]).sum())
    before, after = _right(replies[better]), _right(replies["council"])
    p = mcnemar(int((after > before).sum()), int((before > after).sum()))
    metrics: dict[str, Metric] = {
        f"compound.{arm}": share_of([reply.right for reply in each])
        for arm, each in replies.items()
    }
    return {
        **metrics,
        "compound.ratio": ratio_of(after, before),
        "compound.p": exactly(round(p, 6), n=len(after)),
        "compound.calls": mean_of([float(r.calls) for r in replies["council"]]),
        **_times("compound", replies["council"], replies[better]),
    }


async def kept_by_general(asked: Asked, questions: Sequence[str]) -> dict[str, Metric]:
    """The share that the general expert answers alone, in one generating call."""
    kept: list[Result] = []
    for number, question in enumerate(questions, 1):
        # Who answers is judged, and not what.
        whole = AnswerQuestion(question=question, domain="general", gold=TextGold(value="-"))
        kept.append(await asked.council(whole, judge=_by_general))
        if not kept[-1].right:
            say(f"general: not kept: {question[:80]!r}")
        _progress("general", number, len(questions), council=kept)
    return {"general.kept": share_of([reply.right for reply in kept])}


async def _by_general(reply: Reply) -> bool:
    return reply.experts == (GENERAL,) and reply.usage.calls == 1


def _right(replies: Sequence[Result]) -> np.ndarray:
    return np.asarray([reply.right for reply in replies], dtype=np.float64)


def _times(name: str, council: Sequence[Result], single: Sequence[Result]) -> dict[str, Metric]:
    """What the questions took that were asked both ways with nothing beside them."""
    pairs = [
        (after.seconds, before.seconds)
        for after, before in zip(council, single, strict=True)
        if after.seconds is not None and before.seconds is not None
    ]
    if not pairs:
        return {}
    after, before = np.asarray(pairs, dtype=np.float64).T
    return {
        f"{name}.single_seconds": mean_of(before.tolist()),
        f"{name}.council_seconds": mean_of(after.tolist()),
        f"{name}.time_ratio": ratio_of(after, before),
    }


def _progress(name: str, number: int, of: int, **arms: Sequence[Result]) -> None:
    shown = ", ".join(
        f"{arm} {sum(reply.right for reply in replies)} ({replies[-1].seconds or 0:.0f} s)"
        for arm, replies in arms.items()
    )
    say(f"{name} {number}/{of}: {shown}")


def _parser() -> argparse.ArgumentParser:
    parser = arguments(__doc__ or "")
    parser.add_argument("--model", default=BIG, help="the model of every role")
    parser.add_argument(
        "--preferred", action="store_true", help="each card's own first installed model instead"
    )
    parser.add_argument("--sets", default=f"{','.join(SETS)},compound,general")
    parser.add_argument("--answers", type=Path, help="the file in which the answers are kept")
    parser.add_argument("--keep", action="store_true", help="answers of other code count, too")
    parser.add_argument(
        "--untimed", action="store_true", help="other work runs beside it: keep no seconds"
    )
    parser.add_argument(
        "--slots", type=int, default=1, help="replies that the server is to write side by side"
    )
    return parser


def _council(options: argparse.Namespace, *, max_tokens: int | None = None) -> Council:
    """The installed experts, all on one model; `max_tokens` is for the general one."""
    settings = Settings.load()
    registry = Registry.from_installed(settings)
    experts: list[Expert] = []
    for name in registry.cards:
        expert = registry.expert(name)
        changes: dict[str, object] = {} if options.preferred else {"models": (options.model,)}
        if max_tokens is not None:
            changes["max_tokens"] = max_tokens
        expert.card = expert.card.model_copy(update=changes)
        experts.append(expert)
    return Council.of(experts, settings=settings)


async def measure(options: argparse.Namespace) -> dict[str, Metric]:
    """Every set that is asked for."""
    sets = options.sets.split(",")
    n = options.limit or 10**9
    metrics: dict[str, Metric] = {}
    async with _asking(options) as asked:
        for name in SETS:
            if name in sets:
                rows = items(options.data, name, limit=min(n, N))
                metrics |= await on_set(asked, name, rows)
        if "compound" in sets:
            joined = compounds(options.data, limit=min(n, N_COMPOUND), seed=options.seed, skip=N)
            metrics |= await on_compound(asked, joined)
    if "general" in sets:
        async with _asking(options, max_tokens=GENERAL_TOKENS) as asked:
            questions = general(options.data, limit=min(n, N_GENERAL))
            metrics |= await kept_by_general(asked, questions)
    return metrics


@asynccontextmanager
async def _asking(
    options: argparse.Namespace, *, max_tokens: int | None = None
) -> AsyncIterator[Asked]:
    async with _council(options, max_tokens=max_tokens) as council:
        ways = await BothWays.of(council, model=None if options.preferred else options.model)
        asked = Asked(
            _with_tokens(ways),
            options.answers,
            any_revision=options.keep,
            timed=not options.untimed,
        )
        try:
            yield asked
        finally:
            asked.publish()


def _with_tokens(ways: BothWays) -> BothWays:
    """The model alone may write as much as it takes to finish."""
    return replace(ways, card=ways.card.model_copy(update={"max_tokens": ALONE_TOKENS}))


def main() -> None:
    started = time.perf_counter()
    options = _parser().parse_args()
    require(options.data, FILES)
    if options.answers is None:
        cache = Settings.load().cache_dir / "benchmarks"
        options.answers = cache / "end_to_end.jsonl"
    with serving([EMBED, options.model], slots=options.slots):
        metrics = anyio.run(partial(measure, options))
    report(
        "end_to_end",
        metrics,
        baselines={"single": {k: v for k, v in metrics.items() if ".single" in k}},
        embedder=f"ollama/{EMBED}",
        fitted_on="prompts, thresholds and samples: other rows of the same sets, after the first "
        "200 in the order by hash; PubMedQA: rows that are not of its official test",
        started=started,
    )


if __name__ == "__main__":
    main()
