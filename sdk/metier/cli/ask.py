"""`metier ask`, `metier plan`, `metier run`."""

from __future__ import annotations

import errno
import json
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import aclosing
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from metier.cli.session import (
    FAILED,
    PARTIAL,
    errors_for_people,
    load_settings,
    open_council,
    run_async,
    run_store,
)

if TYPE_CHECKING:
    from metier.cli.render import Form, Screen
    from metier.council import Council, Question
    from metier.events import Event
    from metier.plan import Combining, Document, OptionValue, Plan
    from metier.settings import Settings


def _complete_expert(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from metier.cli.completion import expert_names

    return [name for name in expert_names() if name.startswith(incomplete)]


def _complete_model(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from metier.cli.completion import model_names

    return [name for name in model_names() if name.startswith(incomplete)]


def _planning_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option(
            "-f",
            "--file",
            "files",
            multiple=True,
            type=click.Path(path_type=Path, allow_dash=True),
            help="A text that the question is about. Repeatable.",
        ),
        click.option(
            "-e",
            "--expert",
            "experts",
            multiple=True,
            shell_complete=_complete_expert,
            help="Choose only among these experts. Repeatable.",
        ),
        click.argument("question", nargs=-1),
    ):
        command = option(command)
    return command


def _complete_strategy(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from metier.strategies import Strategies

    return [name for name in Strategies().names if name.startswith(incomplete)]


def combining_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Which strategy with which options and models; the command gets them as `how`."""

    @wraps(command)
    def combined(
        *args: object,
        strategy: str,
        models: tuple[str, ...],
        options: tuple[str, ...],
        samples: int | None,
        **others: object,
    ) -> None:
        given = dict(map(_option, options)) | ({} if samples is None else {"samples": samples})
        command(*args, how=_combining(strategy, models, given), **others)

    for option in (
        click.option(
            "--samples",
            type=int,
            metavar="N",
            help="Maximum number of answers per step; short for -o samples=N.",
        ),
        click.option(
            "-o",
            "--option",
            "options",
            multiple=True,
            metavar="KEY=VALUE",
            help="An option of the strategy, such as samples=8. Repeatable.",
        ),
        click.option(
            "--with",
            "models",
            multiple=True,
            metavar="MODEL",
            shell_complete=_complete_model,
            help="A model that takes part in each step. Repeatable.",
        ),
        click.option(
            "-s",
            "--strategy",
            metavar="NAME",
            default="single",
            show_default=True,
            shell_complete=_complete_strategy,
            help="How several answers to a step become one. See: metier strategies list",
        ),
    ):
        combined = option(combined)
    return combined


def _option(text: str) -> tuple[str, OptionValue]:
    """An option as it is typed: `samples=8`, `verify=true`, `sure=0.9`, `name=some text`."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise click.UsageError(f"an option is KEY=VALUE, not {text!r}")
    try:
        parsed = json.loads(value)
    except ValueError:
        return name, value
    return name, parsed if isinstance(parsed, (bool, int, float)) else value


def _combining(
    strategy: str, models: tuple[str, ...], options: Mapping[str, OptionValue]
) -> Combining:
    from metier.plan import Combining

    if strategy == "single" and (len(models) > 1 or options):
        raise click.UsageError("--with and --option need a --strategy that combines answers")
    return Combining(strategy=strategy, models=models, options=dict(options))


def _running_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("-v", "--verbose", is_flag=True, help="Who answers and why, on stderr."),
        click.option("--no-stream", is_flag=True, help="Print the answer when it is complete."),
        click.option("--timeout", type=float, metavar="SECONDS", help="Deadline of it all."),
        click.option("--cluster", metavar="ADDRESS", help="Ray cluster whose hosts answer."),
        click.option("--no-log", is_flag=True, help="Keep nothing of this run."),
        click.option("--jsonl", is_flag=True, help="Print the events, one JSON object a line."),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),
        click.option(
            "-m",
            "--model",
            shell_complete=_complete_model,
            help="Model of the general expert, which also composes.",
        ),
    ):
        command = option(command)
    return command


@click.command(epilog='Example: metier ask -v "What is 15% of 80?"')
@_running_options
@click.option("--plan", "show_plan", is_flag=True, help="Show the plan on stderr first.")
@click.option("--dry-run", is_flag=True, help="Show the plan and stop.")
@click.option("-c", "--continue", "go_on", is_flag=True, help="Go on from the last answer.")
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

    Text on stdin is the question, or, where one is given, a document that it is about.
    """
    with errors_for_people(as_json=as_json):
        text, documents = _input(question, files)
        settings = load_settings(model=model, timeout_s=timeout, cluster=cluster)
        form = form_of(as_json=as_json, jsonl=jsonl)
        asked = going_on(settings, text) if go_on else text
        council = open_council(settings, runs=run_store(settings, log=not (no_log or dry_run)))
        if dry_run:
            make = _planning(council, asked, documents, experts, how)
            show_plan_of(run_async(make, closing=council), as_json=as_json)
            return
        screen = screen_for(form, verbose=verbose, show_plan=show_plan, stream=not no_stream)
        events = council.stream(asked, documents=documents, experts=experts or None, strategy=how)
        sys.exit(run_async(partial(answered, events, screen), closing=council))


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
    """Show who would do what, without asking a model."""
    with errors_for_people(as_json=as_json):
        text, documents = _input(question, files)
        council = open_council(load_settings())
        make = _planning(council, text, documents, experts, how)
        show_plan_of(run_async(make, closing=council), as_json=as_json)


@click.command(epilog="Example: metier plan --json … > plan.json; metier run plan.json")
@_running_options
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
def run(
    file: Path,
    *,
    model: str | None,
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

        made = Plan.parse(_read(file), source=str(file))
        settings = load_settings(model=model, timeout_s=timeout, cluster=cluster)
        form = form_of(as_json=as_json, jsonl=jsonl)

        council = open_council(settings, runs=run_store(settings, log=not no_log))
        screen = screen_for(form, verbose=verbose, show_plan=False, stream=not no_stream)
        sys.exit(run_async(partial(answered, council.stream(made), screen), closing=council))


def _planning(
    council: Council,
    asked: Question,
    documents: tuple[Document, ...],
    experts: tuple[str, ...],
    how: Combining,
) -> Callable[[], Coroutine[Any, Any, Plan]]:
    return partial(council.plan, asked, documents=documents, experts=experts or None, strategy=how)


def going_on(settings: Settings, question: str) -> Question:
    """The last conversation that was kept, with a question after it."""
    from metier.plan import Message
    from metier.runs.store import RunStore

    with RunStore.of(settings) as store:
        return [*store.last_conversation(), Message(role="user", content=question)]


async def answered(events: AsyncGenerator[Event, None], screen: Screen) -> int:
    """Show what happens, and return the exit code."""
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
    """How the answer is printed."""
    if as_json and jsonl:
        raise click.UsageError("--json and --jsonl exclude each other")
    return "json" if as_json else "jsonl" if jsonl else "text"


def screen_for(form: Form, *, verbose: bool, show_plan: bool, stream: bool) -> Screen:
    """A screen, imported now."""
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


def _input(words: tuple[str, ...], files: tuple[Path, ...]) -> tuple[str, tuple[Document, ...]]:
    """The question, and the texts that it is about.

    What comes on stdin is the question where no words are given, and else a text that the
    question is about.
    """
    from metier.errors import EmptyQuestion
    from metier.plan import Document

    question = " ".join(words).strip()
    documents = [_document(file) for file in files]
    takes_stdin = Path("-") not in files and not sys.stdin.isatty()
    if piped := (_read(Path("-")).strip() if takes_stdin else ""):
        if question:
            documents.append(Document(name="stdin", text=piped))
        else:
            question = piped
    if not question:
        raise EmptyQuestion
    return question, tuple(documents)


def _document(file: Path) -> Document:
    from metier.models.control import without_surrogates
    from metier.plan import Document

    return Document(name=without_surrogates(file.name), text=_read(file))


def _read(file: Path) -> str:
    from metier.errors import UnreadableInput
    from metier.settings.reading import read_bytes

    name = "stdin" if str(file) == "-" else str(file)
    try:
        data = _stdin() if str(file) == "-" else read_bytes(file)
    except OSError as exc:
        raise UnreadableInput(name, reason=(exc.strerror or str(exc)).lower()) from exc
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise UnreadableInput(name) from exc
    if "\x00" in text:
        raise UnreadableInput(name)
    return text


def _stdin() -> bytes:
    from metier.settings.reading import MAX_TEXT_BYTES

    data = sys.stdin.buffer.read(MAX_TEXT_BYTES + 1)
    if len(data) > MAX_TEXT_BYTES:
        raise OSError(errno.EFBIG, f"it is larger than {MAX_TEXT_BYTES >> 20} MiB")
    return data
