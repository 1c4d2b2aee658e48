"""Commands on a terminal, in this process: stdin, stdout and stderr are pseudo-terminals."""

from __future__ import annotations

import os
import sys
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, TextIO

import pytest

from metier.cli.main import cli


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a command wrote to the terminal on stdout and on stderr."""

    out: str
    err: str
    code: int

    @property
    def all(self) -> str:
        return self.out + self.err


class _Pty:
    """A pseudo-terminal that keeps what is written to it, byte for byte."""

    def __init__(self, mode: Literal["r", "w"] = "w") -> None:
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self.file: TextIO = os.fdopen(slave, mode, encoding="utf-8")
        self._seen = bytearray()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        # Linux reports the end of a pseudo-terminal as an error, macOS as an empty read.
        try:
            while data := os.read(self._master, 65536):
                self._seen += data
        except OSError:
            pass

    def close(self) -> str:
        self.file.close()
        self._reader.join()
        os.close(self._master)
        return self._seen.decode()


@contextmanager
def terminal(patch: pytest.MonkeyPatch) -> Iterator[tuple[_Pty, _Pty]]:
    """Make stdout and stderr terminals; yields both."""
    for name, value in {"TERM": "xterm-256color", "COLUMNS": "500"}.items():
        patch.setenv(name, value)
    patch.delenv("NO_COLOR", raising=False)
    out, err, typed = _Pty(), _Pty(), _Pty("r")
    with patch.context() as streams:
        streams.setattr(sys, "stdin", typed.file)
        streams.setattr(sys, "stdout", out.file)
        streams.setattr(sys, "stderr", err.file)
        yield out, err
    typed.close()


def on_terminal(patch: pytest.MonkeyPatch, *arguments: str) -> Shown:
    """Run a command of metier as a person does."""
    with terminal(patch) as (out, err):
        try:
            cli.main(list(arguments), prog_name="metier")
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
        else:
            code = 0
    return Shown(out=out.close(), err=err.close(), code=code)
