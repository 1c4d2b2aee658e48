"""Whether a text brings a program with it."""

from __future__ import annotations

import pytest

from metier.planning.splitting.code import brings_code


@pytest.mark.parametrize(
    "text",
    [
        "Fix it:\n```python\nx = 1\n```",
        "```js\nlet x\n```",
        "What does this do?\ndef f(x):\n    return x",
        "int x;\n#include <stdio.h>",
        "public static void main(String[] a) {",
        "```go\nnever closed",
        "Fix this: SELECT name FROM users WHERE age => 18",
        "Why does INSERT INTO users (name) VALUES ('x') fail?",
    ],
)
def test_a_program_is_recognised(text: str) -> None:
    assert brings_code(text)


@pytest.mark.parametrize(
    "text",
    [
        "Write a function that adds two numbers.",
        "```text\nDear Ann\n```",
        "```\nDear Ann\n```",
        "What is a class of drugs?",
        "Write a CREATE TABLE statement for them.",
        "Select one name from the list.",
        "Use `x = 1` here.",
        "```python\n```",
    ],
)
def test_what_only_speaks_of_programs_brings_none(text: str) -> None:
    assert not brings_code(text)


@pytest.mark.parametrize(
    "name", "text txt plain plaintext email mail markdown md math Text".split()
)
def test_a_fence_with_the_name_of_prose_brings_none(name: str) -> None:
    assert not brings_code(f"```{name}\nDear Ann\n```")
