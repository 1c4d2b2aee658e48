"""Tables for a terminal, for a pipe, or in Markdown."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from metier.cli.terminal import cleaned
from metier.cli.text import table

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A table's cells.

    Attributes:
        numbers_from: the index of the first number column; these are aligned to the right.
    """

    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    numbers_from: int

    def markdown(self) -> str:
        """Format it for GitHub; bars in cells are escaped."""
        rules = ("---" if n < self.numbers_from else "---:" for n in range(len(self.header)))
        lines = [self.header, tuple(rules), *self.rows]
        return "\n".join(
            f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines
        )

    def plain(self) -> str:
        """Format it with spaces between the columns."""
        return table(self.rows, header=self.header, numbers_from=self.numbers_from)

    def rich(self) -> Table:
        """Format it for a terminal; cells are text, never markup."""
        from rich import box
        from rich.table import Table
        from rich.text import Text

        made = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
        for n, name in enumerate(self.header):
            made.add_column(
                Text(cleaned(name)), justify="left" if n < self.numbers_from else "right"
            )
        for row in self.rows:
            made.add_row(*(Text(cleaned(cell)) for cell in row))
        return made


def show(parts: Sequence[Sheet | str], *, markdown: bool) -> None:
    """Print tables and paragraphs on stdout, separated by empty lines."""
    if sys.stdout.isatty() and not markdown:
        from metier.cli.consoles import console

        shown = console()
        for part in parts:
            if isinstance(part, str):
                click.echo(f"{part}\n")
            else:
                shown.print(part.rich(), end="\n\n")
        return
    texts = [
        part if isinstance(part, str) else part.markdown() if markdown else part.plain()
        for part in parts
    ]
    click.echo("\n\n".join(texts))
