"""`metier runs replay` and `metier runs diff`."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING

import click

from metier.cli.session import FAILED, errors_for_people, load_settings, open_council, run_async

if TYPE_CHECKING:
    from metier.council import Council
    from metier.events import Event
    from metier.runs.replaying import Replay
    from metier.runs.run import Run


@click.command(epilog="Example: metier runs replay last; metier runs replay last --from 2")
@click.argument("run", default="last")
@click.option("--from", "from_step", metavar="STEP", help="Rerun from this step, with a server.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def replay(*, run: str, from_step: str | None, as_json: bool) -> None:
    """Repeat a stored run from its recorded replies, and compare the answers.

    No server is needed. Unless the answer is the same, byte for byte, the command says what has
    changed (a request, the embedder, a card, the version of a plugin or of metier) and exits with
    1.

    With --from, that step and those that need its result run with the current models, as a new run;
    the other results are reused.
    """
    with errors_for_people(as_json=as_json):
        from metier.council import Council
        from metier.runs.store import RunStore

        settings = load_settings()
        with RunStore.of(settings) as store:
            kept = store.load(run)
        if from_step is not None:
            sys.exit(_run_on(kept, from_step, as_json=as_json))
        council = Council.from_installed(settings)
        found = run_async(partial(council.replay, kept), closing=council)
        _show(found, as_json=as_json)
        if not found.same:
            sys.exit(FAILED)


def _show(found: Replay, *, as_json: bool) -> None:
    from metier.cli.text import as_json as dumped

    if as_json:
        answer = found.answer.model_dump(mode="json") if found.answer else None
        differences = list(found.differences)
        click.echo(dumped({"same": found.same, "differences": differences, "answer": answer}))
        return
    same, other = "the run fails with the same error", "the run fails now:"
    if found.answer is not None:
        click.echo(found.answer.text.strip("\n"))
        same, other = "the same answer", "a different answer; what has changed:"
    click.echo(same if found.same else other, err=True)
    for difference in found.differences:
        click.echo(f"- {difference}", err=True)


def _run_on(kept: Run, step: str, *, as_json: bool) -> int:
    from metier.cli.ask import answered, form_of, screen_for
    from metier.errors import ReplayDiffers
    from metier.runs.store import RunStore

    results = kept.results_before(step)
    if kept.plan is None:
        raise ReplayDiffers("this run has no plan to run again", hint="Ask the question again")
    settings = load_settings()
    store = RunStore.of(settings)
    council = open_council(settings, runs=store)
    screen = screen_for(form_of(as_json=as_json, jsonl=False), verbose=False, show_plan=False,
                        stream=True)  # fmt: skip
    events = _marked(council, kept, step, council.stream(kept.plan, results=results))
    return run_async(partial(answered, events, screen), closing=council)


async def _marked(
    council: Council, kept: Run, step: str, events: AsyncGenerator[Event, None]
) -> AsyncGenerator[Event, None]:
    """Pass events on; with the first, record that their run repeats another."""
    first = True
    async with aclosing(events):
        async for event in events:
            if first and council.runs is not None:
                council.runs.mark_replay(event.run_id, of=kept.id, from_step=step)
            first = False
            yield event


@click.command(epilog="Example: metier runs diff 3f2a91bc last")
@click.argument("first")
@click.argument("second", default="last")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def diff(*, first: str, second: str, as_json: bool) -> None:
    """Show what differs between two runs: plan, versions and answer."""
    with errors_for_people(as_json=as_json):
        from dataclasses import asdict

        from metier.cli.text import as_json as dumped
        from metier.runs.differing import difference
        from metier.runs.store import RunStore

        with RunStore.of(load_settings()) as store:
            found = difference(store.load(first), store.load(second))
        if as_json:
            click.echo(dumped(asdict(found)))
            return
        lines = [*found.plan, *found.versions, *found.answer]
        click.echo("\n".join(lines) if lines else "nothing differs")
