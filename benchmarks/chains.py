"""Linked requests of two or three steps: the council against the same model alone.

    uv run python -m benchmarks.chains [--data DIR] [--rows 1-12,15] [--answers FILE] [--publish]

Each row of `chains/questions.jsonl` has `q`, `experts` and `gold`, a list of parts: a `number`
(with a `unit` and a `tolerance` if wanted), words that the answer `contains`, the `label` of a
verdict, or `tests` of the Python that it holds; of a list of words one is enough. With
`--data benchmarks/own` the rows are ours; `development.jsonl` beside them holds those that were
looked at while linking was built, and is not reported (`--file` names another file).

Both arms are as shipped: the council with its defaults, and the general expert's model with its
own prompt in one call. The server has the slots that metier starts it with, and before each row
the prompts of all experts are read, as `metier chat` has it. Every answer is kept with its text in
the file of `--answers`; `--publish` writes docs/results/chains-answers.jsonl, with the texts if the
rows are ours, and is refused if only some rows are asked.

Keys: `all_right.council` and `all_right.single` (% of the rows with all parts right),
`all_right.ratio`, `all_right.gain` and `all_right.gain_low` (points, and the lower end of their
interval), `all_right.p` (McNemar), `calls` of the council, `time_ratio` (the median over the rows
of the council's seconds to the model's), `seconds.council` and `seconds.single` (medians), and
`planned` (% of the rows whose plan has exactly the right experts).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import anyio
import numpy as np

from benchmarks.chains_gold import Chain, wrong_parts
from benchmarks.contract import (
    Metric,
    exactly,
    mean_of,
    median_of,
    ratio_of,
    report,
    say,
    share_of,
)
from benchmarks.data import Row, arguments, require, rows
from benchmarks.end_to_end import Asked, Result
from benchmarks.server import BIG, EMBED, serving, slots_wanted
from metier.council import Council
from metier.evaluating.answers import Reply
from metier.evaluating.both_ways import BothWays
from metier.evaluating.estimate import mcnemar
from metier.evaluating.questions import AnswerQuestion
from metier.experts.expert import Task, messages_for
from metier.grading import TextGold
from metier.settings import Settings

FILE = "chains/questions.jsonl"
OWN = Path(__file__).parent / "own"
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
            side_by_side=True,
            published=PUBLISHED if options.publish else None,
        )
        single, council = await both_ways(asked, chains)
        asked.publish(texts=options.data.resolve() == OWN)
    return figures(chains, single, council)


async def both_ways(asked: Asked, chains: Sequence[Chain]) -> tuple[list[Result], list[Result]]:
    """What the model alone and the council make of each row."""
    single: list[Result] = []
    council: list[Result] = []
    for number, chain in enumerate(chains, 1):
        whole = question_of(chain)
        judge = partial(_judged, chain=chain, ways=asked.ways)
        messages = messages_for(asked.ways.card, Task(text=chain.q))
        if not asked.has(whole):
            await asked.ways.council.warm()
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


def figures(
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
        found["time_ratio"] = median_of([after / before for after, before in times])
        found["seconds.council"] = median_of([after for after, _ in times])
        found["seconds.single"] = median_of([before for _, before in times])
    return found


def numbered(text: str) -> list[int]:
    """The numbers that `1-3,7` names."""
    parts = [part.partition("-") for part in text.split(",")]
    return [n for low, _, high in parts for n in range(int(low), int(high or low) + 1)]


def _parser() -> argparse.ArgumentParser:
    parser = arguments(__doc__ or "")
    parser.add_argument("--model", default=BIG, help="the model that is asked alone")
    parser.add_argument("--file", default=FILE, help="the rows, in the folder of the sets")
    parser.add_argument("--rows", type=numbered, help="their numbers in the file, such as 1-12,15")
    parser.add_argument("--answers", type=Path, help="the file in which the answers are kept")
    parser.add_argument("--publish", action="store_true", help=f"write {PUBLISHED.name}")
    parser.add_argument("--keep", action="store_true", help="answers of other code count, too")
    parser.add_argument(
        "--untimed", action="store_true", help="other work runs beside it: keep no seconds"
    )
    return parser


def read_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options of the command; stops if only some of the rows would be published."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.publish and (
        options.rows is not None or options.limit is not None or options.file != FILE
    ):
        parser.error(f"--publish writes the results of all rows of {FILE}")
    return options


def chosen(everything: Sequence[Row], numbers: Sequence[int] | None) -> Sequence[Row]:
    """The rows with these numbers, counted from 1; all if none are given.

    Raises:
        SystemExit: there is no such row.
    """
    if numbers is None:
        return everything
    if unknown := [number for number in numbers if not 1 <= number <= len(everything)]:
        sys.exit(f"--rows: there is no row {unknown[0]}, only 1-{len(everything)}")
    return [everything[number - 1] for number in numbers]


def main() -> None:
    started = time.perf_counter()
    options = read_options()
    require(options.data, (options.file,))
    found = chosen(rows(options.data, options.file, limit=options.limit), options.rows)
    chains = [Chain.model_validate(row) for row in found]
    if options.answers is None:
        options.answers = Settings.load().cache_dir / "benchmarks" / "chains.jsonl"
    models = [EMBED, options.model]
    with serving(models, keeps=slots_wanted(models)):
        metrics = anyio.run(partial(measured, options, chains))
    report(
        "chains",
        metrics,
        baselines={"single": {"all_right.single": metrics["all_right.single"]}},
        embedder=f"ollama/{EMBED}",
        fitted_on="benchmarks/own/chains/development.jsonl was looked at; nothing was fitted",
        started=started,
    )


if __name__ == "__main__":
    main()
