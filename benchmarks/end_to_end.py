"""The council against the same model alone, end to end, on questions with gold answers.

For gsm8k, humaneval, medqa, pubmedqa (`SET`): `SET.single` and `SET.council` (% right), `SET.gain`
and `SET.gain_low` (points, and the lower end of their interval), `SET.p` (McNemar), `SET.calls`,
`SET.tokens`, `SET.time_ratio`; `medqa.selective` and `pubmedqa.selective` (% right of those that
were answered) with their `.coverage`. `compound.single`, `compound.single_prompted`,
`compound.council` (% with all parts right), `compound.ratio`, `compound.p` and
`compound.time_ratio` against the better of the two. `general.kept`: % of questions for no expert
that the general expert answers alone, in one call.

Every answer is kept in a file at once: a run that is stopped goes on where it was. Answers of
another state of the code are asked anew, unless `--keep`.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import anyio
import numpy as np
from pydantic import BaseModel

import metier
from benchmarks.compound import Compound, all_right, compounds
from benchmarks.contract import Metric, exactly, mean_of, report, say, share_of
from benchmarks.data import arguments, require
from benchmarks.gold import FILES, Item, general, items
from benchmarks.server import BIG, EMBED, serving
from metier.council import Council
from metier.evaluating.answers import Reply
from metier.evaluating.asking import BothWays
from metier.evaluating.estimate import mcnemar
from metier.evaluating.questions import AnswerQuestion
from metier.expert import Expert
from metier.plan import Message
from metier.registry import Registry
from metier.settings import Settings

Arm = Literal["single", "single_prompted", "council"]
SETS = ("gsm8k", "humaneval", "medqa", "pubmedqa")
N = 200
N_COMPOUND = 100
N_GENERAL = 200
ALONE_TOKENS = 1024
# Enough to see who answers: what it says is not judged.
GENERAL_TOKENS = 32


class Kept(BaseModel):
    """One answer in the file."""

    arm: str
    key: str
    model: str
    revision: str
    reply: Reply


class Asked:
    """Asks, and keeps every answer in a file.

    Args:
        any_revision: answers of another state of the code count, too.
    """

    def __init__(self, ways: BothWays, file: Path, *, any_revision: bool) -> None:
        self._ways = ways
        self._file = file
        self._revision = revision()
        self._kept: dict[tuple[str, str], Kept] = {}
        file.parent.mkdir(parents=True, exist_ok=True)
        for line in file.read_text().splitlines() if file.exists() else ():
            kept = Kept.model_validate_json(line)
            same = kept.arm != "council" or any_revision or kept.revision == self._revision
            if same and kept.model == ways.model.name:
                self._kept[kept.arm, kept.key] = kept

    @property
    def ways(self) -> BothWays:
        """Who is asked."""
        return self._ways

    async def alone(self, asked: AnswerQuestion, messages: Sequence[Message], arm: Arm) -> Reply:
        """The model's own answer."""
        key = _key(asked, *(message.content for message in messages))
        if (arm, key) not in self._kept:
            reply = await self._ways.alone(asked, messages=messages)
            self._keep(arm, key, reply)
        return self._kept[arm, key].reply

    async def council(self, asked: AnswerQuestion) -> Reply:
        """The council's answer."""
        key = _key(asked)
        if ("council", key) not in self._kept:
            self._keep("council", key, await self._ways.together(asked))
        return self._kept["council", key].reply

    def _keep(self, arm: Arm, key: str, reply: Reply) -> None:
        kept = Kept(
            arm=arm, key=key, model=self._ways.model.name, revision=self._revision, reply=reply
        )
        self._kept[arm, key] = kept
        with self._file.open("a") as file:
            file.write(f"{kept.model_dump_json()}\n")


def revision() -> str:
    """A hash over the code and the cards of metier and of its plugins."""
    root = Path(metier.__file__).parents[2]
    files = [
        file
        for folder in ("sdk", "plugins", "domains")
        for kind in ("*.py", "*.toml")
        for file in (root / folder).rglob(kind)
        if "tests" not in file.parts
    ]
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def _key(asked: AnswerQuestion, *more: str) -> str:
    texts = (asked.question, *(document.text for document in asked.documents), *more)
    return hashlib.sha256("\x00".join(texts).encode()).hexdigest()[:24]


async def on_set(asked: Asked, name: str, rows: Sequence[Item]) -> dict[str, Metric]:
    """One set, both ways, row by row."""
    single: list[Reply] = []
    council: list[Reply] = []
    for number, row in enumerate(rows, 1):
        single.append(await asked.alone(row.asked, row.alone, "single"))
        council.append(await asked.council(row.asked))
        _progress(name, number, len(rows), single=single, council=council)
    return {**_compared(name, single, council), **_selective(name, council)}


def _compared(name: str, single: Sequence[Reply], council: Sequence[Reply]) -> dict[str, Metric]:
    before, after = _right(single), _right(council)
    gain = mean_of([float(x) for x in 100 * (after - before)])
    p = mcnemar(int((after > before).sum()), int((before > after).sum()))
    return {
        f"{name}.single": share_of(before.astype(bool)),
        f"{name}.council": share_of(after.astype(bool)),
        f"{name}.gain": gain,
        f"{name}.gain_low": exactly(gain["ci95"][0], n=gain["n"]),
        f"{name}.p": exactly(round(p, 6), n=len(single)),
        f"{name}.calls": mean_of([float(reply.usage.calls) for reply in council]),
        f"{name}.tokens": mean_of([float(reply.usage.completion_tokens) for reply in council]),
        f"{name}.single_seconds": mean_of([reply.seconds for reply in single]),
        f"{name}.council_seconds": mean_of([reply.seconds for reply in council]),
        f"{name}.time_ratio": _ratio(_seconds(council), _seconds(single)),
    }


def _selective(name: str, council: Sequence[Reply]) -> dict[str, Metric]:
    answered = [reply for reply in council if not reply.abstained]
    if not answered or name not in ("medqa", "pubmedqa"):
        return {}
    return {
        f"{name}.selective": share_of([reply.verdict.is_right for reply in answered]),
        f"{name}.coverage": share_of([not reply.abstained for reply in council]),
    }


async def on_compound(asked: Asked, rows: Sequence[Compound]) -> dict[str, Metric]:
    """Joined questions, three ways; a row counts where all of its parts are right."""
    replies: dict[Arm, list[Reply]] = {"single": [], "single_prompted": [], "council": []}
    right: dict[Arm, list[bool]] = {arm: [] for arm in replies}
    for number, row in enumerate(rows, 1):
        # Judged part by part below: what a reply's own verdict says is not looked at.
        gold = row.parts[0].gold
        whole = AnswerQuestion(question=row.question, domain="compound", gold=gold)
        replies["single"].append(await asked.alone(whole, row.alone, "single"))
        replies["single_prompted"].append(await asked.alone(whole, row.prompted, "single_prompted"))
        replies["council"].append(await asked.council(whole))
        for arm, given in replies.items():
            text = given[-1].text
            right[arm].append(await all_right(text, row.parts, sandboxes=asked.ways.sandboxes))
        shown = ", ".join(f"{arm} {sum(each)}" for arm, each in right.items())
        say(f"compound {number}/{len(rows)}: {shown}")
    return _compound_metrics(replies, right)


def _compound_metrics(
    replies: dict[Arm, list[Reply]], right: dict[Arm, list[bool]]
) -> dict[str, Metric]:
    alone: tuple[Arm, Arm] = ("single", "single_prompted")
    better = max(alone, key=lambda arm: sum(right[arm]))
    before = np.asarray(right[better], dtype=np.float64)
    after = np.asarray(right["council"], dtype=np.float64)
    p = mcnemar(int((after > before).sum()), int((before > after).sum()))
    metrics: dict[str, Metric] = {f"compound.{arm}": share_of(each) for arm, each in right.items()}
    return {
        **metrics,
        "compound.ratio": _ratio(after, before),
        "compound.p": exactly(round(p, 6), n=len(after)),
        "compound.calls": mean_of([float(r.usage.calls) for r in replies["council"]]),
        "compound.seconds": mean_of([r.seconds for r in replies["council"]]),
        "compound.time_ratio": _ratio(_seconds(replies["council"]), _seconds(replies[better])),
    }


async def kept_by_general(council: Council, questions: Sequence[str]) -> dict[str, Metric]:
    """The share that the general expert answers alone, in one generating call."""
    kept: list[bool] = []
    for number, question in enumerate(questions, 1):
        answer = await council.ask(question)
        alone = [part.expert for part in answer.parts] == ["general"]
        kept.append(alone and answer.usage.calls == 1)
        if not kept[-1]:
            say(f"general: not kept: {question[:80]!r}")
        say(f"general {number}/{len(questions)}: {sum(kept)} kept")
    return {"general.kept": share_of(kept)}


def _right(replies: Sequence[Reply]) -> np.ndarray:
    return np.asarray([reply.verdict.is_right for reply in replies], dtype=np.float64)


def _seconds(replies: Sequence[Reply]) -> np.ndarray:
    return np.asarray([reply.seconds for reply in replies], dtype=np.float64)


def _ratio(above: np.ndarray, below: np.ndarray, *, seed: int = 0) -> Metric:
    """The ratio of two paired means with a bootstrap interval (2,000 resamples of the pairs)."""
    n = len(above)
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=2000)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = (counts @ above) / (counts @ below)
        value = float(above.sum() / below.sum())
    low, high = np.nanpercentile(ratios, [2.5, 97.5])
    return {"value": round(value, 3), "n": n, "ci95": [round(low, 3), round(high, 3)]}


def _progress(name: str, number: int, of: int, **arms: Sequence[Reply]) -> None:
    shown = ", ".join(
        f"{arm} {sum(reply.verdict.is_right for reply in replies)} ({replies[-1].seconds:.0f} s)"
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
    async with _council(options) as council:
        ways = await BothWays.of(council, model=None if options.preferred else options.model)
        ways = _with_tokens(ways)
        asked = Asked(ways, options.answers, any_revision=options.keep)
        for name in SETS:
            if name in sets:
                rows = items(options.data, name, limit=min(n, N))
                metrics |= await on_set(asked, name, rows)
        if "compound" in sets:
            joined = compounds(options.data, limit=min(n, N_COMPOUND), seed=options.seed, skip=N)
            metrics |= await on_compound(asked, joined)
    if "general" in sets:
        async with _council(options, max_tokens=GENERAL_TOKENS) as council:
            questions = general(options.data, limit=min(n, N_GENERAL))
            metrics |= await kept_by_general(council, questions)
    return metrics


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
    with serving([EMBED, options.model]):
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
