"""What a sandbox is, what a program may spend in it, and what came of running one."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal, Protocol

Status = Literal["ok", "failed", "timeout", "memory", "unsupported", "unavailable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one run may spend.

    Attributes:
        seconds: from start to end, sleeping included.
        memory_mb: of the program; numpy and sympy need about 200.
        output_chars: what is kept of what it prints. Printing more is a failure.
    """

    seconds: float = 5.0
    memory_mb: int = 256
    output_chars: int = 10_000

    def __post_init__(self) -> None:
        if self.seconds <= 0 or self.memory_mb <= 0 or self.output_chars <= 0:
            raise ValueError(f"limits must be positive: {self}")


DEFAULT_LIMITS: Final = Limits()
_FILTERS = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An exception of the program: its type, its message, and the line that raised it."""

    type: str
    message: str
    line: int | None = None

    def __str__(self) -> str:
        where = f" (line {self.line})" if self.line else ""
        return f"{self.type}: {self.message}{where}" if self.message else f"{self.type}{where}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one run.

    Attributes:
        status: `ok`; `failed` by an exception of the program; `timeout` and `memory` by a limit;
            `unsupported` where the sandbox lacks or refuses something that the program wants;
            `unavailable` where the sandbox does not work on this machine.
        sandbox: the name of the one that says so.
        stdout: what was printed, stderr included, at most `Limits.output_chars`.
        error: the exception of a `failed` program, or that of an `unsupported` one.
        value: the `repr` of a last expression that is not None.
        missing: what an `unsupported` program wants; why a sandbox is `unavailable`.
        tried: the sandboxes before this one, each with its reason.
    """

    status: Status
    sandbox: str
    stdout: str = ""
    error: Failure | None = None
    value: str | None = None
    missing: str = ""
    seconds: float = 0.0
    tried: tuple[str, ...] = ()

    @property
    def ran(self) -> bool:
        """Whether this is a verdict on the program."""
        return self.status not in ("unsupported", "unavailable")

    @property
    def why(self) -> str:
        """The reason for what is not `ok`, in a few words."""
        return self.missing or (str(self.error) if self.error else self.status)


class Sandbox(Protocol):
    """Runs Python that nobody trusts. It never raises for what a program does."""

    @property
    def name(self) -> str:
        """The name that outcomes carry."""
        ...

    @property
    def exact(self) -> bool:
        """Whether it is CPython itself, so that a failure in it is the program's own."""
        ...

    async def run(self, code: str, *, stdin: str = "", limits: Limits = DEFAULT_LIMITS) -> Outcome:
        """Run a program to its end or to a limit. Cancelling ends the program."""
        ...


def printed_too_much(limits: Limits) -> Failure:
    """The failure of a program that floods its output."""
    return Failure(type="OutputLimit", message=f"printed over {limits.output_chars} characters")


@contextmanager
def quiet() -> Iterator[None]:
    """Without warnings: those of a program's text, or of a library, are not the user's.

    The filters are of the whole process, so one thread at a time changes them.
    """
    with _FILTERS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
