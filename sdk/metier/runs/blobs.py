"""Texts and replies, each kept once however many runs hold it."""

from __future__ import annotations

import hashlib
import sqlite3
import zlib
from collections.abc import Iterable

# Above it zlib takes longer and gains little; prompts and replies are mostly text.
_LEVEL = 6
_MAX_BYTES = 256 << 20


def put(connection: sqlite3.Connection, run: int, data: bytes) -> int:
    """Keep some bytes for a run; returns their number."""
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
    """The bytes of this number."""
    found = connection.execute("SELECT data FROM blobs WHERE id = ?", (blob,)).fetchone()
    return unpacked(found[0])


def by_hash(connection: sqlite3.Connection, digest: str) -> bytes | None:
    """The bytes with this SHA-256; None if no run holds them."""
    row = (bytes.fromhex(digest),)
    found = connection.execute("SELECT data FROM blobs WHERE sha256 = ?", row).fetchone()
    return None if found is None else unpacked(found[0])


def packed(data: bytes) -> bytes:
    """Bytes made smaller."""
    return zlib.compress(data, _LEVEL)


def unpacked(data: bytes) -> bytes:
    """What zlib packed, up to a size that no run writes."""
    return zlib.decompressobj().decompress(data, _MAX_BYTES)


def remove_unused(connection: sqlite3.Connection, numbers: Iterable[int]) -> None:
    """Remove those of these that no run holds."""
    connection.executemany(
        "DELETE FROM blobs WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM uses WHERE blob = ?1)",
        [(number,) for number in numbers],
    )
