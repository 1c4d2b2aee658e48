"""A count in a time, asked for another time: read, and computed without a model."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_context import CARD, kinds, saying

from metier.experts.expert import Result, Task
from metier_math import Math
from metier_math.calculator import Calculator
from metier_math.rates import rate_in

NOUNS = ("beats", "breaths", "pages", "Atemzüge", "battements", "latidos", "battiti", "km", "mg")
BASES = {"seconds": 1, "Sekunden": 1, "secondes": 1, "segundos": 1, "minutes": 60, "minuti": 60}
TARGETS = {"per minute": 60, "pro Minute": 60, "par minute": 60, "por minuto": 60, "al minuto": 60}
QUESTIONS = ("how many {}?", "wie viele {}", "combien {} ?", "¿cuántos {}?", "quanti {}?", "{}?")


def rate_of(text: str) -> tuple[str, str] | None:
    """What is computed, and in which unit."""
    program = rate_in(Task(text=text))
    return (program.steps[-1].expression, program.unit) if program else None


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("32 beats in 15 seconds, how many per minute", "128 beats per minute"),
        ("7 Atemzüge in 15 Sekunden, wie viele pro Minute", "28 Atemzüge pro Minute"),
        ("18 battements en 15 secondes, combien par minute ?", "72 battements par minute"),
        ("22 latidos en 15 segundos, ¿cuántos por minuto?", "88 latidos por minuto"),
        ("8 respiri in 20 secondi. Quanti respiri al minuto?", "24 respiri al minuto"),
        ("12 pages in 20 minutes: pages per hour?", "36 pages per hour"),
        ("dad (71) takes 7 breaths in 15 sec. breaths per minute?", "28 breaths per minute"),
        ("My heart beats 18 times in 15 s, how many beats a minute?", "72 beats a minute"),
        ("I sat for half an hour. 32 beats in 15 s, how many per minute", "128 beats per minute"),
        ("mi pulso: 21 latidos en 15 segundos, ¿bpm?", "84 bpm"),
        ("45 beats in half a minute, bpm?", "90 bpm"),
        ("45 heartbeats in 30 s, beats per minute?", "90 heartbeats per minute"),
        ("1500 ml over 12 hours, what rate in ml/h", "125 ml/h"),
        ("If I read 12 pages in 20 minutes, how many pages per hour", "36 pages per hour"),
        ("We drove 270 km in 3 h. Average speed in km/h?", "90 km/h"),
        ("260 words in 4 minutes, whats that in wpm", "65 wpm"),
        ("60 km in 45 minutes, what is that in km/h?", "80 km/h"),
        ("100 mg every 6 hours, how many mg a day?", "400 mg a day"),
    ],
)
async def test_a_rate_needs_no_model_and_keeps_its_unit(
    calculator: Calculator, text: str, result: str
) -> None:
    script = saying("none")
    answered = await Math(CARD, calculator=calculator).answer(Task(text=text), script)
    assert answered.endswith(f"**Result: {result}**")
    assert kinds(script) == []
    assert script.values == {"rate": result}


@pytest.mark.parametrize(
    "text",
    [
        "I read 12 pages in 20 minutes, how many pages in 3 hours?",
        "He drove 150 km in 2 hours. How fast is that in miles per hour?",
        "A tap drips 22 drops in 30 seconds, how many ml per minute?",
        "2 taps drip 22 drops in 30 seconds, drops per minute?",
        "two taps drip 22 drops in 30 seconds each, drops per minute?",
        "3 espressos in 2 hours: caffeine per hour?",
        "what's my caffeine intake per hour if I drink 3 espressos in 2 hours",
        "7 breaths in 15 seconds, is this normal?",
        "how many minutes are 3 hours",
        "1.200 Wörter in 20 Minuten, wie viele pro Minute?",
        "I read 12 pages in 20 minutes, how many pages per day?",
        "32 beats in 15 seconds, then 20 % more. How many per minute?",
        "32 beats in 15 seconds and 30 in 15 more. How many per minute?",
        "32 beats in 0 seconds, how many per minute?",
        "He earns 15 euros per hour. How many per day?",
        "150 km in 2 hours with a pause of half of that. km per hour?",
    ],
)
def test_what_calculates_otherwise_is_no_rate(text: str) -> None:
    assert rate_of(text) is None


def test_a_rate_that_uses_an_earlier_result_is_left_to_the_model() -> None:
    earlier = Result(step_id="1", expert="x", task="?", text="5", values={"n": "5"})
    text = "32 beats in 15 seconds, how many per minute"
    assert rate_in(Task(text=text, inputs=(earlier,))) is None


@given(
    count=st.integers(1, 999),
    noun=st.sampled_from(NOUNS),
    base=st.integers(1, 90),
    unit=st.sampled_from(sorted(BASES)),
    target=st.sampled_from(sorted(TARGETS)),
    question=st.sampled_from(QUESTIONS),
)
def test_what_is_read_is_the_count_over_its_time(
    count: int, noun: str, base: int, unit: str, target: str, question: str
) -> None:
    found = rate_of(f"{count} {noun} in {base} {unit}, {question.format(target)}")
    assert found is not None
    numbers, _, by = found[0].partition(" * ")
    above, below = numbers.split(" / ")
    assert Fraction(above) / Fraction(below) * int(by or 1) == Fraction(
        count * TARGETS[target], base * BASES[unit]
    )
    assert found[1] == f"{noun} {target}"


_PIECES = st.sampled_from(
    [
        *NOUNS,
        *BASES,
        *TARGETS,
        "in",
        "every",
        "how many",
        "per hour",
        "a day",
        ",",
        ".",
        "?",
        "12",
        "3",
        "2.5",
        "1.200",
        "%",
        "each",
        "and",
        "two",
        "times",
        "is that normal",
        "for",
        "if",
        "total",
    ]
)


@given(st.lists(_PIECES, max_size=12).map(" ".join))
def test_nothing_is_read_of_more_or_fewer_than_two_numbers_and_one_target(text: str) -> None:
    if rate_of(text) is None:
        return
    words = text.split()
    assert sum(word[0].isdigit() for word in words) == 2
    assert sum(text.count(target) for target in (*TARGETS, "per hour", "a day")) == 1
    assert not {"%", "each", "two", "if", "total", "1.200"} & set(words)


@given(st.text(max_size=80))
def test_any_text_is_read_without_an_error(text: str) -> None:
    assert rate_of(text) is None or "in" in text or "every" in text
