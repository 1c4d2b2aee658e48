"""Events as they are told on a screen."""

from __future__ import annotations

import pytest

from metier.answer import Answer, Missing, Part, Usage
from metier.cli.render import Screen
from metier.events import Answered, CallDone, StepDone, Token


@pytest.mark.parametrize(
    ("usage", "told"),
    [
        (
            Usage(completion_tokens=40, decode_s=2, total_s=3),
            "0 + 40 tokens in 3.0 s (20 tokens/s)",
        ),
        (Usage(completion_tokens=1, total_s=3), "0 + 1 tokens in 3.0 s\n"),
    ],
)
def test_a_call_is_told_with_its_speed_where_that_is_known(
    usage: Usage, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    screen = Screen(verbose=True, show_plan=False, stream=False, form="text")
    screen.show(CallDone(call_id="1", model="small", usage=usage))
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("checked", "how", "told"),
    [
        (True, "2 of 2 programs agree", "[1] math: checked (2 of 2 programs agree)\n"),
        (False, "not computed", "[1] math: not checked (not computed)\n"),
        (True, "", "[1] math: checked\n"),
        (None, "", "[1] math: done\n"),
    ],
)
def test_a_step_is_told_with_what_was_checked(
    checked: bool | None, how: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    screen = Screen(verbose=True, show_plan=False, stream=False, form="text")
    done = StepDone(
        step_id="1", task="t", expert="math", text="4", checked=checked, how_checked=how
    )
    screen.show(done)
    assert told in capsys.readouterr().err


ANSWER = Answer(
    question="What is 2 + 2, and code for it?",
    text="It is 4.\n\nprint(2 + 2)",
    parts=tuple(
        Part(step_id=step_id, task="t", expert=expert, text="x")
        for step_id, expert in (("1", "math"), ("2", "code"))
    ),
    missing=(Missing(step_id="3", task="Say it.", expert="poet", code="error", reason="no"),),
    notices=("Ask a teacher.",),
)
FOOTER = "— answered by: 1 math, 2 code\n\nNot answered: 'Say it.' (poet)\n\nAsk a teacher."


@pytest.mark.parametrize("stream", [True, False])
def test_who_answered_and_what_is_missing_stand_below_the_answer(
    capsys: pytest.CaptureFixture[str], *, stream: bool
) -> None:
    screen = Screen(verbose=False, show_plan=False, stream=stream, form="text")
    screen.show(Token(text=ANSWER.text, answer=True))
    screen.show(Answered(answer=ANSWER))
    assert capsys.readouterr().out == f"{ANSWER.text}\n\n{FOOTER}\n"
