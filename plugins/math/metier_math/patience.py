"""A limit on computing time inside the process, for work that has a next best answer."""

from __future__ import annotations

import gc
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from sympy.core.cache import clear_cache

_AGAIN_S = 0.1


class OutOfTime(BaseException):
    """The time is over. No `Exception`, as SymPy catches those and tries something longer."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raise `OutOfTime` where the body computes longer than this; waiting does not count.

    Where the system has no such timer, or outside of the main thread, there is no limit: then
    the deadline of the process is the only one.
    """
    if (
        not hasattr(signal, "setitimer")
        or threading.current_thread() is not threading.main_thread()
    ):
        yield
        return
    before = signal.signal(signal.SIGVTALRM, _end)
    # What is raised inside of a destructor goes nowhere: so again and again, and no collection.
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds, _AGAIN_S)
    try:
        with _uncollected():
            yield
    except OutOfTime:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        clear_cache()  # SymPy may have been interrupted while it noted something
        raise
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


@contextmanager
def _uncollected() -> Iterator[None]:
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _end(_signal: int, _frame: FrameType | None) -> None:
    raise OutOfTime
