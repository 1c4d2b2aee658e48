"""`metier experts`."""

from __future__ import annotations

import click

from metier.cli.experts_check import check
from metier.cli.experts_new import new
from metier.cli.experts_try import try_
from metier.cli.session import errors_for_people, load_settings, show_skipped


@click.group(epilog="Example: metier experts show math")
def experts() -> None:
    """List the installed experts; create, check and try your own."""


for _command in (new, check, try_):
    experts.add_command(_command)


@experts.command("list", epilog="Example: metier experts list --json")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def list_(*, as_json: bool) -> None:
    """List the experts, and what was skipped and why. No plugin code is run."""
    with errors_for_people(as_json=as_json):
        from metier.cli.text import as_json as dumped
        from metier.cli.text import table
        from metier.experts.registry import Registry

        registry = Registry.from_installed(load_settings())
        found = [
            {
                "id": name,
                "description": entry.card.description,
                "capabilities": [capability.name for capability in entry.card.capabilities],
                "plugin": entry.code.value if entry.code else None,
                "card": entry.origin,
            }
            for name, entry in registry.entries.items()
        ]
        broken = [
            {"id": skipped.name, "origin": skipped.origin, "reason": str(skipped.error)}
            for skipped in registry.broken
        ]
        if as_json:
            click.echo(dumped({"experts": found, "broken": broken}))
            return
        rows = [
            (entry["id"], ", ".join(entry["capabilities"]), entry["description"]) for entry in found
        ]
        click.echo(table(rows, header=("expert", "capabilities", "what it is for")))
        for skipped in registry.broken:
            show_skipped(skipped.name, skipped.origin, skipped.error)


@experts.command(epilog="Example: metier experts show math")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(name: str, *, as_json: bool) -> None:
    """Show an expert's card, and its tools."""
    with errors_for_people(as_json=as_json):
        from metier.cli.text import as_json as dumped
        from metier.errors import UnknownExpert
        from metier.experts.registry import Registry

        registry = Registry.from_installed(load_settings())
        for skipped in registry.broken:
            if skipped.name == name and name not in registry.entries:
                raise skipped.error
        if name not in registry.entries:
            raise UnknownExpert(name, registry.entries)
        entry = registry.entries[name]
        if as_json:
            click.echo(dumped(entry.card.model_dump(mode="json")))
            return
        card = entry.card
        click.echo(f"{card.id}: {card.description}")
        click.echo(f"card: {entry.origin}")
        click.echo(f"code: {entry.code.value if entry.code else 'none, the card is the expert'}")
        click.echo(f"models, preferred first: {', '.join(card.models)}")
        for capability in card.capabilities:
            click.echo(f"\n{capability.name}: {capability.description}")
            for example in capability.examples[:3]:
                click.echo(f"  + {example}")
            for example in capability.counterexamples[:2]:
                click.echo(f"  - {example}")
        tools = registry.expert(name).tools
        for tool in tools.values():
            arguments = ", ".join(tool.parameters)
            click.echo(f"\ntool {tool.name}({arguments}): {tool.description}")
