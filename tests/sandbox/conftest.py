"""Each sandbox in turn; where one cannot work, its tests are skipped with the reason."""

from __future__ import annotations

from functools import cache, partial

import anyio
import pytest

from metier.sandbox import Sandbox
from metier.sandbox.monty import MontySandbox
from metier.sandbox.sandlock import SandlockSandbox, unfit


@cache
def reason(name: str) -> str:
    """Why a sandbox cannot work on this machine; empty where it does, or should."""
    outcome = anyio.run(partial(made(name).run, "1"))
    if outcome.status == "ok":
        return ""
    if name == "sandlock" and not unfit() and bare_sandlock_works():
        pytest.fail(f"sandlock works here, but not as metier uses it: {outcome.why}")
    return f"{name}: {outcome.why}"


def bare_sandlock_works() -> bool:
    """Whether it can confine anything at all: a skipped test must be the machine's fault."""
    import sandlock

    return sandlock.Sandbox(fs_readable=["/"]).run(["/bin/true"], timeout=10).success


@cache
def made(name: str) -> Sandbox:
    return MontySandbox() if name == "monty" else SandlockSandbox()


@pytest.fixture(params=["monty", "sandlock"])
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    if why := reason(request.param):
        pytest.skip(why)
    return made(request.param)


@pytest.fixture
def monty() -> Sandbox:
    if why := reason("monty"):
        pytest.skip(why)
    return made("monty")


@pytest.fixture
def sandlock() -> Sandbox:
    if why := reason("sandlock"):
        pytest.skip(why)
    return made("sandlock")
