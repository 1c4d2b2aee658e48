"""rich's tables and progress bars on a terminal, with every text in them cleaned."""

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
    """Writes its own sequences past the guard, and no links."""

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
        """Clean a text before it is measured, so that columns stay aligned."""
        return super().render_str(cleaned(text), **given)


def console(*, err: bool = False) -> Console:
    """Create a console on stdout or stderr that does not interpret markup."""
    stream = bare(sys.stderr if err else sys.stdout)
    return _CleanConsole(file=stream, markup=False, emoji=False, highlight=False)


def progress(*columns: str | ProgressColumn) -> Progress:
    """Create a temporary progress bar on stderr; a string column is such as "{task.description}".

    Other output is not redirected above the bar, because rich would interpret colours in it.
    """
    return Progress(
        *columns,
        console=console(err=True),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
