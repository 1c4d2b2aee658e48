"""What a plugin's import does beside defining things, watched in a process of its own.

`python -m metier.testing.importing MODULE FILE FOLDER…` imports a module, which is searched for in
the folders first, and prints one JSON object.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from pydantic import BaseModel, ConfigDict

from metier.experts.loading import place_of

DEADLINE_S = 20.0
_WORKS = {
    "socket.connect": "connects to the network",
    "socket.bind": "opens a port",
    "socket.getaddrinfo": "looks a host up",
    "subprocess.Popen": "starts a process",
    "os.system": "starts a process",
    "os.posix_spawn": "starts a process",
    "os.fork": "starts a process",
}


class ImportReport(BaseModel):
    """What an import did.

    Attributes:
        error: why it failed, with file and line; empty if it did not.
        works: what it did beside defining things, with file and line.
        seconds: how long it took, after metier's own modules.
    """

    model_config = ConfigDict(frozen=True)

    error: str = ""
    works: tuple[str, ...] = ()
    seconds: float = 0.0


def import_report(
    module: str, file: str, *, search_path: Sequence[str] = (), timeout_s: float = DEADLINE_S
) -> ImportReport:
    """Import a module in a process of its own, which is ended after its deadline."""
    command = [sys.executable, "-m", __name__, module, file, *search_path]
    # The same packages as here, wherever they are found.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        done = subprocess.run(  # noqa: S603  # this module, on the author's own code
            command, env=environment, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired:
        return ImportReport(error=f"{file}: importing it did not end within {timeout_s:g} s")
    lines = done.stdout.splitlines()
    if done.returncode != 0 or not lines:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return ImportReport(error=f"{file}: importing it ended its process: {last}")
    return ImportReport.model_validate_json(lines[-1])


class _Watch:
    """Notes works that the plugin's own files began, not those of what they import."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self.works: dict[str, None] = {}

    def hook(self, event: str, args: tuple[object, ...]) -> None:
        work = "writes a file" if event == "open" and _writes(args) else _WORKS.get(event)
        if work is not None:
            self.note(work, sys._getframe(1))  # noqa: SLF001  # the documented way

    def see_threads(self) -> None:
        """Python 3.11 has no audit event for them."""
        start = threading.Thread.start

        def seen(thread: threading.Thread) -> None:
            self.note("starts a thread", sys._getframe(1))  # noqa: SLF001
            start(thread)

        # This process ends after the import. Only the parameter's name differs.
        threading.Thread.start = seen  # pyrefly: ignore[bad-assignment]

    def note(self, work: str, frame: FrameType | None) -> None:
        while frame is not None and not frame.f_code.co_filename.startswith("<frozen importlib"):
            if frame.f_code.co_filename.startswith(self._folder):
                self.works[f"{frame.f_code.co_filename}:{frame.f_lineno}: {work}"] = None
                return
            frame = frame.f_back


class _Printed(io.TextIOBase):
    def __init__(self, watch: _Watch) -> None:
        self._watch = watch

    def write(self, text: str, /) -> int:
        self._watch.note("prints", sys._getframe(1))  # noqa: SLF001
        return len(text)


def _writes(args: tuple[object, ...]) -> bool:
    _, mode, flags = args
    if isinstance(mode, str):
        return any(letter in mode for letter in "wax+")
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))


def _imported(module: str, file: Path) -> ImportReport:
    """Import it here; the hook stays, so this process is of no further use."""
    top = module.partition(".")[0]
    watch = _Watch(next((folder for folder in file.parents if folder.name == top), file))
    sys.addaudithook(watch.hook)
    watch.see_threads()
    started = time.perf_counter()
    error = ""
    with contextlib.redirect_stdout(_Printed(watch)):
        try:
            _load(module, file)
        # An import may raise anything; that is what one wants to know.
        except (Exception, SystemExit) as exc:  # noqa: BLE001
            error = f"{place_of(exc, module) or file}: {type(exc).__name__}: {exc}"
    seconds = time.perf_counter() - started
    return ImportReport(error=error, works=tuple(watch.works), seconds=seconds)


def _load(module: str, file: Path) -> None:
    """By its name, else, as for a module of tests, by its file."""
    try:
        found = importlib.util.find_spec(module.partition(".")[0])
    except ValueError:  # `__main__`
        found = None
    if found is not None:
        importlib.import_module(module)
        return
    spec = importlib.util.spec_from_file_location(module, file)
    assert spec is not None
    assert spec.loader is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))


def main() -> None:
    """Import what the arguments name, and print the report."""
    module, file, *search_path = sys.argv[1:]
    sys.path[:0] = search_path
    import metier.experts.expert  # so that the seconds are the plugin's own
    import metier.experts.tools  # noqa: F401

    report = _imported(module, Path(file))
    sys.stdout.write(f"{report.model_dump_json()}\n")


if __name__ == "__main__":
    main()
