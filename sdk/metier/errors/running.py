"""Errors while a question is answered."""

from __future__ import annotations

from metier.errors.root import MetierError


class IndexUnavailable(MetierError):
    """The capability index can be neither loaded nor built."""

    code = "index_unavailable"


class Locked(IndexUnavailable):
    """Another process is writing to the same place, and did not finish in time."""

    code = "locked"
    retryable = True

    def __init__(self, path: str) -> None:
        super().__init__(
            f"another process holds the lock {path!r}",
            hint="Wait until it has finished, and try again",
        )


class DeadlineExceeded(MetierError):
    """An operation did not finish before its deadline."""

    code = "deadline_exceeded"
    retryable = True


class BudgetExceeded(MetierError):
    """The question needs more model calls than its budget allows."""

    code = "budget_exceeded"

    def __init__(self, max_calls: int, *, kept: int = 0) -> None:
        rest = f"the {kept} left are for its other parts" if kept else "they are used up"
        super().__init__(
            f"the question may cost {max_calls} model calls, and {rest}",
            hint="Raise it: metier config set max_calls 24",
        )


class CouncilInUse(MetierError):
    """Another event loop is using this council; it supports one at a time."""

    code = "council_in_use"
    retryable = True

    def __init__(self) -> None:
        super().__init__(
            "this council is being asked in another event loop",
            hint="Use one council in each loop, or its sync methods alone, from any thread",
        )


class ExpertFailed(MetierError):
    """A step has no result: its expert raised something (chained), said nothing, or is missing."""

    code = "expert_failed"


class ResourceExhausted(ExpertFailed):
    """A step that needs more memory, or a deeper stack, than Python has here (chained)."""

    code = "resource_exhausted"

    def __init__(
        self, cause: MemoryError | RecursionError, *, place: str = "", folder: str = ""
    ) -> None:
        ran_out = (
            "the step needs more memory than there is"
            if isinstance(cause, MemoryError)
            else "the step meets something that is nested too deep for Python"
        )
        where = f", {place}" if place else ""
        code = (
            f". If that is the code's doing, see: metier experts check {folder}" if folder else ""
        )
        super().__init__(
            f"{ran_out} ({type(cause).__name__}{where})",
            hint=f"Ask for less at once, or give it shorter texts{code}",
        )
