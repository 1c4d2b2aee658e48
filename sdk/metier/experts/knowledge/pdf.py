"""The text of a PDF, read in a process of its own.

A PDF is a program for a reader: one of a kilobyte can name a page a million times, or unpack to
gigabytes. The process ends when it has used its time or its memory, and only that file is skipped.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

MAX_PAGES = 10_000
MAX_CHARS = 20_000_000
MEMORY_BYTES = 2 << 30
CPU_S = 180
# For a process that is busy without using its own time, and where CPU time cannot be limited.
WALL_S = 600

_INSIDE = Path(__file__).with_name("pdf_inside.py")


class Unreadable(Exception):  # travels to `Skipped` and no further
    """Why a file is skipped."""


def pages_of(data: bytes, *, max_chars: int = 0, cpu_s: int = 0, wall_s: float = 0) -> list[str]:
    """The text of each page.

    Args:
        max_chars: of all pages together; `MAX_CHARS` if not given.
        cpu_s: seconds of the processor that reading may take; `CPU_S` if not given.
        wall_s: seconds that it may take in any case; `WALL_S` if not given.

    Raises:
        Unreadable: it is damaged, encrypted, or more than may be read.
    """
    cpu_s = cpu_s or CPU_S
    # -P: nothing in the folder of the script is taken for a module of the standard library.
    limits = map(str, (MAX_PAGES, max_chars or MAX_CHARS, MEMORY_BYTES, cpu_s))
    command = [sys.executable, "-P", str(_INSIDE), *limits]
    try:
        done = subprocess.run(  # noqa: S603  # our own script
            command, input=data, capture_output=True, timeout=wall_s or WALL_S, check=True
        )
        outcome = dict(json.loads(done.stdout))
    except (OSError, subprocess.SubprocessError, ValueError, TypeError) as exc:
        late = isinstance(exc, subprocess.TimeoutExpired) or _ended_by(exc, "SIGXCPU")
        reason = f"reading it takes more than {cpu_s} s" if late else "it breaks the reader of PDFs"
        raise Unreadable(reason) from exc
    if "reason" in outcome:
        raise Unreadable(outcome["reason"])
    return outcome["pages"]


def _ended_by(exc: Exception, name: str) -> bool:
    number = getattr(signal, name, None)
    return number is not None and getattr(exc, "returncode", None) == -number
