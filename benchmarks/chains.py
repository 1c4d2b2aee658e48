"""Linked requests of two or three steps: the council against the same model alone.

    uv run python -m benchmarks.chains [--data DIR] [--limit N] [--answers FILE]

Each row of `chains/questions.jsonl` has `q`, `experts` and `gold`, a list of parts: a `number`
(with a `unit` and a `tolerance` if wanted), words that the answer `contains`, the `label` of a
verdict, or `tests` of the Python that it holds; of a list of words one is enough. With
`--data benchmarks/own` the rows are ours; `development.jsonl` beside them holds those that were
looked at while linking was built, and is not reported (`--file` names another file).

Both arms are as shipped: the council with its defaults, and the general expert's model with its
own prompt in one call.

Keys: `all_right.council` and `all_right.single` (% of the rows with all parts right),
`all_right.ratio`, `all_right.gain` and `all_right.gain_low` (points, and the lower end of their
interval), `all_right.p` (McNemar), `calls` of the council, `time_ratio`, and `planned` (% of the
rows whose plan has exactly the right experts).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import anyio
import numpy as np

from benchmarks.chains_gold import Chain, wrong_parts
from benchmarks.contract import Metric, exactly, mean_of, ratio_of, report, say, share_of
from benchmarks.data import arguments, require, rows
from benchmarks.end_to_end import Asked, Result
from benchmarks.server import BIG, EMBED, serving
from metier.council import Council
from metier.evaluating.answers import Reply
from metier.evaluating.both_ways import BothWays
from metier.evaluating.estimate import mcnemar
from metier.evaluating.questions import AnswerQuestion
from metier.experts.expert import Task, messages_for
from metier.grading import TextGold
from metier.settings import Settings

FILE = "chains/questions.jsonl"
PUBLISHED = Path(__file__).parents[1] / "docs" / "results" / "chains-answers.jsonl"


async def measured(options: argparse.Namespace, chains: Sequence[Chain]) -> dict[str, Metric]:
    """Every row, both ways."""
    async with Council.from_installed() as made:
        ways = await BothWays.of(made, model=options.model)
        asked = Asked(
            ways,
            options.answers,
            any_revision=options.keep,
            timed=not options.untimed,
            published=PUBLISHED if options.file == FILE else None,
        )
        single, council = await both_ways(asked, chains)
        asked.publish()
    return metrics(chains, single, council)


async def both_ways(asked: Asked, chains: Sequence[Chain]) -> tuple[list[Result], list[Result]]:
    """What the model alone and the council make of each row."""
    single: list[Result] = []
    council: list[Result] = []
    for number, chain in enumerate(chains, 1):
        whole = question_of(chain)
        judge = partial(_judged, chain=chain, ways=asked.ways)
        messages = messages_for(asked.ways.card, Task(text=chain.q))
        single.append(await asked.alone(whole, messages, "single", judge=judge))
        council.append(await asked.council(whole, judge=judge))
        before, after = (sum(each.right for each in arm) for arm in (single, council))
        say(f"{number}/{len(chains)}: single {before}, council {after}")
    return single, council


def question_of(chain: Chain) -> AnswerQuestion:
    """The request as a whole. It is judged part by part: this gold is not looked at."""
    return AnswerQuestion(question=chain.q, domain="chains", gold=TextGold(value="-"))


async def _judged(reply: Reply, *, chain: Chain, ways: BothWays) -> bool:
    wrong = await wrong_parts(reply.text, chain, sandboxes=ways.sandboxes)
    who = "council" if reply.experts else "single"
    for part in wrong:
        say(f"  {who}, {chain.q[:60]!r}: not {part.model_dump(exclude_defaults=True)}")
    return not wrong


def metrics(
    chains: Sequence[Chain], single: Sequence[Result], council: Sequence[Result]
) -> dict[str, Metric]:
    """The keys of this benchmark."""
    before, after = (np.asarray([r.right for r in arm], float) for arm in (single, council))
    gain = mean_of((100 * (after - before)).tolist())
    p = mcnemar(int((after > before).sum()), int((before > after).sum()))
    planned = [
        set(result.experts) == set(chain.experts)
        for chain, result in zip(chains, council, strict=True)
    ]
    times = [
        (a.seconds, b.seconds)
        for a, b in zip(council, single, strict=True)
        if a.seconds is not None and b.seconds is not None
    ]
    found = {
        "all_right.council": share_of(after.astype(bool)),
        "all_right.single": share_of(before.astype(bool)),
        "all_right.ratio": ratio_of(after, before),
        "all_right.gain": gain,
        "all_right.gain_low": exactly(gain["ci95"][0], n=gain["n"]),
        "all_right.p": exactly(round(p, 6), n=len(single)),
        "planned": share_of(planned),
        "calls": mean_of([float(result.calls) for result in council]),
    }
    if times:
        found["time_ratio"] = ratio_of(*np.asarray(times, dtype=np.float64).T)
    return found


def _parser() -> argparse.ArgumentParser:
    parser = arguments(__doc__ or "")
    parser.add_argument("--model", default=BIG, help="the model that is asked alone")
    parser.add_argument("--file", default=FILE, help="the rows, in the folder of the sets")
    parser.add_argument("--answers", type=Path, help="the file in which the answers are kept")
    parser.add_argument("--keep", action="store_true", help="answers of other code count, too")
    parser.add_argument(
        "--untimed", action="store_true", help="other work runs beside it: keep no seconds"
    )
    return parser


def main() -> None:
    started = time.perf_counter()
    options = _parser().parse_args()
    require(options.data, (options.file,))
    chains = [
        Chain.model_validate(row) for row in rows(options.data, options.file, limit=options.limit)
    ]
    if options.answers is None:
        options.answers = Settings.load().cache_dir / "benchmarks" / "chains.jsonl"
    with serving([EMBED, options.model]):
        found = anyio.run(partial(measured, options, chains))
    report(
        "chains",
        found,
        baselines={"single": {"all_right.single": found["all_right.single"]}},
        embedder=f"ollama/{EMBED}",
        fitted_on="benchmarks/own/chains/development.jsonl was looked at; nothing was fitted",
        started=started,
    )


if __name__ == "__main__":
    main()
