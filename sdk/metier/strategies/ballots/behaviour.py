"""Whether programs do the same: they are run on the same inputs, in a sandbox and nowhere else.

Shi et al. 2022, "Natural Language to Code Translation with Execution", section 3: programs whose
results agree on all inputs are one answer.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

from metier.experts.threads import in_thread
from metier.grading import Code, extracted
from metier.sandbox import Limits, Sandbox
from metier.sandbox.sandbox import quiet

# So many calls tell most programs apart; each costs milliseconds.
_INPUTS = 8
# Of the places in a question that look like a call, so many are read.
_MOST_TRIED = 40
_LIMITS = Limits(seconds=3.0)
# By the words of an annotation; if there is none, all of them are tried.
_VALUES: dict[str, tuple[str, ...]] = {
    "list[str]": ("[]", "['b', 'a', 'c']", "['aa', 'Bb', 'aa']"),
    "list[float]": ("[]", "[1.5, -2.0, 3.25]", "[0.5]"),
    "list": ("[]", "[3, -1, 2, 3]", "[5]", "[1, 2, 3, 4]"),
    "dict": ("{}", "{'a': 1, 'b': 2}"),
    "set": ("set()", "{1, 2, 3}"),
    "tuple": ("()", "(3, 1, 2)"),
    "str": ("''", "'hello world'", "'Racecar'", "'a1b2'"),
    "float": ("0.0", "2.5", "-1.25"),
    "bool": ("True", "False"),
    "int": ("0", "1", "7", "-3", "12"),
}
_MARK = "behaviour"


async def behaviours(
    texts: Sequence[str], question: str, sandbox: Sandbox
) -> list[str | None] | None:
    """What each text's program does on the same inputs, as one string.

    None for a text without a program, or whose program could not be run. None for all of them
    where they define no function in common, or where no input shows anything: then they can only
    be compared as they are written.
    """
    programs = await in_thread(_programs, texts)
    name = _common(programs)
    if name is None:
        return None
    calls = await in_thread(_calls, name, question, [each for each in programs if each])
    found = [await _done(program, name, calls, sandbox) for program in programs]
    told = [each for each in found if each is not None and _MARK in each]
    return found if told else None


def _programs(texts: Sequence[str]) -> list[str | None]:
    return [extracted(text, Code()) for text in texts]


async def _done(
    program: str | None, name: str, calls: Sequence[str], sandbox: Sandbox
) -> str | None:
    if program is None or name not in _functions(program):
        return None
    lines = [f"{program}\n", "_seen = []"]
    for call in calls:
        lines += [
            "try:",
            f"    _seen.append({_MARK!r} + repr({call}))",
            "except Exception as _e:",
            "    _seen.append(type(_e).__name__)",
        ]
    outcome = await sandbox.run("\n".join([*lines, "_seen\n"]), limits=_LIMITS)
    return outcome.value if outcome.status == "ok" else None


def _common(programs: Sequence[str | None]) -> str | None:
    """The function that most programs define; the last one of equals, since helpers come first."""
    counts = Counter(name for program in programs if program for name in _functions(program))
    if not counts:
        return None
    most = max(counts.values())
    return [name for name, count in counts.items() if count == most][-1]


def _functions(program: str) -> dict[str, ast.FunctionDef]:
    try:
        with quiet():
            tree = ast.parse(program)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


def _calls(name: str, question: str, programs: Sequence[str]) -> list[str]:
    """Calls to compare by: those of the question first, then made of what the annotations say."""
    asked = list(dict.fromkeys(islice(_literal_calls(name, question), _INPUTS)))
    defined = [_functions(program).get(name) for program in programs]
    function = next((each for each in defined if each is not None), None)
    made = _made(name, function) if function else []
    return [*asked, *(call for call in made if call not in asked)][:_INPUTS]


def _literal_calls(name: str, question: str) -> Iterator[str]:
    places = re.finditer(rf"\b{re.escape(name)}\(", question)
    for match in islice(places, _MOST_TRIED):
        for end in range(match.end(), min(len(question), match.end() + 200)):
            if question[end] != ")":
                continue
            call = question[match.start() : end + 1]
            if _is_literal(call):
                yield call
                break


def _is_literal(call: str) -> bool:
    try:
        with quiet():
            node = ast.parse(call, mode="eval").body
        assert isinstance(node, ast.Call)
        for value in (*node.args, *(keyword.value for keyword in node.keywords)):
            ast.literal_eval(value)
    except (SyntaxError, ValueError, TypeError, AssertionError, RecursionError, MemoryError):
        return False
    return True


def _made(name: str, function: ast.FunctionDef) -> list[str]:
    needed = function.args.args[: len(function.args.args) - len(function.args.defaults)]
    columns = [_values(argument.annotation) for argument in needed]
    if not columns:
        return [f"{name}()"]
    rows = max(len(column) for column in columns)
    # Each argument begins with another value, or `a - b` would be the same as `b - a`.
    called = (
        (column[(row + n) % len(column)] for n, column in enumerate(columns)) for row in range(rows)
    )
    return [f"{name}({', '.join(values)})" for values in called]


def _values(annotation: ast.expr | None) -> tuple[str, ...]:
    try:
        written = ast.unparse(annotation).lower() if annotation else ""
    except (RecursionError, ValueError):  # nested too deep, or a number of too many digits
        written = ""
    for kind, values in _VALUES.items():
        if written.startswith(kind):
            return values
    return tuple(values[-1] for values in _VALUES.values())
