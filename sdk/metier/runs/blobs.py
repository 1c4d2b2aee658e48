"""Texts and replies, each stored once however many runs use it."""

from __future__ import annotations

import hashlib
import sqlite3
import zlib
from collections.abc import Iterable

# Higher levels take longer and gain little: prompts and replies are mostly text.
_LEVEL = 6
_MAX_BYTES = 256 << 20


def put(connection: sqlite3.Connection, run: int, data: bytes) -> int:
    """Store bytes for a run, and return their number."""
    digest = hashlib.sha256(data).digest()
    found = connection.execute("SELECT id FROM blobs WHERE sha256 = ?", (digest,)).fetchone()
    if found is None:
        row = (digest, packed(data))
        blob = connection.execute("INSERT INTO blobs (sha256, data) VALUES (?, ?)", row).lastrowid
    else:
        blob = found[0]
    assert blob is not None
    connection.execute("INSERT OR IGNORE INTO uses VALUES (?, ?)", (run, blob))
    return int(blob)


def get(connection: sqlite3.Connection, blob: int) -> bytes:
    """Read the bytes with a number."""
    found = connection.execute("SELECT data FROM blobs WHERE id = ?", (blob,)).fetchone()
    return unpacked(found[0])


def by_hash(connection: sqlite3.Connection, digest: str) -> bytes | None:
    """Read the bytes with a SHA-256; None if no run uses them."""
    row = (bytes.fromhex(digest),)
    found = connection.execute("SELECT data FROM blobs WHERE sha256 = ?", row).fetchone()
    return None if found is None else unpacked(found[0])


def packed(data: bytes) -> bytes:
    """Compress bytes."""
    return zlib.compress(data, _LEVEL)


def unpacked(data: bytes) -> bytes:
    """Decompress bytes, up to a size that no run reaches."""
    return zlib.decompressobj().decompress(data, _MAX_BYTES)


def remove_unused(connection: sqlite3.Connection, numbers: Iterable[int]) -> None:
    """Remove those blobs that no run uses any more."""
    connection.executemany(
        "DELETE FROM blobs WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM uses WHERE blob = ?1)",
        [(number,) for number in numbers],
    )
