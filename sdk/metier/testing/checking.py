"""What `metier experts check` finds out about an expert at a path.

`python -m metier.testing.checking PATH ID FILE SECONDS` runs the checks in a process of its own,
which may be ended when one does not end, and appends what it finds to a file, one JSON object a
line; the seconds are for the first import.
"""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from metier.errors import MetierError
from metier.experts.expert import Expert
from metier.experts.registry import Entry, Registry
from metier.settings import Settings
from metier.testing.cards import QUESTIONS, card_advice
from metier.testing.conformance import ExpertConformance, Nonconforming
from metier.testing.importing import import_report

_PREFIX = "test_"
_SLOW_IMPORT_S = 2.0
_IMPORT_S = 20.0
# What needs no code, and is told of an expert whose code is broken too.
_OF_CARDS = (
    "test_its_examples_do_not_contradict",
    "test_its_questions_are_no_examples",
    "test_its_examples_pick_it",
    "test_its_counterexamples_do_not_pick_it",
)


class Finding(BaseModel):
    """What one check found.

    Attributes:
        check: what was checked, as a sentence.
        verdict: `begun` is followed by another one, unless the check did not end.
        hint: what to do about it.
    """

    model_config = ConfigDict(frozen=True)

    check: str
    verdict: Literal["begun", "ok", "note", "fail"]
    message: str = ""
    hint: str = ""


def checked(path: Path, name: str, *, timeout_s: float) -> Iterator[Finding]:
    """Check an expert in a process of its own.

    Args:
        name: its id.
        timeout_s: deadline of all checks together.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "findings.jsonl"
        report.touch()
        importing_s = str(min(_IMPORT_S, timeout_s / 4))
        command = [sys.executable, "-m", __name__, str(path), name, str(report), importing_s]
        ending = _run(command, timeout_s=timeout_s)
        found = [
            Finding.model_validate_json(line)
            for line in report.read_text(encoding="utf-8").splitlines()
        ]
    yield from (finding for finding in found if finding.verdict != "begun")
    if ending:
        last = found[-1].check if found else "it can be checked"
        hint = "A loop or a wait without an end, or an exit, in the code that this check runs"
        yield Finding(check=last, verdict="fail", message=f"{path}: {ending}", hint=hint)


def _run(command: Sequence[str], *, timeout_s: float) -> str:
    """How a process ended, where it did not end well; it leaves no process of its own behind."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(  # noqa: S603  # this module, on the author's own code
            command, stdout=said, stderr=said, stdin=subprocess.DEVNULL, start_new_session=True
        )
        try:
            if process.wait(timeout_s) == 0:
                return ""
            said.seek(0)
            lines = said.read().decode(errors="replace").strip().splitlines()
            last = f": {lines[-1]}" if lines else ""
            return f"it ended the process with exit code {process.returncode}{last}"
        except subprocess.TimeoutExpired:
            return f"it did not end within {timeout_s:g} s"
        finally:
            _end_all(process)


def _end_all(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, 9)
    except ProcessLookupError:
        return
    process.wait()


def findings(path: Path, name: str, *, importing_s: float) -> Iterator[Finding]:
    """Every check, one after the other, in this process.

    Args:
        importing_s: deadline of the first import, which is tried in yet another process.
    """
    # Without the user's settings: the same is found on every machine.
    registry = Registry.from_installed(Settings())
    registry.add_at(path)
    entry = registry.entries[name]
    yield from (_note("its card", message) for message in card_advice(entry.card))
    yield _begun("it can be imported")
    broken = _import_problem(entry, timeout_s=importing_s)
    yield from broken
    failed = any(finding.verdict == "fail" for finding in broken)
    if not failed:
        yield _begun("it can be built")
        built = _attempt("it can be built", lambda: registry.expert(name))
        yield built
        failed = built.verdict == "fail"
    yield from _conformance(_case(path, entry, with_code=not failed), of_card=failed)


def _import_problem(entry: Entry, *, timeout_s: float) -> list[Finding]:
    """Whether its module can be imported, tried in another process: it may never end."""
    if entry.code is None:
        return [Finding(check="it can be imported", verdict="ok", message="a card alone")]
    file = _module_file(entry)
    report = import_report(
        entry.code.module, str(file), search_path=entry.search_path, timeout_s=timeout_s
    )
    if report.error:
        hint = f"Mend it; to see it whole: python -c 'import {entry.code.module}'"
        return [_failed("it can be imported", report.error, hint)]
    found = [Finding(check="it can be imported", verdict="ok")]
    if report.seconds > _SLOW_IMPORT_S:
        text = f"importing it took {report.seconds:.1f} s: import what is heavy where it is used"
        found.append(_note("its import", text))
    return found


def _module_file(entry: Entry) -> Path:
    """The file of an entry point's module, which lies on the entry's search path."""
    assert entry.code is not None
    steps = entry.code.module.split(".")
    for folder in entry.search_path:
        package = Path(folder).joinpath(*steps)
        for file in (package / "__init__.py", package.with_suffix(".py")):
            if file.is_file():
                return file
    return Path(entry.origin)


def _case(path: Path, entry: Entry, *, with_code: bool) -> ExpertConformance:
    class Case(ExpertConformance):
        def expert(self) -> Expert:
            if not with_code:
                return Expert(entry.card)
            registry = Registry.from_installed(Settings())
            registry.add_at(path)
            return registry.expert(entry.card.id)

        def questions(self) -> Path | None:
            return Path(entry.origin).with_name(QUESTIONS)

    return Case()


def _conformance(case: ExpertConformance, *, of_card: bool) -> Iterator[Finding]:
    for name, _ in inspect.getmembers(ExpertConformance, inspect.isfunction):
        if not name.startswith(_PREFIX) or (of_card and name not in _OF_CARDS):
            continue
        check = name.removeprefix(_PREFIX).replace("_", " ")
        yield _begun(check)
        yield _attempt(check, getattr(case, name))


def _attempt(check: str, run: Callable[[], object]) -> Finding:
    try:
        run()
    except (Nonconforming, MetierError) as exc:
        return _failed(check, exc.message, exc.hint)
    # The expert's own code may raise anything, and the other checks are wanted all the same.
    except (Exception, SystemExit) as exc:  # noqa: BLE001
        return _failed(check, f"it raised {type(exc).__name__}: {exc}", "Mend what raises it")
    return Finding(check=check, verdict="ok")


def _begun(check: str) -> Finding:
    return Finding(check=check, verdict="begun")


def _note(check: str, message: str) -> Finding:
    return Finding(check=check, verdict="note", message=message)


def _failed(check: str, message: str, hint: str) -> Finding:
    return Finding(check=check, verdict="fail", message=message, hint=hint)


def main() -> None:
    """Append the findings to a file as they are made."""
    path, name, report, importing_s = sys.argv[1:]
    with Path(report).open("a", encoding="utf-8") as lines:
        for finding in findings(Path(path), name, importing_s=float(importing_s)):
            lines.write(f"{finding.model_dump_json()}\n")
            lines.flush()
    # Threads that an expert left behind keep no process open.
    os._exit(0)


if __name__ == "__main__":
    main()
