"""What steps exchange with models on other machines, sent to the machine that keeps the run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from metier.engine.ray_executor import RemoteExchange
from metier.runs.current import current
from metier.runs.run import ExchangeKind


class Sending:
    """Sends each exchange of a step to the machine that records the run.

    The state of the server there is not sent: a replay uses that of the whole cluster.
    """

    def __init__(self, send: Callable[[RemoteExchange], None]) -> None:
        self._send = send

    def exchange(
        self, kind: ExchangeKind, request: bytes, reply: bytes, texts: Sequence[bytes] = ()
    ) -> None:
        """Send a request and its reply."""
        if kind not in ("list", "resident", "given", "version"):
            made = RemoteExchange(kind=kind, request=request, reply=reply, texts=tuple(texts))
            self._send(made)

    def models(self, listed: bytes, *, server: str) -> None:
        """Send nothing: the models of the whole cluster are recorded there."""

    def concurrency(self, model: str, concurrency: int) -> None:
        """Send how many requests a model takes at once."""
        self.exchange("slots", model.encode(), str(concurrency).encode())


def keep(made: RemoteExchange) -> None:
    """Write an exchange of another machine into the run that is being recorded."""
    if (recording := current.get()) is not None:
        recording.exchange(made.kind, made.request, made.reply, made.texts)
