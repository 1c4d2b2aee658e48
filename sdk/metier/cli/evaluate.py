"""`metier evaluate`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

from metier.cli.answers import answers
from metier.cli.session import FAILED, errors_for_people, load_settings, open_council, run_async
from metier.cli.terminal import styled

if TYPE_CHECKING:
    from metier.council import Council
    from metier.evaluating.newcomer import NewcomerReport
    from metier.evaluating.questions import OutcomeQuestion
    from metier.planning.learning.past import PastPlan


@click.group(epilog="Example: metier evaluate routing")
def evaluate() -> None:
    """Measure routing, planning and answers on test questions, and learn from them."""


evaluate.add_command(answers)


class _Report(Protocol):
    @property
    def refusal(self) -> str | None: ...

    def model_dump(self, *, mode: str) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """The result of an evaluation.

    Attributes:
        shown: the report as text.
        keep: saves what was learnt, and describes what changes.
    """

    report: _Report
    shown: str
    keep: Callable[[], str]


def output_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--apply` and `--json`."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),
        click.option("--apply", is_flag=True, help="Use what was learnt in future plans."),
    ):
        command = option(command)
    return command


def _data_option(what: str, *, required: bool = True) -> Callable[..., Any]:
    return click.option(
        "--data", type=click.Path(path_type=Path), metavar="FILE", required=required, help=what
    )


@evaluate.command(epilog="Example: metier evaluate routing --data questions.jsonl --apply")
@_data_option(
    'Questions, one {"question": …, "expert": …} per line; default: the domains\' own.',
    required=False,
)
@click.option("-v", "--verbose", is_flag=True, help="Show every misplaced question, and why.")
@click.option(
    "--expert",
    metavar="NAME_OR_PATH",
    help="Evaluate one expert: which questions reach it, and which does it take from others? An "
    "expert at a path need not be installed.",
)
@output_options
def routing(
    *, data: Path | None, verbose: bool, expert: str | None, apply: bool, as_json: bool
) -> None:
    """Measure which questions reach their expert, and which go to another.

    No model is asked, only the embedder. --apply keeps the thresholds and calibrations that are
    learnt from the questions, unless they route fewer questions correctly.
    """
    if expert is not None:
        if apply:
            raise click.UsageError("--expert and --apply exclude each other")
        _run_newcomer(expert, data=data, verbose=verbose, as_json=as_json)
        return
    run_evaluated(partial(_routing, data=data, verbose=verbose), apply=apply, as_json=as_json)


@evaluate.command(epilog="Example: metier evaluate models --data outcomes.jsonl --apply")
@_data_option('Outcomes, one {"question": …, "right": {"MODEL": true, …}} per line.')
@output_options
def models(*, data: Path, apply: bool, as_json: bool) -> None:
    """Measure the gain from choosing a model for each question.

    No model is asked, only the embedder: the file says which models got which question right.
    With --apply, each step runs on the model that is most likely right, unless one model alone is
    as good. If the lines also contain the models' answers ("answers": {"MODEL": "B"}), --strategy
    weighted learns how much to trust each model.
    """
    run_evaluated(partial(_models, data=data), apply=apply, as_json=as_json)


@evaluate.command(epilog="Example: metier evaluate splitting --data several.jsonl --apply")
@_data_option('Questions, one {"question": …, "several": true} per line.')
@output_options
def splitting(*, data: Path, apply: bool, as_json: bool) -> None:
    """Measure how well questions with one task are told apart from those with several.

    No model is asked, only the embedder. With --apply, what is learnt from the questions decides
    whether a question is split, unless the grammar alone is as good.
    """
    run_evaluated(partial(_splitting, data=data), apply=apply, as_json=as_json)


@evaluate.command(epilog="Example: metier evaluate plans --data plans.jsonl --apply")
@_data_option(
    'Past plans, one per line: {"request": …, "steps": […]}, or a plan from metier plan --json.'
)
@output_options
def plans(*, data: Path, apply: bool, as_json: bool) -> None:
    """Measure how closely the planner reproduces past plans from the request alone.

    No model is asked, only the embedder, unless the setting ask_to_split is on. With --apply, a
    request that resembles past ones is planned like them, unless the rules alone are as good.
    """
    run_evaluated(partial(_plans, data=data), apply=apply, as_json=as_json)


def run_evaluated(
    evaluated: Callable[[Council], Coroutine[Any, Any, Evaluated]], *, apply: bool, as_json: bool
) -> None:
    """Show the result; with `apply`, use it if it is better, else exit with 1."""
    with errors_for_people(as_json=as_json):
        council = open_council(load_settings(), only_embeds=True)
        found = run_async(partial(evaluated, council), closing=council)
        refusal = found.report.refusal
        if not as_json:
            click.echo(found.shown)
        if apply and refusal is None:
            click.echo(found.keep(), err=True)
        if as_json:
            from metier.cli.text import as_json as dumped

            body = found.report.model_dump(mode="json")
            click.echo(dumped({**body, "applied": apply and refusal is None, "refusal": refusal}))
        if refusal is not None:
            tell_refusal(refusal, apply=apply)


def tell_refusal(refusal: str, *, apply: bool) -> None:
    """Say why what was learnt is refused; with `apply`, end the command."""
    if not apply:
        click.echo(f"--apply would refuse: {refusal}", err=True)
        return
    styled("Not applied: ", fg="red", err=True, nl=False)
    click.echo(refusal, err=True)
    sys.exit(FAILED)


def _run_newcomer(expert: str, *, data: Path | None, verbose: bool, as_json: bool) -> None:
    with errors_for_people(as_json=as_json):
        from metier.cli.newcomer_report import newcomer_report
        from metier.cli.text import as_json as dumped

        council, names = _council_with(expert)
        reports = run_async(partial(_newcomers, council, names, data=data), closing=council)
        if as_json:
            click.echo(dumped({"experts": [report.model_dump(mode="json") for report in reports]}))
            return
        for report in reports:
            click.echo(newcomer_report(report, verbose=verbose))


def _council_with(expert: str) -> tuple[Council, tuple[str, ...]]:
    """The council, and the experts that a name or a path stands for."""
    from metier.cli.extra_expert import council_with
    from metier.experts.card import is_id

    settings = load_settings()
    if is_id(expert):
        return open_council(settings, only_embeds=True), (expert,)
    return council_with(settings, Path(expert))


async def _newcomers(
    council: Council, names: tuple[str, ...], *, data: Path | None
) -> list[NewcomerReport]:
    from metier.evaluating.newcomer import evaluated_newcomer
    from metier.evaluating.questions import domain_questions, routing_questions

    registry = council.registry
    questions = routing_questions(data, registry.cards) if data else domain_questions(registry)
    return [await evaluated_newcomer(council, questions, expert=name) for name in names]


async def _routing(council: Council, *, data: Path | None, verbose: bool) -> Evaluated:
    from metier.cli.reports import routing_applied, routing_report
    from metier.evaluating.questions import domain_questions, routing_questions
    from metier.evaluating.routing import evaluated_routing

    registry = council.registry
    questions = routing_questions(data, registry.cards) if data else domain_questions(registry)
    report = await evaluated_routing(council, questions)
    index = await council.planning.index()

    def keep() -> str:
        assert report.calibration is not None  # without one it is refused
        file = council.planning.keep(report.calibration, index=index)
        return routing_applied(report, report.calibration, file)

    return Evaluated(report=report, shown=routing_report(report, verbose=verbose), keep=keep)


async def _models(council: Council, *, data: Path) -> Evaluated:
    from metier.evaluating.questions import outcome_questions

    return await evaluated_outcomes(council, outcome_questions(data))


async def evaluated_outcomes(council: Council, questions: Sequence[OutcomeQuestion]) -> Evaluated:
    """Evaluate what outcomes teach about the choice of a model."""
    from metier.cli.reports import outcomes_applied, outcomes_report
    from metier.evaluating.outcomes import Outcomes

    outcomes = await Outcomes.of(questions, council.embedder)
    report = outcomes.report()

    def keep() -> str:
        file = council.planning.keep(outcomes.learnt())
        council.planning.forget("votes")
        if (votes := outcomes.voting()) is not None:
            council.planning.keep(votes)
        return outcomes_applied(report, file)

    return Evaluated(report=report, shown=outcomes_report(report), keep=keep)


async def _splitting(council: Council, *, data: Path) -> Evaluated:
    from metier.cli.reports import splitting_applied, splitting_report
    from metier.evaluating.questions import splitting_questions
    from metier.evaluating.splitting import Splitting

    labelled = await Splitting.of(splitting_questions(data), council.embedder)
    report = labelled.report()

    def keep() -> str:
        return splitting_applied(council.planning.keep(labelled.learnt()))

    return Evaluated(report=report, shown=splitting_report(report), keep=keep)


async def _plans(council: Council, *, data: Path) -> Evaluated:
    from metier.evaluating.questions import past_plans

    return await evaluated_plans(council, past_plans(data, council.registry.cards))


async def evaluated_plans(council: Council, plans: Sequence[PastPlan]) -> Evaluated:
    """Evaluate what past plans teach."""
    from metier.cli.reports import plans_applied, plans_report
    from metier.evaluating.plans import PastPlans

    past = await PastPlans.of(plans, council)
    report = await past.report()

    def keep() -> str:
        return plans_applied(report, council.planning.keep(past.learnt()))

    return Evaluated(report=report, shown=plans_report(report), keep=keep)
