"""A program in sandlock has no network: no socket is made, bound, connected or listened on."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from attacking import Account, attack

from metier.sandbox import Limits, Sandbox

if sys.platform != "linux":
    pytest.skip("Linux only", allow_module_level=True)

PRELUDE = """
import ctypes, mmap, os, socket, struct
libc = ctypes.CDLL(None, use_errno=True)
"""
TCP, UDP = (socket.AF_INET, socket.SOCK_STREAM), (socket.AF_INET, socket.SOCK_DGRAM)
# Every one reaches a server of this machine, which the names in capitals stand for.
REACHING = {
    "TCP": "socket.create_connection(TCP, 2)",
    "MPTCP": "socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262).connect(TCP)",
    "MPTCP over IPv6": "socket.socket(socket.AF_INET6, 1, 262).connect(MAPPED)",
    "an IPv4 address in IPv6": "socket.socket(socket.AF_INET6).connect(MAPPED)",
    "TCP fast open": "socket.socket().sendto(b'out', socket.MSG_FASTOPEN, TCP)",
    "TCP fast open by sendmsg": "socket.socket().sendmsg([b'out'], [], socket.MSG_FASTOPEN, TCP)",
    "UDP": "socket.socket(type=socket.SOCK_DGRAM).sendto(b'out', UDP)",
    "connected UDP": "s = socket.socket(type=socket.SOCK_DGRAM); s.connect(UDP); s.send(b'out')",
    "UDP by sendmsg": "socket.socket(type=socket.SOCK_DGRAM).sendmsg([b'out'], [], 0, UDP)",
    "UDP by sendmmsg": """
name = struct.pack('=H', 2) + struct.pack('!H4s8x', UDP[1], socket.inet_aton(UDP[0]))
name, data = ctypes.create_string_buffer(name, 16), ctypes.create_string_buffer(b'out', 3)
part = struct.pack('PN', ctypes.addressof(data), 3)
part = ctypes.create_string_buffer(part, 16)
message = struct.pack('PIPNPNi', ctypes.addressof(name), 16, ctypes.addressof(part), 1, 0, 0, 0)
s = socket.socket(type=socket.SOCK_DGRAM)
libc.sendmmsg(s.fileno(), ctypes.create_string_buffer(message, 64), 1, 0)""",
    "a unix socket": "socket.socket(socket.AF_UNIX).connect(UNIX)",
    "an abstract unix socket": "socket.socket(socket.AF_UNIX).connect(ABSTRACT)",
    "a unix datagram": "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'out', BOX)",
    "a pair of datagrams": "socket.socketpair(type=socket.SOCK_DGRAM)[0].sendto(b'out', BOX)",
    "a pair of datagrams, connected anew": """
s, _ = socket.socketpair(type=socket.SOCK_DGRAM)
s.connect(BOX)
s.send(b'out')""",
}
# Every one opens something to others or to the kernel, and prints that it has.
OPENING = {
    "listening on all addresses without bind": """
s = socket.socket()
s.listen()
print('OPEN', s.getsockname())""",
    "listening with MPTCP": "s = socket.socket(2, 1, 262); s.listen(); print('OPEN')",
    "a bound port": "socket.socket().bind(('127.0.0.1', 0)); print('OPEN')",
    "a bound UDP port": "socket.socket(type=socket.SOCK_DGRAM).bind(('', 0)); print('OPEN')",
    "a bound unix name": "socket.socket(socket.AF_UNIX).bind('\\0metier-open'); print('OPEN')",
    "a bound pair": "socket.socketpair()[0].bind('\\0metier-pair'); print('OPEN')",
    "the routing table by netlink": "socket.socket(16, 3, 0).bind((0, 0)); print('OPEN')",
    "events of the kernel by netlink": "socket.socket(16, 3, 15).bind((0, 1)); print('OPEN')",
    "the kernel's crypto": """
socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET).bind(('hash', 'sha256'))
print('OPEN')""",
    "the host of a virtual machine": "socket.socket(socket.AF_VSOCK); print('OPEN')",
    "raw packets": "socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3); print('OPEN')",
    "raw IP": "socket.socket(socket.AF_INET, socket.SOCK_RAW, 253); print('OPEN')",
    "io_uring": "libc.syscall(425, 4, ctypes.create_string_buffer(120)) > 0 and print('OPEN')",
    "a 32-bit call": """
# mov eax, 359 (socket); mov ebx, 2; mov ecx, 1; xor edx, edx; int 0x80; ret
call = bytes.fromhex('b867010000 bb02000000 b901000000 31d2 cd80 c3')
page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(b'\\x53' + call[:-1] + b'\\x5b' + call[-1:])  # rbx is the caller's
at = ctypes.addressof(ctypes.c_char.from_buffer(page))
ctypes.CFUNCTYPE(ctypes.c_int)(at)() > 0 and print('OPEN')""",
}


class Servers:
    """Servers of every kind on this machine, and who reaches them."""

    def __init__(self, stack: ExitStack) -> None:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)
        abstract = f"\0metier-{folder.name}"
        self.names: dict[str, object] = {"ABSTRACT": abstract}
        self._streams = [
            self._opened(stack, "TCP", TCP, ("127.0.0.1", 0)),
            self._opened(stack, "UNIX", (socket.AF_UNIX, TCP[1]), str(folder / "unix")),
            self._opened(stack, "ABSTRACT", (socket.AF_UNIX, TCP[1]), abstract),
        ]
        self._datagrams = [
            self._opened(stack, "UDP", UDP, ("127.0.0.1", 0)),
            self._opened(stack, "BOX", (socket.AF_UNIX, UDP[1]), str(folder / "box")),
        ]
        for path in folder.iterdir():
            path.chmod(0o777)
        self.names["MAPPED"] = ("::ffff:127.0.0.1", self._streams[0].getsockname()[1])

    def _opened(
        self, stack: ExitStack, name: str, kind: tuple[int, int], address: str | tuple[str, int]
    ) -> socket.socket:
        server = stack.enter_context(socket.socket(*kind))
        server.bind(address)
        server.setblocking(False)
        if kind[1] == socket.SOCK_STREAM:
            server.listen()
        self.names[name] = server.getsockname() if name in ("TCP", "UDP") else address
        return server

    def reached(self) -> int:
        """How many connections and messages have come since the last call."""
        count = 0
        for server in self._streams:
            with suppress(BlockingIOError):
                while True:
                    server.accept()[0].close()
                    count += 1
        for server in self._datagrams:
            with suppress(BlockingIOError):
                while server.recv(100):
                    count += 1
        return count

    def code(self, attack: str) -> str:
        """The program of an attack."""
        names = "".join(f"{name} = {value!r}\n" for name, value in self.names.items())
        return f"{PRELUDE}{names}{attack}\n"


@pytest.fixture
def servers() -> Iterator[Servers]:
    with ExitStack() as stack:
        yield Servers(stack)


@pytest.mark.parametrize("name", REACHING)
def test_no_server_is_reached(account: Account, servers: Servers, name: str) -> None:
    code = servers.code(REACHING[name])
    account.outside(code)
    works_outside = servers.reached()
    account.inside(code)
    assert servers.reached() == 0
    account.check_control(name, works=works_outside > 0)


@pytest.mark.parametrize("name", OPENING)
def test_nothing_is_opened(account: Account, name: str) -> None:
    code = f"{PRELUDE}{OPENING[name]}\n"
    assert "OPEN" not in account.inside(code).stdout
    account.check_control(name, works="OPEN" in account.outside(code))


# Creates every kind of socket that the kernel lets it, and prints which.
SWEEP = """
import itertools, socket
made = set()
for kind in itertools.product(FAMILIES, TYPES, PROTOCOLS):
    for create in (socket.socket, socket.socketpair):
        try:
            create(*kind)
            made.add((create.__name__, *kind))
        except OSError:
            pass
print(sorted(made))
"""


def test_no_kind_of_socket_is_made(account: Account) -> None:
    # The rest would have the kernel look for a module each.
    few = "FAMILIES, TYPES, PROTOCOLS = (1, 2, 10, 16), (1, 2), (0, 262)\n"
    for kind in ("1, 1, 0", "1, 2, 0", "2, 1, 0", "2, 1, 262", "2, 2, 0", "10, 1, 0", "16, 2, 0"):
        assert f"('socket', {kind})" in account.outside(few + SWEEP)
    everything = "FAMILIES, TYPES, PROTOCOLS = range(47), range(16), range(301)\n"
    outcome = account.inside(everything + SWEEP, Limits(seconds=60))
    # Two ends of one stream, which reach each other: asyncio wakes itself with them.
    assert outcome.stdout == "[('socketpair', 1, 1, 0)]\n"


def test_no_call_that_reaches_or_waits_for_others_is_allowed(account: Account) -> None:
    calls = "connect bind listen accept accept4 sendto sendmsg sendmmsg recvmsg recvmmsg setsockopt"
    code = (
        "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        f"for name in {calls.split()}:\n"
        "    getattr(libc, name)(-1, b'x', 1, 0, b'x' * 16, 16)\n"
        "    print(ctypes.get_errno() == 1)"
    )
    assert "True" not in account.outside(code)  # the descriptor is bad, which is another error
    assert account.inside(code).stdout == "True\n" * len(calls.split())


def test_no_socket_is_inherited(sandlock: Sandbox) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.set_inheritable(True)
        code = (
            f"import os\nfor fd in range(3, {theirs.fileno() + 64}):\n"
            "    try: os.write(fd, b'out')\n    except OSError: pass"
        )
        command = [sys.executable, "-I", "-c", code]
        subprocess.run(command, close_fds=False, timeout=60, check=True)
        ours.settimeout(60)
        assert ours.recv(10) == b"out"
        attack(sandlock, code)
        ours.setblocking(False)
        with pytest.raises(BlockingIOError):
            ours.recv(10)
