"""`metier rate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import click

from metier.cli.session import errors_for_people, load_settings

if TYPE_CHECKING:
    from metier.runs.run import Run

Verdict = Literal["good", "bad"]


@click.command(epilog="Example: metier rate last bad --step 2 --expert medical")
@click.argument("run")
@click.argument("verdict", type=click.Choice(["good", "bad"]))
@click.option("--step", "step_id", default="", metavar="STEP", help="Only this step of the plan.")
@click.option("--expert", default="", metavar="NAME", help="Who should have answered.")
@click.option("--note", default="", metavar="TEXT", help="Why, in your own words.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def rate(
    *, run: str, verdict: Verdict, step_id: str, expert: str, note: str, as_json: bool
) -> None:
    """Rate an answer as good or bad, and name the expert that should have answered.

    Rating a run or a step again replaces its rating. `metier learn ratings` learns from ratings
    which expert answers what.
    """
    with errors_for_people(as_json=as_json):
        from metier.cli.text import as_json as dumped
        from metier.runs.run import Rating
        from metier.runs.store import RunStore

        settings = load_settings()
        with RunStore.of(settings) as store:
            kept = store.load(run)
            _check(kept, verdict=verdict, step_id=step_id, expert=expert)
            given = Rating(step_id=step_id, verdict=verdict, expert=expert, note=note)
            rated = store.rate(kept.id, given)
        if as_json:
            click.echo(dumped(rated.model_dump(mode="json", include={"id", "ratings"})))
        else:
            click.echo(f"rated {kept.id[:8]} {verdict}", err=True)


def _check(kept: Run, *, verdict: Verdict, step_id: str, expert: str) -> None:
    """Check that a correction names an installed expert, and one step."""
    from metier.council import Council
    from metier.errors import InvalidInput, UnknownExpert

    if not expert:
        return
    if verdict == "good":
        raise InvalidInput(
            "--expert names who should have answered instead", hint="Leave it out, or rate it bad"
        )
    registry = Council.from_installed(load_settings()).registry
    if expert not in registry.cards:
        raise UnknownExpert(expert, registry.cards)
    steps = kept.plan.steps if kept.plan else ()
    if len(steps) > 1 and not step_id:
        raise InvalidInput(
            f"the plan has {len(steps)} steps",
            hint="Say which one with --step; see: metier runs show",
        )
