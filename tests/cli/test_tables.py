"""A table on a terminal, in a pipe, on a page."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from metier.cli import tables
from metier.cli.tables import Sheet

SHEET = Sheet(header=("who", "right"), rows=[("council", "9"), ("a|b [red]", "10")], numbers_from=1)


def test_a_pipe_gets_spaces(capsys: pytest.CaptureFixture[str]) -> None:
    tables.show(["Two", SHEET], markdown=False)
    expected = "Two\n\nwho        right\ncouncil        9\na|b [red]     10\n"
    assert capsys.readouterr().out == expected


def test_a_page_gets_markdown(capsys: pytest.CaptureFixture[str]) -> None:
    tables.show([SHEET], markdown=True)
    expected = "| who | right |\n| --- | ---: |\n| council | 9 |\n| a\\|b [red] | 10 |\n"
    assert capsys.readouterr().out == expected


def test_a_terminal_gets_lines_and_cells_are_no_markup() -> None:
    console = Console(file=io.StringIO(), width=40, force_terminal=True, color_system=None)
    console.print(SHEET.rich())
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "───" in shown
    assert "a|b [red]" in shown
