"""The published tables of answers, made again from the kept answers: no model is asked.

    uv run python -m benchmarks.published [--data DIR]

Prints each row of docs/results/combining.md, end-to-end.md and chains.md and of the README as the
kept answers give it, and exits with 1 if a page has another.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from benchmarks import chains as linked
from benchmarks.chains_gold import Chain
from benchmarks.combining import (
    FIELDS,
    PUBLISHED,
    PUBLISHED_RUNS,
    SLOW,
    Field,
    Measuring,
    Run,
    arms,
)
from benchmarks.combining import split as reported_and_others
from benchmarks.compound import compounds
from benchmarks.contract import Metric, exactly, say
from benchmarks.data import arguments, require, rows
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
from benchmarks.end_to_end import PUBLISHED as ANSWERS
from benchmarks.gold import FILES, general, items
from benchmarks.keeping import Keeping
from benchmarks.samples import Samples
from benchmarks.server import BIG
from metier.council import Council
from metier.evaluating.both_ways import BothWays
from metier.experts.card import GENERAL, Card
from metier.experts.registry import Registry
from metier.models.server import InstalledModel
from metier.sandbox import Sandboxes
from metier.settings import Settings
from metier.testing import ScriptedModels
from metier_math.calculator import Calculator

Metrics = Mapping[str, Metric]
ROOT = Path(__file__).parents[1]
COMBINING = "docs/results/combining.md"
END_TO_END = "docs/results/end-to-end.md"
CHAINS = "docs/results/chains.md"
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


async def chains() -> Metrics:
    """The figures of `benchmarks.chains` on the rows that were asked, and those of each kind."""
    card = Registry.from_installed(Settings()).cards[GENERAL]
    everything = [Chain.model_validate(row) for row in rows(linked.OWN, linked.FILE)]
    async with _kept_answers(card, linked.PUBLISHED) as asked:
        asked_for = [each for each in everything if asked.has(linked.question_of(each))]
        single, council = await linked.both_ways(asked, asked_for)
    metrics = linked.figures(asked_for, single, council)
    kinds = [_KINDS.get(chain.experts, _OTHERS) for chain in asked_for]
    for kind in dict.fromkeys(kinds):
        for arm, results in (("single", single), ("council", council)):
            right = [each.right for each, own in zip(results, kinds, strict=True) if own == kind]
            metrics[f"{kind}.{arm}"] = exactly(sum(right), n=len(right))
    return metrics


# What the page calls a request, by its experts in their order.
_OTHERS = "three steps"
_FACT = "a fact, and a sum with it (general or medical → math)"
_KINDS: Mapping[tuple[str, ...], str] = {
    ("math", "medical"): "a value, and what it means (math → medical)",
    ("general", "math"): _FACT,
    ("medical", "math"): _FACT,
    ("math", "general"): "a sum, and a message with it (math → general)",
    ("math", "code"): "a sum, and a function with it (math → code)",
}


_ALONE = Card(id=GENERAL, description="The model alone")


@asynccontextmanager
async def _kept_answers(card: Card = _ALONE, published: Path = ANSWERS) -> AsyncIterator[Asked]:
    """What came of each question; one that is not kept is an error, since no model has a script."""
    model = InstalledModel(name=BIG, size_bytes=0)
    with tempfile.TemporaryDirectory() as name:
        async with Council.of([], server=ScriptedModels()) as council:
            ways = BothWays(council=council, model=model, card=card, sandboxes=Sandboxes())
            file = Path(name, "answers")
            yield Asked(ways, file, any_revision=True, published=published)


def all_combining_rows(metrics: Metrics, field: Field) -> list[str]:
    """The rows of a set in every table of that page."""
    return [
        *combining_rows(metrics, field),
        *unlearnt_rows(metrics, field),
        *equal_rows(metrics, field),
    ]


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


def unlearnt_rows(metrics: Metrics, field: Field) -> list[str]:
    """The rows of a set in the table of strategies without learnt skills."""
    return [
        f"| {field.name} | `{arm.strategy}` | {_interval(metrics[f'{field.name}.{arm.key}'])} | "
        f"{_interval(metrics[f'{field.name}.{arm.key}.gain'], '+')} | "
        f"{metrics[f'{field.name}.{arm.key}.calls']['value']:.2f} | "
        f"{metrics[f'{field.name}.{arm.strategy}']['value']:.1f} |"
        for arm in arms(field)
        if not arm.learnt
    ]


def equal_rows(metrics: Metrics, field: Field) -> list[str]:
    """The rows of the table at equal calls, those with the fewest first."""
    found = [arm for arm in arms(field) if arm.samples]
    calls = {arm: metrics[f"{field.name}.{arm.key}.calls"]["value"] for arm in found}
    return [
        f"| {calls[arm]:.2f} | `{arm.strategy}`{', one model' * arm.one} | {arm.samples} | "
        f"{_interval(metrics[f'{field.name}.{arm.key}'])} | "
        f"{_interval(metrics[f'{field.name}.{arm.key}.gain'], '+')} |"
        for arm in sorted(found, key=calls.__getitem__)
    ]


_NAMES = {"humaneval": "HumanEval", "medqa": "MedQA", "pubmedqa": "PubMedQA", "gsm8k": "GSM8K"}


def end_to_end_rows(metrics: Metrics) -> list[str]:
    """The rows of that page's tables."""
    rows = [_both_ways(metrics, name, label) for name, label in _NAMES.items()]
    ratio, time = metrics["compound.ratio"], metrics["compound.time_ratio"]
    by_part = metrics["compound.ratio_by_part"]
    rows += [
        f"| alone, in one call | 100 | {_interval(metrics['compound.single'])} |",
        f"| alone, told to answer each part in turn | 100 | "
        f"{_interval(metrics['compound.single_prompted'])} |",
        f"| council to the better of the two | 100 | ratio {_interval(ratio)}, "
        f"p {metrics['compound.p']['value']:.2g} | "
        f"ratio {_interval(time, digits=2)}, n {time['n']} |",
        f"| the same to one call, resampled by part | {by_part['n']} parts | "
        f"ratio {_interval(by_part)} | |",
        f"`general.kept` {_interval(metrics['general.kept'], unit=' %')[:-1]}",
    ]
    for name in ("medqa", "pubmedqa"):
        coverage, right = metrics[f"{name}.coverage"], metrics[f"{name}.selective"]
        rows.append(f"| 200 | {coverage['value']:.1f} | {_interval(right)} |")
    return rows


def _both_ways(metrics: Metrics, name: str, label: str) -> str:
    found = {key.partition(".")[2]: each for key, each in metrics.items() if key.startswith(name)}
    single, council, ratio = found["single"], found["council"], found["time_ratio"]
    alone, together = found["single_seconds"]["value"], found["council_seconds"]["value"]
    return (
        f"| {label}, every row | {single['n']} | {single['value']:.1f} | {council['value']:.1f} | "
        f"{_interval(found['gain'], '+')} | {found['p']['value']:.2g} | "
        f"{found['calls']['value']:.2f} | {alone:.1f}, {together:.1f} | "
        f"{_interval(ratio, digits=2)}, n {ratio['n']} |"
    )


def chains_rows(metrics: Metrics) -> list[str]:
    """The rows of that page's tables."""
    council, single = metrics["all_right.council"], metrics["all_right.single"]
    rows = [
        f"| alone | {single['n']} | {_interval(single)} | 1 |",
        f"| council | {council['n']} | {_interval(council)} | {metrics['calls']['value']:.1f} |",
        f"| gain, points | {council['n']} | {_interval(metrics['all_right.gain'], '+')}, "
        f"p {metrics['all_right.p']['value']:.2g} | |",
        f"| ratio | {council['n']} | {_interval(metrics['all_right.ratio'])} | |",
        f"{metrics['planned']['value']:.0f} % have the right experts",
    ]
    for key, alone in metrics.items():
        if (kind := key.removesuffix(".single")) in {*_KINDS.values(), _OTHERS}:
            together = metrics[f"{kind}.council"]
            rows.append(f"| {kind} | {alone['n']} | {alone['value']} | {together['value']} |")
    return rows


def readme_rows(metrics: Metrics) -> list[str]:
    """What the README says of the council against the model alone."""
    rows: list[str] = []
    for name in _NAMES:
        single, council = metrics[f"{name}.single"], metrics[f"{name}.council"]
        ratio = metrics[f"{name}.time_ratio"]
        rows.append(
            f", {single['n']}) | {council['value']:.1f} % | {single['value']:.1f} % | "
            f"{_interval(metrics[f'{name}.gain'], '+')} | "
            f"{ratio['value']:.1f} (n {ratio['n']}) |"
        )
    return rows


def _interval(metric: Metric, sign: str = "", *, unit: str = "", digits: int = 1) -> str:
    """A figure with its interval, as the pages write it."""
    low, high = metric["ci95"]
    text = f"{metric['value']:{sign}.{digits}f}{unit} ({low:.{digits}f} to {high:.{digits}f})"
    return text.replace("-", "−")


def missing(page: str, rows: Sequence[str]) -> list[str]:
    """The rows that the page does not have."""
    text = (ROOT / page).read_text()
    return [row for row in rows if row not in text]


async def _differences(folder: Path) -> list[str]:
    found, answers = await combining(folder), await end_to_end(folder)
    expected = {
        COMBINING: [row for field in FIELDS for row in all_combining_rows(found, field)],
        END_TO_END: end_to_end_rows(answers),
        CHAINS: chains_rows(await chains()),
        README: readme_rows(answers),
    }
    for page, lines in expected.items():
        print(page, *lines, sep="\n")
    return [
        f"{page} lacks {row}" for page, lines in expected.items() for row in missing(page, lines)
    ]


def main() -> None:
    options = arguments(str(__doc__)).parse_args()
    require(options.data, FILES)
    if differences := anyio.run(_differences, options.data):
        say("\n".join(differences))
        raise SystemExit(1)


if __name__ == "__main__":
    main()
