"""Output that cannot control the terminal: stdout and stderr, cleaned in one place.

Answers, names and errors come from models, files and servers. While a command runs, `Guarded`
streams replace stdout and stderr, so that whatever writes to them (click, a traceback, a library's
warning) is cleaned. Only metier's own colours and rewritten lines go past the guard, written by the
functions here around cleaned text.
"""

from __future__ import annotations

import codecs
import re
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TextIO, cast

import click

# C0 except tab and newline, DEL, C1.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# Embeddings, overrides and isolates, which change the order in which text is shown.
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
_ERRORS = "metier.escaped"
# Here Ray reports lost nodes on stdout, where only answers belong; this cannot be switched off.
_RAYS_THREAD = "ray_listen_error_messages"


def cleaned(text: str, *, bidi: bool = True, encoding: str = "utf-8") -> str:
    r"""Escape every character of a text that can control a terminal, such as ``\u001b``.

    The escapes are JSON's: valid JSON stays valid and keeps its meaning.

    Args:
        bidi: escape the controls of bidirectional text too.
        encoding: characters that it cannot encode are escaped, and so are lone surrogates.
    """
    text = _CONTROL.sub(_escape, text.replace("\r\n", "\n"))
    text = _BIDI.sub(_escape, text) if bidi else text
    return text.encode(encoding, _ERRORS).decode(encoding)


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def _escape_unencodable(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    escapes = (f"\\u{units[n : n + 2].hex()}" for n in range(0, len(units), 2))
    return "".join(escapes), error.end


codecs.register_error(_ERRORS, _escape_unencodable)


class Guarded:
    """A text stream that writes only cleaned text.

    In a file or a pipe the controls of bidirectional text stay: Arabic and Hebrew may need them.
    There is no `buffer`, because bytes would not be cleaned.

    Args:
        aside: the stream that gets Ray's messages instead.

    Attributes:
        bare: the stream behind it, for metier's own sequences.
    """

    def __init__(self, bare: TextIO, *, aside: TextIO | None = None) -> None:
        self.bare = bare
        self._aside = aside
        self.encoding = bare.encoding or "utf-8"
        self.errors = bare.errors
        self._is_terminal = bare.isatty()

    def write(self, text: str) -> int:
        """Write a text, cleaned."""
        if self._aside is not None and threading.current_thread().name == _RAYS_THREAD:
            return self._aside.write(text)
        self.bare.write(cleaned(text, bidi=self._is_terminal, encoding=self.encoding))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write texts, cleaned."""
        for line in lines:
            self.write(line)

    def write_styled(self, text: str, *, fg: str | None, dim: bool | None) -> None:
        """Write a text, cleaned, in a colour if this is a terminal."""
        if self._is_terminal:
            self.bare.write(click.style(cleaned(text, encoding=self.encoding), fg=fg, dim=dim))
        else:
            self.write(text)

    def flush(self) -> None:
        """Flush the stream behind it."""
        self.bare.flush()

    def isatty(self) -> bool:
        """Whether this is a terminal."""
        return self._is_terminal

    def fileno(self) -> int:
        """Return the file descriptor of the stream behind it."""
        return self.bare.fileno()

    def readable(self) -> bool:
        """Return False."""
        return False

    def writable(self) -> bool:
        """Return True."""
        return True

    @property
    def closed(self) -> bool:
        """Whether the stream behind it is closed."""
        return self.bare.closed


def guard() -> None:
    """Guard stdout and stderr for the rest of the process, including a final traceback."""
    sys.stdout, sys.stderr = _both_guarded()
    sys.excepthook = _print_exception


@contextmanager
def guarded() -> Iterator[None]:
    """Guard stdout and stderr, and restore them at the end."""
    before = sys.stdout, sys.stderr
    own = sys.stdout, sys.stderr = _both_guarded()
    try:
        yield
    finally:
        # Unless somebody else has replaced them since.
        if (sys.stdout, sys.stderr) == own:
            sys.stdout, sys.stderr = before


@contextmanager
def bare_stdout() -> Iterator[None]:
    """Unguard stdout, which then has a `buffer`, for a protocol between programs."""
    before = sys.stdout
    sys.stdout = bare(sys.stdout)
    try:
        yield
    finally:
        sys.stdout = before


def bare(stream: TextIO) -> TextIO:
    """Return the stream behind the guard, or the stream itself if it is not guarded."""
    return stream.bare if isinstance(stream, Guarded) else stream


def styled(
    text: str,
    *,
    fg: str | None = None,
    dim: bool | None = None,
    err: bool = False,
    nl: bool = True,
) -> None:
    """Print a text in a colour; `click.secho` cannot, because its colours are cleaned away."""
    stream = cast("Guarded", _guarded(sys.stderr if err else sys.stdout))
    stream.write_styled(text, fg=fg, dim=dim)
    stream.write("\n" if nl else "")
    stream.flush()


def rewrite_line(text: str = "") -> None:
    """Replace the current line of stderr, which is a terminal, with a dim text."""
    bare(sys.stderr).write("\r\033[K")
    if text:
        styled(text, dim=True, err=True, nl=False)
    sys.stderr.flush()


def _both_guarded() -> tuple[TextIO, TextIO]:
    err = _guarded(sys.stderr)
    return _guarded(sys.stdout, aside=err), err


def _guarded(stream: TextIO, *, aside: TextIO | None = None) -> TextIO:
    # A program without a console has no streams.
    if stream is None or isinstance(stream, Guarded):
        return stream
    return cast("TextIO", Guarded(stream, aside=aside))


def _print_exception(
    _kind: type[BaseException], exc: BaseException, _trace: TracebackType | None
) -> None:
    import traceback

    # Some versions of Python colour it themselves, and the guard would escape the colours.
    traceback.print_exception(exc)
