"""`metier learn`."""

from __future__ import annotations

import click

from metier.cli.session import errors_for_people, load_settings, open_council, run_async


@click.group(epilog="Example: metier learn status")
def learn() -> None:
    """Show what was learnt from examples, outcomes and past plans, and remove it."""


@learn.command(epilog="Example: metier learn status --json")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(*, as_json: bool) -> None:
    """List what was learnt, and whether it is used.

    What was fitted to the cards' own examples is fitted again when a card changes. What was learnt
    from your own data stays until it is removed; it holds for one embedder.
    """
    with errors_for_people(as_json=as_json):
        from metier.cli.text import as_json as dumped
        from metier.cli.text import table
        from metier.planning.selecting import cards_hash

        council = open_council(load_settings())
        index = run_async(council.planning.index, closing=council)
        kept = council.planning.artefacts.status(of=cards_hash(index, council.registry.cards))
        if as_json:
            found = [
                {
                    "name": each.name,
                    "teaches": each.teaches,
                    "file": str(each.file),
                    "size_bytes": each.size_bytes,
                    "used": not each.problem,
                    "problem": each.problem,
                }
                for each in kept
            ]
            click.echo(dumped({"learnt": found}))
            return
        if not kept:
            click.echo("nothing yet; see: metier evaluate --help", err=True)
            return
        rows = [
            (each.name, each.problem or "used", f"{each.size_bytes / 1000:.0f} kB", each.teaches)
            for each in kept
        ]
        click.echo(table(rows, header=("name", "state", "size", "what it teaches")))


@learn.command(epilog="Example: metier learn remove outcomes")
@click.argument("names", nargs=-1, required=True)
def remove(names: tuple[str, ...]) -> None:
    """Remove what was learnt, by the names that `metier learn status` shows."""
    with errors_for_people():
        from metier.council import Council
        from metier.errors import InvalidInput

        council = Council.from_installed(load_settings())
        for name in names:
            if not council.planning.forget(name):
                raise InvalidInput(f"nothing is kept as {name!r}", hint="See: metier learn status")
            click.echo(f"removed {name}", err=True)
