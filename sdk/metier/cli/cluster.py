"""`metier cluster`."""

from __future__ import annotations

import socket
from functools import partial

import click

from metier.cli.session import ensure_server, errors_for_people, load_settings, run_async


@click.group(epilog="Example: metier cluster start-host 10.0.0.5:6379")
def cluster() -> None:
    """Share this machine's models with a Ray cluster."""


@cluster.command("start-host", epilog="Example: metier cluster start-host 10.0.0.5:6379")
@click.argument("address")
@click.option("--name", default=socket.gethostname, help="Unique in the cluster.")
@click.option("--label", "labels", multiple=True, help="Label to pin experts to. Repeatable.")
def start_host(address: str, name: str, labels: tuple[str, ...]) -> None:
    """Let this machine's Ollama answer questions of a running Ray cluster, until Ctrl-C.

    Run it on each node, after `ray start`. ADDRESS is that of the cluster's head. The command fails
    when the cluster ends, so that a supervisor can restart it.
    """
    with errors_for_people():
        from metier.council.node import answering, start_host, until_gone
        from metier.merging.node_jobs import merged_here
        from metier.models.hosts.facts import NodeFacts
        from metier.models.ollama import OllamaServer
        from metier.models.opening import memory_bytes_of

        own = {"cluster": None, "hosts": (), "remote_steps": ()}
        settings = load_settings().model_copy(update=own)
        ensure_server(settings)
        facts = NodeFacts(
            labels=labels,
            concurrency=settings.concurrency,
            memory_bytes=memory_bytes_of(settings.servers[0]),
            num_ctx=settings.num_ctx,
        )
        server = OllamaServer.from_settings(settings)
        actor = start_host(address, name, server, facts, settings=settings, merge=merged_here)
        version = run_async(partial(answering, actor))
        text = f"{name} answers in the cluster at {address} (Ollama {version}); Ctrl-C to stop"
        click.echo(text, err=True)
        run_async(partial(until_gone, address, name))
