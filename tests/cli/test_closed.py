"""The option of a closed question, named on a terminal."""

from __future__ import annotations

import pytest
from terminals import terminal

from metier.answer import Answer
from metier.cli.closed import option_left_out
from metier.cli.render import Screen
from metier.events import Answered, Token

ASKED = "Which of these heals wounds?\nA) iron\nB) zinc\nC) tin"


@pytest.mark.parametrize(
    ("question", "answer", "option"),
    [
        (ASKED, "B", "B) zinc"),
        (ASKED, "The answer is (B).", "B) zinc"),
        (ASKED, "B) zinc", None),
        (ASKED, "It is Zinc, so B.", None),
        (ASKED, "A or B", None),
        (ASKED, "None of them.", None),
        ("Is zinc a metal? Answer yes or no.", "yes", None),
        ("What is zinc?", "B", None),
    ],
)
def test_an_option_that_an_answer_does_not_say_is_found(
    question: str, answer: str, option: str | None
) -> None:
    assert option_left_out(question, answer) == option


def end(text: str) -> None:
    screen = Screen(verbose=False, show_plan=False, stream=True, form="text")
    screen.show(Token(text=text, answer=True))
    screen.show(Answered(answer=Answer(question=ASKED, text=text)))


def test_on_a_terminal_the_option_follows_its_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch) as (out, _):
        end("B")
    assert out.close() == "B\n→ B) zinc\n"


def test_in_a_pipe_the_answer_is_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    end("B")
    assert capsys.readouterr().out == "B\n"
