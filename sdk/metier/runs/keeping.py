"""Recording the runs of a council."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from metier.events import StepDone
from metier.experts.registry import Registry
from metier.models.embedder import Embedder
from metier.models.server import ModelServer
from metier.plan import Message
from metier.runs.current import recorded_as
from metier.runs.recording import Emit, Recording, RecordingEmbedder, RecordingServer
from metier.runs.store import RunStore
from metier.runs.versions import versions_of
from metier.settings import Settings

T = TypeVar("T")


class Keeping:
    """Records the runs of one council in a store.

    Attributes:
        server: the council's, recorded.
        embedder: the council's, recorded.
    """

    def __init__(
        self,
        store: RunStore,
        registry: Registry,
        settings: Settings,
        *,
        server: ModelServer,
        embedder: Embedder,
    ) -> None:
        self._store = store
        self._registry = registry
        self._settings = settings
        # A council that is made of another one's parts gets them with the recorder around them.
        self.server = server if isinstance(server, RecordingServer) else RecordingServer(server)
        self.embedder = (
            embedder if isinstance(embedder, RecordingEmbedder) else RecordingEmbedder(embedder)
        )

    def kept(
        self,
        question: str,
        messages: Sequence[Message],
        answer: Callable[[Emit], Awaitable[T]],
        *,
        seed: int,
        results: Sequence[StepDone] = (),
    ) -> Callable[[Emit], Awaitable[T]]:
        """Wrap what answers a question so that the run is recorded.

        Args:
            results: of steps that are not run.
        """

        async def kept(emit: Emit) -> T:
            settings = self._settings.model_copy(update={"seed": seed})
            versions = versions_of(self._registry, self.embedder, settings)
            recording = Recording(self._store, question, messages, versions)
            recording.given(results)
            with recorded_as(recording):
                self.server.keep_list()
                try:
                    outcome = await answer(recording.emit_to(emit))
                except BaseException as exc:
                    recording.fail(exc)
                    if isinstance(exc, (Exception, asyncio.CancelledError)):
                        await recording.kept(emit)
                    raise
            await recording.kept(emit)
            return outcome

        return kept
