"""Which process writes a run, and whether it is still alive."""

from __future__ import annotations

import os
from pathlib import Path

_PROC = Path("/proc")
_BOOT_ID = _PROC / "sys/kernel/random/boot_id"
# The place of a process's start time among the fields of its `stat` that follow its name (proc(5)).
_START = 19


def this_process() -> str:
    """Name this process, unlike any other that had or will have its number."""
    return f"{os.getpid()}@{_boot()}@{_start(os.getpid())}"


def is_alive(owner: str) -> bool:
    """Whether the process that began a run still runs; True if that cannot be known."""
    number, _, rest = owner.partition("@")
    boot, _, start = rest.partition("@")
    if os.name == "nt":
        return True  # there, signal 0 is Ctrl-C
    if boot != _boot():
        return False
    try:
        os.kill(pid := int(number), 0)
    except (ProcessLookupError, ValueError):
        return False
    except OSError:
        return True  # a process of another user
    # A container that starts again has the same numbers for its processes.
    now = _start(pid)
    return not start or not now or start == now


def _boot() -> str:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


def _start(pid: int) -> str:
    """When a process began, in clock ticks since the machine's start; empty if that is unknown."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text(errors="replace")
        return stat.rpartition(")")[2].split()[_START]
    except (OSError, IndexError):
        return ""
