"""`metier cluster`."""

from __future__ import annotations

import socket
import threading
from functools import partial

import click

from metier.cli.session import ensure_server, errors_for_people, load_settings, run_async


@click.group(epilog="Example: metier cluster start-host 10.0.0.5:6379")
def cluster() -> None:
    """Share this machine's models with a Ray cluster."""


@cluster.command("start-host", epilog="Example: metier cluster start-host 10.0.0.5:6379")
@click.argument("address")
@click.option("--name", default=socket.gethostname, help="Unique in the cluster.")
@click.option("--label", "labels", multiple=True, help="An expert can be pinned to it.")
def start_host(address: str, name: str, labels: tuple[str, ...]) -> None:
    """Let this machine's Ollama answer questions of a running Ray cluster, until Ctrl-C.

    Run it on each node, after `ray start`. ADDRESS is that of the cluster's head.
    """
    with errors_for_people():
        from metier.models.hosts.ray_node import answering, start_host
        from metier.models.hosts.ray_server import NodeFacts
        from metier.models.ollama import OllamaServer
        from metier.models.opening import memory_bytes_of

        settings = load_settings().model_copy(update={"cluster": None, "hosts": ()})
        ensure_server(settings)
        facts = NodeFacts(
            labels=labels,
            slots=settings.parallel,
            memory_bytes=memory_bytes_of(settings.servers[0]),
            num_ctx=settings.num_ctx,
        )
        actor = start_host(address, name, OllamaServer.from_settings(settings), facts)
        version = run_async(partial(answering, actor))
        text = f"{name} answers in the cluster at {address} (Ollama {version}); Ctrl-C ends it"
        click.echo(text, err=True)
        threading.Event().wait()
