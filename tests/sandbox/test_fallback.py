"""What one sandbox lacks, the next may have; a test nobody can run is no failed test."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import anyio
import pytest

from metier.sandbox import (
    Checks,
    Failure,
    Limits,
    Outcome,
    Sandbox,
    Sandboxes,
    Status,
    checked,
)

WRONG = Failure(type="AssertionError", message="assert 1 == 2")


@dataclass
class Fixed:
    """A sandbox that always says the same."""

    name: str
    status: Status
    exact: bool = True
    asked: list[str] = field(default_factory=list)

    async def run(self, code: str, *, stdin: str = "", limits: Limits | None = None) -> Outcome:
        self.asked.append(code)
        missing = "" if self.status in ("ok", "failed", "timeout", "memory") else "a module"
        error = WRONG if self.status == "failed" else None
        return Outcome(status=self.status, sandbox=self.name, missing=missing, error=error)


def ran(*sandboxes: Sandbox) -> Outcome:
    return anyio.run(Sandboxes(sandboxes).run, "1")


def test_the_first_verdict_counts() -> None:
    second = Fixed("second", "failed")
    assert ran(Fixed("first", "ok"), second).sandbox == "first"
    assert second.asked == []


def test_what_is_unsupported_goes_to_the_next() -> None:
    outcome = ran(Fixed("first", "unsupported"), Fixed("second", "failed"))
    assert (outcome.sandbox, outcome.status) == ("second", "failed")
    assert outcome.tried == ("first: a module",)


def test_with_nobody_left_the_program_is_unrun_and_says_why() -> None:
    outcome = ran(Fixed("first", "unavailable"), Fixed("second", "unsupported"))
    assert (outcome.status, outcome.ran) == ("unsupported", False)
    assert outcome.tried == ("first: a module", "second: a module")


def test_without_any_sandbox_nothing_runs() -> None:
    assert ran().status == "unavailable"


def test_a_failure_in_an_inexact_sandbox_is_asked_again() -> None:
    doubtful = Fixed("first", "failed", exact=False)
    outcome = ran(doubtful, Fixed("second", "ok"))
    assert (outcome.sandbox, outcome.status) == ("second", "ok")
    assert outcome.tried == ("first: AssertionError: assert 1 == 2",)


def test_a_failure_that_nobody_can_contradict_stands() -> None:
    for status in ("unsupported", "unavailable"):
        outcome = ran(Fixed("first", "failed", exact=False), Fixed("second", status))
        assert (outcome.sandbox, outcome.status) == ("first", "failed")


def test_late_in_one_sandbox_is_late() -> None:
    assert ran(Fixed("first", "timeout", exact=False), Fixed("second", "ok")).status == "timeout"


def test_what_does_not_work_here_is_asked_once() -> None:
    absent = Fixed("first", "unavailable")

    async def twice() -> tuple[Outcome, ...]:
        chain = Sandboxes([absent, Fixed("second", "ok")])
        assert [sandbox.name for sandbox in await chain.installed()] == ["second"]
        assert chain.absent == {"first": "a module"}
        return await chain.run("1"), await chain.run("2")

    assert {outcome.tried for outcome in anyio.run(twice)} == {("first: a module",)}
    assert absent.asked == ["1"]


@pytest.mark.parametrize(
    ("code", "module"),
    [
        ("import socket", "socket"),
        ("import json, http.client as http", "http.client"),
        ("from urllib import request", "urllib.request"),
        ("def fetch(url):\n    from urllib.request import urlopen", "urllib.request"),
        ("try:\n    import numpy, smtplib\nexcept ImportError:\n    pass", "smtplib"),
    ],
)
def test_a_program_for_the_network_is_refused_and_tried_nowhere(code: str, module: str) -> None:
    willing = Fixed("first", "ok")
    outcome = anyio.run(Sandboxes([willing]).run, code)
    assert (outcome.status, willing.asked) == ("unsupported", [])
    assert outcome.missing == f"module {module!r} needs the network, which no sandbox has"


@pytest.mark.parametrize(
    "code", ["import asyncio, ssl", "from urllib.parse import urlparse", "socket = 'socket'"]
)
def test_a_program_that_needs_no_network_is_tried(code: str) -> None:
    assert anyio.run(Sandboxes([Fixed("first", "ok")]).run, code).status == "ok"


def test_the_real_ones_together(sandbox: Sandbox) -> None:
    async def run() -> list[Outcome]:
        chain = Sandboxes()
        assert sandbox.name in {each.name for each in await chain.installed()}
        return [await chain.run("1 + 1"), await chain.run("import no_such_module")]

    fine, missing = anyio.run(run)
    assert (fine.status, fine.value) == ("ok", "2")
    assert (missing.status, missing.missing) == ("unsupported", "module 'no_such_module'")


def results(checks: Checks) -> tuple[int, int, int]:
    return len(checks.passed), len(checks.failed), len(checks.unrun)


def test_each_check_is_told_apart(sandbox: Sandbox) -> None:
    tests = ["assert double(2) == 4", "assert double(2) == 5", "import no_such_module"]
    code = "def double(x):\n    return 2 * x"
    checks = anyio.run(partial(checked, sandbox, code, tests))
    assert results(checks) == (1, 1, 1)
    assert [check.test for check in checks.checks] == tests
    failure = checks.failed[0].outcome.error
    assert failure is not None
    assert (failure.type, failure.line) == ("AssertionError", 4)


def test_no_check_sees_another(sandbox: Sandbox) -> None:
    tests = ["seen.append(1)\nassert len(seen) == 1"] * 2
    assert results(anyio.run(partial(checked, sandbox, "seen = []", tests))) == (2, 0, 0)


def test_a_program_that_does_not_end_fails_its_checks(sandbox: Sandbox) -> None:
    limits = Limits(seconds=1)
    checks = anyio.run(partial(checked, sandbox, "while True: pass", ["assert 1"], limits=limits))
    assert checks.failed[0].outcome.status == "timeout"


def test_ok_without_reaching_the_end_is_no_pass() -> None:
    checks = anyio.run(partial(checked, Fixed("any", "ok"), "", ["assert 1"]))
    assert checks.failed[0].outcome.why.startswith("EndedEarly")
