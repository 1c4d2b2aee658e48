"""Telling languages apart by their function words."""

from __future__ import annotations

import pytest

from metier.engine.language import FUNCTION_WORDS, NAMES, languages_of


@pytest.mark.parametrize(
    ("language", "question"),
    [
        ("en", "What is 15% of 80, and who painted Guernica?"),
        ("de", "Wie viel sind 15 % von 80, und wer hat Guernica gemalt?"),
        ("fr", "Combien font 15 % de 80, et qui a peint Guernica ?"),
        ("es", "¿Cuánto es el 15 % de 80 y quién pintó el Guernica?"),
        ("it", "Quanto fa il 15 % di 80, e chi ha dipinto Guernica?"),
        ("pt", "Quanto são 15 % de 80, e quem pintou a Guernica?"),
        ("nl", "Hoeveel is 15 % van 80, en wie heeft Guernica geschilderd?"),
        ("de", "Berechne die Dosis für 70 kg und schreibe eine Python-Funktion."),
        ("fr", "Calcule la dose pour 70 kg et écris une fonction Python."),
        ("es", "Calcula la dosis para 70 kg y escribe una función en Python."),
        ("it", "Calcola la dose per 70 kg e scrivi una funzione in Python."),
        ("pt", "Calcule a dose para 70 kg e escreva uma função em Python."),
        ("nl", "Bereken de dosis voor 70 kg en schrijf een functie in Python."),
    ],
)
def test_a_question_is_of_one_language(language: str, question: str) -> None:
    assert languages_of(question) == {language}


@pytest.mark.parametrize("text", ["", "12 + 30", "Guernica?", "80の15%はいくつですか。"])
def test_of_a_text_without_function_words_nothing_is_said(text: str) -> None:
    assert languages_of(text) == frozenset()


def test_words_that_several_languages_share_leave_several() -> None:
    assert languages_of("de la") == {"fr", "es"}


def test_every_language_has_a_name() -> None:
    assert NAMES.keys() == FUNCTION_WORDS.keys()
