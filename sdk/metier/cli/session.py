"""What every command needs: settings, a running server, errors as people want them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar

import click

from metier.cli.terminal import styled

if TYPE_CHECKING:
    from metier.council import Council
    from metier.errors import MetierError
    from metier.runs.store import RunStore
    from metier.settings import Settings
    from metier.telemetry import Backend

T = TypeVar("T")

FAILED, USAGE, PARTIAL, INTERRUPTED = 1, 2, 3, 130


@contextmanager
def errors_for_people(*, as_json: bool = False) -> Iterator[None]:
    """End the command with a clear message and the right exit code.

    Exit codes: 1 failed, 2 usage, 130 interrupted.
    """
    from metier.errors import MetierError

    try:
        yield
    except MetierError as exc:
        _fail(exc, as_json=as_json)
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader has gone; the interpreter must not complain while it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
    except OSError as exc:
        # A name that is too long, a full disk: what no command expects of its files.
        where = f"{exc.filename}: " if exc.filename else ""
        _fail(MetierError(f"{where}{(exc.strerror or str(exc)).lower()}"), as_json=False)


def _fail(exc: MetierError, *, as_json: bool) -> NoReturn:
    from metier.errors import InvalidInput, InvalidSettings, UnknownExpert

    show_error(exc, as_json=as_json)
    usage = isinstance(exc, InvalidInput | InvalidSettings | UnknownExpert)
    sys.exit(USAGE if usage else FAILED)


def error_body(exc: MetierError) -> dict[str, str | None]:
    """An error as the commands give it in JSON."""
    return {"code": exc.code, "message": exc.message, "hint": exc.hint}


def show_error(exc: MetierError, *, as_json: bool = False, indent: int | None = 2) -> None:
    """Print an error on stderr and, if JSON was asked for, as an object on stdout."""
    from metier.cli.text import as_json as dumped

    if as_json:
        click.echo(dumped({"error": error_body(exc)}, indent=indent))
    styled("Error: ", fg="red", err=True, nl=False)
    click.echo(str(exc), err=True)


def show_skipped(name: str, origin: str, error: MetierError) -> None:
    """Print on stderr what was skipped and why."""
    styled(f"skipped {name} ({origin}): {error}", fg="yellow", err=True)


def load_settings(**given: Any) -> Settings:  # noqa: ANN401  # the settings check each
    """The settings in force, with the command's own options over them."""
    from metier.settings import Settings

    return Settings.load(**given)


def open_council(
    settings: Settings, *, runs: RunStore | None = None, only_embeds: bool = False
) -> Council:
    """A council on a running server; the local one is started if it is not running.

    Args:
        runs: where its questions are kept; nowhere if not given.
        only_embeds: no model is asked, so an embedder without a server needs none.
    """
    from metier.council import Council

    if only_embeds and not settings.ask_to_split:
        if settings.embedder == "ollama":
            ensure_server(settings)
    elif settings.resident_prompts and not (settings.hosts or settings.cluster):
        _ensure_slots(settings)
    else:
        ensure_server(settings)
    if runs is None:
        council = Council.from_installed(settings)
    else:
        council = Council.from_installed(settings, runs=runs)
    council.telemetry += _telemetry()
    return council


def _telemetry() -> Sequence[Backend]:
    """OpenTelemetry, if its SDK was loaded before, as `opentelemetry-instrument` does."""
    if "opentelemetry.sdk" not in sys.modules:
        return ()
    from metier.telemetry import OpenTelemetry

    return (OpenTelemetry(),)


def _ensure_slots(settings: Settings) -> None:
    """Start the local server with the slots that the prompts of all experts need.

    How many fit into memory depends on the models, of which only a running server tells. So it
    starts with those of the last time, or with one for each expert, and again if they do not fit.
    """
    from metier.errors import MetierError
    from metier.experts.registry import Registry
    from metier.experts.warming import Warming
    from metier.models import local

    registry = cache(partial(Registry.from_installed, settings))

    def expected() -> int:
        return local.last_slots(settings) or len(registry().cards) + 1

    if not ensure_server(settings, slots=expected):
        return
    try:
        slots = run_async(partial(Warming.slots_for_experts, registry(), settings))
    except MetierError:
        return  # the command itself says what is wrong with the server
    if slots != local.slots_of(settings) and (again := local.restart(settings, slots=slots)):
        click.echo(f"started it again for {slots} prompts (process {again.process.pid})", err=True)


def run_store(settings: Settings, *, log: bool = True) -> RunStore | None:
    """Where a command keeps its questions; None if they are not to be kept."""
    if not (log and settings.keep_runs):
        return None
    from metier.runs.store import RunStore

    return RunStore.of(settings)


async def alongside(
    other: Callable[[], Coroutine[Any, Any, None]], main: Callable[[], Coroutine[Any, Any, T]]
) -> T:
    """Run a command's coroutine, with another one in the background that ends with it.

    An error of metier in the other one is left out: a question itself says what is wrong.
    """
    import anyio

    from metier.errors import MetierError

    async def quietly() -> None:
        with suppress(MetierError):
            await other()

    try:
        async with anyio.create_task_group() as group:
            group.start_soon(quietly)
            try:
                return await main()
            finally:
                group.cancel_scope.cancel()
    except ExceptionGroup as several:  # a group wraps even a single error
        raise several.exceptions[0] from None
    raise AssertionError("main has returned or raised")


def warm_later(settings: Settings) -> None:
    """Have the prompts read after this command, if it was metier that started the server."""
    from metier.models import local

    if settings.resident_prompts and local.slots_of(settings) > settings.concurrency:
        subprocess.Popen(  # this very program
            [sys.executable, "-m", "metier", "models", "warm"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


def ensure_server(settings: Settings, *, slots: Callable[[], int] = lambda: 1) -> bool:
    """Start the local server where nothing listens and the program is there; never a remote one.

    If it cannot be started, the command goes on and says itself that nothing answers.

    Args:
        slots: how many prompts a server that is started keeps.

    Returns:
        Whether one was started.
    """
    from metier.models import local

    any_started = False
    for host in settings.servers if settings.autostart and not settings.cluster else ():
        if not local.is_local(host.address) or local.is_listening(host.address):
            continue
        if local.ollama_program(settings) is None:
            break
        concurrency = host.concurrency or settings.concurrency
        own = settings.model_copy(update={"host": host.address, "concurrency": concurrency})
        started = local.start(own, slots=slots())
        click.echo(
            f"started Ollama at {host.address} (process {started.process.pid}, log {started.log})",
            err=True,
        )
        any_started = True
    return any_started


class Closable(Protocol):
    """A council or a model server."""

    async def aclose(self) -> None:
        """Release its resources."""
        ...


def run_async(main: Callable[[], Coroutine[Any, Any, T]], *, closing: Closable | None = None) -> T:
    """Run a command's coroutine; what it used is closed in the same event loop."""
    import anyio

    async def run() -> T:
        try:
            return await main()
        finally:
            if closing is not None:
                await closing.aclose()

    return anyio.run(run)
