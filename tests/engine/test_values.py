"""The value that an answer states, for the steps that need it."""

from __future__ import annotations

import pytest

from metier.engine.values import stated_value
from metier.experts.expert import Result


@pytest.mark.parametrize(
    ("task", "text", "value"),
    [
        ("How many bones?", "An adult has 206 bones, 27 of them in each hand.", "206"),
        ("how many weeks is that", "It lasts 40 weeks, or 280 days.", "40 weeks"),
        ("Wie viele Zähne?", "Es sind 20 Zähne, 8 davon vorn.", "20"),
        # Of which of them it is the number is not said.
        ("How many teeth?", "20 milk teeth, or 32 adult teeth.", None),
        ("How many bones and how many teeth?", "It has 206 bones and 32 teeth.", None),
        ("What is the usual pulse?", "It is 60 to 100 beats a minute.", None),
        # The end of a range is not how many there are.
        ("How many eggs does a hen lay a week?", "A hen lays 4 to 6 eggs.", None),
        ("How many cups do I need?", "You need between 2 and 4 cups.", None),
        ("How many cups do I need?", "You need 2–4 cups.", None),
        ("How many cups do I need?", "You need 3 or about 4 cups.", None),
        ("Wie viele Eier legt ein Huhn?", "Es legt 4 bis 6 Eier.", None),
        ("Cuántos huevos pone?", "Pone de 4 a 6 huevos.", None),
        ("I have 2 cups. How many cups do I need?", "You need 2 to 4 cups.", None),
        ("How many bones are there?", "There are 32 teeth and 206 bones.", "206"),
    ],
)
def test_of_several_values_the_number_of_what_is_counted_is_taken(
    task: str, text: str, value: str | None
) -> None:
    assert stated_value(text, task) == ({} if value is None else {"answer": value})


@pytest.mark.parametrize(
    ("values", "value"),
    [
        ({"dose": "5 mg"}, "5 mg"),
        ({"mean": "7", "answer": "3.2"}, "3.2"),
        ({"mean": "7", "sd": "3.2"}, ""),
        ({}, ""),
    ],
)
def test_the_value_of_a_result_is_its_answer_or_its_only_one(
    values: dict[str, str], value: str
) -> None:
    assert Result(step_id="1", expert="math", task="?", text="", values=values).value == value


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("143883*pi/1000 ≈ 452.0218 ml", "452.0218 ml"),
        ("sqrt(2) ≈ 1.4142", "1.4142"),
        ("1/3 ≈ 0.3333", "1/3 ≈ 0.3333"),
        ("≈ 32.1466 kg/m^2", "≈ 32.1466 kg/m^2"),
        ("1050 mg", "1050 mg"),
    ],
)
def test_a_later_model_is_shown_no_expression_but_its_value(value: str, shown: str) -> None:
    result = Result(step_id="1", expert="math", task="?", text="", values={"answer": value})
    assert result.given == f"? answer = {shown}"
