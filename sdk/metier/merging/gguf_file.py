"""The header of a GGUF file: its keys and the offsets of its tensors. No tensor is read here.

`gguf.GGUFReader` makes an array of every token: 5 s and 500 MB for a vocabulary of 150,000. Here a
key is an offset in the file, and its value is read on request. Headers have limits, since files are
not trusted.
Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import hashlib
import math
import os
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from metier.errors import UnreadableWeights
from metier.merging.encoding import block, size_bytes, type_name

# The tensors that have a row for every token.
EMBEDDING, OUTPUT = "token_embd.weight", "output.weight"

MAGIC = b"GGUF"
VERSION = 3
ALIGNMENT = 32

Scalar = bool | int | float | str

_STRING, _ARRAY = 8, 9
_MOST_DIMENSIONS = 4
# Several times what the largest models have: headers of 30 MB, with lists of 500,000 items.
_MOST_HEAD_BYTES = 1 << 26
_MOST_KEYS = 10_000
_MOST_TENSORS = 100_000
_MOST_ITEMS = 1 << 22
_LONGEST_NAME = 1 << 10
_READ_BYTES = 1 << 20
_LENGTH = struct.Struct("<Q")
_CHANGED = "it changed while being read"
# The struct formats of the scalar types, by code.
_FORMATS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """The position of a key.

    Attributes:
        start: where the whole entry begins, with name and type; `value` is where its value does.
    """

    kind: int
    start: int
    value: int
    stop: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """A tensor in a file.

    Attributes:
        shape: as in the file: the length of a row first.
        offset: of its data, from the start of the file.
    """

    name: str
    shape: tuple[int, ...]
    kind: str
    offset: int

    @property
    def count(self) -> int:
        """The number of its elements."""
        return math.prod(self.shape)

    @property
    def size_bytes(self) -> int:
        """The size of its data."""
        return size_bytes(self.count, self.kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class GgufFile:
    """A file's keys and tensors, in file order."""

    path: Path
    keys: dict[str, Key]
    tensors: dict[str, Tensor]

    @classmethod
    def open(cls, path: Path) -> GgufFile:
        """Read the header.

        Raises:
            UnreadableWeights: it is not a complete GGUF file.
        """
        with (
            opened(path) as file,
            _damage(path, "its header is damaged, truncated, or larger than that of any model"),
        ):
            return _Head(path, file).read()

    def scalar(self, name: str) -> Scalar | None:
        """Return a number, a boolean or a string; None if the key is missing or a list."""
        key = self.keys.get(name)
        if key is None or key.kind == _ARRAY:
            return None
        data = self._bytes(key.value, key.stop)
        if key.kind == _STRING:
            return data[8:].decode(errors="replace")
        (value,) = struct.unpack(f"<{_FORMATS[key.kind]}", data)
        return value

    def texts(self, name: str) -> list[str]:
        """Return a list of strings; empty if the key is missing or not a list of strings."""
        return [text.decode(errors="replace") for text in self._items(name, _STRING)]

    def numbers(self, name: str) -> list[float]:
        """Return a list of numbers; empty if the key is missing or not a list of numbers."""
        data = self.value_bytes(name)
        kind = struct.unpack_from("<I", data)[0] if data and self.keys[name].kind == _ARRAY else -1
        if kind not in _FORMATS:
            return []
        count = struct.unpack_from("<Q", data, 4)[0]
        with _damage(self.path, _CHANGED):
            found = struct.unpack_from(f"<{count}{_FORMATS[kind]}", data, 12)
        return [float(item) for item in found]

    def value_bytes(self, name: str) -> bytes:
        """Return the raw bytes of a value; empty if the key is missing."""
        key = self.keys.get(name)
        return self._bytes(key.value, key.stop) if key else b""

    def entry(self, name: str) -> bytes:
        """Return the raw bytes of a whole entry: name, type and value."""
        key = self.keys[name]
        return self._bytes(key.start, key.stop)

    def digest(self, name: str) -> str:
        """Hash a value, to compare values without keeping them."""
        return hashlib.sha256(self.value_bytes(name)).hexdigest()

    def _items(self, name: str, kind: int) -> Iterator[bytes]:
        data = self.value_bytes(name)
        if not data or self.keys[name].kind != _ARRAY or struct.unpack_from("<I", data)[0] != kind:
            return
        at = 12
        with _damage(self.path, _CHANGED):
            for _ in range(_LENGTH.unpack_from(data, 4)[0]):
                (length,) = _LENGTH.unpack_from(data, at)
                yield data[at + 8 : at + 8 + length]
                at += 8 + length

    def _bytes(self, start: int, stop: int) -> bytes:
        with opened(self.path) as file:
            data = os.pread(file, stop - start, start)
        if len(data) != stop - start:
            raise _unreadable(self.path, _CHANGED)
        return data


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """Open a regular file and yield its descriptor; never wait for a pipe or a device.

    Raises:
        UnreadableWeights: it cannot be opened, or is not a regular file.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as exc:
        raise _unreadable(path, (exc.strerror or str(exc)).lower()) from exc
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise _unreadable(path, "it is not a regular file")
        yield file
    finally:
        os.close(file)


@contextmanager
def _damage(path: Path, reason: str) -> Iterator[None]:
    try:
        yield
    except (struct.error, OverflowError, KeyError, UnicodeDecodeError) as exc:
        raise _unreadable(path, reason) from exc
    except OSError as exc:
        raise _unreadable(path, (exc.strerror or str(exc)).lower()) from exc


class _Head:
    """Walks through the header of a file once, and reads little beyond it."""

    def __init__(self, path: Path, file: int) -> None:
        self._path = path
        self._file = file
        self._size = os.fstat(file).st_size
        self._data = bytearray()
        self._at = 0

    def read(self) -> GgufFile:
        if self._taken(4) != MAGIC:
            raise _unreadable(self._path, "it is not a GGUF file")
        if (version := self._number("I")) not in (2, VERSION):
            raise _unreadable(self._path, f"its version, {version}, is neither 2 nor 3")
        tensors, keys = self._number("Q"), self._number("Q")
        self._check(keys <= _MOST_KEYS and tensors <= _MOST_TENSORS)
        found = dict(self._key() for _ in range(keys))
        listed = [self._tensor() for _ in range(tensors)]
        file = GgufFile(path=self._path, keys=found, tensors={})
        alignment = self._alignment(found)
        start = -(-self._at // alignment) * alignment
        for name, shape, code, offset in listed:
            kind = type_name(code)
            if kind is None or shape[0] % block(kind)[0]:
                raise _unreadable(self._path, f"the type of its tensor {name!r} is unknown")
            file.tensors[name] = Tensor(name=name, shape=shape, kind=kind, offset=start + offset)
        self._check(len(found) == keys and len(file.tensors) == tensors)
        self._check_size(file)
        return file

    def _check_size(self, file: GgufFile) -> None:
        tensors = file.tensors.values()
        wanted = max((each.offset + each.size_bytes for each in tensors), default=0)
        if wanted > self._size:
            reason = f"it is truncated: it has {self._size} of {wanted} bytes"
            raise _unreadable(self._path, reason)
        self._check(sum(each.size_bytes for each in tensors) <= self._size)

    def _alignment(self, keys: dict[str, Key]) -> int:
        if (key := keys.get("general.alignment")) is None:
            return ALIGNMENT
        (value,) = struct.unpack_from("<I", self._data, key.value)
        return max(1, int(value))

    def _key(self) -> tuple[str, Key]:
        start = self._at
        name = self._text()
        kind = self._number("I")
        value = self._at
        self._skip(kind)
        return name, Key(kind=kind, start=start, value=value, stop=self._at)

    def _tensor(self) -> tuple[str, tuple[int, ...], int, int]:
        name = self._text()
        dimensions = self._number("I")
        self._check(dimensions <= _MOST_DIMENSIONS)
        shape = tuple(self._number("Q") for _ in range(dimensions))
        self._check(0 not in shape)
        return name, shape or (1,), self._number("I"), self._number("Q")

    def _skip(self, kind: int) -> None:
        if kind == _STRING:
            self._forward(self._number("Q"))
        elif kind == _ARRAY:
            inner, count = self._number("I"), self._number("Q")
            self._check(count <= _MOST_ITEMS)
            if inner == _STRING:
                for _ in range(count):
                    self._forward(_LENGTH.size)
                    self._forward(_LENGTH.unpack_from(self._data, self._at - _LENGTH.size)[0])
            else:
                self._forward(count * struct.calcsize(f"<{_FORMATS[inner]}"))
        else:
            self._forward(struct.calcsize(f"<{_FORMATS[kind]}"))

    def _text(self) -> str:
        length = self._number("Q")
        self._check(length <= _LONGEST_NAME)
        return self._taken(length).decode()

    def _number(self, form: str) -> int:
        (value,) = struct.unpack(f"<{form}", self._taken(struct.calcsize(f"<{form}")))
        return int(value)

    def _taken(self, count: int) -> bytes:
        start = self._at
        self._forward(count)
        return bytes(self._data[start : self._at])

    def _forward(self, count: int) -> None:
        self._at += count
        if self._at > len(self._data):
            self._check(self._at <= min(self._size, _MOST_HEAD_BYTES))
            self._fill()

    def _fill(self) -> None:
        while len(self._data) < self._at:
            more = os.pread(self._file, _READ_BYTES, len(self._data))
            self._check(bool(more))
            self._data += more

    def _check(self, sound: bool) -> None:
        if not sound:
            raise struct.error("beyond the end of the file, or beyond a limit")


def _unreadable(path: Path, reason: str) -> UnreadableWeights:
    return UnreadableWeights(str(path), reason=reason)
