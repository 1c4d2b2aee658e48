"""What every command needs: settings, a running server, readable errors."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache, partial
from pathlib import Path
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
        # The reader is gone; the interpreter must not complain when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
    except OSError as exc:
        # Such as a name that is too long or a full disk, which no command expects.
        where = f"{exc.filename}: " if exc.filename else ""
        _fail(MetierError(f"{where}{(exc.strerror or str(exc)).lower()}"), as_json=False)


def _fail(exc: MetierError, *, as_json: bool) -> NoReturn:
    from metier.errors import InvalidInput, InvalidSettings, UnknownExpert

    show_error(exc, as_json=as_json)
    usage = isinstance(exc, InvalidInput | InvalidSettings | UnknownExpert)
    sys.exit(USAGE if usage else FAILED)


def error_body(exc: MetierError) -> dict[str, str | None]:
    """Return an error as the commands print it in JSON."""
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
    """Load the settings; the command's own options take precedence."""
    from metier.settings import Settings

    return Settings.load(**given)


def open_council(
    settings: Settings, *, runs: RunStore | None = None, only_embeds: bool = False
) -> Council:
    """Open a council on a running server; start the local one if it is not running.

    Args:
        runs: where its questions are stored; by default nowhere.
        only_embeds: no model is asked, so a server is started only if the embedder needs it.
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
    """OpenTelemetry, if its SDK is already loaded, as by `opentelemetry-instrument`."""
    if "opentelemetry.sdk" not in sys.modules:
        return ()
    from metier.telemetry import OpenTelemetry

    return (OpenTelemetry(),)


def _ensure_slots(settings: Settings) -> None:
    """Start the local server with a slot for the prompt of every expert.

    How many fit in memory depends on the models, which only a running server knows. So it starts
    with as many as last time, or one for each expert, and is restarted if that number is wrong.
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
        return  # the command itself reports what is wrong with the server
    if slots != local.slots_of(settings) and (again := local.restart(settings, slots=slots)):
        click.echo(f"restarted it for {slots} prompts (process {again.process.pid})", err=True)


def run_store(settings: Settings, *, log: bool = True) -> RunStore | None:
    """The store for a command's questions; None if they are not stored."""
    if not (log and settings.keep_runs):
        return None
    from metier.runs.store import RunStore

    return RunStore.of(settings)


async def alongside(
    other: Callable[[], Coroutine[Any, Any, None]], main: Callable[[], Coroutine[Any, Any, T]]
) -> T:
    """Run a command's coroutine, and another one in the background that ends with it.

    metier's errors in the background are ignored: the command itself reports what is wrong.
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
    """Have the prompts read after this command, if the server keeps them and nobody reads them."""
    from metier.errors import Locked
    from metier.models import local
    from metier.settings.files import locked

    if settings.hosts or settings.cluster or not settings.resident_prompts:
        return
    if local.slots_of(settings) <= settings.concurrency:
        return
    model = {"METIER_MODEL": settings.model} if settings.model else {}
    with suppress(Locked, OSError), locked(_warming_file(settings), wait_s=0) as handle:
        os.truncate(handle, 0)
        process = subprocess.Popen(  # this very program, which holds the lock until it ends
            [sys.executable, "-m", "metier", "models", "warm"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | model,
            start_new_session=True,
            pass_fds=(handle,) if os.name == "posix" else (),
        )
        os.write(handle, str(process.pid).encode())


def stop_warming(settings: Settings) -> bool:
    """End the reading that an earlier command left behind: a question comes first.

    Returns:
        Whether there was one.
    """
    from metier.errors import Locked
    from metier.settings.files import locked

    file = _warming_file(settings)
    with suppress(OSError, ValueError):
        try:
            with locked(file, wait_s=0, shared=True) as handle:
                os.truncate(handle, 0)  # so that nobody takes it for the one that comes next
                return False
        except Locked:  # so the process that is named there still runs
            pid = int(file.read_text())
            if _is_warming(pid):
                os.truncate(file, 0)
                os.kill(pid, signal.SIGTERM)
                return True
    return False


def _is_warming(pid: int) -> bool:
    """Whether a process is what `warm_later` starts, as far as the system says."""
    if sys.platform != "linux":
        return True
    file, ends = Path(f"/proc/{pid}/cmdline"), time.monotonic() + 1
    while not (command := file.read_bytes()) and time.monotonic() < ends:
        time.sleep(0.001)  # Linux names no words of a process that has just started
    return b"\0models\0warm\0" in command


def _warming_file(settings: Settings) -> Path:
    from metier.models import local

    return local.state_file(settings, "warming")


def ensure_server(settings: Settings, *, slots: Callable[[], int] = lambda: 1) -> bool:
    """Start Ollama on each local host where nothing listens, if the program is installed.

    Without the program, the command itself reports that nothing answers.

    Args:
        slots: how many prompts a started server keeps.

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
    """Run a command's coroutine, and close what it used in the same event loop."""
    import anyio

    async def run() -> T:
        try:
            return await main()
        finally:
            if closing is not None:
                await closing.aclose()

    return anyio.run(run)
