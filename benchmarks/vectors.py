"""An embedder for benchmarks: every text is embedded once, and its vector kept by its hash."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal

import anyio
import numpy as np

from benchmarks.contract import say
from benchmarks.server import EMBED, serving
from metier.models.embedder import Embedder, Role, Vectors, normalised, prefixes_of
from metier.settings import Settings

Backend = Literal["ollama", "sentence-transformers"]
_CHUNK = 2048


class KeptVectors:
    """Vectors of an embedder, kept in one file between runs.

    Args:
        embedder: asked for the texts that are not in the file.
        folder: of the file, which bears the embedder's id.
        model: its name, which tells what it reads before a text.
    """

    def __init__(self, embedder: Embedder, folder: Path, *, model: str = EMBED) -> None:
        self.id = embedder.id
        self._prefixes = prefixes_of(model)
        self._embedder = embedder
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / f"{re.sub(r'[^A-Za-z0-9.]+', '-', embedder.id)}.sqlite"
        with self._connection() as connection, connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS vectors (hash BLOB PRIMARY KEY, vector BLOB)"
            )
            self._kept: dict[bytes, bytes] = dict(connection.execute("SELECT * FROM vectors"))

    async def embed(self, texts: Sequence[str], *, role: Role = "query") -> Vectors:
        """As `Embedder.embed`."""
        before = self._prefixes.on([""], role)[0]
        hashes = [hashlib.sha256((before + normalised(text)).encode()).digest() for text in texts]
        wanted = dict(zip(hashes, texts, strict=True)).items()
        missing = sorted((pair for pair in wanted if pair[0] not in self._kept), key=_length)
        for start in range(0, len(missing), _CHUNK):
            if len(missing) > _CHUNK:
                say(f"embedding {start} of {len(missing)} texts")
            chunk = missing[start : start + _CHUNK]
            vectors = await self._embedder.embed([text for _, text in chunk], role=role)
            rows = [
                (key, vector.astype(np.float32).tobytes())
                for (key, _), vector in zip(chunk, vectors, strict=True)
            ]
            with self._connection() as connection, connection:
                connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)
            self._kept.update(rows)
        return np.array([np.frombuffer(self._kept[key], np.float32) for key in hashes])

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """`embed` for code that is not async."""
        return anyio.run(self.embed, texts)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._file, timeout=60)) as connection:
            yield connection


def _length(pair: tuple[bytes, str]) -> int:
    return len(pair[1])


@contextmanager
def kept_vectors(backend: Backend, *, model: str = EMBED) -> Iterator[KeptVectors]:
    """The embedder of a benchmark; a server is started only for texts that are not kept."""
    folder = Settings.load().cache_dir / "benchmarks"
    if backend == "sentence-transformers":
        from metier.models.sentence_transformers import SentenceTransformersEmbedder

        yield KeptVectors(SentenceTransformersEmbedder(model), folder, model=model)
        return
    from metier.models.ollama import OllamaServer
    from metier.models.ollama_embedder import OllamaEmbedder

    with serving([model]) as host:
        yield KeptVectors(OllamaEmbedder(OllamaServer(host), model=model), folder, model=model)
