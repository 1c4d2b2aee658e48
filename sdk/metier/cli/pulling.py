"""Pull models from Ollama's library."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Self

import click

from metier.errors import MetierError, ModelServerUnreachable, WeightsUnavailable
from metier.experts.model_choice import full_name
from metier.models.server import ModelServer, Progress


async def pull_all(server: ModelServer, names: Sequence[str], *, quiet: bool = False) -> None:
    """Pull the models that the server does not have.

    Raises:
        ModelServerUnreachable: there is no server.
        WeightsUnavailable: the library does not have a model, or cannot be reached.
    """
    installed = {model.name for model in await server.list()}
    for name in names:
        if full_name(name) not in installed:
            await pull(server, name)
        elif not quiet:
            click.echo(f"{name} is installed", err=True)
    await server.aclose()


async def pull(server: ModelServer, name: str) -> None:
    """Pull one model; see `pull_all`."""
    try:
        with Bar(name) as bar:
            async with aclosing(server.pull(name)) as progress:
                async for step in progress:
                    bar.show(step)
    except ModelServerUnreachable:
        raise
    except MetierError as exc:
        raise WeightsUnavailable(
            f"{name!r} cannot be pulled from Ollama's library: {exc.message}",
            hint="Check the name and the internet connection",
        ) from exc
    click.echo(f"{name}: pulled from Ollama's library", err=True)


class Bar:
    """A progress bar on stderr; one line per status if stderr is not a terminal."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._said = ""
        self._show: Callable[[Progress], None] = self._line
        self._hide: Callable[[], None] = lambda: None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            self._open_rich()
        return self

    def __exit__(self, *_: object) -> None:
        self.hide()

    def show(self, progress: Progress) -> None:
        """Show the progress."""
        self._show(progress)

    def hide(self) -> None:
        """Make room for other output; the next `show` brings the bar back."""
        self._hide()

    def _line(self, progress: Progress) -> None:
        status = progress.status.partition(":")[0]
        if status and status != self._said:
            click.echo(f"{self._name}: {status}", err=True)
            self._said = status

    def _open_rich(self) -> None:
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        from metier.cli import consoles

        columns = (
            "{task.fields[name]} {task.description}",
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        rich = consoles.progress(*columns)
        task = rich.add_task("", total=None, name=self._name)

        def show(progress: Progress) -> None:
            total = progress.total_bytes or None
            rich.start()
            rich.update(
                task,
                description=progress.status[:40],
                total=total,
                completed=progress.done_bytes if total else 0,
            )

        self._show, self._hide = show, rich.stop
