"""The child process that computes: `python -m metier_math.worker DEADLINE_S MEMORY_BYTES`.

It reads one JSON program a line on stdin and writes one JSON reply a line on stdout; the first
line that it writes says that it is ready. It ends when stdin does. `calculator` runs it.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import BinaryIO

from metier.errors import InvalidInput
from metier_math.compute import run
from metier_math.program import Program, Reply

_LATER_S = 1.0
# Made before it is needed: then there is no memory to make it.
_OUT_OF_MEMORY = Reply(error="the computation needs more memory than it may have")


def main(deadline_s: float, memory_bytes: int) -> None:
    """Answer programs until stdin ends."""
    replies = _own_stdout()
    _limit_memory(memory_bytes)
    _write(replies, Reply())
    for line in sys.stdin.buffer:
        _set_alarm(deadline_s + _LATER_S)
        reply = _answered(line)
        _set_alarm(0)
        _write(replies, reply)
        if reply is _OUT_OF_MEMORY:
            return  # what is left of the heap is no place for the next program


def _answered(line: bytes) -> Reply:
    try:
        return Reply(results=run(Program.model_validate_json(line)))
    except InvalidInput as exc:
        return Reply(error=exc.message, hint=exc.hint)
    except MemoryError:
        return _OUT_OF_MEMORY
    except RecursionError:
        return Reply(error="the expression is nested too deeply to be computed")
    # SymPy raises nearly anything for input that it cannot work on; the parent must hear of it.
    except Exception as exc:  # noqa: BLE001
        return Reply(error=f"SymPy cannot compute this ({type(exc).__name__}: {exc})"[:500])


def _own_stdout() -> BinaryIO:
    """The pipe to the parent, for replies only: what a library prints goes to stderr."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return replies


def _write(replies: BinaryIO, reply: Reply) -> None:
    replies.write(reply.model_dump_json().encode() + b"\n")
    replies.flush()


def _set_alarm(seconds: float) -> None:
    """End this process if the parent, which should have killed it by then, is gone."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _limit_memory(memory_bytes: int) -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    try:
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    except (OSError, ValueError):  # macOS knows the limit and refuses it
        return


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
