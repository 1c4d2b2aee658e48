"""Running a program against its tests, one by one."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

from metier.sandbox.sandbox import DEFAULT_LIMITS, Failure, Limits, Outcome, Sandbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One test and what came of it."""

    test: str
    outcome: Outcome

    @property
    def passed(self) -> bool:
        """Whether the test ran to its end."""
        return self.outcome.status == "ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """All tests of a program, in order."""

    checks: tuple[Check, ...]

    @property
    def passed(self) -> tuple[Check, ...]:
        """Those that ran to their end."""
        return tuple(check for check in self.checks if check.passed)

    @property
    def failed(self) -> tuple[Check, ...]:
        """Those that ran and did not hold, or met a limit."""
        return tuple(c for c in self.checks if c.outcome.ran and not c.passed)

    @property
    def unrun(self) -> tuple[Check, ...]:
        """Those that no sandbox could run: nothing is known of them."""
        return tuple(check for check in self.checks if not check.outcome.ran)


async def checked(
    sandbox: Sandbox, code: str, tests: Sequence[str], *, limits: Limits = DEFAULT_LIMITS
) -> Checks:
    """Run the program once for each test, the test after it, so that no test sees another.

    A program that ends before the test is over has failed it, however it ends.

    Args:
        tests: statements such as `assert double(2) == 4`.
    """
    return Checks(checks=tuple([await _check(sandbox, code, test, limits) for test in tests]))


async def _check(sandbox: Sandbox, code: str, test: str, limits: Limits) -> Check:
    # The last value shows that the end was reached; the program cannot know it in advance.
    end = secrets.token_hex(8)
    outcome = await sandbox.run(f"{code}\n\n{test}\n{end!r}\n", limits=limits)
    if outcome.status == "ok" and outcome.value != repr(end):
        early = Failure(type="EndedEarly", message="the program ended before its test")
        outcome = replace(outcome, status="failed", error=early)
    return Check(test=test, outcome=replace(outcome, value=None))
