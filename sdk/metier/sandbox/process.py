"""The pipes to a confined process: a job goes in, output and one report come out."""

from __future__ import annotations

import json
import os
import secrets
import selectors
import signal
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from pydantic import BaseModel, ValidationError

from metier.sandbox.sandbox import Failure, Limits, Outcome, Status, printed_too_much
from metier.sandbox.seccomp import Filter

if TYPE_CHECKING:
    from sandlock import Process, Result

_End = Literal["ended", "late", "flooded", "crowded"]
_CHUNK: Final = 1 << 16
_MAX_FILES: Final = 64
# No limit of the kernel counts the threads of one process; some ten thousand start in a second.
_MAX_THREADS: Final = 256
_LOOK_EVERY_S: Final = 0.02
# How the stderr of a child begins that cannot be confined; it runs nothing then.
_NOT_STARTED: Final = "sandlock child:"
# A program may find the key: whether there is a sandbox, or it was late, is not for it to say.
_TELLABLE: Final = ("ok", "failed", "memory", "unsupported")
# A report carries three texts of `output_chars` at most, escaped as JSON.
_REPORT_BYTES_PER_CHAR: Final = 40


class _Error(BaseModel):
    type: str
    message: str
    line: int | None = None


class _Report(BaseModel):
    """What is known of a program."""

    status: Status
    value: str | None = None
    error: _Error | None = None
    missing: str = ""


class Pipes:
    """One job for one process.

    Args:
        packages: the folders of the packages that the program may import.
        filter_: the system calls that the process may make once it runs the program.
    """

    def __init__(
        self,
        code: str,
        stdin: str,
        *,
        packages: Mapping[str, str],
        limits: Limits,
        filter_: Filter,
    ) -> None:
        self._key = secrets.token_hex(16)
        job = {
            "key": self._key,
            "keep": limits.output_chars,
            "filter": filter_.program.hex(),
            "setter": filter_.setter,
            "unconfined": _NOT_STARTED,
            "packages": dict(packages),
            "code": code,
        }
        self._input = f"{json.dumps(job)}\n{stdin}".encode("utf-8", "replace")
        self._limits = limits
        self._out = bytearray()
        self._reported = bytearray()
        self._lock = threading.Lock()
        self._process: Process | None = None
        self._killed = False

    def kill(self) -> None:
        """End the process, also one that is only about to begin."""
        with self._lock:
            self._killed = True
            if self._process is not None:
                self._process.kill()

    def served(self, process: Process, sandbox: str) -> Outcome:
        """Send the job, collect what comes, and wait for the end or a limit."""
        start = time.monotonic()
        deadline = start + self._limits.seconds
        with self._lock:
            self._process = process
            if self._killed:
                process.kill()
        self._limit(process)
        end = self._exchanged(process, deadline)
        if end != "ended":
            process.kill()
        result = process.wait(max(deadline - time.monotonic(), 0.001))
        text = self._out.decode("utf-8", "replace")
        report = self._read(end, result, len(text))
        return Outcome(
            status=report.status,
            sandbox=sandbox,
            stdout=text[: self._limits.output_chars],
            error=Failure(**report.error.model_dump()) if report.error else None,
            value=report.value,
            missing=report.missing,
            seconds=time.monotonic() - start,
        )

    def _limit(self, process: Process) -> None:
        """The kernel's limits beside sandlock's. The process waits for its job meanwhile."""
        import resource

        if process.pid is None:  # it is gone; and prlimit takes 0 for this process
            return
        limits = {
            resource.RLIMIT_AS: self._limits.memory_mb << 20,
            # It ends by itself if this process, which would kill it, is gone.
            resource.RLIMIT_CPU: int(self._limits.seconds) + 2,
            resource.RLIMIT_FSIZE: 0,
            resource.RLIMIT_NOFILE: _MAX_FILES,
        }
        with suppress(ProcessLookupError):
            for kind, limit in limits.items():
                resource.prlimit(process.pid, kind, (limit, limit))

    def _exchanged(self, process: Process, deadline: float) -> _End:
        """Write and read until the process has ended, the time is over, or it is too much."""
        keep = self._limits.output_chars
        stdin, stdout, stderr = process.stdin, process.stdout, process.stderr
        assert stdin is not None and stdout is not None and stderr is not None  # noqa: PT018
        sinks = {
            stdout: _Sink(into=self._out, most=4 * keep),
            stderr: _Sink(into=self._reported, most=_REPORT_BYTES_PER_CHAR * keep + _CHUNK),
        }
        with selectors.DefaultSelector() as selector, _ending(process) as ending:
            _register(selector, ending, selectors.EVENT_READ, lambda _: False)
            _register(selector, stdin, selectors.EVENT_WRITE, self._write)
            for stream, sink in sinks.items():
                _register(selector, stream, selectors.EVENT_READ, sink.read)
            # It may close its outputs and go on.
            while ending in selector.get_map() or any(sink.open for sink in sinks.values()):
                ready = selector.select(min(max(deadline - time.monotonic(), 0), _LOOK_EVERY_S))
                if time.monotonic() >= deadline:
                    return "late"
                for key, _ in ready:
                    if not key.data(key.fileobj):
                        selector.unregister(key.fileobj)
                if any(len(sink.into) > sink.most for sink in sinks.values()):
                    return "flooded"
                if _threads(process) > _MAX_THREADS:
                    return "crowded"
        return "ended"

    def _write(self, stream: FileIO) -> bool:
        """Write what the pipe takes; whether there is more."""
        try:
            self._input = self._input[stream.write(self._input[:_CHUNK]) or 0 :]
        except BrokenPipeError:
            self._input = b""
        if not self._input:
            stream.close()
        return bool(self._input)

    def _read(self, end: _End, result: Result, printed: int) -> _Report:
        """What the end and the report say together."""
        if end == "flooded" or printed > self._limits.output_chars:
            failure = printed_too_much(self._limits)
            return _failed(failure.type, failure.message)
        if end == "crowded":
            return _failed("ThreadLimit", f"started over {_MAX_THREADS} threads")
        if end == "late":
            return _Report(status="timeout")
        text = self._reported.decode("utf-8", "replace")
        with suppress(ValidationError):
            told = _Report.model_validate_json(text.rpartition(self._key)[2])
            if told.status in _TELLABLE:
                return told
        if not text.startswith(self._key) and _NOT_STARTED in text:
            return _Report(status="unavailable", missing=text.strip()[:300])
        match result.reason.name if result.reason else "":
            case "TIMEOUT":
                return _Report(status="timeout")
            case "KILLED":  # by sandlock or by the kernel, for memory: its own signals are denied
                return _Report(status="memory")
            case "SIGNALED" if result.signal == signal.SIGXCPU:
                return _Report(status="timeout")
            case "SIGNALED":
                return _failed("Killed", f"killed by {signal.Signals(result.signal).name}")
        return _failed("Ended", f"the program ended itself with code {result.exit_code}")


@dataclass(kw_only=True, slots=True)
class _Sink:
    """One output of the process."""

    into: bytearray
    most: int
    open: bool = True

    def read(self, stream: FileIO) -> bool:
        """Read what is there; whether there may be more."""
        chunk = stream.read(_CHUNK)
        self.into += chunk or b""
        self.open = chunk != b""
        return self.open


def _register(
    selector: selectors.BaseSelector, stream: FileIO, event: int, act: Callable[[FileIO], bool]
) -> None:
    os.set_blocking(stream.fileno(), False)
    selector.register(stream, event, act)


def _ending(process: Process) -> FileIO:
    """What can be read once the process has ended: its pidfd, a closed pipe if it is gone."""
    try:
        return FileIO(os.pidfd_open(process.pid or -1))
    except OSError:
        reader, writer = os.pipe()
        os.close(writer)
        return FileIO(reader)


def _threads(process: Process) -> int:
    try:
        return Path(f"/proc/{process.pid}/task").stat().st_nlink - 2
    except OSError:  # it is gone
        return 0


def _failed(type_: str, message: str) -> _Report:
    return _Report(status="failed", error=_Error(type=type_, message=message))
