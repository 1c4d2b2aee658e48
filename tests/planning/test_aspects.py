"""One thing asked of two fields."""

from __future__ import annotations

import pytest
from hostile import processor_time

from metier.planning.aspects import aspects


@pytest.mark.parametrize(
    ("question", "fields"),
    [
        ("What does 'idempotent' mean in maths and in REST APIs?", ("maths", "REST APIs")),
        ("Explain entropy for a chemist, and for a programmer.", ("a chemist", "a programmer")),
        (
            "Was heißt Funktion in der Medizin und in der Informatik?",
            ("der Medizin", "der Informatik"),
        ),
        ("¿Qué es un vector para un médico y para un físico?", ("un médico", "un físico")),
        ("Explique l'arbre en botanique et en informatique", ("botanique", "informatique")),
        ("Cos'è un vettore per un medico e per un fisico?", ("un medico", "un fisico")),
        ("Cos'è un ciclo in economia ed in ecologia?", ("economia", "ecologia")),
        ("Wat is een boom voor een tuinman en voor een arts?", ("een tuinman", "een arts")),
        ("Что значит дерево для врача и для физика?", ("врача", "физика")),
        ("Co znaczy drzewo dla lekarza oraz dla fizyka?", ("lekarza", "fizyka")),
        ("Co znaczy drzewo dla lekarza i dla fizyka?", ("lekarza", "fizyka")),
    ],
)
def test_a_word_before_both_fields_says_that_it_is_asked_twice(
    question: str, fields: tuple[str, str]
) -> None:
    assert aspects(question)[2:] == fields


def test_each_field_gets_the_question_with_what_follows() -> None:
    assert aspects("'culture' for a doctor and for a guide: what's the difference?")[:2] == (
        "'culture' for a doctor: what's the difference?",
        "'culture' for a guide: what's the difference?",
    )


@pytest.mark.parametrize(
    "question",
    [
        "How far is it from Rome to Paris?",
        "in Rome and in Paris",
        "Who rules in Spain? And in which city?",
        "Add 3 and 5 for me",
    ],
)
def test_whatever_else_names_no_fields(question: str) -> None:
    assert aspects(question) == ()


def test_a_long_text_takes_no_time() -> None:
    with processor_time(0.5):
        assert aspects("a for b and " * 100_000) == ()
