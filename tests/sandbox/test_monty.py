"""What Monty lacks is no failure of the program."""

from __future__ import annotations

import sys
from functools import partial

import anyio
import pytest

from metier.sandbox import Failure, Limits, Outcome, Sandbox
from metier.sandbox.monty import MontySandbox


def ran(sandbox: Sandbox, code: str, *, limits: Limits | None = None) -> Outcome:
    return anyio.run(partial(sandbox.run, code, limits=limits or Limits()))


def test_what_is_printed_and_the_last_value_come_back(monty: Sandbox) -> None:
    outcome = ran(monty, "print('one')\nprint('two')\n[1, 2]")
    assert (outcome.status, outcome.stdout, outcome.value) == ("ok", "one\ntwo\n", "[1, 2]")
    assert outcome.sandbox == "monty"


@pytest.mark.parametrize(
    ("code", "kind", "message", "line"),
    [
        ("def f(x):\n    return 1 / x\n\nf(0)", "ZeroDivisionError", "division by zero", 2),
        ("assert 1 == 2, 'no'", "AssertionError", "no\nassert 1 == 2", 1),
        ("a = 1\nb", "NameError", "name 'b' is not defined", 2),
        ("raise TimeoutError('mine')", "TimeoutError", "mine", 1),
        ("raise NotImplementedError('later')", "NotImplementedError", "later", 1),
        ("raise PermissionError('not yours')", "PermissionError", "not yours", 1),
        ("[1].nope", "AttributeError", "'list' object has no attribute 'nope'", 1),
        ("class A:\n    pass\nA().x", "AttributeError", "'A' object has no attribute 'x'", 3),
        ("None.x", "AttributeError", "'NoneType' object has no attribute 'x'", 1),
    ],
)
def test_an_exception_of_the_program_is_a_failure(
    monty: Sandbox, code: str, kind: str, message: str, line: int | None
) -> None:
    error = Failure(type=kind, message=message, line=line)
    outcome = ran(monty, code)
    assert (outcome.status, outcome.error) == ("failed", error)


def test_what_no_python_parses_is_a_failure(monty: Sandbox) -> None:
    outcome = ran(monty, "x = 1\ndef f(:")
    assert outcome.status == "failed"
    assert outcome.error is not None
    assert (outcome.error.type, outcome.error.line) == ("SyntaxError", 2)


@pytest.mark.parametrize(
    ("code", "missing"),
    [
        ("import numpy", "module 'numpy'"),
        ("from fractions import Fraction", "module 'fractions'"),
        ("from math import nope", "'nope' of module 'math'"),
        ("import sys\nsys.exit(3)", "'exit' of module 'sys'"),
        ("class A:\n    pass\nclass B(A):\n    pass", "class inheritance and metaclasses"),
        ("def f():\n    yield 1", "yield expressions"),
        ("next(n for n in range(3))", "generator expressions as iterators"),
        ("input()", "builtin 'input'"),
        ("(1).bit_count()", "'bit_count' of 'int'"),
        ("class A:\n    pass\nA().__dict__", "'__dict__' of 'A'"),
        ("raise SystemExit(0)", "Internal error in monty"),
        ("import os\nos.environ", "'os.environ' is not supported"),
        ("open('/etc/passwd')", "permission: Permission denied: '/etc/passwd'"),
    ],
)
def test_what_monty_lacks_or_refuses_is_unsupported(
    monty: Sandbox, code: str, missing: str
) -> None:
    outcome = ran(monty, code)
    assert outcome.status == "unsupported"
    assert missing in outcome.missing
    assert not outcome.ran


def test_a_program_that_copes_without_a_module_is_judged(monty: Sandbox) -> None:
    code = "try:\n    import numpy\nexcept ImportError:\n    print('without')"
    assert ran(monty, code).stdout == "without\n"


def test_without_the_package_it_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydantic_monty", None)
    outcome = ran(MontySandbox(), "1")
    assert outcome.status == "unavailable"
    assert "pip install 'metier[sandbox]'" in outcome.missing


def test_without_its_program_it_is_unavailable(
    monty: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MONTY_BIN", "/nowhere/monty")
    assert ran(monty, "1").status == "unavailable"


@pytest.mark.parametrize("limits", [{"seconds": 0}, {"memory_mb": -1}, {"output_chars": 0}])
def test_a_limit_that_limits_nothing_is_refused(limits: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        Limits(**limits)
