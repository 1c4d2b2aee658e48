"""A guard that lets a Python process speak to this machine only, by any of its addresses.

Python imports a module of this name as it starts, so each child of the tests that inherits their
PYTHONPATH has the guard as well. The interpreter announces each connection and each look-up of a
name before it is made (PEP 578). One that would leave the machine is refused, and noted in a file,
since the code under test may swallow the refusal.
"""

from __future__ import annotations

import os
import socket
import sys
from functools import cache

# The variable that names the file of the refusals; if it is empty, there is no guard.
LOG = "LOOPBACK_LOG"
_SENDING = ("socket.connect", "socket.sendto", "socket.sendmsg")
_LOOKING_UP = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")
# It asks the cloud's servers where it runs, and says elsewhere that it was told to report nothing.
_OF_RAY = "/ray/dashboard/dashboard.py"
_HERE = ("", "localhost", "0.0.0.0", "::", "::1", os.uname().nodename)


def guard() -> None:
    """Refuse other machines from now on; a process cannot take this back."""
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    if event in _SENDING:
        address = arguments[1]
        # Sockets of the file system and of the kernel have other addresses.
        if isinstance(address, tuple) and isinstance(address[0], str) and not _here(address[0]):
            _note(event, address[0])
    elif event in _LOOKING_UP:
        name = arguments[0]
        if isinstance(name, bytes):
            name = name.decode(errors="replace")
        if isinstance(name, str) and not _needs_no_server(name):
            _note(event, name)


def _here(host: str) -> bool:
    host = host.removeprefix("::ffff:")
    if host in _HERE or (host.startswith("127.") and host.replace(".", "").isdigit()):
        return True
    return _is_own(host)


@cache
def _is_own(host: str) -> bool:
    """Whether a number is an address of this machine, such as that at which Ray's head listens."""
    if not host.replace(".", "").isdigit():
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        try:
            one.bind((host, 0))
        except OSError:
            return False
    return True


def _needs_no_server(name: str) -> bool:
    """Numbers are no names, and `.invalid` is reserved for names that nobody has (RFC 6761)."""
    numeric = ":" in name or name.replace(".", "").isdigit()
    return numeric or _here(name) or name.endswith(".invalid")


def _note(event: str, target: str) -> None:
    program = getattr(sys, "argv", [])[:4]
    line = f"{event} {target!r} in {program}\n"
    unnoted = program[:1] and program[0].endswith(_OF_RAY)
    try:
        log = os.open(
            os.devnull if unnoted else os.environ.get(LOG, os.devnull), os.O_WRONLY | os.O_APPEND
        )
        os.write(log, line.encode())
        os.close(log)
    finally:
        raise PermissionError(f"the tests speak to this machine only: {event} {target!r}")


if os.environ.get(LOG) != "":
    guard()
