"""The tree of errors: codes, hints, and what looks like a name."""

from __future__ import annotations

import inspect
import pickle
import re
import textwrap
from collections.abc import Callable

import pytest

from metier import errors
from metier.errors import MetierError, nearest

CLASSES = [
    kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, MetierError)
]

# Those that write their own message; the others are given one.
WRITTEN: dict[str, Callable[[], MetierError]] = {
    "BudgetExceeded": lambda: errors.BudgetExceeded(12),
    "ClusterUnavailable": lambda: errors.ClusterUnavailable("no cluster at 10.0.0.5:6379"),
    "ContextOverflow": lambda: errors.ContextOverflow("small:1b", num_ctx=4096),
    "CouncilInUse": errors.CouncilInUse,
    "EmptyQuestion": errors.EmptyQuestion,
    "InvalidEmbedding": lambda: errors.InvalidEmbedding("ollama/all-minilm", "empty vectors"),
    "Locked": lambda: errors.Locked("/state/lock"),
    "ModelMissing": lambda: errors.ModelMissing("small:1b", installed=["small:2b"]),
    "ModelServerUnreachable": lambda: errors.ModelServerUnreachable("http://h", reason="refused"),
    "PluginBroken": lambda: errors.PluginBroken("cooking", "no module"),
    "ResourceExhausted": lambda: errors.ResourceExhausted(MemoryError()),
    "UnknownExpert": lambda: errors.UnknownExpert("mth", ["math"]),
    "UnknownRun": lambda: errors.UnknownRun("no run begins with 'ab'"),
    "UnreadableInput": lambda: errors.UnreadableInput("notes.pdf"),
    "UnreadableWeights": lambda: errors.UnreadableWeights("a.gguf", reason="it is cut off"),
}


def built(kind: type[MetierError]) -> MetierError:
    write = WRITTEN.get(kind.__name__)
    return write() if write else kind("something went wrong", hint="Try again")


def drawn() -> dict[str, str | None]:
    """The classes in the docstring's tree, each with the one that it hangs on."""
    tree = textwrap.dedent((inspect.getdoc(errors) or "").split("::\n")[1])
    above: list[str] = []
    parents: dict[str, str | None] = {}
    for branch, name in re.findall(r"^([│├└─ ]*)(\w+)", tree, re.MULTILINE):
        depth = len(branch) // 4
        del above[depth:]
        parents[name] = above[-1] if above else None
        above.append(name)
    return parents


def test_every_error_has_a_code_of_its_own() -> None:
    codes = [vars(kind).get("code") for kind in CLASSES]
    assert None not in codes
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("kind", CLASSES)
def test_a_code_is_the_class_name_in_snake_case(kind: type[MetierError]) -> None:
    snake = re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()
    assert kind.code == ("error" if kind is MetierError else snake)


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    assert drawn() == {
        kind.__name__: None if kind is MetierError else getattr(kind.__base__, "__name__", None)
        for kind in CLASSES
    }


@pytest.mark.parametrize("kind", CLASSES)
def test_the_text_of_an_error_holds_its_message_and_its_hint(kind: type[MetierError]) -> None:
    error = built(kind)
    assert error.hint
    assert str(error) == f"{error.message}. {error.hint}"


def test_an_error_without_a_hint_is_its_message_alone() -> None:
    assert str(errors.ModelRefused("the server says no")) == "the server says no"


def test_what_may_succeed_later_is_marked_retryable() -> None:
    assert {kind.__name__ for kind in CLASSES if kind.retryable} == {
        "CouncilInUse",
        "DeadlineExceeded",
        "InvalidOutput",
        "Locked",
        "ModelServerBusy",
        "ModelServerUnreachable",
        "StreamInterrupted",
    }


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (errors.UnknownExpert("mth", ["math", "code"]), ["'mth'", "nearest: 'math'"]),
        (errors.ModelMissing("qwen2:1b", installed=["qwen2:7b"]), ["'qwen2:1b'", "'qwen2:7b'"]),
        (errors.ModelMissing("qwen2:1b"), ["metier models pull qwen2:1b"]),
        (errors.ContextOverflow("small", num_ctx=4096), ["4096", "'small'"]),
        (errors.InvalidEmbedding("own/one", "NaN"), ["'own/one' returned NaN", "metier models"]),
        (errors.Locked("/state/lock"), ["'/state/lock'", "try again"]),
        (errors.BudgetExceeded(12), ["12 model calls"]),
        (errors.ModelServerUnreachable("http://h:1", reason="refused"), ["http://h:1 (refused)"]),
        (errors.UnreadableInput("notes.pdf"), ["notes.pdf", "UTF-8"]),
        (errors.PluginBroken("cooking", "no oven"), ["'cooking'", "no oven"]),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, MetierError) else None,
)
def test_a_message_names_the_value_and_what_comes_next(
    error: MetierError, words: list[str]
) -> None:
    assert [word for word in words if word not in str(error)] == []


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("mth", ["math", "code"], " (nearest: 'math')"),
        ("num_ctxx", ["num_ctx", "seed"], " (nearest: 'num_ctx')"),
        ("xyz", ["math", "code"], ""),
        ("math", [], ""),
        ("ab", ["abc", "abd", "abe", "abf"], " (nearest: 'abf', 'abe', 'abd')"),
    ],
)
def test_nearest_names_at_most_three_that_look_alike(
    name: str, known: list[str], expected: str
) -> None:
    assert nearest(name, known) == expected


@pytest.mark.parametrize("make", WRITTEN.values(), ids=WRITTEN)
def test_an_error_survives_pickling(make: Callable[[], MetierError]) -> None:
    error = make()
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.hint) == (type(error), str(error), error.hint)
