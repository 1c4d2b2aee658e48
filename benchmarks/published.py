"""The published tables of answers, made again from the kept answers: no model is asked.

    uv run python -m benchmarks.published [--data DIR]

Prints each row of docs/results/combining.md, docs/results/end-to-end.md and the README as the kept
answers give it, and exits with 1 if a page has another.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from benchmarks.combining import FIELDS, PUBLISHED, PUBLISHED_RUNS, SLOW, Field, Measuring, Run
from benchmarks.combining import split as reported_and_others
from benchmarks.compound import compounds
from benchmarks.contract import Metric, say
from benchmarks.data import arguments, require
from benchmarks.end_to_end import (
    N_COMPOUND,
    N_GENERAL,
    SETS,
    Asked,
    N,
    kept_by_general,
    on_compound,
    on_set,
)
from benchmarks.gold import FILES, general, items
from benchmarks.keeping import Keeping
from benchmarks.samples import Samples
from benchmarks.server import BIG
from metier.council import Council
from metier.evaluating.both_ways import BothWays
from metier.experts.card import Card
from metier.models.server import InstalledModel
from metier.sandbox import Sandboxes
from metier.testing import ScriptedModels
from metier_math.calculator import Calculator

Metrics = Mapping[str, Metric]
ROOT = Path(__file__).parents[1]
COMBINING = "docs/results/combining.md"
END_TO_END = "docs/results/end-to-end.md"
README = "README.md"
SEED = 7


async def combining(folder: Path, *, fields: Sequence[Field] = FIELDS) -> Metrics:
    """The figures of `benchmarks.combining`."""
    metrics: dict[str, Metric] = {}
    calculator = Calculator()
    with tempfile.TemporaryDirectory() as name:
        samples = Samples(ScriptedModels(), Path(name, "samples"), PUBLISHED, timed=False)
        runs = Keeping(Run, Path(name, "runs"), PUBLISHED_RUNS, place=lambda r: (r.strategy, r.key))
        try:
            for field in fields:
                measuring = Measuring(field, samples, runs, calculator)
                reported, others = reported_and_others(field, folder, limit=None)
                metrics |= await measuring.report(reported, await measuring.learn(others))
        finally:
            await calculator.aclose()
    return metrics


async def end_to_end(folder: Path) -> Metrics:
    """The figures of `benchmarks.end_to_end`."""
    metrics: dict[str, Metric] = {}
    async with _kept_answers() as asked:
        for name in SETS:
            metrics |= await on_set(asked, name, items(folder, name, limit=N))
        joined = compounds(folder, limit=N_COMPOUND, seed=SEED, skip=N)
        metrics |= await on_compound(asked, joined)
        metrics |= await kept_by_general(asked, general(folder, limit=N_GENERAL))
    return metrics


@asynccontextmanager
async def _kept_answers() -> AsyncIterator[Asked]:
    """What came of each question; one that is not kept is an error, since no model has a script."""
    card = Card(id="general", description="The model alone")
    model = InstalledModel(name=BIG, size_bytes=0)
    with tempfile.TemporaryDirectory() as name:
        async with Council.of([], server=ScriptedModels()) as council:
            ways = BothWays(council=council, model=model, card=card, sandboxes=Sandboxes())
            yield Asked(ways, Path(name, "answers"), any_revision=True)


def combining_rows(metrics: Metrics, field: Field) -> list[str]:
    """The rows of a set's table, without its seconds."""
    name = field.name
    rows = [f"| the best single model | {_interval(metrics[f'{name}.best_single'])} | | 1 |"]
    for strategy in field.strategies:
        key = f"{name}.{strategy}"
        label = f"`{strategy}`" + (", first 50 rows" if strategy in SLOW else "")
        rows.append(
            f"| {label} | {_interval(metrics[key])} | {_interval(metrics[f'{key}.gain'], '+')} | "
            f"{metrics[f'{key}.calls']['value']:.2f} | {metrics[f'{key}.tokens']['value']:.0f} |"
        )
    return rows


_NAMES = {"humaneval": "HumanEval", "medqa": "MedQA", "pubmedqa": "PubMedQA", "gsm8k": "GSM8K"}


def end_to_end_rows(metrics: Metrics) -> list[str]:
    """The rows of that page's tables."""
    rows = [_both_ways(metrics, name, label) for name, label in _NAMES.items()]
    ratio = metrics["compound.ratio"]
    rows += [
        f"| alone, in one call | 100 | {_interval(metrics['compound.single'])} |",
        f"| alone, told to answer each part in turn | 100 | "
        f"{_interval(metrics['compound.single_prompted'])} |",
        f"| council to the better of the two | 100 | ratio {_interval(ratio)}, p ",
        f"`general.kept` {_interval(metrics['general.kept'], unit=' %')[:-1]}",
    ]
    for name in ("medqa", "pubmedqa"):
        coverage, right = metrics[f"{name}.coverage"], metrics[f"{name}.selective"]
        rows.append(f"| 200 | {coverage['value']:.1f} | {_interval(right)} |")
    return rows


def _both_ways(metrics: Metrics, name: str, label: str) -> str:
    single, council = metrics[f"{name}.single"], metrics[f"{name}.council"]
    return (
        f"| {label}, every row | {single['n']} | {single['value']:.1f} | {council['value']:.1f} | "
        f"{_interval(metrics[f'{name}.gain'], '+')} | "
    )


def readme_rows(metrics: Metrics) -> list[str]:
    """What the README says of the council against the model alone."""
    rows: list[str] = []
    for name in _NAMES:
        single, council = metrics[f"{name}.single"], metrics[f"{name}.council"]
        rows.append(f", {single['n']}) | {council['value']:.1f} % | {single['value']:.1f} %")
    return rows


def _interval(metric: Metric, sign: str = "", *, unit: str = "") -> str:
    """A figure with its interval, as the pages write it."""
    low, high = metric["ci95"]
    text = f"{metric['value']:{sign}.1f}{unit} ({low:.1f} to {high:.1f})"
    return text.replace("-", "−")


def missing(page: str, rows: Sequence[str]) -> list[str]:
    """The rows that the page does not have."""
    text = (ROOT / page).read_text()
    return [row for row in rows if row not in text]


async def _differences(folder: Path) -> list[str]:
    found, answers = await combining(folder), await end_to_end(folder)
    expected = {
        COMBINING: [row for field in FIELDS for row in combining_rows(found, field)],
        END_TO_END: end_to_end_rows(answers),
        README: readme_rows(answers),
    }
    for page, rows in expected.items():
        print(page, *rows, sep="\n")
    return [f"{page} lacks {row}" for page, rows in expected.items() for row in missing(page, rows)]


def main() -> None:
    options = arguments(str(__doc__)).parse_args()
    require(options.data, FILES)
    if differences := anyio.run(_differences, options.data):
        say("\n".join(differences))
        raise SystemExit(1)


if __name__ == "__main__":
    main()
