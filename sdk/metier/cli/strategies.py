"""`metier strategies`."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import click

from metier.cli.session import errors_for_people, show_skipped

if TYPE_CHECKING:
    from metier.strategies import Strategies


@click.group(epilog="Example: metier strategies show vote")
def strategies() -> None:
    """Show the strategies that combine several answers into one."""


@strategies.command("list", epilog="Example: metier strategies list --json")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def list_(*, as_json: bool) -> None:
    """List the strategies with their options, and what was skipped and why."""
    with errors_for_people(as_json=as_json):
        from metier.cli.text import as_json as dumped
        from metier.cli.text import table
        from metier.errors import MetierError
        from metier.strategies import Strategies

        there = Strategies()
        found = []
        for name in there.names:
            try:
                found.append(_described(name, there))
            except MetierError:
                continue  # it is in `there.broken` now
        broken = [
            {"name": skipped.name, "origin": skipped.origin, "reason": str(skipped.error)}
            for skipped in there.broken
        ]
        if as_json:
            click.echo(dumped({"strategies": found, "broken": broken}))
            return
        rows = [
            (each["name"], ", ".join(each["options"]) or "-", each["summary"]) for each in found
        ]
        click.echo(table(rows, header=("strategy", "options", "what it does")))
        for skipped in there.broken:
            show_skipped(skipped.name, skipped.origin, skipped.error)


@strategies.command(epilog="Example: metier strategies show cascade")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(name: str, *, as_json: bool) -> None:
    """Show what a strategy does, and its options with their defaults."""
    with errors_for_people(as_json=as_json):
        from metier.cli.text import as_json as dumped
        from metier.strategies import Strategies

        there = Strategies()
        described = _described(name, there)
        if as_json:
            click.echo(dumped(described))
            return
        click.echo(f"{name} ({described['origin']})\n\n{described['description']}")
        for option, schema in described["options"].items():
            click.echo(f"\n-o {option}={schema.get('default')}")
        click.echo(f'\nExample: metier ask -s {name} "What is 15% of 80?"')


def _described(name: str, there: Strategies) -> dict[str, Any]:
    doc = inspect.getdoc(there.get(name)) or ""
    schema = there.options(name).model_json_schema()
    return {
        "name": name,
        "summary": doc.partition("\n")[0],
        "description": doc,
        "origin": there.origin(name),
        "options": schema.get("properties", {}),
    }
