"""What runs inside of sandlock. metier hands this text to `python -c` and never imports it.

The first line of stdin is the job, the rest is the program's. The program's stderr goes with its
stdout; the real stderr carries the job's key when it begins, and the key and a report at its end.
"""

from __future__ import annotations

import ast
import errno
import importlib.util
import json
import os
import sys
import types
from importlib.machinery import ModuleSpec

_FILE = "<program>"
_NO_NEW_PRIVILEGES = 38  # PR_SET_NO_NEW_PRIVS
_SET_FILTER, _ALL_THREADS = 1, 1  # SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC
_REFUSED = {
    *(errno.EACCES, errno.EPERM, errno.EAGAIN, errno.EROFS, errno.ENOSYS),
    *(errno.EAFNOSUPPORT, errno.ENETUNREACH, errno.EMFILE, errno.EFBIG),
}


def main() -> None:
    """Run the job and report. What the program left running ends with it."""
    report = os.fdopen(os.dup(2), "w", encoding="utf-8")
    os.dup2(1, 2)
    job = json.loads(sys.stdin.readline())
    try:
        confine(job["setter"], bytes.fromhex(job["filter"]))
    except (ImportError, OSError) as exc:
        report.write(f"{job['unconfined']} {exc}")
        report.flush()
        os._exit(1)
    key, keep = job["key"], job["keep"]
    report.write(key)
    report.flush()
    sys.meta_path.append(Packages(job["packages"]))
    outcome = run(job.pop("code"), keep)
    try:
        sys.stdout.flush()
    finally:
        report.write(key + json.dumps(outcome))
        report.flush()
        os._exit(0)


def confine(setter: int, program: bytes) -> None:
    """Have the kernel refuse all system calls but those of the filter, in every thread.

    Raises:
        OSError: it does not take the filter; ImportError if this Python has no ctypes.
    """
    import ctypes

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_char_p))

    libc = ctypes.CDLL(None, use_errno=True)
    long = ctypes.c_ulong
    held = Program(len(program) // 8, program)
    if libc.prctl(_NO_NEW_PRIVILEGES, long(1), long(0), long(0), long(0)) or libc.syscall(
        long(setter), long(_SET_FILTER), long(_ALL_THREADS), ctypes.byref(held)
    ):
        raise OSError(ctypes.get_errno(), "the filter of system calls cannot be set")


def run(code: str, keep: int) -> dict[str, object]:
    """Run a program as `__main__`, and say what came of it."""
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    try:
        value = evaluated(code, module.__dict__)
        return {"status": "ok", "value": None if value is None else repr(value)[:keep]}
    # Whatever a program raises is told, the end of the interpreter included.
    except BaseException as exc:  # noqa: BLE001
        return told(exc, code, keep)


def evaluated(code: str, names: dict[str, object]) -> object:
    """The value of the last statement where it is an expression, after all before it."""
    tree = ast.parse(code, _FILE)
    last = tree.body[-1] if tree.body else None
    if isinstance(last, ast.Expr):
        tree.body.pop()
    # Here is where it belongs: in a process that may do nothing.
    exec(compile(tree, _FILE, "exec"), names)  # noqa: S102
    if not isinstance(last, ast.Expr):
        return None
    return eval(compile(ast.Expression(last.value), _FILE, "eval"), names)  # noqa: S307


def told(exc: BaseException, code: str, keep: int) -> dict[str, object]:
    """The exception, the program's line, and what was missing where that is the reason."""
    if isinstance(exc, SystemExit) and exc.code in (None, 0):
        return {"status": "ok", "value": None}
    line = line_of(exc)
    message = exc.msg if isinstance(exc, SyntaxError) else str(exc)
    if isinstance(exc, AssertionError) and not message and line:
        message = code.splitlines()[line - 1].strip()
    error = {"type": type(exc).__name__, "message": message[:keep], "line": line}
    if missing := lacks(exc):
        return {"status": "unsupported", "error": error, "missing": missing[:keep]}
    return {"status": "memory" if isinstance(exc, MemoryError) else "failed", "error": error}


def line_of(exc: BaseException) -> int | None:
    """The innermost line of the program that the exception passed through."""
    line = exc.lineno if isinstance(exc, SyntaxError) else None
    trace = exc.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == _FILE:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def lacks(exc: BaseException) -> str:
    """The module that is not there, or what was refused; ``""`` for an error of the program."""
    if isinstance(exc, ModuleNotFoundError) and exc.name:
        return f"module {exc.name!r}"
    if isinstance(exc, OSError) and (exc.errno in _REFUSED or type(exc).__name__ == "gaierror"):
        return f"permission: {exc}"
    if isinstance(exc, RuntimeError) and "start new thread" in str(exc):
        return f"permission: {exc}"
    return ""


class Packages:
    """Finds the packages of the job, and nothing beside them."""

    def __init__(self, folders: dict[str, str]) -> None:
        self._folders = folders

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """The place of a package; its modules are found from there."""
        folder = self._folders.get(name)
        if folder is None:
            return None
        return importlib.util.spec_from_file_location(
            name, f"{folder}/__init__.py", submodule_search_locations=[folder]
        )


if __name__ == "__main__":
    main()
