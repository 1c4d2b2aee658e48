"""Tables and progress bars of rich on a terminal, with every text in them cleaned."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import Progress, ProgressColumn
from rich.segment import Segment
from rich.text import Text

from metier.cli.terminal import bare, cleaned


class _CleanConsole(Console):
    """Writes its own sequences past the guard, and no link."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                style = segment.style.clear_meta_and_links() if segment.style else None
                yield Segment(cleaned(segment.text), style)

    def render_str(self, text: str, **given: Any) -> Text:  # noqa: ANN401  # passed on as they are
        """Cleaned before it is measured, so that columns stay columns."""
        return super().render_str(cleaned(text), **given)


def console(*, err: bool = False) -> Console:
    """A console on stdout or stderr that reads no markup in the texts it is given."""
    stream = bare(sys.stderr if err else sys.stdout)
    return _CleanConsole(file=stream, markup=False, emoji=False, highlight=False)


def progress(*columns: str | ProgressColumn) -> Progress:
    """A progress bar on stderr that goes away; a string is a column such as "{task.description}".

    What is printed meanwhile is not put above the bar: rich would read colours in it.
    """
    return Progress(
        *columns,
        console=console(err=True),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
