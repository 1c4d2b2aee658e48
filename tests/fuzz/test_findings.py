"""What fuzzing found."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import suppress

import pytest
from fuzz.texts import read_all

from metier.errors import InvalidInput
from metier.strategies.ballots import behaviour
from metier_code.examples import asserts, concerns, defines, examples
from metier_code.fences import is_python
from metier_math.expressions import parsed
from metier_math.reading import worked

# Python warns of the numeral that runs into a word, and of the escape that is none.
ODD = 'x = 1if f("\\d") else 2'
READERS: dict[str, Callable[[], object]] = {
    "a block of code": lambda: is_python(ODD),
    "examples of a question": lambda: examples("f(1) == '\\d'"),
    "tests that a model writes": lambda: asserts(f"```python\nassert f(1) == '\\d'\n{ODD}\n```"),
    "the names in a test": lambda: concerns(ODD, frozenset({"x"})),
    "the names of a program": lambda: defines(ODD),
    "a calculation": lambda: worked(ODD),
    "an expression": lambda: parsed("1if 2 else 3"),
    "a program that votes": lambda: behaviour._functions(ODD),
    "calls to compare by": lambda: list(behaviour._literal_calls("f", "f('\\d') is 1")),
    "all texts": lambda: read_all(f"```\n{ODD}\n```\nf(1) == 1if\n".encode()),
}


@pytest.mark.parametrize("reader", READERS)
def test_what_python_would_warn_of_in_somebodys_text_is_not_shown(reader: str) -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        with suppress(InvalidInput):
            READERS[reader]()
    assert [str(each.message) for each in said] == []
