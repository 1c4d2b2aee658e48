from __future__ import annotations

import gc
import signal
import sys
import threading
from contextlib import suppress

import pytest

from metier_math.patience import OutOfTime, within

pytestmark = pytest.mark.skipif(
    not hasattr(signal, "setitimer"), reason="no timer of computing time on this system"
)


def work() -> None:
    while True:
        with suppress(Exception):  # as SymPy does, which must not keep it alive
            sum(range(1000))


def test_work_that_does_not_end_is_ended() -> None:
    with pytest.raises(OutOfTime), within(0.05):
        work()


def test_work_is_ended_although_a_destructor_swallows_the_first_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    swallowed: list[type[BaseException]] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda lost: swallowed.append(lost.exc_type))

    class Deaf:
        def __del__(self) -> None:
            work()

    def both() -> None:
        Deaf()
        work()

    with pytest.raises(OutOfTime), within(0.05):
        both()
    assert swallowed == [OutOfTime]


def test_work_that_ends_in_time_is_left_alone() -> None:
    before = signal.getsignal(signal.SIGVTALRM)
    with within(60):
        total = sum(range(10))
    assert total == 45
    assert gc.isenabled()
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGVTALRM) == before


def test_another_thread_has_no_limit_and_no_error() -> None:
    done: list[int] = []

    def use() -> None:
        with within(60):
            done.append(1)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert done == [1]
