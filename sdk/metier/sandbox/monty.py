"""pydantic-monty: an interpreter of its own, with no files, no network and no environment.

It knows a part of Python. What it lacks shows as an exception of the program; `gaps` tells that
from an exception that is the program's own.
"""

from __future__ import annotations

import ast
import time
from dataclasses import replace
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING

import anyio.to_thread

from metier.sandbox.gaps import lacks
from metier.sandbox.sandbox import (
    DEFAULT_LIMITS,
    Failure,
    Limits,
    Outcome,
    printed_too_much,
    quiet,
)

if TYPE_CHECKING:
    import pydantic_monty

# Monty ends what is late by itself; where it hangs, its worker is killed so much later.
_GRACE_S = 1.0
# Where a program's last value is put. Nothing but a text of it comes out: a small program makes
# values that fill any memory when they are copied or printed.
_VALUE = "_metier_value"


class MontySandbox:
    """Runs in a worker process of Monty: some three milliseconds a program."""

    name = "monty"
    exact = False

    async def run(self, code: str, *, stdin: str = "", limits: Limits = DEFAULT_LIMITS) -> Outcome:
        """Run a program. It cannot read `stdin`: one that asks for it is `unsupported`.

        In a thread, as `AsyncMonty` of 1.4.0 lets many a process abort when it ends. A cancelled
        run lets go at once; its worker ends within the time limit.
        """
        job = partial(_run, code, limits)
        return await anyio.to_thread.run_sync(job, abandon_on_cancel=True)


def _run(code: str, limits: Limits) -> Outcome:
    outcome = partial(Outcome, sandbox=MontySandbox.name)
    try:
        import pydantic_monty as monty
    except ImportError as exc:
        reason = f"pydantic-monty cannot be imported ({exc}): pip install 'metier[sandbox]'"
        return outcome(status="unavailable", missing=reason)
    start = time.perf_counter()
    printed = _Printed(limits.output_chars)
    try:
        source = with_text_of_value(code, limits.output_chars)
        value = _fed(monty, source, printed, limits)
        done = outcome(status="ok", value=value if isinstance(value, str) else None)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as exc:  # of CPython's parser
        line = exc.lineno if isinstance(exc, SyntaxError) else None
        error = Failure(type=type(exc).__name__, message=_message(exc), line=line)
        done = outcome(status="failed", error=error)
    except monty.MontyError as exc:
        done = _read(monty, exc, code, limits)
    except (OSError, RuntimeError) as exc:  # its program is not there, or cannot be started
        done = outcome(status="unavailable", missing=str(exc))
    return _told(done, printed, limits, time.perf_counter() - start)


def with_text_of_value(code: str, keep: int) -> str:
    """The program with one line more: the beginning of the text of its last value, or None.

    No line moves, so that the lines of errors are those of the program.

    Raises:
        SyntaxError: CPython does not parse it; ValueError, RecursionError and MemoryError also.
    """
    code = code.replace("\r\n", "\n").replace("\r", "\n")
    with quiet():
        body = ast.parse(code).body
    last = body[-1] if body else None
    if not isinstance(last, ast.Expr) or last.end_lineno is None:
        return f"{code}\nNone\n"
    lines = code.encode().split(b"\n")
    _insert(lines, last.end_lineno, last.end_col_offset or 0, ")")
    _insert(lines, last.lineno, last.col_offset, f"{_VALUE} = (")
    text = f'None if {_VALUE} is None else f"{{{_VALUE}!r}}"[:{keep}]'
    return b"\n".join(lines).decode() + f"\n{text}\n"


def _insert(lines: list[bytes], line: int, column: int, text: str) -> None:
    held = lines[line - 1]
    lines[line - 1] = held[:column] + text.encode() + held[column:]


def _fed(monty: ModuleType, code: str, printed: _Printed, limits: Limits) -> object:
    pool = monty.Monty(
        max_processes=1,
        request_timeout=limits.seconds + _GRACE_S,
        feed_duration_limit_grace=_GRACE_S,
    )
    spend = monty.ResourceLimits(
        max_feed_duration_secs=limits.seconds,
        max_total_sleep_secs=limits.seconds,
        max_memory=limits.memory_mb << 20,
    )
    with pool, pool.checkout(limits=spend) as session:
        return session.feed_run(code, print_callback=printed.add)


def _told(outcome: Outcome, printed: _Printed, limits: Limits, seconds: float) -> Outcome:
    if printed.over and outcome.ran:
        outcome = replace(outcome, status="failed", value=None, error=printed_too_much(limits))
    return replace(outcome, stdout=printed.text, seconds=seconds)


def _read(
    monty: ModuleType, error: pydantic_monty.MontyError, code: str, limits: Limits
) -> Outcome:
    """What an error of Monty says about the program."""
    outcome = partial(Outcome, sandbox=MontySandbox.name)
    if isinstance(error, monty.MontyCrashedError):
        if error.timed_out:
            return outcome(status="timeout")
        return outcome(status="unsupported", missing=f"its interpreter crashed: {error}")
    inner = error.exception()
    message = _message(inner)[: limits.output_chars]
    failure = Failure(type=type(inner).__name__, message=message, line=_line(error))
    if isinstance(inner, TimeoutError) and "limit exceeded" in message:
        return outcome(status="timeout")
    if isinstance(inner, MemoryError):
        return outcome(status="memory", error=failure)
    if missing := lacks(inner, message, code):
        return outcome(status="unsupported", error=failure, missing=missing)
    return outcome(status="failed", error=failure)


def _message(error: BaseException) -> str:
    return error.msg if isinstance(error, SyntaxError) and error.msg else str(error)


def _line(error: pydantic_monty.MontyError) -> int | None:
    frames = getattr(error, "traceback", list)()
    return frames[-1].line if frames else None


class _Printed:
    """The beginning of what a program prints; the rest is let go."""

    def __init__(self, limit: int) -> None:
        self._left = limit
        self._texts: list[str] = []
        self.over = False

    def add(self, _stream: str, text: str) -> None:
        self.over = self.over or len(text) > self._left
        self._texts.append(text[: self._left])
        self._left -= len(self._texts[-1])

    @property
    def text(self) -> str:
        return "".join(self._texts)
