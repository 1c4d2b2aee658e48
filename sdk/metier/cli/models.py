"""`metier models`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import product
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
    from metier.models.hosts import HostPool
    from metier.models.server import ModelServer
    from metier.settings import Settings

# Enough for a first answer, on a machine with 4 GB: the embedder, and one small model.
STARTER = ("all-minilm", "qwen2.5-coder:1.5b")


@click.group(epilog="Example: metier models pull")
def models() -> None:
    """Manage the models on the server."""


on_host = click.option(
    "--host", "where", help="Only hosts with this name or label; all means every host."
)


def _server(settings: Settings) -> ModelServer:
    from metier.models.opening import server_of

    ensure_server(settings)
    return server_of(settings)


def _pool(settings: Settings, where: str | None) -> HostPool:
    """The selected hosts; all of them as one server if none is named."""
    from metier.models.opening import pool_of

    ensure_server(settings)
    pool = pool_of(settings)
    if settings.cluster:
        run_async(pool.look)
        _tell_left_out(pool)
    return pool.at(where) if where else pool


@models.command("list", epilog="Example: metier models list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def list_(*, as_json: bool) -> None:
    """List the installed models."""
    with errors_for_people(as_json=as_json):
        from dataclasses import asdict

        from metier.cli.text import as_json as dumped

        server = _server(load_settings())
        found = run_async(server.list, closing=server)
        _tell_left_out(server)
        if as_json:
            click.echo(dumped({"models": [asdict(model) for model in found]}))
            return
        rows = [
            (m.name, f"{m.size_bytes >> 20} MB", m.family, m.quantization, ", ".join(m.hosts))
            for m in found
        ]
        header = ("model", "size", "family", "quantization", "hosts")
        click.echo(_hosted(rows, header, several=any(m.hosts for m in found)))


def _tell_left_out(server: ModelServer) -> None:
    from metier.models.hosts.ray_server import RayServer

    for name, reason in server.left_out.items() if isinstance(server, RayServer) else ():
        click.echo(f"{name} is not used: {reason}", err=True)


@models.command(epilog="Example: metier models ps")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def ps(*, as_json: bool) -> None:
    """List the models loaded in memory."""
    with errors_for_people(as_json=as_json):
        from dataclasses import asdict

        from metier.cli.text import as_json as dumped

        server = _server(load_settings())
        found = run_async(server.loaded, closing=server)
        if as_json:
            click.echo(dumped({"models": [asdict(model) for model in found]}))
            return
        rows = [
            (m.name, f"{m.size_bytes >> 20} MB", str(m.context_length), m.expires_at, m.host)
            for m in found
        ]
        header = ("model", "memory", "context", "until", "host")
        click.echo(_hosted(rows, header, several=any(m.host for m in found)))


def _hosted(rows: Sequence[tuple[str, ...]], header: tuple[str, ...], *, several: bool) -> str:
    """A table whose last column, the hosts, is shown only if there are several."""
    from metier.cli.text import table

    width = len(header) if several else len(header) - 1
    return table([row[:width] for row in rows], header=header[:width])


@models.command(epilog="Example: metier models pull qwen2.5-coder:1.5b")
@click.argument("names", nargs=-1)
@click.option("-q", "--quiet", is_flag=True, help="Do not report installed models.")
@on_host
def pull(names: tuple[str, ...], *, quiet: bool, where: str | None) -> None:
    """Pull models from Ollama's library.

    Without names, those that a first answer needs. With several hosts, to the first of them.
    """
    with errors_for_people():
        from metier.cli.pulling import pull_all

        pool = _pool(load_settings(), where)
        for host in pool.hosts if where else pool.hosts[:1]:
            if len(pool.hosts) > 1:
                click.echo(f"{host.name}:", err=True)
            run_async(partial(pull_all, host.server, names or STARTER, quiet=quiet))


@models.command(epilog="Example: metier models warm qwen2.5-coder:1.5b")
@click.argument("names", nargs=-1)
@on_host
def warm(names: tuple[str, ...], *, where: str | None) -> None:
    """Load models into memory ahead of the next question.

    Without names, those of the experts. A server that metier started, or that `metier doctor` has
    found to keep them, also reads the experts' prompts. With several hosts, each model goes to the
    one that is best for it.
    """
    with errors_for_people():
        settings = load_settings()
        if where is None:
            council = open_council(settings)
            click.echo(f"loading {', '.join(names) or 'the models of the experts'} …", err=True)
            run_async(partial(council.warm, names), closing=council)
            return
        if not names:
            raise click.UsageError("name the models to load on the host")
        pool = _pool(settings, where)

        async def load() -> None:
            for name, host in product(names, pool.hosts):
                click.echo(f"loading {name} …", err=True)
                await host.server.load(name)

        run_async(load, closing=pool)


@models.command(epilog="Example: metier models suggest --memory 32")
@click.option(
    "--memory",
    type=click.FloatRange(0, min_open=True),
    metavar="GIB",
    help="Assume this much memory instead of this machine's.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def suggest(memory: float | None, *, as_json: bool) -> None:
    """Show the model of each expert, and a better one that fits in memory."""
    with errors_for_people(as_json=as_json):
        from dataclasses import asdict

        from metier.cli.suggesting import suggestion_table
        from metier.cli.text import as_json as dumped
        from metier.council.suggesting import memory_of, suggestions

        council = open_council(load_settings())
        found = run_async(partial(suggestions, council, memory_gib=memory), closing=council)
        memory_bytes = memory_of(council, memory)
        if as_json:
            listed = [asdict(each) for each in found]
            click.echo(dumped({"memory_bytes": memory_bytes, "experts": listed}))
        else:
            click.echo(suggestion_table(found, memory_bytes=memory_bytes))
