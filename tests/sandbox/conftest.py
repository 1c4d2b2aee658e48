"""Each sandbox in turn; where one cannot work, its tests are skipped with the reason."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache, partial

import anyio
import pytest
from attacking import Account, nobody

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


@pytest.fixture(scope="session")
def _nobody() -> Iterator[Account]:
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    try:
        with nobody() as account:
            yield account
    except FileNotFoundError as exc:
        pytest.skip(str(exc))


@pytest.fixture(params=["this user", "nobody"])
def account(request: pytest.FixtureRequest) -> Account:
    """sandlock, run by the user of these tests, and by one without rights if that is root."""
    if why := reason("sandlock"):
        pytest.skip(why)
    if request.param == "nobody":
        return request.getfixturevalue("_nobody")
    return Account("this user")
