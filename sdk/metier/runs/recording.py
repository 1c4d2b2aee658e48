"""Recording one run as it happens: its events, and what passes the two seams.

`RecordingServer` and `RecordingEmbedder` stay in a council's seams; `current` says which run a call
belongs to.
"""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress
from functools import partial
from typing import TYPE_CHECKING

import anyio

from metier.answer import Answer
from metier.errors import MetierError
from metier.events import Answered, Event, Folding, StepDone, StepFailed, Token
from metier.models.embedder import Embedder, Role, Vectors, weights_of
from metier.models.forwarding import ForwardingServer
from metier.models.server import (
    ChatRequest,
    Chunk,
    InstalledModel,
    LoadedModel,
    ModelDetails,
    ModelServer,
    RawRequest,
    host_count,
    run_together,
)
from metier.plan import Message
from metier.runs import exchanges
from metier.runs.conversation import conversation_hash, goes_on
from metier.runs.current import current
from metier.runs.exchanges import Failure
from metier.runs.run import ExchangeKind, Status, Versions
from metier.runs.writing import written

if TYPE_CHECKING:
    from metier.runs.store import RunStore

Emit = Callable[[Event], None]

# Tokens are written in batches; a killed process loses at most this many seconds or characters.
_TOKENS_S = 0.25
_TOKENS_CHARS = 1024
# How long a server that lists its models may take to name its version.
_VERSION_S = 1.0


class Recording:
    """Writes one run, in the store's thread.

    A question is answered even if it cannot be kept: if the store fails, the log says so once, and
    the rest of the run is not written.
    """

    def __init__(
        self, store: RunStore, question: str, messages: Sequence[Message], versions: Versions
    ) -> None:
        self._store = store
        self._broken = False
        self._tokens: list[Token] = []
        self._chars = 0
        self._flushed = time.monotonic()
        self._reason = ""
        self._ended = False
        self._answer: Answered | None = None
        self._row = 0
        self._concurrency: dict[str, int] = {}
        self._models = b""
        self._folding = Folding()
        self._history = conversation_hash(messages, question)
        self._write(lambda: self._begin(question, messages, versions))

    def _begin(self, question: str, messages: Sequence[Message], versions: Versions) -> None:
        before = conversation_hash(messages) if messages else ""
        self._row = self._store.begin(uuid.uuid4().hex, question, versions, before=before)

    def emit_to(self, emit: Emit) -> Emit:
        """Wrap an emitter to write down each event, too; `kept` emits the last."""

        def both(event: Event) -> None:
            self._event(event)
            if isinstance(event, Answered):
                self._answer = event
            else:
                emit(event)

        return both

    async def kept(self, emit: Emit) -> None:
        """Wait until the run is written, and emit its answer then: who has it will find the run."""
        await written(self._last)
        if self._answer is not None:
            emit(self._answer)

    def exchange(
        self, kind: ExchangeKind, request: bytes, reply: bytes, texts: Sequence[bytes] = ()
    ) -> None:
        """Write down a request and its reply."""
        self._write(lambda: self._store.add_exchange(self._row, kind, request, reply, texts))

    def given(self, results: Sequence[StepDone]) -> None:
        """Write down which steps have a result of an earlier run, and of which."""
        for result in results:
            if result.step_id is not None:
                came_from = json.dumps(result.run_id).encode()
                self.exchange("given", result.step_id.encode(), came_from)

    def models(self, listed: bytes, *, server: str) -> None:
        """Write down the models and the version of the server; the same list is written once."""
        if listed != self._models:
            self._models = listed
            self.exchange("list", b"", listed)
            self.exchange("version", b"", json.dumps(server).encode())

    def concurrency(self, model: str, concurrency: int) -> None:
        """Write down how many requests a model takes at once; the same is written once."""
        if self._concurrency.get(model) != concurrency:
            self._concurrency[model] = concurrency
            self.exchange("slots", model.encode(), str(concurrency).encode())

    def fail(self, exc: BaseException) -> None:
        """Write down that the run ended with an error, and the answer as far as it had come."""
        error = str(exc) if isinstance(exc, MetierError) else type(exc).__name__
        status: Status = "failed" if isinstance(exc, Exception) else "cancelled"
        answer = self._folding.answer()
        tip = goes_on(self._history, answer.text) if answer.text else ""
        if not self._ended:
            self._write(lambda: self._store.note(self._row, answer))
        self._end(status, error=error, tip=tip)

    def _event(self, event: Event) -> None:
        self._folding.add(event)
        if isinstance(event, Token):
            self._tokens.append(event)
            self._chars += len(event.text)
            late = time.monotonic() - self._flushed > _TOKENS_S
            if late or self._chars > _TOKENS_CHARS:
                self._flush()
            return
        if isinstance(event, StepFailed) and not self._reason:
            self._reason = event.reason
        self._flush(event)
        if isinstance(event, Answered):
            self._answered(event.answer)

    def _answered(self, answer: Answer) -> None:
        if answer.parts:
            self._end("answered", tip=goes_on(self._history, answer.text))
        else:
            self._end("failed", error=self._reason)

    def _flush(self, *events: Event) -> None:
        written: list[Event] = [*self._tokens, *events]
        self._tokens, self._chars, self._flushed = [], 0, time.monotonic()
        if written:
            self._write(lambda: self._store.add_events(self._row, written))

    def _end(self, status: Status, *, error: str = "", tip: str = "") -> None:
        if not self._ended:
            self._ended = True
            self._flush()
            self._write(lambda: self._store.end(self._row, status, error=error, tip=tip))

    def _write(self, write: Callable[[], None]) -> None:
        self._last = self._store.later(partial(self._try, write))

    def _try(self, write: Callable[[], None]) -> None:
        if self._broken:
            return
        try:
            write()
        except Exception as exc:  # noqa: BLE001  # whatever it is, the question is answered
            self._broken = True
            # If the app sets no handler, logging prints it on stderr.
            logging.getLogger("metier").warning("this run is not kept: %s", exc)


class RecordingServer(ForwardingServer):
    """A model server whose requests and replies are written down while a run is recorded.

    Vectors are written down at the embedder.
    """

    def __init__(self, inner: ModelServer) -> None:
        super().__init__(inner)
        self._listed: bytes | None = None
        self._version = ""

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """The server's reply, written down when it ends, in whatever way."""
        self.keep_list()
        packed, texts = exchanges.packed_chat(request)
        async with aclosing(_followed("chat", self._inner.chat(request), packed, texts)) as pieces:
            async for piece in pieces:
                yield piece

    async def generate(self, request: RawRequest) -> AsyncGenerator[Chunk, None]:
        """The continuation of a raw text, recorded as `chat` is."""
        self.keep_list()
        packed = exchanges.packed_raw(request)
        async with aclosing(_followed("generate", self._inner.generate(request), packed)) as pieces:
            async for piece in pieces:
                yield piece

    async def list(self) -> Sequence[InstalledModel]:
        """The server's models."""
        listed = await self._inner.list()
        # An answer does not depend on it.
        with suppress(Exception), anyio.move_on_after(_VERSION_S):
            self._version = await self._inner.version()
        self._listed = exchanges.adapter(exchanges.Models).dump_json(tuple(listed))
        self.keep_list()
        return listed

    def keep_list(self) -> None:
        """Write down the models that were listed last.

        A council lists them once: for an earlier question, or while it loads a model beforehand.
        """
        if (recording := current.get()) is not None and self._listed is not None:
            recording.models(self._listed, server=self._version)

    async def show(self, model: str) -> ModelDetails:
        """What the server knows about a model."""
        details = await self._inner.show(model)
        if (recording := current.get()) is not None:
            data = exchanges.adapter(ModelDetails).dump_json(details)
            recording.exchange("show", model.encode(), data)
        return details

    async def loaded(self) -> Sequence[LoadedModel]:
        """The models in the server's memory."""
        found = await self._inner.loaded()
        if (recording := current.get()) is not None:
            data = exchanges.adapter(exchanges.LoadedModels).dump_json(tuple(found))
            recording.exchange("resident", b"", data)
        return found

    def concurrency(self, model: str) -> int:
        """The server's concurrency, recorded once a run."""
        concurrency = self._inner.concurrency(model)
        if (recording := current.get()) is not None:
            recording.concurrency(model, concurrency)
        return concurrency

    def host_count(self, model: str) -> int:
        """On how many hosts the model runs, recorded at each call."""
        count = host_count(self._inner, model)
        if (recording := current.get()) is not None:
            recording.exchange("hosts", model.encode(), str(count).encode())
        return count

    def run_together(self, models: Sequence[str]) -> bool:
        """Whether the server can run one request to each model side by side."""
        for model in models:
            self.concurrency(model)  # recorded, since a replay knows it from nowhere else
        return run_together(self._inner, models)


async def _followed(
    kind: ExchangeKind,
    inner: AsyncGenerator[Chunk, None],
    request: bytes,
    texts: Sequence[bytes] = (),
) -> AsyncGenerator[Chunk, None]:
    pieces: list[Chunk] = []
    failure = None
    recording = current.get()
    try:
        async with aclosing(inner):
            async for piece in inner:
                pieces.append(piece)
                yield piece
    except BaseException as exc:
        failure = Failure.of(exc)
        raise
    finally:
        if recording is not None:
            recording.exchange(kind, request, exchanges.packed_reply(pieces, failure), texts)


class RecordingEmbedder:
    """An embedder whose vectors are written down while a run is recorded."""

    def __init__(self, inner: Embedder) -> None:
        self._inner = inner

    @property
    def id(self) -> str:
        """The embedder's id."""
        return self._inner.id

    async def weights(self) -> str:
        """A digest of the embedder's weights."""
        return await weights_of(self._inner)

    async def embed(self, texts: Sequence[str], *, role: Role = "query") -> Vectors:
        """The embedder's vectors."""
        vectors = await self._inner.embed(texts, role=role)
        if (recording := current.get()) is not None:
            request = exchanges.packed_texts(self.id, texts, role)
            recording.exchange("embed", request, exchanges.packed_vectors(vectors))
        return vectors
