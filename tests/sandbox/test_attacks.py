"""Programs that try to get out. Each also runs outside of a sandbox, where it succeeds."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import anyio
import pytest
from attacking import BRIEF, attack, unconfined

from metier.sandbox import Limits, Sandbox, checked

SECRET = "tuna-4711"
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux only")


def children() -> set[int]:
    """The processes that this one has started and that are still there."""
    found: set[int] = set()
    for file in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):
            found |= {int(pid) for pid in file.read_text().split()}
    return found


def each(*statements: str) -> str:
    """A program that tries all statements, whatever happens to those before."""
    body = "\n".join(
        f"try:\n    {statement}\nexcept Exception as e:\n    print(type(e).__name__)"
        for statement in statements
    )
    return f"import os, socket\n{body}\n"


@pytest.fixture
def victim() -> Iterator[subprocess.Popen[bytes]]:
    """A process of the same user, beside the sandbox."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"])
    yield process
    process.kill()
    process.wait()


def connected(server: socket.socket) -> int:
    """How many connections wait to be accepted."""
    server.setblocking(False)
    count = 0
    with suppress(BlockingIOError):
        while True:
            server.accept()[0].close()
            count += 1
    return count


def test_a_server_on_this_machine_is_not_reached(sandbox: Sandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = f"import socket\nsocket.create_connection({server.getsockname()!r}, 2).close()"
        unconfined(code)
        assert connected(server) == 1
        outcome = attack(sandbox, code)
        assert connected(server) == 0
    assert outcome.status == "unsupported"


@pytest.mark.parametrize("address", ["path", "abstract"])
@needs_linux
def test_a_unix_socket_is_not_reached(sandbox: Sandbox, tmp_path: Path, address: str) -> None:
    place = str(tmp_path / "s") if address == "path" else f"\0metier-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(place)
        server.listen()
        code = f"import socket\nsocket.socket(socket.AF_UNIX).connect({place!r})"
        unconfined(code)
        assert connected(server) == 1
        attack(sandbox, code)
        assert connected(server) == 0


def test_no_datagram_leaves(sandbox: Sandbox) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)
        code = (
            "import socket\n"
            "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
            f"s.sendto(b'out', {server.getsockname()!r})"
        )
        unconfined(code)
        assert server.recv(10) == b"out"
        attack(sandbox, code)
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.recv(10)


def test_the_environment_is_not_seen(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METIER_TEST_SECRET", SECRET)
    code = each(
        "print(dict(os.environ))",
        "print(os.getenv('METIER_TEST_SECRET'))",
        "print(open('/proc/self/environ').read())",
        "print(open(f'/proc/{os.getppid()}/environ').read())",
    )
    assert SECRET in unconfined(code)
    assert SECRET not in attack(sandbox, code).stdout


def test_files_are_not_read(sandbox: Sandbox, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text(SECRET)
    (tmp_path / "link").symlink_to(secret)
    code = each(
        f"print(open({str(secret)!r}).read())",
        f"print(open({str(tmp_path / 'link')!r}).read())",
        f"print(os.read(os.open({str(secret)!r}, os.O_RDONLY), 99))",
        f"print(open('/proc/self/root' + {str(secret)!r}).read())",
        f"print(open('/usr/lib/../..' + {str(secret)!r}).read())",
        f"os.chdir({str(tmp_path)!r}); print(open('secret.txt').read())",
        f"os.chroot({str(tmp_path)!r}); print(open('/secret.txt').read())",
        f"print(os.listdir({str(tmp_path)!r}))",
        "print(open('/etc/passwd').read())",
        "print(__import__('pathlib').Path('/etc/passwd').read_text())",
    )
    assert SECRET in unconfined(code)
    outcome = attack(sandbox, code)
    assert SECRET not in outcome.stdout
    assert "secret.txt" not in outcome.stdout
    assert "root:" not in outcome.stdout


def test_files_are_not_changed(sandbox: Sandbox, tmp_path: Path) -> None:
    kept = tmp_path / "kept.txt"

    def state() -> tuple[object, ...]:
        stat = kept.stat() if kept.exists() else None
        names = sorted(path.name for path in tmp_path.iterdir())
        attributes = os.listxattr(kept) if stat and sys.platform == "linux" else []
        held = kept.read_text() if stat else ""
        return names, held, stat and (stat.st_mode, stat.st_mtime_ns, stat.st_uid), attributes

    at, new = repr(str(kept)), repr(str(tmp_path / "new"))
    for statement in (
        f"open({at}, 'w').write('x')",
        f"open({new}, 'w').write('x')",
        f"os.mkdir({new})",
        f"os.symlink('/etc/passwd', {new})",
        f"os.link({at}, {new})",
        f"os.rename({at}, {new})",
        f"os.truncate({at}, 1)",
        f"os.chmod({at}, 0o777)",
        f"os.utime({at}, (1, 1))",
        f"os.setxattr({at}, 'user.x', b'1')",
        f"os.mkfifo({new})",
        f"os.unlink({at})",
    ):
        if "xattr" in statement and not _takes_attributes(tmp_path):
            continue
        for path in tmp_path.iterdir():
            path.unlink() if not path.is_dir() else path.rmdir()
        kept.write_text(SECRET)
        before = state()
        attack(sandbox, each(statement))
        assert state() == before, statement
        unconfined(each(statement))
        assert state() != before, statement


def _takes_attributes(folder: Path) -> bool:
    file = folder / "attributes"
    file.touch()
    try:
        os.setxattr(file, "user.x", b"1")
    except (OSError, AttributeError):
        return False
    return True


@needs_linux
def test_the_memory_of_the_parent_is_not_read(sandbox: Sandbox) -> None:
    code = each(
        "print(open(f'/proc/{os.getppid()}/maps').read()[:9000])",
        "open(f'/proc/{os.getppid()}/mem', 'rb'); print('mem is open')",
        "print(os.listdir(f'/proc/{os.getppid()}/fd'))",
    )
    assert "python" in unconfined(code)
    outcome = attack(sandbox, code)
    assert "python" not in outcome.stdout
    assert "mem is open" not in outcome.stdout


@needs_linux
def test_other_processes_are_left_alone(sandbox: Sandbox, victim: subprocess.Popen[bytes]) -> None:
    import resource

    def state() -> tuple[object, ...]:
        if victim.poll() is not None:
            return ("gone",)
        return (
            os.getpriority(os.PRIO_PROCESS, victim.pid),
            os.sched_getscheduler(victim.pid),
            resource.prlimit(victim.pid, resource.RLIMIT_CORE),
        )

    for statement in (
        f"os.setpriority(os.PRIO_PROCESS, {victim.pid}, 7)",
        f"os.sched_setscheduler({victim.pid}, os.SCHED_BATCH, os.sched_param(0))",
        f"__import__('resource').prlimit({victim.pid}, 4, (0, 0))",
        f"os.kill({victim.pid}, 9)",
    ):
        before = state()
        attack(sandbox, each(statement))
        assert state() == before, statement
        unconfined(each(statement))
        if "kill" in statement:
            victim.wait(10)
        assert state() != before or "prlimit" in statement, statement


@needs_linux
@pytest.mark.parametrize(
    "start",
    [
        "os.fork() or (time.sleep(1), os._exit(0))",
        "os.forkpty()[0] or (time.sleep(1), os._exit(0))",
        "os.posix_spawn('/bin/sleep', ['sleep', '1'], {})",
        "subprocess.Popen(['/bin/sleep', '1'], start_new_session=True)",
        "ctypes.CDLL(None).syscall(57) or (time.sleep(1), os._exit(0))",
    ],
)
def test_no_process_is_started(sandbox: Sandbox, start: str) -> None:
    # Twenty are enough to see that nothing stops it, and end by themselves where nothing does.
    code = (
        "import ctypes, os, subprocess, time, warnings\n"
        "warnings.simplefilter('ignore')\n"
        "started = 0\n"
        "for _ in range(20):\n"
        "    try:\n"
        f"        child = {start}\n"
        "        started += child != -1\n"
        "    except OSError:\n"
        "        pass\n"
        "print('started', started)\n"
        "time.sleep(0.1)"
    )
    if sys.platform == "linux" and (platform.machine() == "x86_64" or "57" not in start):
        assert "started 20" in unconfined(code)
    before = children()
    outcome = attack(sandbox, code)
    assert outcome.stdout in ("", "started 0\n")
    assert children() == before


@needs_linux
def test_no_other_program_takes_its_place(sandbox: Sandbox) -> None:
    code = "import os\nos.execv('/bin/sh', ['sh', '-c', 'echo taken'])"
    assert "taken" in unconfined(code)
    assert "taken" not in attack(sandbox, code).stdout


@pytest.mark.parametrize(
    "loop",
    [
        "while True: pass",
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
        "10**10**8",
        "sum(range(10**12))",
        "import re\nre.match(r'(a+)+$', 'a' * 60 + 'b')\nwhile True: pass",
        "import time\nwhile True: time.sleep(1)",
        "def f():\n    try:\n        return f()\n    finally:\n        f()\nf()",
        "import sys\nsys.stdout.close()\nwhile True: pass",
    ],
)
def test_an_endless_program_is_ended(sandbox: Sandbox, loop: str) -> None:
    before = children()
    outcome = attack(sandbox, loop, Limits(seconds=1, memory_mb=256))
    assert outcome.status in ("timeout", "memory", "unsupported")
    assert outcome.status == "timeout" or sandbox.name == "monty" or "finally" in loop
    assert children() == before


@needs_linux
def test_what_closes_its_output_is_ended_all_the_same(sandlock: Sandbox) -> None:
    code = "import os\nfor fd in range(64):\n    try: os.close(fd)\n    except OSError: pass\n"
    before = children()
    assert attack(sandlock, f"{code}while True: pass").status == "timeout"
    assert children() == before


@pytest.mark.parametrize(
    "bomb",
    [
        "x = []\nwhile True: x.append('a' * 10**6)",
        "'a' * 10**10",
        "[0] * 10**9",
        "x = 'ab'\nwhile True: x += x",
        "x = {}\nfor n in range(10**9): x[n] = n",
        "import mmap\nm = mmap.mmap(-1, 1 << 31)\nm.write(b'x' * (1 << 31))",
        "import ctypes\nlibc = ctypes.CDLL(None)\n"
        "libc.mmap.restype = libc.mremap.restype = ctypes.c_void_p\n"
        "libc.mremap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int]\n"
        "at = libc.mremap(libc.mmap(None, 4096, 3, 0x22, -1, 0), 4096, 1 << 30, 1)\n"
        "ctypes.memset(at, 1, 1 << 30)",
        "import os\nfd = os.memfd_create('x')\nwhile True: os.write(fd, b'x' * 10**6)",
        "import threading, time\n"
        "while True: threading.Thread(target=time.sleep, args=(60,)).start()",
    ],
)
def test_a_memory_bomb_goes_off_inside(sandbox: Sandbox, bomb: str) -> None:
    before = children()
    outcome = attack(sandbox, bomb, Limits(seconds=20, memory_mb=64))
    assert outcome.status in ("memory", "unsupported", "failed")
    assert outcome.status != "failed" or outcome.error is not None
    assert children() == before


# Starts threads by bare `clone`, all on one stack, so that memory does not bound how many.
THREADS = """
import ctypes, mmap, os, struct, time
page = mmap.mmap(-1, 8192, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
at = ctypes.addressof((ctypes.c_char * 8192).from_buffer(page))
# mov eax, 56 (clone); mov edi, flags; mov rsi, stack; mov rdx, r10 and r8, a place to write;
# syscall; test eax, eax; jnz on; here: mov eax, 34 (pause); syscall; jmp here; on: ret
code = 'b838000000 bf000f3d00 48be%s 48ba%s 49ba%s 49b8%s 0f05 85c0 7509 b822000000 0f05 ebf7 c3'
code = bytes.fromhex(code % tuple(struct.pack('Q', at + n).hex() for n in (8000, 7000, 7008, 6000)))
page[:len(code)] = code
start = ctypes.CFUNCTYPE(ctypes.c_int)(at)
CLOSE
for _ in range(COUNT):
    assert start() > 0
"""
CLOSED = "for fd in range(64):\n    try: os.close(fd)\n    except OSError: pass"


@needs_linux
@pytest.mark.skipif(platform.machine() != "x86_64", reason="x86-64 instructions")
@pytest.mark.parametrize("close", ["", CLOSED], ids=["heard", "with closed outputs"])
def test_a_bomb_of_threads_is_ended(sandlock: Sandbox, close: str) -> None:
    bomb = THREADS.replace("CLOSE", close)
    control = [sys.executable, "-c", bomb.replace("COUNT", "1000") + "os._exit(7)"]
    assert subprocess.run(control, timeout=60, check=False).returncode == 7
    # No more than the machine can bear if nothing stops it.
    bomb = bomb.replace("COUNT", "9000") + "time.sleep(60)"
    outcome = attack(sandlock, bomb, Limits(seconds=30, memory_mb=64))
    assert outcome.error is not None
    assert outcome.error.type == "ThreadLimit"


@pytest.mark.parametrize(
    "flood",
    [
        "while True: print('x' * 1000)",
        "for _ in range(10**6): print('x')",
        "print('x' * 10**7)",
        "import sys\nwhile True: sys.stderr.write('x' * 1000)",
        "import os\nwhile True:\n    for fd in range(1, 9):\n"
        "        try: os.write(fd, b'x' * 1000)\n        except OSError: pass",
    ],
)
def test_a_flood_of_output_is_cut(sandbox: Sandbox, flood: str) -> None:
    outcome = attack(sandbox, flood)
    assert len(outcome.stdout) <= BRIEF.output_chars
    assert outcome.status in ("failed", "unsupported", "memory")
    if outcome.status == "failed":
        assert outcome.error is not None
        assert outcome.error.type == "OutputLimit"


@pytest.mark.parametrize(
    "value", ["'x' * 10**6", "[0] * 10**5", "{n: str(n) for n in range(10**4)}"]
)
def test_a_huge_value_is_cut(sandbox: Sandbox, value: str) -> None:
    assert len(attack(sandbox, value).value or "") <= BRIEF.output_chars


@needs_linux
def test_an_open_file_of_the_parent_is_not_inherited(sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(SECRET)
    with file.open() as held:
        os.set_inheritable(held.fileno(), True)
        code = (
            "import os\nfor fd in range(3, 64):\n    try: print(os.pread(fd, 99, 0))\n"
            "    except OSError: pass"
        )
        assert SECRET not in attack(sandbox, code).stdout


def test_ctypes_gives_no_way_out_of_monty(monty: Sandbox) -> None:
    for code in ("__import__('ctypes')", "import ctypes", "eval('__import__(\"os\")')"):
        assert attack(monty, code).status == "unsupported"


def test_the_types_lead_nowhere(sandbox: Sandbox, tmp_path: Path) -> None:
    made = tmp_path / "made"
    code = (
        "for c in ().__class__.__mro__[-1].__subclasses__():\n"
        "    if c.__name__ == '_wrap_close':\n"
        f"        c.__init__.__globals__['system']('touch {made}')\n"
    )
    unconfined(f"import os\n{code}")
    assert made.exists()
    made.unlink()
    attack(sandbox, f"import os\n{code}")
    assert not made.exists()


@pytest.mark.parametrize(
    "escape",
    [
        "import os\nos._exit(0)",
        "import sys\nsys.exit(0)",
        "raise SystemExit",
        "import os\nos.write(1, b'ok')\nos._exit(0)",
        "import sys\nsys.modules.clear()\nraise SystemExit",
    ],
)
def test_a_program_that_ends_early_passes_no_test(sandbox: Sandbox, escape: str) -> None:
    checks = anyio.run(partial(checked, sandbox, escape, ["assert False"]))
    assert not checks.passed


@needs_linux
def test_a_program_cannot_pretend_that_its_sandbox_is_gone(sandlock: Sandbox) -> None:
    code = (
        "import os\nfor fd in range(1, 9):\n"
        "    try: os.write(fd, b'sandlock child: no Landlock')\n    except OSError: pass\n"
        "os._exit(127)"
    )
    assert attack(sandlock, code).status == "failed"


@needs_linux
def test_cancelling_ends_the_process(sandlock: Sandbox) -> None:
    async def cancelled() -> set[int]:
        before = children()
        with anyio.fail_after(30):
            async with anyio.create_task_group() as group:
                group.start_soon(
                    partial(sandlock.run, "while True: pass", limits=Limits(seconds=60))
                )
                while children() == before:
                    await anyio.lowlevel.checkpoint()
                group.cancel_scope.cancel()
            while children() != before:
                await anyio.lowlevel.checkpoint()
        return children() - before

    assert anyio.run(cancelled) == set()


@needs_linux
@pytest.mark.parametrize(
    "value",
    [
        "x = [1]\nfor _ in range(60): x = [x, x]\nx",
        "{n: n for n in range(10**6)}",
        "class A:\n    def __repr__(self): return 'x' * 10**8\nA()",
    ],
)
def test_a_value_does_not_fill_the_parent(sandbox: Sandbox, value: str) -> None:
    # In a process of its own: the peak of this one holds what other tests took.
    kind = type(sandbox)
    script = (
        f"import anyio, resource\nfrom {kind.__module__} import {kind.__name__} as S\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "anyio.run(S().run, '1')\nbefore = peak()\n"
        f"anyio.run(S().run, {value!r})\nprint(peak() - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True
    )
    assert int(done.stdout) < 50_000  # kilobytes; the values take hundreds of megabytes


@needs_linux
def test_a_program_with_the_key_cannot_say_that_its_sandbox_is_gone(sandlock: Sandbox) -> None:
    code = (
        "import os, sys\nmain = sys._getframe()\n"
        "while main and main.f_code.co_name != 'main': main = main.f_back\n"
        "main.f_locals['report'].write(main.f_locals['key'] + '{\"status\": \"unavailable\"}')\n"
        "main.f_locals['report'].flush()\nos._exit(0)"
    )
    assert attack(sandlock, code).status == "failed"
