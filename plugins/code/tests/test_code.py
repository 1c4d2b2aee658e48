"""The code expert: code comes fenced, is run where a sandbox can, and the answer says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from metier import Answer, Card, Council, Settings, Task
from metier.models.server import ChatRequest
from metier.plan import Plan, Step
from metier.sandbox import Sandboxes
from metier.testing import FixedEmbedder, ScriptedContext, ScriptedModels
from metier_code import Code
from metier_code.examples import examples
from metier_code.expert import MORE_TRIES, TEMPERATURE
from metier_code.fences import MAX_CHARS, blocks, fenced, is_python

CARD = Card(id="code", description="code", models=("small",), stream="checked")
FUNCTION = "def double(x):\n    return 2 * x"


def ask(
    *replies: str | Callable[[ChatRequest], str],
    folder: Path,
    task: str = "Write it.",
    sandboxes: Sandboxes | None = None,
    write_tests: bool = False,
) -> Answer:
    step = Step(id="1", task=task, expert="code")
    with (
        ScriptedModels({"small": replies}) as models,
        Council.of(
            [Code(CARD, sandboxes=sandboxes, write_tests=write_tests)],
            settings=Settings(cache_dir=folder),
            server=models,
            embedder=FixedEmbedder(),
        ) as council,
    ):
        return council.run_sync(Plan(question=task, steps=(step,)))


def block(code: str) -> str:
    return f"```python\n{code}\n```"


def test_code_is_run_against_the_examples_of_the_question(tmp_path: Path) -> None:
    answer = ask(block(FUNCTION), folder=tmp_path, task="Write it: double(2) == 4, double(0) -> 0")
    assert answer.parts[0].checked
    assert answer.parts[0].how_checked == "2 of 2 passed (the question's examples)"
    assert answer.text == f"{block(FUNCTION)}\n\nRun: 2 of 2 passed (the question's examples)."


def test_where_it_is_wished_the_model_writes_tests(tmp_path: Path) -> None:
    tests = block("assert double(1) == 2\nassert double(3) == 6\nassert other(1)\nassert (")
    answer = ask(block(FUNCTION), tests, folder=tmp_path, write_tests=True)
    assert answer.parts[0].checked is None
    assert answer.text.endswith("Run: 2 of 2 passed (tests that the model wrote).")


def test_nothing_is_written_anew_for_a_test_that_the_model_wrote(tmp_path: Path) -> None:
    wrong = block("assert double(1) == 2\nassert double(3) == 9")
    answer = ask(block(FUNCTION), wrong, folder=tmp_path, write_tests=True)
    assert answer.usage.calls == 2
    assert answer.parts[0].checked is False
    assert FUNCTION in answer.text
    assert "Run: 1 of 2 passed (tests that the model wrote)." in answer.text
    assert "- failed, or the test is wrong: `assert double(3) == 9`" in answer.text


def test_no_tests_are_written_for_a_program_that_does_not_run(tmp_path: Path) -> None:
    broken = block("def double(x):\n    return x\n\ndouble()")
    answer = ask(broken, broken, broken, folder=tmp_path, write_tests=True)
    assert answer.usage.calls == 3
    assert "Run: it does not work." in answer.text


def test_a_model_that_writes_no_tests_leaves_the_program_run(tmp_path: Path) -> None:
    answer = ask(block(FUNCTION), "I cannot.", folder=tmp_path, write_tests=True)
    assert answer.text.endswith("Run: it ends without an error.")


def test_without_the_wish_no_tests_are_written(tmp_path: Path) -> None:
    answer = ask(block(FUNCTION), folder=tmp_path)
    assert answer.usage.calls == 1
    assert answer.text.endswith("Run: it ends without an error.")


def test_code_that_fails_is_written_anew(tmp_path: Path) -> None:
    wrong = block("def double(x):\n    return x")
    task = "Write it: double(2) == 4"
    step = Step(id="1", task=task, expert="code")
    with (
        ScriptedModels({"small": [wrong, block(FUNCTION)]}) as models,
        Council.of(
            [Code(CARD)],
            settings=Settings(cache_dir=tmp_path),
            server=models,
            embedder=FixedEmbedder(),
        ) as council,
    ):
        answer = council.run_sync(Plan(question=task, steps=(step,)))
    assert answer.parts[0].checked
    assert FUNCTION in answer.text
    first, second = models.requests
    assert first.messages == second.messages
    assert (first.sampling.temperature, second.sampling.temperature) == (0.0, TEMPERATURE)
    assert first.sampling.seed != second.sampling.seed


def test_of_three_that_fail_the_best_is_shown_with_what_fails(tmp_path: Path) -> None:
    never = block("def double(x):\n    return None")
    half = block("def double(x):\n    return x * x")
    task = "Write it: double(2) == 4, double(3) == 6"
    answer = ask(never, half, never, folder=tmp_path, task=task)
    assert answer.parts[0].checked is False
    assert "x * x" in answer.text
    assert "Run: 1 of 2 passed (the question's examples)." in answer.text
    assert "- failed: `assert double(3) == 6`: AssertionError" in answer.text


def test_a_try_that_is_no_python_is_passed_over(tmp_path: Path) -> None:
    wrong = block("def double(x):\n    return x")
    task = "Write it: double(2) == 4"
    answer = ask(wrong, "I cannot.", block(FUNCTION), folder=tmp_path, task=task)
    assert "Run: 1 of 1 passed" in answer.text
    answer = ask(wrong, "I cannot.", block("def (:"), folder=tmp_path, task=task)
    assert "Run: 0 of 1 passed" in answer.text


def test_a_script_is_only_run(tmp_path: Path) -> None:
    answer = ask(block("x = 1\nprint(x)"), folder=tmp_path)
    assert answer.text.endswith("Run: it ends without an error.")


def test_a_script_that_raises_is_told(tmp_path: Path) -> None:
    wrong = block("x = 1\nx / 0")
    answer = ask(wrong, wrong, wrong, folder=tmp_path)
    assert answer.parts[0].checked is False
    assert "- failed: ZeroDivisionError: division by zero (line 2)" in answer.text


def test_code_that_no_sandbox_can_run_is_marked(tmp_path: Path) -> None:
    code = block("import no_such_module\nno_such_module.go()")
    answer = ask(code, folder=tmp_path)
    assert answer.parts[0].checked is None
    assert answer.text == f"{code}\n\nNot run: module 'no_such_module'."


def test_code_that_needs_the_network_is_not_run_and_says_why(tmp_path: Path) -> None:
    code = block("import socket\nsocket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)")
    answer = ask(code, folder=tmp_path)
    assert answer.parts[0].checked is None
    reason = "module 'socket' needs the network, which no sandbox has"
    assert answer.text == f"{code}\n\nNot run: {reason}."


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("reply", "warning"),
    [
        (block("def (:"), "Note: this Python does not parse."),
        ("a" * (MAX_CHARS + 1), f"Not run: it is longer than {MAX_CHARS} characters."),
        (block("import no_such_module\nno_such_module.go()"), "Not run: module 'no_such_module'."),
        (block("x = 1\nx / 0"), "Run: it does not work.\n- failed: ZeroDivisionError: "),
        (block("x = 1"), ""),
    ],
)
async def test_what_limits_the_code_must_reach_the_reader(reply: str, warning: str) -> None:
    context = ScriptedContext([reply] * (1 + MORE_TRIES))
    text = await Code(CARD).answer(Task(text="Write it."), context)
    assert [each[: len(warning)] for each in context.warnings] == [warning] * bool(warning)
    assert all(text.endswith(each) for each in context.warnings)


def test_without_a_sandbox_nothing_is_run_and_no_tests_are_asked_for(tmp_path: Path) -> None:
    answer = ask(block(FUNCTION), folder=tmp_path, sandboxes=Sandboxes([]))
    assert answer.parts[0].checked is None
    assert answer.text.endswith("Not run: there is no sandbox.")


def test_with_the_budget_spent_it_goes_without_tests(tmp_path: Path) -> None:
    step = Step(id="1", task="Write it.", expert="code")
    with (
        ScriptedModels({"small": [block(FUNCTION)]}) as models,
        Council.of(
            [Code(CARD)],
            settings=Settings(cache_dir=tmp_path, max_calls=1),
            server=models,
            embedder=FixedEmbedder(),
        ) as council,
    ):
        answer = council.run_sync(Plan(question="Write it.", steps=(step,)))
    assert answer.text.endswith("Run: it ends without an error.")


@pytest.mark.parametrize(
    ("question", "tests"),
    [
        (
            "f(2) == 4 and f([1, (2)]) -> [2, 3]",
            ("assert f(2) == 4", "assert f([1, (2)]) == [2, 3]"),
        ),
        ("`rev('ab')` should return `'ba'`.", ("assert rev('ab') == 'ba'",)),
        (">>> add(1, 2)\n3\n>>> add(0, 0)\n0", ("assert add(1, 2) == 3", "assert add(0, 0) == 0")),
        ("is_even(4) is True", ("assert is_even(4) == True",)),
        ("Call g(x); it is fine. max(1", ()),
        ("f(2) == __import__('os')", ()),
    ],
)
def test_examples_of_a_question_become_tests(question: str, tests: tuple[str, ...]) -> None:
    assert examples(question) == tests


def test_python_that_does_not_parse_is_said(tmp_path: Path) -> None:
    answer = ask("```python\ndef double(x:\n```", folder=tmp_path)
    assert answer.parts[0].checked is False
    assert answer.text.endswith("Note: this Python does not parse.")


def test_other_languages_are_left_as_they_are(tmp_path: Path) -> None:
    reply = "```sql\nSELECT 1;\n```"
    answer = ask(reply, folder=tmp_path)
    assert (answer.text, answer.parts[0].checked) == (reply, None)


@pytest.mark.parametrize(
    ("text", "made"),
    [
        (FUNCTION, f"```python\n{FUNCTION}\n```"),
        (f"```\n{FUNCTION}\n```", f"```python\n{FUNCTION}\n```"),
        (f"```python\n{FUNCTION}", f"```python\n{FUNCTION}\n```"),
        ("A list is mutable.", "A list is mutable."),
        ("yes", "yes"),
        ("```\nls -l\n```", "```\nls -l\n```"),
    ],
)
def test_code_without_a_fence_gets_one(text: str, made: str) -> None:
    assert fenced(text) == made


def test_the_blocks_of_a_text_are_found_with_their_languages() -> None:
    text = "One:\n```python\na = 1\n```\ntwo:\n```\nb\n```"
    assert [(block.language, block.code) for block in blocks(text)] == [
        ("python", "a = 1"),
        ("", "b"),
    ]


@pytest.mark.parametrize("code", ["", "hello", "1 +", "\x00", "(" * 500])
def test_what_is_no_program_is_no_python(code: str) -> None:
    assert not is_python(code)


def test_the_tools_give_code_without_the_words() -> None:
    code = Code(CARD)
    assert code.extract(f"Here:\n```python\n{FUNCTION}\n```") == FUNCTION
    assert code.parses(FUNCTION)


CRASHES = """Why does this crash?

```python
prices = {"tea": 2}
total = prices["tea"] + prices["cake"]
```

KeyError: 'cake'"""


def test_the_code_of_a_question_about_an_error_is_run(tmp_path: Path) -> None:
    answer = ask("There is no price of cake.", folder=tmp_path, task=CRASHES)
    assert answer.text == (
        "There is no price of cake.\n\nThe question's code, run: KeyError: 'cake' (line 2)."
    )


def test_the_model_is_shown_what_running_the_code_gives(tmp_path: Path) -> None:
    prompts: list[str] = []

    def reply(request: ChatRequest) -> str:
        prompts.append(request.messages[-1].content)
        return "There is no price of cake."

    ask(reply, folder=tmp_path, task=CRASHES)
    assert "what running this code gives" in prompts[0]
    assert "KeyError: 'cake' (line 2).\n</document>" in prompts[0]


def test_code_without_an_error_is_not_run_for_a_question(tmp_path: Path) -> None:
    task = f"Explain this.\n\n{block('total = 1 / 0')}"
    assert ask("It divides.", folder=tmp_path, task=task).text == "It divides."


def test_code_that_no_sandbox_can_run_is_only_explained(tmp_path: Path) -> None:
    answer = ask("Hm.", folder=tmp_path, task=CRASHES, sandboxes=Sandboxes([]))
    assert answer.text == "Hm."
