"""`metier runs`: list, show, search, export, delete, stats."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from metier.cli.runs_replay import diff, replay
from metier.cli.session import errors_for_people, load_settings
from metier.cli.text import cost_of, plan_tree

if TYPE_CHECKING:
    from metier.runs.run import Run, RunSummary
    from metier.runs.statistics import Statistics
    from metier.runs.store import RunStore

_DAY_S = 86_400.0

_json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
_limit_option = click.option(
    "-n", "--limit", type=click.IntRange(min=1), default=20, show_default=True, metavar="N",
    help="Maximum number of runs, the newest first.",
)  # fmt: skip


@click.group(epilog="Example: metier runs show last")
def runs() -> None:
    """Show, search, replay, export and delete past questions.

    Name a run by the beginning of its id, or as `last`. To store nothing, set keep_runs = false, or
    ask with `--no-log`.
    """


runs.add_command(replay)
runs.add_command(diff)


@contextmanager
def store(*, as_json: bool = False) -> Iterator[RunStore]:
    """Open the stored runs; errors end the command."""
    with errors_for_people(as_json=as_json):
        from metier.runs.store import RunStore

        with RunStore.of(load_settings()) as opened:
            yield opened


@runs.command("list", epilog="Example: metier runs list -n 5")
@_limit_option
@click.option("--before", metavar="RUN", help="Only runs older than this one.")
@_json_option
def list_runs(*, limit: int, before: str | None, as_json: bool) -> None:
    """List the newest runs."""
    with store(as_json=as_json) as kept:
        found = kept.newest(limit=limit, before=before)
        _show_list(found, none="no older runs" if before else "no runs yet", as_json=as_json)


@runs.command(epilog="Example: metier runs search amoxicillin dose")
@click.argument("words", nargs=-1, required=True)
@_limit_option
@_json_option
def search(*, words: tuple[str, ...], limit: int, as_json: bool) -> None:
    """List the newest runs with all these words in the question or answer.

    The last word may be incomplete if it has at least three letters.
    """
    with store(as_json=as_json) as kept:
        found = kept.search(" ".join(words), limit=limit)
        _show_list(found, none="no run contains these words", as_json=as_json)


@runs.command(epilog="Example: metier runs show 3f2a91bc")
@click.argument("run", default="last")
@_json_option
def show(*, run: str, as_json: bool) -> None:
    """Show a run: its plan, experts, cost and answer."""
    with store(as_json=as_json) as kept:
        found = kept.load(run)
        if as_json:
            _print_json(found.model_dump(mode="json"))
        else:
            click.echo(_told(found))


@runs.command(epilog="Example: metier runs export last -o run.jsonl")
@click.argument("names", nargs=-1, metavar="[RUN]...")
@click.option("--all", "everything", is_flag=True, help="Every run.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File; default: stdout.")
def export(*, names: tuple[str, ...], everything: bool, output: Path | None) -> None:
    """Write runs with all their requests and replies, one JSON object per line."""
    if bool(names) == everything:
        raise click.UsageError("name the runs, or give --all")
    with store() as kept:
        from metier.cli.text import as_json as dumped
        from metier.runs.exporting import exported
        from metier.settings.files import replacing

        ids = [run.id for run in kept.newest(limit=sys.maxsize)[::-1]] if everything else names
        lines = (f"{dumped(exported(kept, name), indent=None)}\n" for name in ids)
        if output is None:
            for line in lines:
                click.echo(line, nl=False)
            return
        with replacing(output) as file:
            for line in lines:
                file.write(line.encode())
        click.echo(f"wrote {_runs(len(ids))} to {output}", err=True)


@runs.command(epilog="Example: metier runs delete --older 30")
@click.argument("names", nargs=-1, metavar="[RUN]...")
@click.option("--all", "everything", is_flag=True, help="Every run.")
@click.option("--older", type=click.FloatRange(min=0), metavar="DAYS", help="Runs older than this.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask before deleting every run.")
def delete(*, names: tuple[str, ...], everything: bool, older: float | None, yes: bool) -> None:
    """Delete runs for good: nothing of them remains in the file or its search index."""
    if bool(names) + everything + (older is not None) != 1:
        raise click.UsageError("name the runs, or give --older or --all")
    if everything and not yes:
        click.confirm("Delete every run?", abort=True, err=True)
    with store() as kept:
        if names:
            count = kept.delete(names)
        else:
            count = kept.delete_older(than_s=0 if older is None else older * _DAY_S)
        click.echo(f"deleted {_runs(count)}", err=True)


@runs.command(epilog="Example: metier runs stats --json")
@_json_option
def stats(*, as_json: bool) -> None:
    """Show the number of runs, how they ended, their cost, and the size of the file."""
    with store(as_json=as_json) as kept:
        found = kept.statistics()
        if as_json:
            _print_json(found.model_dump(mode="json") | {"file": str(kept.path)})
        else:
            click.echo(_counted(found, kept.path))


def _show_list(found: list[RunSummary], *, none: str, as_json: bool) -> None:
    from metier.cli.text import clipped, table

    if as_json:
        _print_json({"runs": [run.model_dump(mode="json") for run in found]})
    elif found:
        rows = [
            (
                run.id[:8],
                _when(run.started),
                run.status,
                " ".join(run.experts),
                " ".join(rating.verdict for rating in run.ratings),
                clipped(run.question, 48),
            )
            for run in found
        ]
        header = ("run", "when", "status", "experts", "rated", "question")
        click.echo(table(rows, header=header))
    else:
        click.echo(none, err=True)


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"


def _print_json(value: object) -> None:
    from metier.cli.text import as_json as dumped

    click.echo(dumped(value))


def _when(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def _ended(run: Run) -> str:
    ways = {"stop": "a stop string", "length": "the length that was asked for"}
    return f"{run.status}, up to {ways[run.cut]}" if run.cut else run.status


def _told(run: Run) -> str:
    took = f", {run.ended - run.started:.1f} s" if run.ended is not None else ""
    cost = f"{cost_of(run.calls, read=run.prompt_tokens, written=run.completion_tokens)}{took}"
    lines = [f"run {run.id}", f"{_when(run.started)}: {_ended(run)}, {cost}"]
    lines += [f"continues {run.follows[:8]}"] if run.follows else []
    lines += [f"repeats {run.replay_of[:8]} from step {run.from_step}"] if run.replay_of else []
    lines += [f"models: {', '.join(run.models)}"] if run.models else []
    lines += [
        f"rated {rating.verdict}"
        f"{f', step {rating.step_id}' if rating.step_id else ''}"
        f"{f', should have been {rating.expert}' if rating.expert else ''}"
        f"{f': {rating.note}' if rating.note else ''}"
        for rating in run.ratings
    ]
    lines += ["", plan_tree(run.plan) if run.plan else run.question]
    lines += ["", run.error or run.answer.strip("\n")]
    return "\n".join(lines)


def _counted(found: Statistics, path: Path) -> str:
    def listed(counts: dict[str, int]) -> str:
        return ", ".join(f"{count} {name}" for name, count in counts.items()) or "none"

    oldest = "" if found.oldest is None else f", the oldest from {_when(found.oldest)}"
    return "\n".join(
        (
            f"{_runs(found.runs)} ({listed(found.by_status)}){oldest}",
            f"experts: {listed(found.by_expert)}",
            f"ratings: {listed(found.ratings)}",
            cost_of(found.calls, read=found.prompt_tokens, written=found.completion_tokens),
            f"{found.size_bytes / 1e6:.1f} MB in {path}",
        )
    )
