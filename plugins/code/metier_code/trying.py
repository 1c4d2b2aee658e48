"""Running an answer's code against its tests, and telling what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from metier.sandbox import Check, Checks

Origin = Literal["question", "model", "none"]

_FROM = {"question": "the question's examples", "model": "tests that the model wrote"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One answer and what running it showed.

    Attributes:
        origin: where its tests are from; `none` where it was only run.
    """

    text: str
    checks: Checks
    origin: Origin

    @property
    def ran(self) -> bool:
        """Whether a sandbox has a verdict on any of it."""
        return len(self.checks.unrun) < len(self.checks.checks)

    @property
    def is_well(self) -> bool:
        """Whether nothing failed."""
        return not self.checks.failed

    @property
    def is_confirmed(self) -> bool:
        """Whether it passed all examples of the question: a run without an error shows less."""
        return self.origin == "question" and len(self.checks.passed) == len(self.checks.checks)

    @property
    def score(self) -> int:
        """For choosing among attempts."""
        return len(self.checks.passed) - len(self.checks.failed)

    def told(self) -> str:
        """What was run, in a sentence or two for the reader."""
        if not self.ran:
            return f"Not run: {self.checks.checks[0].outcome.missing}."
        lines = [f"Run: {self.counted()}."]
        failed = "failed, or the test is wrong" if self.origin == "model" else "failed"
        lines += [f"- {failed}: {_shown(check)}" for check in self.checks.failed]
        lines += [f"- not run: {_shown(check)}" for check in self.checks.unrun]
        return "\n".join(lines)

    def counted(self) -> str:
        """What came of it, in a few words."""
        if self.origin == "none":
            return "it ends without an error" if self.is_well else "it does not work"
        passed, of = len(self.checks.passed), len(self.checks.checks)
        return f"{passed} of {of} passed ({_FROM[self.origin]})"


def _shown(check: Check) -> str:
    test = f"`{check.test}`: " if check.test else ""
    return f"{test}{check.outcome.why}"
