"""Runs a program until standard input ends: until the process that holds its other end is gone.

It is run as a file, in an interpreter of its own: `python attached.py PROGRAM ARGUMENT …`. A killed
process cannot end what it started; a pipe is closed whatever happens to the process that opened it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress

_PATIENCE_S = 5.0


def run(command: list[str]) -> None:
    """Run the command, and end it with all that it started."""
    signal.signal(signal.SIGTERM, lambda *_: _end_input())
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0)  # noqa: S603
    gone = threading.Thread(target=_until_gone, args=(child,))
    gone.start()
    os.read(sys.stdin.fileno(), 1)
    child.terminate()
    gone.join(_PATIENCE_S)
    _kill_group(child)


def _end_input() -> None:
    """Let a read of standard input return, which a signal alone does not."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())


def _until_gone(child: subprocess.Popen[bytes]) -> None:
    code = child.wait()
    _kill_group(child)
    os._exit(code if code >= 0 else 128 - code)


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)


if __name__ == "__main__":
    run(sys.argv[1:])
