"""Questions with given choices: the likeliest one, or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from metier import Card, Council, Settings
from metier.answer import Answer
from metier.grading import Label, extracted
from metier.plan import Plan, Step
from metier.testing import FixedEmbedder, ScriptedModels
from metier_medical import Medical

CARD = Card(id="medical", description="medicine", models=("small",))
METALS = "Which metal is lacking in this anaemia?\nA) iron\nB) zinc\nC) tin"


def ask(question: str, models: ScriptedModels, folder: Path) -> Answer:
    council = Council.of(
        [Medical(CARD)],
        settings=Settings(cache_dir=folder),
        server=models,
        embedder=FixedEmbedder(),
    )
    step = Step(id="1", task=question, expert="medical")
    with council:
        return council.run_sync(Plan(question=question, steps=(step,)))


def test_the_likeliest_choice_is_the_answer(tmp_path: Path) -> None:
    replies = [
        {"A": 0.8, "B": 0.1, "C": 0.1},
        {"C": 0.8, "A": 0.1, "B": 0.1},
        {"B": 0.8, "A": 0.1, "C": 0.1},
    ]
    with ScriptedModels({"small": replies}) as models:
        answer = ask(METALS, models, tmp_path)
    assert answer.text.startswith("**A) iron**\n\nThe model is 80% sure of it.")
    assert answer.parts[0].confidence == pytest.approx(0.8)
    assert not answer.parts[0].abstained
    assert answer.usage.calls == 3


def test_what_the_model_only_guesses_is_no_answer(tmp_path: Path) -> None:
    with ScriptedModels({"small": [{"A": 0.36, "B": 0.32, "C": 0.32}] * 3}) as models:
        answer = ask(METALS, models, tmp_path)
    assert answer.text.startswith("I am not sure enough to answer this: the likeliest choice is")
    assert answer.parts[0].warnings == (answer.parts[0].text,)
    assert answer.parts[0].abstained


@pytest.mark.parametrize("likeliest", ["yes", "no", "maybe"])
def test_who_has_to_choose_reads_the_likeliest_choice(likeliest: str, tmp_path: Path) -> None:
    kind = Label(labels=("yes", "no", "maybe"))
    orders = (("yes", "no", "maybe"), ("no", "maybe", "yes"), ("maybe", "yes", "no"))
    replies = [
        {
            letter: 0.36 if word == likeliest else 0.32
            for letter, word in zip("ABC", order, strict=True)
        }
        for order in orders
    ]
    with ScriptedModels({"small": replies}) as models:
        answer = ask("Is iron a vitamin? Answer yes, no or maybe only.", models, tmp_path)
    assert answer.parts[0].abstained
    assert extracted(answer.parts[0].text, kind) == likeliest


def test_yes_or_no_is_asked_both_ways_round(tmp_path: Path) -> None:
    with ScriptedModels({"small": [{"A": 0.1, "B": 0.9}, {"A": 0.8, "B": 0.2}]}) as models:
        answer = ask("Is iron a vitamin? Answer yes or no.", models, tmp_path)
    assert answer.text.startswith("**no**")


def test_an_urgent_sign_is_named_before_the_choice(tmp_path: Path) -> None:
    with ScriptedModels({"small": [{"A": 1.0}, {"C": 1.0}, {"B": 1.0}]}) as models:
        answer = ask(f"He has crushing pain in the chest. {METALS}", models, tmp_path)
    assert answer.text.startswith("Urgent: possible heart attack.")
    assert "**A) iron**" in answer.text
