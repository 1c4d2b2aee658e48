"""The Ollama of this machine: where its program is, whether it runs, and starting it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from metier.errors import ModelServerUnreachable
from metier.settings import Settings
from metier.settings.files import private_folder, replace_file
from metier.settings.reading import read_text

_START_TIMEOUT_S = 30.0
_LOOK_EVERY_S = 0.05
_RECORD_BYTES = 100
# What the server reads: its settings, where its files are, which GPU and driver to use, and how to
# reach the registry of models. No other variable, which may hold a secret, is passed on.
_PASSED = frozenset(
    "PATH HOME TMPDIR TMP TEMP LD_LIBRARY_PATH DYLD_LIBRARY_PATH HTTP_PROXY HTTPS_PROXY NO_PROXY "
    "SSL_CERT_FILE SSL_CERT_DIR GPU_DEVICE_ORDINAL JETSON_JETPACK VK_ICD_FILENAMES VK_DRIVER_FILES "
    "USERPROFILE LOCALAPPDATA APPDATA PROGRAMDATA SYSTEMROOT SYSTEMDRIVE WINDIR".split()
)
_PASSED_PREFIXES = tuple("OLLAMA_ CUDA_ HIP_ ROCM_ ROCR_ HSA_ GGML_ ONEAPI_ SYCL_".split())
_ATTACHED = Path(__file__).with_name("attached.py")
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A server that was started here.

    Attributes:
        process: the server, or what ends it with this process.
    """

    process: subprocess.Popen[bytes]
    log: Path

    def stop(self) -> None:
        """End it and wait until it is gone."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def ollama_program(settings: Settings) -> Path | None:
    """The program: on PATH, else where `scripts/get-ollama` keeps it."""
    if found := shutil.which("ollama"):
        return Path(found)
    kept = settings.cache_dir / "ollama" / "bin" / "ollama"
    return kept if os.access(kept, os.X_OK) else None


def is_local(host: str) -> bool:
    """Whether the address is this machine's loopback."""
    return (urlsplit(host).hostname or "") in _LOOPBACK


def is_listening(host: str, *, timeout_s: float = 1.0) -> bool:
    """Whether something accepts connections at the address."""
    parts = urlsplit(host)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((parts.hostname or "", port), timeout=timeout_s):
            return True
    except OSError:
        return False


def start(
    settings: Settings,
    *,
    environment: Mapping[str, str] | None = None,
    stays: bool = True,
    slots: int = 1,
) -> Started:
    """Start the local server and wait until it listens.

    It has as many slots as the setting `concurrency` says, or more, unless OLLAMA_NUM_PARALLEL says
    otherwise.

    Args:
        slots: the number of prompts that it keeps.
        environment: the variables to choose from instead of this process's; the server gets only
            those that it reads.
        stays: whether it goes on after this process; if not, it ends with it, however that ends.

    Raises:
        ModelServerUnreachable: the address is another machine's, there is no program, or the
            program ended; the log's last line is named.
    """
    program = ollama_program(settings)
    if program is None or not is_local(settings.host):
        raise ModelServerUnreachable(settings.host)
    log = _log_file(settings)
    variables = _passed(os.environ if environment is None else environment)
    variables["OLLAMA_HOST"] = settings.host
    variables.setdefault("OLLAMA_NUM_PARALLEL", str(max(slots, settings.concurrency)))
    attached = () if stays else (sys.executable, "-I", "-S", _ATTACHED)
    with log.open("ab") as out:
        process = subprocess.Popen(  # noqa: S603  # the user's own ollama
            [*attached, program, "serve"],
            stdin=subprocess.DEVNULL if stays else subprocess.PIPE,
            stdout=out,
            stderr=out,
            env=variables,
            start_new_session=True,
        )
    started = Started(process=process, log=log)
    deadline = time.monotonic() + _START_TIMEOUT_S
    while not is_listening(settings.host):
        if process.poll() is not None or time.monotonic() > deadline:
            started.stop()
            raise ModelServerUnreachable(settings.host, reason=_last_line(log))
        time.sleep(_LOOK_EVERY_S)
    _remember(settings, variables["OLLAMA_NUM_PARALLEL"], process.pid)
    return started


def restart(settings: Settings, *, slots: int) -> Started | None:
    """End the server that was started here, and start it again with other slots.

    Returns:
        None if the server was not started here, or OLLAMA_NUM_PARALLEL says how many it has.

    Raises:
        ModelServerUnreachable: it cannot be started.
    """
    if "OLLAMA_NUM_PARALLEL" in os.environ or (record := _record(settings)) is None:
        return None
    os.kill(record[0], signal.SIGTERM)
    deadline = time.monotonic() + _START_TIMEOUT_S
    while is_listening(settings.host) and time.monotonic() < deadline:
        time.sleep(_LOOK_EVERY_S)
    return start(settings, slots=slots)


def slots_of(settings: Settings) -> int:
    """How many slots the server was started with here, or was found to have.

    Else the setting `concurrency`.
    """
    found = _read_record(state_file(settings, "found"))
    slots = started_slots(settings) or (found[1] if found else 1)
    return max(slots, settings.concurrency)


def started_slots(settings: Settings) -> int | None:
    """The slots of the server, if it was started here and runs."""
    record = _record(settings)
    return None if record is None else record[1]


def remember_slots(settings: Settings, slots: int) -> None:
    """Keep how many slots a server that somebody else started was found to have."""
    with suppress(OSError):
        private_folder(settings.state_dir)
        replace_file(state_file(settings, "found"), f"0 {slots}\n".encode())


def forget_slots(settings: Settings) -> None:
    """As if nobody had found out how many slots the server has."""
    with suppress(OSError):
        state_file(settings, "found").unlink(missing_ok=True)


def state_file(settings: Settings, kind: str) -> Path:
    """Where something about the server is kept."""
    parts = urlsplit(settings.host)
    return settings.state_dir / f"ollama-{parts.hostname}-{parts.port}.{kind}"


def last_slots(settings: Settings) -> int | None:
    """The slots of the server that was last started here, also if it has ended."""
    last = _read_record(_record_of(settings))
    return None if last is None else last[1]


def _record(settings: Settings) -> tuple[int, int] | None:
    """Process and slots of the server that was started here; None if it has ended."""
    if (record := _read_record(_record_of(settings))) is None:
        return None
    try:
        os.kill(record[0], 0)
    except (OSError, OverflowError):
        return None
    return record


def _read_record(file: Path) -> tuple[int, int] | None:
    try:
        text = read_text(file, max_bytes=_RECORD_BYTES)
        pid, slots = map(int, text.split())
    except (OSError, ValueError):
        return None
    return pid, slots


def _remember(settings: Settings, slots: str, pid: int) -> None:
    """Keep the slots of a server for the commands that find it running."""
    with suppress(OSError):
        replace_file(_record_of(settings), f"{pid} {slots}\n".encode())


def _record_of(settings: Settings) -> Path:
    return settings.state_dir / f"ollama-{urlsplit(settings.host).port}.slots"


def _passed(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in environment.items()
        if name.upper() in _PASSED or name.startswith(_PASSED_PREFIXES)
    }


def _log_file(settings: Settings) -> Path:
    """In the state folder; in a temporary one where that is read-only."""
    try:
        private_folder(settings.state_dir)
        log = settings.state_dir / "ollama.log"
        log.touch(mode=0o600)
    except OSError:
        import tempfile

        log = Path(tempfile.mkdtemp(prefix="metier-")) / "ollama.log"
    return log


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return f"{lines[-1][:200]}; log: {log}" if lines else f"log: {log}"
