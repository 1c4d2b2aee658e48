"""What starting metier must not import, and what it offers."""

from __future__ import annotations

import subprocess
import sys

import pytest

import metier

HEAVY = (
    "anyio",
    "faiss",
    "httpcore",
    "httpx",
    "langchain_core",
    "mcp",
    "metier_code",
    "metier_math",
    "metier_medical",
    "numpy",
    "ollama",
    "prompt_toolkit",
    "pydantic",
    "ray",
    "rich",
    "semantic_kernel",
    "sentence_transformers",
    "sqlite3",
    "starlette",
    "sympy",
    "torch",
    "uvicorn",
)


def imported(program: str) -> set[str]:
    """The heavy modules that a process has after running a program."""
    tell = f"import sys; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    code = f"try:\n    {program}\nfinally:\n    {tell}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return set(done.stdout.splitlines()[-1].split())


def test_importing_metier_imports_nothing_heavy() -> None:
    assert imported("import metier") == set()


def test_help_imports_nothing_heavy() -> None:
    program = "import sys; sys.argv = ['metier', '--help']; from metier.cli import main; main()"
    assert imported(program) == set()


def test_listing_experts_imports_no_plugin() -> None:
    program = (
        "import sys; sys.argv = ['metier', 'experts', 'list']; from metier.cli import main; main()"
    )
    heavy = imported(program)
    assert not heavy & {"metier_code", "metier_math", "metier_medical", "sympy", "torch", "numpy"}


def test_the_council_imports_no_extra() -> None:
    heavy = imported("from metier import Council")
    assert not heavy & {
        "langchain_core",
        "mcp",
        "semantic_kernel",
        "sentence_transformers",
        "sqlite3",
        "starlette",
        "sympy",
        "torch",
        "uvicorn",
    }


def test_the_server_imports_no_web_framework_before_it_is_used() -> None:
    assert imported("import metier.serving, metier.cli.serve") == set()


@pytest.mark.parametrize("bridge", ["langchain", "mcp", "semantic_kernel"])
def test_a_bridge_imports_its_package_only_when_it_is_used(bridge: str) -> None:
    assert imported(f"import metier.bridges.{bridge}") == set()


def test_every_public_name_is_there_and_the_list_is_sorted() -> None:
    assert metier.__all__ == sorted(metier.__all__)
    assert all(getattr(metier, name) is not None for name in metier.__all__)
    assert dir(metier) == metier.__all__


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        metier.nothing  # noqa: B018  # pyrefly: ignore[missing-attribute]
