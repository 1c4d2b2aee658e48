"""sandlock: CPython itself, with numpy and sympy, confined by Landlock and seccomp. Linux only.

Landlock confines files: nothing can be written, and only Python, the packages and the system's
shared libraries can be read. sandlock bounds memory and processes. What both leave open (kinds of
sockets, the metadata of files, signals to other processes, and more) is closed by a filter of
system calls, which the process sets before it runs the program.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from functools import cache, cached_property, partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import anyio.to_thread

from metier.sandbox.process import Pipes
from metier.sandbox.sandbox import DEFAULT_LIMITS, Limits, Outcome, quiet
from metier.sandbox.seccomp import MACHINES, filter_for

if TYPE_CHECKING:
    import sandlock

PACKAGES = ("numpy", "sympy", "mpmath")
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache")
_NOBODY = 65534


class SandlockSandbox:
    """Runs in a process of CPython under sandlock: some forty milliseconds a program.

    Args:
        packages: top-level packages of this environment that a program may import.
    """

    name = "sandlock"
    exact = True

    def __init__(self, *, packages: Sequence[str] = PACKAGES) -> None:
        self._names = tuple(packages)

    async def run(self, code: str, *, stdin: str = "", limits: Limits = DEFAULT_LIMITS) -> Outcome:
        """Run a program. At a limit, and when the run is cancelled, its process is killed."""
        if reason := unfit():
            return self._absent(reason)
        allowed = filter_for(platform.machine())
        pipes = Pipes(code, stdin, packages=self._packages, limits=limits, filter_=allowed)
        try:
            return await anyio.to_thread.run_sync(
                partial(self._run, pipes, limits), abandon_on_cancel=True
            )
        finally:
            pipes.kill()

    @cached_property
    def _packages(self) -> Mapping[str, str]:
        """Where the packages are that are installed; they are not imported for it."""
        found: dict[str, str] = {}
        for name in self._names:
            spec = importlib.util.find_spec(name)
            if spec is not None and spec.submodule_search_locations:
                found[name] = os.path.realpath(spec.submodule_search_locations[0])
        return found

    def _run(self, pipes: Pipes, limits: Limits) -> Outcome:
        import sandlock

        policy = _policy(sandlock, tuple(self._packages.values()), limits)
        piped = sandlock.StdioMode.PIPED
        command = (_python(), "-I", "-S", "-B", "-X", "utf8", "-c", _inside())
        try:
            with quiet():  # 0.9.0 says of `gid`, which it wants beside `uid`, that it is unused
                process = policy.popen(command, stdin=piped, stdout=piped, stderr=piped)
        except (RuntimeError, ValueError, OSError, sandlock.SandlockError) as exc:
            return self._absent(f"sandlock cannot start a process here ({exc})")
        with process:
            try:
                return pipes.served(process, self.name)
            except PermissionError as exc:
                return self._absent(f"the process cannot be limited ({exc})")

    def _absent(self, reason: str) -> Outcome:
        return Outcome(status="unavailable", sandbox=self.name, missing=reason)


def unfit() -> str:
    """Why sandlock cannot work here; ``""`` where nothing speaks against it."""
    if sys.platform != "linux":
        return f"sandlock needs Linux, this is {sys.platform}"
    if platform.machine() not in MACHINES:
        known = " and ".join(sorted(MACHINES))
        return f"system calls can be filtered on {known}, this is {platform.machine()}"
    try:
        import sandlock
    except (ImportError, OSError) as exc:
        return f"sandlock cannot be imported ({exc}): pip install 'metier[sandbox]'"
    has, needs = sandlock.landlock_abi_version(), sandlock.min_landlock_abi()
    if has >= needs:
        return ""
    which = f"its Landlock ABI is {has}" if has > 0 else "it has no Landlock"
    return (
        f"sandlock needs Landlock ABI {needs} (Linux 6.12); this is Linux {platform.release()}, "
        f"and {which}"
    )


def _policy(sandlock: ModuleType, packages: tuple[str, ...], limits: Limits) -> sandlock.Sandbox:
    # A sandbox of root's is nobody's: without the rights of root over what is not a file.
    nobody = _NOBODY if os.geteuid() == 0 else None
    wanted = (*packages, *(f"{folder}.libs" for folder in packages))  # a wheel's shared libraries
    return sandlock.Sandbox(
        fs_readable=_readable(wanted),
        fs_denied=_unreadable(wanted),
        clean_env=True,
        env={"OPENBLAS_NUM_THREADS": "1"},
        cwd="/",
        uid=nobody,
        gid=nobody,
        max_memory=limits.memory_mb << 20,
        max_processes=1,
        no_coredump=True,
    )


def _readable(packages: tuple[str, ...]) -> list[str]:
    """Python, the shared libraries, and the packages."""
    shared = map(str, Path(sys.base_prefix, "lib").glob("libpython*"))
    wanted = dict.fromkeys((_python(), *_standard_library(), *shared, *_LIBRARIES, *packages))
    return [path for path in wanted if Path(path).exists()]


@cache
def _unreadable(packages: tuple[str, ...]) -> list[str]:
    """Other packages, which lie among the standard library or the shared libraries."""
    found: list[str] = []
    for python in {*_standard_library(), *map(str, Path("/").glob("usr/lib*/python*"))}:
        for folder in map(os.path.realpath, Path(python).glob("*-packages")):
            wanted = [path for path in packages if Path(folder) in Path(path).parents]
            beside = [str(path) for path in Path(folder).iterdir() if str(path) not in wanted]
            found += beside if wanted else [folder]
    return found


def _standard_library() -> tuple[str, str]:
    """Its folders. Without `vars`, the second would be a virtual environment's, with packages."""
    base = {"platbase": sys.base_exec_prefix}
    return sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib", vars=base)


def _python() -> str:
    return os.path.realpath(sys.executable)


def _inside() -> str:
    return Path(__file__).with_name("inside.py").read_text(encoding="utf-8")
