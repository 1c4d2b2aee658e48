"""`metier learn`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from metier.cli.evaluate import output_options, tell_refusal
from metier.cli.session import errors_for_people, load_settings, open_council, run_async

if TYPE_CHECKING:
    from metier.cli.evaluate import Evaluated
    from metier.council import Council
    from metier.evaluating.ratings import RatingsReport
    from metier.runs.run import Run


@click.group(epilog="Example: metier learn status")
def learn() -> None:
    """Learn from ratings; list and remove what was learnt."""


@learn.command(epilog="Example: metier learn status --json")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(*, as_json: bool) -> None:
    """List what was learnt, and whether it is used.

    What was fitted to the cards' own examples is refitted when a card changes. What was learnt from
    your own data stays until you remove it, and is used with one embedder only.
    """
    with errors_for_people(as_json=as_json):
        from metier.cli.text import as_json as dumped
        from metier.cli.text import table
        from metier.planning.scoring import cards_hash

        council = open_council(load_settings(), only_embeds=True)
        index = run_async(council.planning.index, closing=council)
        kept = council.planning.artefacts.status(of=cards_hash(index, council.registry.cards))
        if as_json:
            found = [
                {
                    "name": each.name,
                    "teaches": each.teaches,
                    "file": str(each.file),
                    "size_bytes": each.size_bytes,
                    "used": not each.problem,
                    "problem": each.problem,
                }
                for each in kept
            ]
            click.echo(dumped({"learnt": found}))
            return
        if not kept:
            click.echo("nothing yet; see: metier evaluate --help", err=True)
            return
        rows = [
            (each.name, each.problem or "used", f"{each.size_bytes / 1000:.0f} kB", each.teaches)
            for each in kept
        ]
        click.echo(table(rows, header=("name", "state", "size", "what it teaches")))


@learn.command(epilog="Example: metier learn ratings --apply")
@click.option("--apply", is_flag=True, help="Use what was learnt in future plans.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def ratings(*, apply: bool, as_json: bool) -> None:
    """Learn from `metier rate` which expert answers what.

    A good rating confirms the expert; a bad one with --expert names the right one. What is learnt
    is tested on questions that it was not learnt from, and applied only if it routes more of them
    correctly than chance explains. To undo: `metier learn remove ratings`.
    """
    with errors_for_people(as_json=as_json):
        from metier.cli.text import as_json as dumped
        from metier.evaluating.ratings import RatedRouting, rated_questions
        from metier.runs.store import RunStore

        settings = load_settings()
        council = open_council(settings, only_embeds=True)
        with RunStore.of(settings) as store:
            questions, useless = rated_questions(store.rated(), council.registry.cards)
        rated = run_async(partial(RatedRouting.of, council, questions, useless=useless),
                          closing=council)  # fmt: skip
        report = rated.report()
        file = council.planning.keep(rated.learnt()) if apply and not report.refusal else None
        if as_json:
            applied = {"refusal": report.refusal, "applied": file is not None}
            click.echo(dumped(report.model_dump(mode="json") | applied))
        else:
            _tell_ratings(report, file)
        if report.refusal:
            tell_refusal(report.refusal, apply=apply)


def _tell_ratings(report: RatingsReport, file: Path | None) -> None:
    from metier.cli.text import interval, points

    click.echo(f"ratings that name the right expert: {report.n} (others: {report.useless})")
    click.echo(f"routed correctly now:         {interval(report.now)}")
    if report.learnt is not None and report.gain is not None:
        click.echo(f"with what the ratings teach:  {interval(report.learnt)}")
        click.echo(f"gain in points:               {points(report.gain)}")
    if file is not None:
        click.echo(f"applied: {file}; to undo: metier learn remove ratings", err=True)
    elif not report.refusal:
        click.echo("this would be better; to use it: metier learn ratings --apply", err=True)


@learn.command(epilog="Example: metier learn outcomes --apply")
@output_options
def outcomes(*, apply: bool, as_json: bool) -> None:
    """Learn from `metier rate` which model answers what.

    A rating of a step, or of a run with one step, says whether its model was right. Models are
    compared only on questions that all of them answered: repeat a rated run on another model
    (`metier runs replay RUN --from STEP`), and rate that. Tested and applied like `metier evaluate
    models`. To undo: `metier learn remove outcomes`.
    """
    from metier.cli.evaluate import evaluated_outcomes, run_evaluated
    from metier.errors import InvalidInput
    from metier.evaluating.rated import rated_outcomes

    async def evaluated(council: Council) -> Evaluated:
        rated = rated_outcomes(_rated_runs(council))
        if not rated:
            raise InvalidInput(
                "no rating says whether a model was right",
                hint="A bad rating with --expert does not; rate an answer: metier rate last good",
            )
        return await evaluated_outcomes(council, rated)

    run_evaluated(evaluated, apply=apply, as_json=as_json)


@learn.command(epilog="Example: metier learn plans --apply")
@output_options
def plans(*, apply: bool, as_json: bool) -> None:
    """Learn from `metier rate` how requests are planned.

    The plan of a run rated good counts as right, and so does one whose bad steps were all rated
    with --expert. Tested and applied like `metier evaluate plans`. To undo: `metier learn remove
    chains`.
    """
    from metier.cli.evaluate import evaluated_plans, run_evaluated
    from metier.evaluating.rated import rated_plans

    async def evaluated(council: Council) -> Evaluated:
        rated = rated_plans(_rated_runs(council), council.registry.cards)
        return await evaluated_plans(council, rated)

    run_evaluated(evaluated, apply=apply, as_json=as_json)


def _rated_runs(council: Council) -> list[Run]:
    """The rated runs.

    Raises:
        InvalidInput: there are none.
    """
    from metier.errors import InvalidInput
    from metier.runs.store import RunStore

    with RunStore.of(council.settings) as store:
        runs = store.rated()
    if not runs:
        raise InvalidInput("no run has been rated yet", hint="Rate one: metier rate last good")
    return runs


@learn.command(epilog="Example: metier learn remove outcomes")
@click.argument("names", nargs=-1, required=True)
def remove(names: tuple[str, ...]) -> None:
    """Remove what was learnt, by the names that `metier learn status` shows."""
    with errors_for_people():
        from metier.council import Council
        from metier.errors import InvalidInput

        council = Council.from_installed(load_settings())
        for name in names:
            if not council.planning.forget(name):
                raise InvalidInput(f"nothing is kept as {name!r}", hint="See: metier learn status")
            click.echo(f"removed {name}", err=True)
