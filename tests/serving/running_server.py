"""A council served as `metier serve` does, in a thread with an event loop of its own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import anyio

from metier.council import Council
from metier.serving import Access, ServingLimits, http_app
from metier.serving.running import Server, listening
from metier.serving.runs import Runs


@contextmanager
def served(
    council: Council,
    *,
    access: Access | None = None,
    limits: ServingLimits | None = None,
) -> Iterator[str]:
    """The address of the server; it ends with the block."""
    limits = limits or ServingLimits()
    runs = Runs(limits.requests)
    app = http_app(council, access=access or Access(), limits=limits, runs=runs)
    server = Server(app, host="127.0.0.1", port=0, runs=runs, limits=limits)
    bound = listening(server.config)
    thread = threading.Thread(target=anyio.run, args=(_run, server, bound, council), daemon=True)
    thread.start()
    try:
        # It listens already: who connects before the loop runs is served when it does.
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        bound.close()


async def _run(server: Server, bound: socket.socket, council: Council) -> None:
    await server.serve(sockets=[bound])
    # What connects this event loop to the models' server ends with it.
    await council.server.aclose()
