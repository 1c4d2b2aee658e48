"""`metier evaluate answers`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from metier.cli.combining import combining_options
from metier.cli.session import errors_for_people, load_settings, open_council, run_async
from metier.cli.text import as_json as dumped
from metier.cli.text import clipped

if TYPE_CHECKING:
    from metier.council import Council
    from metier.evaluating.answers import AnswersReport, Pair
    from metier.evaluating.questions import AnswerQuestion
    from metier.plan import Combining


@dataclass(slots=True, kw_only=True)
class _Run:
    """The answers so far, which remain after an interruption.

    Attributes:
        model: the one that is asked alone; unknown before the run begins.
        planned: the number of questions to ask.
    """

    model: str = ""
    planned: int = 0
    pairs: list[Pair] = field(default_factory=list)

    def report(self) -> AnswersReport:
        from metier.evaluating.answers import AnswersReport

        return AnswersReport.of(self.pairs, model=self.model, planned=self.planned)


@click.command(epilog="Example: metier evaluate answers --domain math --limit 10 --log math.jsonl")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help='Questions, one {"question": …, "expert": …, "answer": {…}} per line; default: the '
    "domains' own.",
)
@click.option(
    "--domain", "domains", multiple=True, help="Only this expert's questions. Repeatable."
)
@click.option("--limit", type=click.IntRange(min=1), help="Maximum number of questions per expert.")
@click.option(
    "--single-model",
    metavar="MODEL",
    help="Model that answers alone; default: the general expert's.",
)
@click.option(
    "--log",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Append each answer to this file; questions already in it are skipped.",
)
@click.option("--cluster", metavar="ADDRESS", help="Ray cluster whose hosts answer.")
@combining_options
@click.option("-v", "--verbose", is_flag=True, help="Show every wrong answer, and why.")
@click.option("--markdown", is_flag=True, help="Print Markdown.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with every answer.")
def answers(
    *,
    data: Path | None,
    domains: tuple[str, ...],
    limit: int | None,
    single_model: str | None,
    log: Path | None,
    cluster: str | None,
    how: Combining,
    verbose: bool,
    markdown: bool,
    as_json: bool,
) -> None:
    """Measure how many answers are right, from one model alone and from the council.

    Each question goes to the general expert's model, in one call, and to the council. Answers that
    are code run in a sandbox. An interrupted run reports on the answers so far. Several hosts
    answer several questions at once.
    """
    if as_json and markdown:
        raise click.UsageError("--json and --markdown exclude each other")
    run = _Run()
    with errors_for_people(as_json=as_json):
        council = open_council(load_settings(cluster=cluster))
        choose = partial(_questions, council, data, domains=domains, limit=limit)
        ask = partial(_ask, council, choose, run, single_model=single_model, log=log, combining=how)
        try:
            run_async(ask, closing=council)
        finally:
            if run.pairs:
                _show(run.report(), as_json=as_json, markdown=markdown, verbose=verbose)


def _questions(
    council: Council, data: Path | None, *, domains: tuple[str, ...], limit: int | None
) -> list[AnswerQuestion]:
    from metier.evaluating.questions import answer_questions, domain_questions, routing_questions

    registry = council.registry
    labelled = routing_questions(data, registry.cards) if data else domain_questions(registry)
    return answer_questions(labelled, domains=domains, limit=limit)


async def _ask(
    council: Council,
    choose: Callable[[], Sequence[AnswerQuestion]],
    run: _Run,
    *,
    single_model: str | None,
    log: Path | None,
    combining: Combining,
) -> None:
    """Ask every question both ways, and collect the answers in `run`."""
    from metier.evaluating.answer_log import AnswerLog
    from metier.evaluating.both_ways import BothWays

    questions = choose()
    both = await BothWays.of(council, model=single_model, combining=combining)
    await both.check(questions)
    run.model, run.planned = both.model.name, len(questions)
    kept = AnswerLog(log, model=both.model.name, combining=combining)
    with _progress(len(questions)) as tell:

        def take(pair: Pair) -> None:
            run.pairs.append(pair)
            tell(pair)

        await both.ask_all(questions, log=kept, take=take)


@contextmanager
def _progress(planned: int) -> Iterator[Callable[[Pair], None]]:
    """Show progress on stderr: a bar on a terminal, else a line per question."""
    if sys.stderr.isatty():
        with _bar(planned) as tell:
            yield tell
        return
    done = 0

    def say(pair: Pair) -> None:
        nonlocal done
        done += 1
        click.echo(f"{done}/{planned} {_outcomes(pair)}: {clipped(pair.question, 56)}", err=True)

    yield say


@contextmanager
def _bar(planned: int) -> Iterator[Callable[[Pair], None]]:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from metier.cli import consoles

    columns = (
        "{task.description}",
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with consoles.progress(*columns) as shown:
        task = shown.add_task("asking", total=planned)

        def tell(pair: Pair) -> None:
            shown.update(task, advance=1, description=_outcomes(pair))

        yield tell


def _outcomes(pair: Pair) -> str:
    single, council = (reply.verdict.outcome for reply in (pair.single, pair.council))
    return f"{pair.domain}, alone {single}, council {council}".replace("_", " ")


def _show(report: AnswersReport, *, as_json: bool, markdown: bool, verbose: bool) -> None:
    if as_json:
        click.echo(dumped(report.model_dump(mode="json")))
        return
    from metier.cli.answers_report import answers_report
    from metier.cli.tables import show

    show(answers_report(report, verbose=verbose), markdown=markdown)
