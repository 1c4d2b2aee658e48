"""`metier ask`, `metier plan`, `metier run`."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Callable, Collection, Coroutine
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from metier.cli.combining import combining_options
from metier.cli.completion import complete_expert, complete_model
from metier.cli.inputs import question_from, text_of
from metier.cli.session import (
    FAILED,
    PARTIAL,
    alongside,
    errors_for_people,
    load_settings,
    open_council,
    run_async,
    run_store,
    stop_warming,
    warm_later,
)

if TYPE_CHECKING:
    from metier.cli.render import Form, Screen
    from metier.council import Council, Question
    from metier.events import Event
    from metier.plan import Combining, Document, Plan
    from metier.settings import Settings

# Loading takes less if the model was already in memory.
_LOADED_S = 0.5

expert_option = click.option(
    "-e",
    "--expert",
    "experts",
    multiple=True,
    shell_complete=complete_expert,
    help="Choose only among these experts. Repeatable.",
)


def _planning_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option(
            "-f",
            "--file",
            "files",
            multiple=True,
            type=click.Path(path_type=Path, allow_dash=True),
            help="Document that the question is about. Repeatable.",
        ),
        expert_option,
        click.argument("question", nargs=-1),
    ):
        command = option(command)
    return command


def running_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options for running models and showing answers."""
    for option in (
        click.option("-v", "--verbose", is_flag=True, help="Show who answers and why, on stderr."),
        click.option("--no-stream", is_flag=True, help="Print the answer when it is complete."),
        click.option("--timeout", type=float, metavar="SECONDS", help="Overall timeout."),
        click.option("--cluster", metavar="ADDRESS", help="Ray cluster whose hosts answer."),
        click.option("--no-log", is_flag=True, help="Do not store this run."),
        click.option("--jsonl", is_flag=True, help="Print the events, one JSON object per line."),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),
        click.option("--compose", metavar="HOW", help="Join results: auto, sections or written."),
        click.option(
            "-m",
            "--model",
            shell_complete=complete_model,
            help="Model of the general expert, which also composes.",
        ),
    ):
        command = option(command)
    return command


@click.command(epilog='Example: metier ask -v "What is 15% of 80?"')
@running_options
@click.option("--plan", "show_plan", is_flag=True, help="Show the plan on stderr first.")
@click.option("--dry-run", is_flag=True, help="Show the plan and stop.")
@click.option("-c", "--continue", "go_on", is_flag=True, help="Continue from the last answer.")
@combining_options
@_planning_options
def ask(
    question: tuple[str, ...],
    experts: tuple[str, ...],
    files: tuple[Path, ...],
    *,
    how: Combining,
    dry_run: bool,
    show_plan: bool,
    model: str | None,
    compose: str | None,
    timeout: float | None,
    cluster: str | None,
    as_json: bool,
    jsonl: bool,
    no_stream: bool,
    no_log: bool,
    go_on: bool,
    verbose: bool,
) -> None:
    """Ask a question.

    Text on stdin is the question, or a document about it if you also give a question.
    """
    with errors_for_people(as_json=as_json):
        text, documents = question_from(question, files)
        form = form_of(as_json=as_json, jsonl=jsonl)
        settings = load_settings(model=model, compose=compose, timeout_s=timeout, cluster=cluster)
        asked = going_on(settings, text) if go_on else text
        council = open_council(settings, runs=run_store(settings, log=not (no_log or dry_run)))
        if dry_run:
            make = _planning(council, asked, documents, experts, how)
            show_plan_of(run_async(make, closing=council), as_json=as_json)
            return
        screen = screen_for(form, verbose=verbose, show_plan=show_plan, stream=not no_stream)
        events = council.stream(asked, documents=documents, experts=experts or None, strategy=how)
        _answer(council, events, screen, experts)


@click.command(epilog='Example: metier plan "Solve x^2 = 9, then explain it in French."')
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON, to edit and run.")
@combining_options
@_planning_options
def plan(
    question: tuple[str, ...],
    experts: tuple[str, ...],
    files: tuple[Path, ...],
    *,
    how: Combining,
    as_json: bool,
) -> None:
    """Show which expert would do what, without asking a model."""
    with errors_for_people(as_json=as_json):
        text, documents = question_from(question, files)
        council = open_council(load_settings(), only_embeds=True)
        make = _planning(council, text, documents, experts, how)
        show_plan_of(run_async(make, closing=council), as_json=as_json)


@click.command(epilog="Example: metier plan --json … > plan.json; metier run plan.json")
@running_options
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
def run(
    file: Path,
    *,
    model: str | None,
    compose: str | None,
    timeout: float | None,
    cluster: str | None,
    as_json: bool,
    jsonl: bool,
    no_stream: bool,
    no_log: bool,
    verbose: bool,
) -> None:
    """Run a plan from its JSON; `-` reads it from stdin."""
    with errors_for_people(as_json=as_json):
        from metier.plan import Plan

        made = Plan.parse(text_of(file), source=str(file))
        form = form_of(as_json=as_json, jsonl=jsonl)
        settings = load_settings(model=model, compose=compose, timeout_s=timeout, cluster=cluster)
        council = open_council(settings, runs=run_store(settings, log=not no_log))
        screen = screen_for(form, verbose=verbose, show_plan=False, stream=not no_stream)
        _answer(council, council.stream(made), screen, [step.expert for step in made.steps])


def _answer(
    council: Council,
    events: AsyncGenerator[Event, None],
    screen: Screen,
    experts: Collection[str],
) -> NoReturn:
    """Show an answer while the model of the experts is loaded, and exit.

    Their prompts are read afterwards if this question has loaded it or ended that reading.
    """
    stopped = stop_warming(council.settings)
    load = partial(council.warming.load, experts)
    code = run_async(partial(alongside, load, partial(answered, events, screen)), closing=council)
    if screen.answer is not None:
        loaded = screen.answer.usage.load_s > _LOADED_S or council.warming.has_loaded
        if stopped or loaded:
            warm_later(council.settings)
    sys.exit(code)


def _planning(
    council: Council,
    asked: Question,
    documents: tuple[Document, ...],
    experts: tuple[str, ...],
    how: Combining,
) -> Callable[[], Coroutine[Any, Any, Plan]]:
    return partial(council.plan, asked, documents=documents, experts=experts or None, strategy=how)


def going_on(settings: Settings, question: str) -> Question:
    """Return the last stored conversation, followed by a question."""
    from metier.plan import Message
    from metier.runs.store import RunStore

    with RunStore.of(settings) as store:
        return [*store.last_conversation(), Message(role="user", content=question)]


async def answered(events: AsyncGenerator[Event, None], screen: Screen) -> int:
    """Show the events, and return the exit code."""
    with screen:
        screen.planning()
        async with aclosing(events):
            async for event in events:
                screen.show(event)
    answer = screen.answer
    if answer is None or not answer.parts:
        return FAILED
    return 0 if answer.complete else PARTIAL


def form_of(*, as_json: bool, jsonl: bool) -> Form:
    """Return the form in which the answer is printed."""
    if as_json and jsonl:
        raise click.UsageError("--json and --jsonl exclude each other")
    return "json" if as_json else "jsonl" if jsonl else "text"


def screen_for(form: Form, *, verbose: bool, show_plan: bool, stream: bool) -> Screen:
    """Import and create a screen."""
    from metier.cli.render import Screen

    return Screen(verbose=verbose, show_plan=show_plan, stream=stream, form=form)


def show_plan_of(made: Plan, *, as_json: bool) -> None:
    """Print a plan."""
    from metier.cli.text import as_json as dumped
    from metier.cli.text import plan_tree

    if as_json:
        click.echo(dumped(made.model_dump(mode="json")))
    else:
        click.echo(plan_tree(made))
