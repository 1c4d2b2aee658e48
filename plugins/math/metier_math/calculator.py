"""Computing in a process of its own, which can be killed: the parent's side of `worker`.

SymPy cannot be stopped from inside, and some integrals never end. So the computation runs in a
child that lives on between programs, as importing SymPy takes a second, and that is killed when
it is late, cancelled or not needed any more.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import suppress

import anyio
from anyio.abc import ByteSendStream, Process
from anyio.lowlevel import EventLoopToken, current_token
from anyio.streams.buffered import BufferedByteReceiveStream
from pydantic import ValidationError

from metier.errors import DeadlineExceeded, ExpertFailed, InvalidInput
from metier_math.program import Computed, Program, Reply

_READY_S = 60.0
_DYING_S = 1.0
_MAX_REPLY_BYTES = 1 << 20
_GONE = (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.IncompleteRead, OSError)
# What Python needs to start and to find its packages; any other variable may hold a secret.
_PASSED = frozenset(
    "PATH HOME LD_LIBRARY_PATH DYLD_LIBRARY_PATH USERPROFILE APPDATA SYSTEMROOT".split()
)
# The same question gives the same text, and no library starts threads for a few numbers.
_ENVIRONMENT = {"PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1"}


class Calculator:
    """Computes programs, one at a time in each event loop.

    Args:
        deadline_s: how long one program may take. Starting the child does not count.
        memory_bytes: address space of the child, where the system can limit it.
    """

    def __init__(self, *, deadline_s: float = 5.0, memory_bytes: int = 1 << 30) -> None:
        self._deadline_s = deadline_s
        self._command: tuple[str, ...] = (
            # -P: a file `sympy.py` in the user's folder must not be imported.
            *(sys.executable, "-P", "-m", "metier_math.worker"),
            *(str(deadline_s), str(memory_bytes)),
        )
        self._lanes: dict[EventLoopToken, _Lane] = {}

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that are running."""
        return tuple(lane.pid for lane in self._lanes.values() if lane.pid is not None)

    async def start(self) -> None:
        """Let the child begin its imports, and do not wait for it.

        Raises:
            ExpertFailed: no process can be started.
        """
        lane = self._lane()
        async with lane.lock:
            await lane.open()

    async def run(self, program: Program) -> tuple[Computed, ...]:
        """The results of a program, one a step.

        Raises:
            InvalidInput: it cannot be computed; the message says why.
            DeadlineExceeded: it takes too long, and was stopped.
            ExpertFailed: the child cannot be started, or died twice.
        """
        lane = self._lane()
        async with lane.lock:
            reply = await lane.reply_to(program.model_dump_json().encode())
        if reply.error:
            raise InvalidInput(reply.error, hint=reply.hint)
        return reply.results

    async def aclose(self) -> None:
        """End the child of this event loop. A later `run` starts another one."""
        if lane := self._lanes.pop(current_token(), None):
            async with lane.lock:
                await lane.close()

    def _lane(self) -> _Lane:
        token = current_token()
        if token not in self._lanes:
            self._lanes = {key: lane for key, lane in self._lanes.items() if lane.in_use}
            self._lanes[token] = _Lane(self._command, self._deadline_s)
        return self._lanes[token]


class _Lane:
    """One event loop's child: the streams of a process belong to the loop that opened it."""

    def __init__(self, command: tuple[str, ...], deadline_s: float) -> None:
        self.lock = anyio.Lock()
        self._command = command
        self._deadline_s = deadline_s
        self._owner: AsyncGenerator[Process] | None = None
        self._child: _Child | None = None
        self._has_died = False

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    @property
    def in_use(self) -> bool:
        return self._child is not None or self.lock.locked()

    async def open(self) -> None:
        if self._child is not None:
            return
        self._has_died = False
        self._owner = self._owning()
        try:
            self._child = _Child(await anext(self._owner))
        except OSError as exc:
            raise ExpertFailed(f"the process that computes cannot be started: {exc}") from exc

    async def close(self) -> None:
        owner, self._owner = self._owner, None
        if owner is not None:
            await owner.aclose()

    async def reply_to(self, request: bytes) -> Reply:
        try:
            return await self._exchanged(request)
        except _GONE:
            # Whoever killed it may not have meant this program. Computing it again is safe.
            with suppress(*_GONE):
                return await self._exchanged(request)
        raise ExpertFailed(
            "the process that computes has died twice",
            hint="See why: echo | python -m metier_math.worker 5 1073741824",
        )

    async def _exchanged(self, request: bytes) -> Reply:
        try:
            await self.open()
            assert self._child is not None
            await self._child.ready()
            return await self._child.asked(request, self._deadline_s)
        except BaseException as exc:
            # Late, cancelled or gone: an answer that comes later would answer another question.
            self._has_died = isinstance(exc, _GONE)
            await self.close()
            raise

    async def _owning(self) -> AsyncGenerator[Process]:
        """Hold the process. An event loop closes its generators before it ends, so that a child
        ends with its loop also where nobody called `aclose`.
        """
        process = await anyio.open_process(
            self._command, stderr=subprocess.DEVNULL, env=_environment()
        )
        try:
            yield process
        finally:
            self._child = None
            with anyio.CancelScope(shield=True):
                await self._end(process)

    async def _end(self, process: Process) -> None:
        if self._has_died:
            # A signal to what is just ending would take its exit code from asyncio.
            with anyio.move_on_after(_DYING_S):
                await process.wait()
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
        await process.aclose()


def _environment() -> dict[str, str]:
    passed = {
        name: value
        for name, value in os.environ.items()
        if name in _PASSED or name.startswith("PYTHON")
    }
    return passed | _ENVIRONMENT


class _Child:
    """A process, and the lines that go to it and come back."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.pid = process.pid
        self._requests: ByteSendStream = process.stdin
        self._replies = BufferedByteReceiveStream(process.stdout)
        self._is_ready = False

    async def ready(self) -> None:
        """Wait for the end of its imports, which can take long on a busy machine."""
        if not self._is_ready:
            await self._reply(_READY_S, "it did not start")
            self._is_ready = True

    async def asked(self, request: bytes, deadline_s: float) -> Reply:
        await self._requests.send(request + b"\n")
        return await self._reply(deadline_s, "it was stopped")

    async def _reply(self, deadline_s: float, otherwise: str) -> Reply:
        try:
            with anyio.fail_after(deadline_s):
                line = await self._replies.receive_until(b"\n", _MAX_REPLY_BYTES)
            return Reply.model_validate_json(line)
        except TimeoutError as exc:
            raise DeadlineExceeded(
                f"the computation took longer than {deadline_s:g} s: {otherwise}"
            ) from exc
        except (ValidationError, anyio.DelimiterNotFound) as exc:
            raise ExpertFailed("the process that computes wrote no reply") from exc
