"""`metier experts new`."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import click

from metier.cli.session import errors_for_people, load_settings


@click.command(epilog="Example: metier experts new house_style")
@click.argument("name")
@click.option("--declarative", is_flag=True, help="Only a card, without Python.")
@click.option("--strategy", is_flag=True, help="A strategy instead of an expert.")
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    default=".",
    metavar="FOLDER",
    help="Parent folder of the new project; by default the current folder.",
)
def new(name: str, *, declarative: bool, strategy: bool, into: Path) -> None:
    """Start a project for an expert: card, code, questions, tests, packaging, CI.

    The new project works: it brews tea until you change it. Its tests need no server. With
    --strategy, start a project for a strategy, with its conformance test.
    """
    if declarative and strategy:
        raise click.UsageError("--declarative and --strategy exclude each other")
    with errors_for_people():
        from metier.testing.scaffold import create

        taken = _taken(strategy=strategy)
        kind = "strategy" if strategy else "card" if declarative else "expert"
        folder = create(name, into=into, kind=kind, taken=taken)
        click.echo(folder)
        click.echo(
            _STRATEGY.format(folder=folder) if strategy else _EXPERT.format(folder=folder), err=True
        )


_EXPERT = """\
Next:  cd {folder}
       metier experts check .
       metier experts try . "How long does green tea steep?\""""
_STRATEGY = """\
Next:  cd {folder}
       pip install -e . && pytest
       metier strategies list"""


def _taken(*, strategy: bool) -> Collection[str]:
    if strategy:
        from metier.strategies import Strategies

        return Strategies().names
    from metier.experts.registry import Registry

    return Registry.from_installed(load_settings()).entries
