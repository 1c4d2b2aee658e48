from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from scripted_context import CARD, kinds, writing, written

from metier.errors import InvalidOutput, ModelServerUnreachable
from metier.experts.expert import Result, Task
from metier.plan import Message
from metier_math import Math
from metier_math.calculator import Calculator
from metier_math.program import Program


@pytest.mark.anyio
async def test_solving_without_an_equation_is_arithmetic(calculator: Calculator) -> None:
    script = writing(written("solve", "share: 15/100", "result: share * 80"))
    text = await Math(CARD, calculator=calculator).answer(Task(text="15% of 80?"), script)
    assert text.endswith("**Result: 12**")


@pytest.mark.anyio
async def test_units_on_some_numbers_only_do_not_cost_the_result(calculator: Calculator) -> None:
    script = writing(written("evaluate", "rate: 15 mg/kg", "dose: rate * 70", unit="mg"))
    text = await Math(CARD, calculator=calculator).answer(Task(text="One dose?"), script)
    assert "dose = rate * 70 = 1050 mg" in text
    assert text.endswith("the units not checked.")
    assert script.warnings == ["The numbers were computed, the units not checked."]
    assert script.checked is False


@pytest.mark.anyio
async def test_units_that_do_not_fit_are_an_error(calculator: Calculator) -> None:
    script = writing(written("evaluate", "sum: 5 mg + 2 mL", unit="mg"))
    text = await Math(CARD, calculator=calculator).answer(Task(text="5 mg + 2 mL?"), script)
    assert "cannot be added" in text
    assert script.checked is False


@pytest.mark.anyio
async def test_a_last_step_that_uses_none_before_it_is_no_answer(calculator: Calculator) -> None:
    script = writing(written("evaluate", "share: 15/100", "number: 80"))
    text = await Math(CARD, calculator=calculator).answer(Task(text="15 in 100 of 80?"), script)
    assert "lead to no answer" in text
    assert script.checked is False


@pytest.mark.anyio
async def test_the_unit_that_was_asked_for_is_added_where_the_model_named_none(
    calculator: Calculator,
) -> None:
    script = writing(written("evaluate", "answer: 70 * 15"))
    task = Task(text="He weighs 70 kg and needs 15 mg/kg. What is one dose in mg?")
    text = await Math(CARD, calculator=calculator).answer(task, script)
    assert text.endswith("**Result: 1050 mg**")


@pytest.mark.anyio
async def test_a_word_problem_is_computed_with_one_model_call(calculator: Calculator) -> None:
    script = writing(written("evaluate", "dose: 15 * 70", "daily: dose * 3", unit="mg"))
    answer = await Math(CARD, calculator=calculator).answer(Task(text="How much a day?"), script)
    assert answer == "dose = 15 * 70 = 1050\ndaily = dose * 3 = 3150 mg\n\n**Result: 3150 mg**"
    assert kinds(script) == ["structured"]
    assert script.checked is None
    assert script.values == {"daily": "3150 mg"}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("program", "shown", "result"),
    [
        (written("evaluate", "result: 15 * 70", unit="mg"), "15 * 70 = 1050 mg", "1050 mg"),
        (written("evaluate", "share: 10 / 4", unit="$"), "10 / 4 = $2.5", "$2.5"),
        (written("evaluate", "third: 1/3"), "1/3 ≈ 0.3333", "1/3 ≈ 0.3333"),
        (
            written("solve", "equation: 2*x + 3 = 11", variable="x"),
            "2*x + 3 = 11",
            "x = 4",
        ),
        (
            written("differentiate", "f: x^2", variable="x"),
            "d/dx (x^2) = 2*x",
            "2*x",
        ),
        (
            written("integrate", "f: x^2", variable="x", to="0, 3"),
            "∫ x^2 dx from 0, 3 = 9",
            "9",
        ),
        (written("integrate", "f: x^2", variable="x"), "∫ x^2 dx = x^3/3 + C", "x^3/3 + C"),
        (written("limit", "f: 1/x", variable="x", to="oo"), "lim x → oo of 1/x: 0", "0"),
        (written("convert", "way: 5 km", unit="miles"), "5 km ≈ 3.1069 miles", "≈ 3.1069 miles"),
        (written("factor", "n: 360"), "360 = 2^3*3^2*5", "2^3*3^2*5"),
    ],
)
async def test_an_answer_shows_what_was_computed_and_ends_with_the_result(
    calculator: Calculator, program: dict[str, Any], shown: str, result: str
) -> None:
    script = writing(program)
    answer = await Math(CARD, calculator=calculator).answer(Task(text="…"), script)
    assert answer == f"{shown}\n\n**Result: {result}**"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("program", "reason"),
    [
        (InvalidOutput("no JSON"), "the model wrote no calculation"),
        (written("evaluate"), "there is nothing to compute"),
        (written("evaluate", "a: 5 mg + 2 mL"), "cannot be added"),
        (written("evaluate", "a: price * 2"), "'price' has no value"),
        (written("evaluate", "a: __import__('os')"), "is not allowed"),
    ],
)
async def test_where_nothing_is_computed_the_model_answers_and_the_answer_says_so(
    calculator: Calculator, program: dict[str, Any] | Exception, reason: str
) -> None:
    script = writing(program)
    answer = await Math(CARD, calculator=calculator).answer(Task(text="…"), script)
    words, note = answer.split("\n\n")
    assert words == "About 7."
    assert note.startswith("This result was not checked by computation: ")
    assert reason in note
    assert script.warnings == [note]
    assert kinds(script) == ["structured", "complete"]
    assert script.checked is False


@pytest.mark.anyio
async def test_a_computation_that_is_stopped_is_answered_in_words() -> None:
    calculator = Calculator(deadline_s=0.2)
    script = writing(written("evaluate", "n: factorint((10^39 + 3) * (10^40 + 121))"))
    answer = await Math(CARD, calculator=calculator).answer(Task(text="…"), script)
    assert "longer than 0.2 s" in answer
    assert script.checked is False


@pytest.mark.anyio
async def test_a_server_that_is_down_is_no_reason_to_call_it_again(calculator: Calculator) -> None:
    script = writing(ModelServerUnreachable("localhost"))
    with pytest.raises(ModelServerUnreachable):
        await Math(CARD, calculator=calculator).answer(Task(text="…"), script)
    assert kinds(script) == ["structured"]


@pytest.mark.anyio
async def test_the_model_reads_the_instruction_first_and_the_task_last(
    calculator: Calculator,
) -> None:
    earlier = (Message(role="user", content="Hello"), Message(role="assistant", content="Hi"))
    script = writing(written("evaluate", "a: 1"))
    task = Task(text="What is 1?", messages=earlier)
    await Math(CARD, calculator=calculator).answer(task, script)
    first, *examples = script.calls[-1].messages[:-3]
    assert first.role == "system"
    assert script.calls[-1].messages[-3:] == (*earlier, Message(role="user", content="What is 1?"))
    for example in examples:
        if example.role == "assistant":
            Program.model_validate_json(example.content)


@pytest.mark.anyio
async def test_the_grammar_lets_the_model_leave_out_no_field(calculator: Calculator) -> None:
    script = writing(written("evaluate", "a: 1"))
    await Math(CARD, calculator=calculator).answer(Task(text="…"), script)
    assert script.calls[-1].sampling.seed == 7
    assert script.calls[-1].sampling.schema is not None
    assert script.calls[-1].sampling.schema["required"] == list(Program.model_fields)


@pytest.mark.anyio
async def test_closing_the_expert_ends_its_process() -> None:
    calculator = Calculator()
    expert = Math(CARD, calculator=calculator)
    await expert.evaluate("1")
    await expert.aclose()
    assert calculator.pids == ()


def test_importing_the_expert_imports_no_algebra() -> None:
    code = "import sys, metier_math; sys.exit('sympy' in sys.modules or 'pint' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


HALF_LIFE = "How much of 200 mg is left after 10 hours?"


def needing(text: str, **values: str) -> Task:
    """A task that needs what an earlier step said."""
    earlier = Result(step_id="1", expert="medical", task="Half-life?", text=text, values=values)
    return Task(text=HALF_LIFE, question=HALF_LIFE, inputs=(earlier,))


@pytest.mark.anyio
async def test_a_value_of_an_earlier_step_is_computed_with(calculator: Calculator) -> None:
    script = writing(written("evaluate", "answer: 200 * (1/2)^(10/4)", unit="mg"))
    task = needing("About four hours, or 4 h.")
    text = await Math(CARD, calculator=calculator).answer(task, script)
    assert "Not computed" not in text
    assert script.checked is None


@pytest.mark.anyio
async def test_a_value_that_the_earlier_step_does_not_state_is_not_made_up(
    calculator: Calculator,
) -> None:
    script = writing(written("evaluate", "answer: 200 * (1/2)^(10/4)", unit="mg"))
    task = needing("It depends on the person.")
    text = await Math(CARD, calculator=calculator).answer(task, script)
    assert text.startswith("Not computed: the earlier result does not state the value")
    assert script.warnings == [text]
    assert "took 4, which" in text
    assert script.checked is False
    assert script.values == {}


@pytest.mark.anyio
async def test_what_the_question_itself_states_is_computed_after_any_result(
    calculator: Calculator,
) -> None:
    script = writing(written("evaluate", "answer: 200 / 10", unit="mg"))
    task = needing("It depends on the person.")
    text = await Math(CARD, calculator=calculator).answer(task, script)
    assert text.endswith("**Result: 20 mg**")


@pytest.mark.anyio
async def test_a_formula_that_the_question_names_is_shown_to_the_model(
    calculator: Calculator,
) -> None:
    script = writing(written("evaluate", "answer: 80 / 1.75^2"))
    await Math(CARD, calculator=calculator).answer(Task(text="BMI of 80 kg at 1.75 m?"), script)
    assert script.calls[-1].messages[-1].content.endswith("\n\nUse: bmi = weight_kg / height_m^2.")


@pytest.mark.anyio
async def test_a_formula_that_the_earlier_step_names_is_shown_to_the_model(
    calculator: Calculator,
) -> None:
    script = writing(written("evaluate", "answer: 200 * (1/2)^(10/4)", unit="mg"))
    task = Task(
        text=HALF_LIFE,
        inputs=(Result(step_id="1", expert="medical", task="Its half-life?", text="4 hours"),),
    )
    await Math(CARD, calculator=calculator).answer(task, script)
    assert (
        "Use: amount_left = amount * (1/2)^(time / half_life)."
        in script.calls[-1].messages[-1].content
    )


@pytest.mark.anyio
async def test_without_a_formula_the_question_ends_the_prompt(calculator: Calculator) -> None:
    script = writing(written("evaluate", "answer: 15/100 * 80"))
    await Math(CARD, calculator=calculator).answer(Task(text="15 in 100 of 80?"), script)
    assert script.calls[-1].messages[-1].content == "15 in 100 of 80?"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("largest prime factor of 13195?", "29"),
        ("Kleinster Primfaktor von 13195?", "5"),
        ("prime factors of 13195?", "5*7*13*29"),
    ],
)
async def test_one_prime_factor_is_told_from_all_of_them(
    calculator: Calculator, text: str, result: str
) -> None:
    script = writing(written("factor", "answer: 13195"))
    answer = await Math(CARD, calculator=calculator).answer(Task(text=text), script)
    assert answer.endswith(f"**Result: {result}**")
