"""A pytest plugin: a test fails if a process of its own turns to another machine.

That is Python only: an Ollama, a browser or an npm that a test starts is not watched. Ray's
dashboard is refused like others and fails no test: it reports that nothing shall be reported.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest
from guarded import sitecustomize as guarded


def pytest_configure(config: pytest.Config) -> None:
    """Guard this process and those that it will start."""
    handle, log = tempfile.mkstemp(prefix="loopback-", suffix=".log")
    os.close(handle)
    # Some tests become a user without rights, whose processes report as well.
    Path(log).chmod(0o666)
    config.add_cleanup(Path(log).unlink)
    paths = [str(Path(guarded.__file__).parent), os.environ.get("PYTHONPATH", "")]
    os.environ |= {guarded.LOG: log, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    guarded.guard()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, object, object]:
    """Fail for what a fixture did."""
    result = yield
    _fail_for_refusals()
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    """Fail for what the test did."""
    result = yield
    _fail_for_refusals()
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Generator[None, object, object]:
    """Fail for what ended late."""
    result = yield
    _fail_for_refusals()
    return result


def _fail_for_refusals() -> None:
    log = Path(os.environ[guarded.LOG])
    if refused := log.read_text():
        os.truncate(log, 0)
        pytest.fail(f"another machine was turned to:\n{refused}", pytrace=False)
