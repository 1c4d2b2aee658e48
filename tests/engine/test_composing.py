"""Placing results where the composer wrote their places."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.engine.composing import Placer
from metier.events import StepDone

CODE = "```python\ndef dose(kg):\n    return 15 * kg\n```"
RESULTS = (
    StepDone(step_id="1", expert="math", task="dose", text="70 kg * 15 mg/kg = 1050 mg"),
    StepDone(step_id="2", expert="code", task="function", text=CODE),
)
QUESTION = "What is the dose for 70 kg, and write a function for the dose?"


def composed(text: str, *, cuts: list[int] | None = None) -> str:
    placer = Placer(QUESTION, RESULTS)
    edges = [0, *sorted(cut % (len(text) + 1) for cut in cuts or []), len(text)]
    pieces = [text[a:b] for a, b in pairwise(edges)]
    return "".join(placer.take(piece) for piece in pieces) + placer.finish()


def test_results_stand_where_their_places_were() -> None:
    text = composed("The function:\n{{step:2}}\n\nThe dose:\n{{step:1}}")
    assert text == f"The function:\n\n{CODE}\n\nThe dose:\n\n70 kg * 15 mg/kg = 1050 mg"


@pytest.mark.parametrize(
    "template",
    [
        "{{ step:1 }} {{ step : 2 }}",
        "{{step 1}}\n{{step2}}",
        "{{step:1}}{{step:1}}{{step:2}}",
        "{{step:9}}{{step:1}}{{step:2}}",
        "",
        "{{step:1",
        "{{",
    ],
)
def test_every_result_stands_there_exactly_once(template: str) -> None:
    text = composed(template)
    assert text.count(CODE) == 1
    assert text.count("70 kg * 15 mg/kg = 1050 mg") == 1
    assert "{{" not in text


@pytest.mark.parametrize(
    "invented",
    [
        "Never give it to children under 12.",
        "Consult your physician regularly.",
        "The dose is 1051 mg.",
        "70 kg * 15 mg/kg = 1050 mg",
    ],
)
def test_a_line_that_no_step_said_or_that_retypes_one_is_dropped(invented: str) -> None:
    assert composed(f"{invented}\n{{{{step:1}}}}\n{{{{step:2}}}}") == composed(
        "{{step:1}}\n{{step:2}}"
    )


def test_nothing_after_the_last_place_is_read() -> None:
    placer = Placer(QUESTION, RESULTS)
    placer.take("{{step:1}}{{step:2}}")
    assert placer.complete


@given(cuts=st.lists(st.integers(0, 200), max_size=12))
def test_the_text_is_the_same_however_the_stream_is_cut(cuts: list[int]) -> None:
    template = "The dose. For 70 kg:\n{{step:1}}\n\nA function:\n{{ step:2 }}\nbye"
    assert composed(template, cuts=cuts) == composed(template)
