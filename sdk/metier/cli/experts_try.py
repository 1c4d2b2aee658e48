"""`metier experts try`."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NoReturn

import click

from metier.cli.session import errors_for_people, load_settings, run_async

_LOOK_EVERY_S = 0.3


@click.command("try", epilog='Example: metier experts try . -v "How long does green tea steep?"')
@click.option("-v", "--verbose", is_flag=True, help="Show who answers and why, on stderr.")
@click.option("--only", is_flag=True, help="Let it answer, even if another would be chosen.")
@click.option("--dry-run", is_flag=True, help="Show the plan and stop.")
@click.option("--watch", is_flag=True, help="Ask again whenever a file at the path changes.")
@click.argument("path", type=click.Path(path_type=Path))
@click.argument("question", nargs=-1, required=True)
def try_(
    path: Path,
    question: tuple[str, ...],
    *,
    verbose: bool,
    only: bool,
    dry_run: bool,
    watch: bool,
) -> None:
    """Ask a question with the expert at a path next to the installed ones.

    It is not installed, and nothing that is stored for the installed ones changes.
    """
    with errors_for_people():
        from metier.experts.projects import project_at

        if watch:
            _watch(project_at(path).folder)
        sys.exit(_tried(path, " ".join(question), verbose=verbose, only=only, dry_run=dry_run))


def _tried(path: Path, question: str, *, verbose: bool, only: bool, dry_run: bool) -> int:
    from metier.cli.ask import answered, screen_for, show_plan_of
    from metier.cli.extra_expert import council_with

    council, ids = council_with(load_settings(), path)
    experts = ids if only else None
    if dry_run:
        made = run_async(partial(council.plan, question, experts=experts), closing=council)
        show_plan_of(made, as_json=False)
        return 0
    screen = screen_for("text", verbose=verbose, show_plan=False, stream=True)
    events = council.stream(question, experts=experts)
    return run_async(partial(answered, events, screen), closing=council)


def _watch(folder: Path) -> NoReturn:
    """Run this command again and again without `--watch`; a new process has no stale code."""
    command = [sys.executable, "-m", "metier", *(w for w in sys.argv[1:] if w != "--watch")]
    while True:
        before = dict(_files(folder))
        with subprocess.Popen(command) as process:  # noqa: S603  # this very command
            try:
                changed = _changed(folder, before)
            finally:
                process.terminate()
        click.echo(f"\nchanged: {changed.relative_to(folder)}", err=True)


def _changed(folder: Path, before: dict[Path, int]) -> Path:
    """Wait until a file is created, deleted or changed, and return it."""
    while True:
        now = dict(_files(folder))
        if differing := now.items() ^ before.items():
            return min(file for file, _ in differing)
        time.sleep(_LOOK_EVERY_S)


def _files(folder: Path) -> Iterator[tuple[Path, int]]:
    """The files of a project with their times, except hidden and generated ones."""
    for file in folder.rglob("*"):
        inside = file.relative_to(folder).parts
        if any(part.startswith((".", "__pycache__")) for part in inside) or not file.is_file():
            continue
        yield file, file.stat().st_mtime_ns
