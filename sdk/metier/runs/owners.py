"""Which process writes a run, and whether it is still alive."""

from __future__ import annotations

import os
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def this_process() -> str:
    """Name this process, unlike any of the same number before the machine's last start."""
    return f"{os.getpid()}@{_boot()}"


def is_alive(owner: str) -> bool:
    """Whether the process that began a run still runs; True if that cannot be known."""
    pid, _, boot = owner.partition("@")
    if os.name == "nt":
        return True  # there, signal 0 is Ctrl-C
    if boot != _boot():
        return False
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError):
        return False
    except OSError:
        return True  # a process of another user
    return True


def _boot() -> str:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""
