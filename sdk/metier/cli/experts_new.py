"""`metier experts new`."""

from __future__ import annotations

from pathlib import Path

import click

from metier.cli.session import errors_for_people, load_settings


@click.command(epilog="Example: metier experts new house_style")
@click.argument("name")
@click.option("--declarative", is_flag=True, help="A card alone, without Python.")
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    default=".",
    metavar="FOLDER",
    help="Where the project's folder is made; here where not given.",
)
def new(name: str, *, declarative: bool, into: Path) -> None:
    """Start a project for an expert: card, code, questions, tests, packaging, CI.

    What it makes works: it brews tea until you change it. Its tests need no server.
    """
    with errors_for_people():
        from metier.experts.registry import Registry
        from metier.testing.scaffold import create

        taken = Registry.from_installed(load_settings()).entries
        folder = create(name, into=into, declarative=declarative, taken=taken)
        click.echo(folder)
        click.echo(
            f"Next:  cd {folder}\n"
            "       metier experts check .\n"
            '       metier experts try . "How long does green tea steep?"',
            err=True,
        )
