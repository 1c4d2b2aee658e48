"""The guard of the test suite bites: whatever turns to another machine fails its test."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Reserved for documentation (RFC 5737, RFC 2606): nobody is there.
ELSEWHERE = "('192.0.2.1', 9)"
TURNING_AWAY = {
    "connects": f"socket.create_connection({ELSEWHERE}, 1)",
    "connects by IPv6": "socket.socket(socket.AF_INET6).connect(('2001:db8::1', 9))",
    "sends a datagram": f"socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', {ELSEWHERE})",
    "looks a name up": "socket.getaddrinfo('example.com', 80)",
    "looks a name up the old way": "socket.gethostbyname('example.com')",
    "swallows the refusal": f"with suppress(OSError): socket.create_connection({ELSEWHERE}, 1)",
    "connects in a thread": f"""
        thread = threading.Thread(target=swallowing, args=({ELSEWHERE},))
        thread.start()
        thread.join()
    """,
    "connects in an event loop": f"""
        with suppress(OSError):
            asyncio.run(asyncio.open_connection(*{ELSEWHERE}))
    """,
    "connects in a child": f"""
        code = "import socket; socket.create_connection({ELSEWHERE}, 1)"
        subprocess.run([sys.executable, "-c", code], check=False)
    """,
}
STAYING = {
    "connects to its own server": """
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname()).close()
            socket.create_connection(("localhost", server.getsockname()[1])).close()
    """,
    "has a pair of sockets": """
        one, other = socket.socketpair()
        one.close()
        other.close()
    """,
    "looks an address up": "socket.getaddrinfo('192.0.2.1', 80)",
}
HEAD = """
import asyncio, socket, subprocess, sys, threading
from contextlib import suppress

def swallowing(address):
    with suppress(OSError):
        socket.create_connection(address, 1)

def test_it():
"""


def outcome_of(body: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A run of pytest with the guard over one test."""
    test = folder / "test_it.py"
    test.write_text(HEAD + textwrap.indent(textwrap.dedent(body), "    ") + "\n")
    own = ["-c", os.devnull, "-p", "loopback", "-p", "no:cacheprovider", "--rootdir", str(folder)]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *own, str(test)],
        env=os.environ | {"PYTHONPATH": str(ROOT / "tests"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("how", TURNING_AWAY)
def test_a_test_that_turns_to_another_machine_fails(how: str, tmp_path: Path) -> None:
    done = outcome_of(TURNING_AWAY[how], tmp_path)
    assert (done.returncode, "another machine was turned to" in done.stdout) == (1, True)


@pytest.mark.parametrize("how", STAYING)
def test_a_test_that_stays_on_this_machine_passes(how: str, tmp_path: Path) -> None:
    done = outcome_of(STAYING[how], tmp_path)
    assert done.returncode == 0, done.stdout


def test_this_suite_is_guarded() -> None:
    code = "import socket; socket.create_connection(('192.0.2.1', 9), 1)"
    unlogged = os.environ | {"LOOPBACK_LOG": os.devnull}
    done = subprocess.run(
        [sys.executable, "-c", code], env=unlogged, capture_output=True, text=True, check=False
    )
    assert "the tests speak to this machine only" in done.stderr
