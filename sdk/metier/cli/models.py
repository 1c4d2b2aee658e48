"""`metier models`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from metier.cli.session import (
    ensure_server,
    errors_for_people,
    load_settings,
    open_council,
    run_async,
)

if TYPE_CHECKING:
    from metier.models.ollama import OllamaServer
    from metier.settings import Settings

# What one needs for a first answer, on a machine of 4 GB: the embedder, and one small model.
STARTER = ("all-minilm", "qwen2.5-coder:1.5b")


@click.group(epilog="Example: metier models pull")
def models() -> None:
    """The models of the server."""


def _server(settings: Settings) -> OllamaServer:
    from metier.models.ollama import OllamaServer

    ensure_server(settings)
    return OllamaServer.from_settings(settings)


@models.command("list", epilog="Example: metier models list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def list_(*, as_json: bool) -> None:
    """List the installed models."""
    with errors_for_people(as_json=as_json):
        from dataclasses import asdict

        from metier.cli.text import as_json as dumped
        from metier.cli.text import table

        server = _server(load_settings())
        found = run_async(server.list, closing=server)
        if as_json:
            click.echo(dumped({"models": [asdict(model) for model in found]}))
            return
        rows = [(m.name, f"{m.size_bytes >> 20} MB", m.family, m.quantization) for m in found]
        click.echo(table(rows, header=("model", "size", "family", "quantization")))


@models.command(epilog="Example: metier models ps")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def ps(*, as_json: bool) -> None:
    """List the models that are in memory."""
    with errors_for_people(as_json=as_json):
        from dataclasses import asdict

        from metier.cli.text import as_json as dumped
        from metier.cli.text import table

        server = _server(load_settings())
        found = run_async(server.resident, closing=server)
        if as_json:
            click.echo(dumped({"models": [asdict(model) for model in found]}))
            return
        rows = [
            (m.name, f"{m.size_bytes >> 20} MB", str(m.context_length), m.expires_at) for m in found
        ]
        click.echo(table(rows, header=("model", "memory", "context", "until")))


@models.command(epilog="Example: metier models pull qwen2.5-coder:1.5b")
@click.argument("names", nargs=-1)
@click.option("-q", "--quiet", is_flag=True, help="Say nothing of models that are installed.")
def pull(names: tuple[str, ...], *, quiet: bool) -> None:
    """Get models from Ollama's library.

    Without names, those that a first answer needs.
    """
    with errors_for_people():
        from metier.cli.pulling import pull_all

        server = _server(load_settings())
        run_async(partial(pull_all, server, names or STARTER, quiet=quiet))


@models.command(epilog="Example: metier models warm qwen2.5-coder:1.5b")
@click.argument("names", nargs=-1, required=True)
def warm(names: tuple[str, ...]) -> None:
    """Bring models into memory, so that the next question does not wait for it."""
    with errors_for_people():
        settings = load_settings()
        server = _server(settings)

        async def load() -> None:
            for name in names:
                click.echo(f"loading {name} …", err=True)
                await server.load(name)

        run_async(load, closing=server)


@models.command(epilog="Example: metier models suggest --memory 32")
@click.option(
    "--memory",
    type=click.FloatRange(0, min_open=True),
    metavar="GIB",
    help="For a machine with this memory instead of this one.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def suggest(memory: float | None, *, as_json: bool) -> None:
    """Show the model of each expert, and a better one that fits in memory."""
    with errors_for_people(as_json=as_json):
        from dataclasses import asdict

        from metier.cli.suggesting import memory_of, suggestion_table, suggestions
        from metier.cli.text import as_json as dumped

        council = open_council(load_settings())
        found = run_async(partial(suggestions, council, memory_gib=memory), closing=council)
        memory_bytes = memory_of(council, memory)
        if as_json:
            listed = [asdict(each) for each in found]
            click.echo(dumped({"memory_bytes": memory_bytes, "experts": listed}))
        else:
            click.echo(suggestion_table(found, memory_bytes=memory_bytes))
