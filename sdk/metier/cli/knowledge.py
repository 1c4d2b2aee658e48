"""`metier knowledge`."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from metier.cli.session import PARTIAL, errors_for_people, load_settings, open_council, run_async
from metier.cli.terminal import styled

if TYPE_CHECKING:
    from metier.cli.knowledge_adding import Added
    from metier.council import Council
    from metier.experts.knowledge.bases import KnowledgeBases
    from metier.experts.knowledge.changes import Change, Progress
    from metier.experts.knowledge.passages import Passage

# Skipped files that are listed one by one; a folder may contain thousands of pictures.
_LISTED = 10


def _complete_domain(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from metier.cli.completion import expert_names

    return [name for name in expert_names() if name.startswith(incomplete)]


_domain = click.argument("domain", shell_complete=_complete_domain)
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.group(epilog="Example: metier knowledge add medical ~/guidelines")
def knowledge() -> None:
    """Manage the documents that an expert answers from and quotes."""


@knowledge.command(epilog="Example: metier knowledge add medical ~/guidelines")
@_domain
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--sync", is_flag=True, help="Remove the documents whose files are gone.")
@_json
def add(domain: str, paths: tuple[Path, ...], *, sync: bool, as_json: bool) -> None:
    """Add files or folders: Markdown, text, PDF.

    Run it again to update: only new and changed files are read. Your files are not changed.
    Documents whose files are gone stay, unless you give --sync.

    Exit code 3: some files could not be read; the others were added.
    """
    with errors_for_people(as_json=as_json):
        from metier.cli.knowledge_adding import Added, cancelled_by_signals
        from metier.cli.text import as_json as dumped

        council = open_council(load_settings(), only_embeds=True)
        shelf = _shelf(council)
        _check(domain, council, shelf)

        async def run() -> Added | None:
            added = Added(shelf.base(domain))
            with cancelled_by_signals() as scope, _bar() as progress:
                for path in paths:
                    await added.add(path, sync=sync, progress=progress)
            return None if scope.cancelled_caught else added

        added = run_async(run, closing=council)
        if added is None:
            raise KeyboardInterrupt
        if not added.changes:
            raise next(iter(added.refused.values()))
        if as_json:
            click.echo(dumped({"domain": domain, **added.as_dict()}))
        else:
            _tell_all(domain, added)
        if added.failed:
            sys.exit(PARTIAL)


@knowledge.command("list", epilog="Example: metier knowledge list medical")
@click.argument("domain", required=False, shell_complete=_complete_domain)
@_json
def list_(domain: str | None, *, as_json: bool) -> None:
    """List the documents that were added, of one domain or of all."""
    with errors_for_people(as_json=as_json):
        from metier.cli.text import as_json as dumped
        from metier.cli.text import table
        from metier.council import Council

        council = Council.from_installed(load_settings())
        shelf = _shelf(council)
        if domain is not None:
            _check(domain, council, shelf)
        domains = [domain] if domain is not None else shelf.domains
        found = [
            {"domain": name, **entry.model_dump(exclude={"root"})}
            for name in domains
            for entry in shelf.base(name).entries.values()
        ]
        if as_json:
            click.echo(dumped({"documents": found}))
            return
        if not found:
            click.echo("there are none; see: metier knowledge add --help", err=True)
            return
        rows = [
            (
                str(entry["domain"]),
                str(entry["name"]),
                str(entry["chunks"]),
                f"{entry['size_bytes']:,}",
                str(entry["path"]),
            )
            for entry in found
        ]
        click.echo(table(rows, header=("domain", "document", "chunks", "bytes", "file")))


@knowledge.command(epilog="Example: metier knowledge remove medical old.pdf")
@_domain
@click.argument("path", required=False)
@click.option("--all", "everything", is_flag=True, help="Remove all documents of the domain.")
@_json
def remove(domain: str, path: str | None, *, everything: bool, as_json: bool) -> None:
    """Remove documents, by file, by folder, or by the name in `metier knowledge list`.

    Your files are not touched: only the stored copies are removed.
    """
    if (path is None) != everything:
        raise click.UsageError("name what to remove: a PATH, or --all")
    with errors_for_people(as_json=as_json):
        from metier.cli.knowledge_adding import say_waiting
        from metier.cli.text import as_json as dumped
        from metier.council import Council

        council = Council.from_installed(load_settings())
        shelf = _shelf(council)
        _check(domain, council, shelf)
        if path is None:
            shelf.erase(domain, waiting=say_waiting)
            gone = ["all"]
        else:
            gone = shelf.base(domain).remove(path, waiting=say_waiting)
        if as_json:
            click.echo(dumped({"domain": domain, "removed": gone}))
            return
        click.echo(f"removed from {domain}: {', '.join(gone)}", err=True)


@knowledge.command(epilog='Example: metier knowledge search medical "warfarin and aspirin" -k 3')
@_domain
@click.argument("query", nargs=-1, required=True)
@click.option("-k", "count", type=click.IntRange(1, 50), default=4, help="Number of passages.")
@_json
def search(domain: str, query: tuple[str, ...], count: int, *, as_json: bool) -> None:
    """Show the passages that best match a question, and where they come from."""
    with errors_for_people(as_json=as_json):
        from metier.cli.text import as_json as dumped

        council = open_council(load_settings(), only_embeds=True)
        shelf = _shelf(council)
        _check(domain, council, shelf)
        base = shelf.base(domain)
        if base.stale:
            click.echo(f"embedding {len(base)} chunks with {council.embedder.id} …", err=True)

        async def run() -> list[Passage]:
            return await base.search(" ".join(query), count)

        found = run_async(run, closing=council)
        if as_json:
            click.echo(dumped({"domain": domain, "passages": [_told(each) for each in found]}))
            return
        if not found:
            click.echo(f"{domain} has no documents; see: metier knowledge add --help", err=True)
        for number, passage in enumerate(found, 1):
            chunk = passage.chunk
            click.echo(f"{number}. {chunk.name}, {chunk.place}  ({passage.similarity:.2f})")
            click.echo("".join(f"   {line}\n" for line in chunk.text.splitlines()))


def _shelf(council: Council) -> KnowledgeBases:
    return council.knowledge


def _check(domain: str, council: Council, shelf: KnowledgeBases) -> None:
    """Refuse an unknown domain; that of a removed expert is known if it still has documents."""
    from metier.errors import UnknownExpert

    known = [*council.registry.entries, *shelf.domains]
    if domain not in known:
        raise UnknownExpert(domain, known)


def _told(passage: Passage) -> dict[str, object]:
    chunk = passage.chunk
    return {
        "name": chunk.name,
        "place": chunk.place,
        "similarity": round(passage.similarity, 4),
        "score": round(passage.score, 6),
        "text": chunk.text,
    }


def _tell_all(domain: str, added: Added) -> None:
    for path, change in added.changes.items():
        _tell(path, change)
    for exc in added.refused.values():
        styled(str(exc), fg="yellow", err=True)
    documents, chunks = len(added.base.entries), len(added.base)
    click.echo(f"{domain} now has {documents} documents in {chunks} chunks", err=True)


def _tell(path: Path, change: Change) -> None:
    counts = ", ".join(
        f"{len(names)} {what}"
        for what, names in (
            ("added", change.added),
            ("changed", change.changed),
            ("unchanged", change.unchanged),
            ("removed", change.removed),
            ("gone but kept (--sync removes them)", change.gone),
            ("skipped", change.skipped),
        )
        if names
    )
    click.echo(f"{path}: {counts}", err=True)
    reasons = Counter(each.reason for each in change.skipped)
    rarest_first = sorted(change.skipped, key=lambda each: reasons[each.reason])
    for each in rarest_first[:_LISTED]:
        styled(f"skipped {each.path}: {each.reason}", fg="yellow", err=True)
    more = Counter(each.reason for each in rarest_first[_LISTED:])
    for reason, count in more.items():
        styled(f"skipped {count} more: {reason}", fg="yellow", err=True)


@contextmanager
def _bar() -> Iterator[Callable[[Progress], None]]:
    """A progress bar on stderr; nothing if stderr is not a terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TimeRemainingColumn

    from metier.cli import consoles

    columns = (
        "{task.description}",
        BarColumn(),
        MofNCompleteColumn(),
        "{task.fields[chunks]} chunks",
        TimeRemainingColumn(),
    )
    with consoles.progress(*columns) as rich:
        task = rich.add_task("", total=None, chunks=0)

        def show(progress: Progress) -> None:
            rich.update(
                task,
                description=progress.file[-40:],
                total=progress.total,
                completed=progress.done,
                chunks=progress.chunks,
            )

        yield show
