"""Runs hostile programs in a sandbox and, as a control, without one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import anyio
import pytest

from metier.sandbox import Failure, Limits, Outcome, Sandbox
from metier.sandbox.sandlock import SandlockSandbox

# Attacks that work for nobody on many machines, and those that need rights, with the reason.
WITHOUT = {"the kernel's crypto": "many kernels are built without AF_ALG"}
FOR_ROOT = {
    "raw packets": "it needs CAP_NET_RAW",
    "raw IP": "it needs CAP_NET_RAW",
    "bpf": "kernels let nobody but root use it (unprivileged_bpf_disabled)",
    "a network namespace": "it needs CAP_SYS_ADMIN",
    "another's namespace": "it needs CAP_SYS_ADMIN",
    "a file system": "it needs CAP_SYS_ADMIN",
    "a mount": "it needs CAP_SYS_ADMIN",
    "another root": "it needs CAP_SYS_CHROOT",
    "a lease": "it needs the file's owner, or CAP_LEASE",
    "messages of the kernel": "it needs CAP_SYSLOG (dmesg_restrict)",
}
BRIEF = Limits(seconds=2, memory_mb=128, output_chars=2_000)
NOBODY = 65534
_SERVE = """
import dataclasses, json, sys
import anyio
import pytest
from metier.sandbox import Limits
from metier.sandbox.sandlock import SandlockSandbox
print("ready", flush=True)
for line in sys.stdin:
    code, limits = json.loads(line)
    sandbox = SandlockSandbox()
    outcome = anyio.run(lambda: sandbox.run(code, limits=Limits(**limits)))
    print(json.dumps(dataclasses.asdict(outcome)), flush=True)
"""


def attack(sandbox: Sandbox, code: str, limits: Limits = BRIEF) -> Outcome:
    """What comes of a program in a sandbox."""

    async def run() -> Outcome:
        with anyio.fail_after(60):
            return await sandbox.run(code, limits=limits)

    return anyio.run(run)


def unconfined(code: str) -> str:
    """What the same program prints without a sandbox."""
    return _output([sys.executable, "-I", "-c", code], user=None)


@dataclass
class Account:
    """The user who runs metier: the one who runs the tests, or `nobody` if that is root."""

    name: str
    _served: subprocess.Popen[str] | None = field(default=None, repr=False)

    @property
    def user(self) -> int | None:
        """The user id to run programs as; `None` for that of the tests."""
        return NOBODY if self._served else None

    @property
    def is_root(self) -> bool:
        """Whether its programs have all rights without a sandbox."""
        return self.user is None and os.geteuid() == 0

    def check_control(self, name: str, *, works: bool) -> None:
        """Skip if an attack is known not to work for this account without a sandbox; else fail."""
        if works:
            return
        known = WITHOUT | ({} if self.is_root else FOR_ROOT)
        if name in known:
            pytest.skip(f"{name} does not work without a sandbox either: {known[name]}")
        pytest.fail(f"the control fails: {name} does not work without a sandbox, nobody knows why")

    def outside(self, code: str) -> str:
        """What a program prints without a sandbox."""
        return _output(
            [_python_for_all() if self._served else sys.executable, "-c", code], self.user
        )

    def inside(self, code: str, limits: Limits = BRIEF) -> Outcome:
        """What comes of it in sandlock."""
        if self._served is None:
            return attack(SandlockSandbox(), code, limits)
        stdin, stdout = self._served.stdin, self._served.stdout
        assert stdin is not None
        assert stdout is not None
        spent = {name: getattr(limits, name) for name in Limits.__slots__}
        stdin.write(json.dumps([code, spent]) + "\n")
        stdin.flush()
        told = json.loads(stdout.readline())
        error = Failure(**told.pop("error")) if told["error"] else told.pop("error")
        return Outcome(**told, error=error)


@contextmanager
def nobody() -> Iterator[Account]:
    """An account without rights, for tests that root runs.

    Raises:
        FileNotFoundError: no Python here, or not this checkout, can be read by everybody.
    """
    path = os.pathsep.join(str(Path(folder).resolve()) for folder in sys.path if folder)
    served = subprocess.Popen(
        [_python_for_all(), "-c", _SERVE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
        env={"PYTHONPATH": path},
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
    )
    assert served.stdout is not None
    with served:
        if served.stdout.readline() != "ready\n":
            raise FileNotFoundError("this checkout or its environment is not for everybody to read")
        yield Account("nobody", served)
        served.kill()


def _output(command: list[str], user: int | None) -> str:
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd="/" if user else None,
        user=user,
        group=user,
        extra_groups=None if user is None else [],
    )
    return done.stdout


@cache
def _python_for_all() -> str:
    """An interpreter of this version that every user can run."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (Path(sys.executable).resolve(), Path("/usr/bin", name)):
        with suppress(OSError):
            if "1" in _output([str(python), "-I", "-c", "import json; print(1)"], NOBODY):
                return str(python)
    raise FileNotFoundError(f"no {name} that every user can run")
