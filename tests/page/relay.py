"""A connection between a browser and a server that a test can cut."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit


class Relay:
    """Passes bytes on both ways, until it is cut."""

    def __init__(self, to: str) -> None:
        self._to = to
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.address = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def lead(self, to: str) -> None:
        """Close all connections; later ones lead to another server, as after a restart."""
        self._to = to
        self._close(*self._open)

    def cut(self) -> None:
        """Close all connections, and take no more."""
        self._close(self._listening, *self._open)

    def _close(self, *sockets: socket.socket) -> None:
        for each in sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                ours, _ = self._listening.accept()
                theirs = socket.create_connection(
                    (urlsplit(self._to).hostname, urlsplit(self._to).port)
                )
                self._open += [ours, theirs]
                for pair in ((ours, theirs), (theirs, ours)):
                    threading.Thread(target=_pass, args=pair, daemon=True).start()


@contextmanager
def relayed(to: str) -> Iterator[Relay]:
    """A relay to a server; it is cut with the block's end."""
    relay = Relay(to)
    try:
        yield relay
    finally:
        relay.cut()


def _pass(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
