"""The medical expert: urgent signs first, answers from its notes."""

from __future__ import annotations

from pathlib import Path

import pytest

from metier import Card, Council, Settings
from metier.plan import Plan, Step
from metier.testing import FixedEmbedder, ScriptedModels
from metier_medical import Medical
from metier_medical.notes import all_notes, notes_on
from metier_medical.red_flags import red_flags

CARD = Card(id="medical", description="medicine", models=("small",))


def ask(question: str, models: ScriptedModels, folder: Path) -> str:
    council = Council.of(
        [Medical(CARD)],
        settings=Settings(cache_dir=folder),
        server=models,
        embedder=FixedEmbedder(),
    )
    step = Step(id="1", task=question, expert="medical")
    with council:
        return council.run_sync(Plan(question=question, steps=(step,))).text


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("I have chest pain and my arm hurts", "possible heart attack"),
        ("Her face is drooping and she has slurred speech", "possible stroke"),
        ("He can't breathe", "trouble breathing"),
        ("My throat is swelling after a bee sting", "possible anaphylaxis"),
        ("My child took too many tablets", "possible overdose or poisoning"),
        ("I want to die", "thoughts of suicide"),
        ("She is unconscious", "unconsciousness or severe bleeding"),
    ],
)
def test_a_sign_that_needs_urgent_care_is_recognised(text: str, sign: str) -> None:
    assert sign in red_flags(text)


@pytest.mark.parametrize("text", ["What is a normal pulse?", "Is tea good for a cold?"])
def test_an_ordinary_question_raises_no_alarm(text: str) -> None:
    assert red_flags(text) == []


def test_the_program_names_an_urgent_sign_before_the_model_speaks(tmp_path: Path) -> None:
    with ScriptedModels({"small": ["Rest."]}) as models:
        text = ask("I have crushing pain in my chest", models, tmp_path)
    assert text.startswith("Urgent: possible heart attack. If this is happening now, call")
    assert text.endswith("Rest.")


def test_the_notes_on_a_medicine_are_given_to_the_model_and_to_the_reader(tmp_path: Path) -> None:
    with ScriptedModels({"small": ["Not with liver failure."]}) as models:
        text = ask("When must Tylenol not be given?", models, tmp_path)
    assert "Must not be given: known allergy" in models.requests[0].messages[-1].content
    assert text.startswith("Not with liver failure.\n\nSafety notes on paracetamol:")
    assert "- Must not be given: known allergy to paracetamol; severe liver disease" in text


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Can I take ibuprofen with warfarin?", ["ibuprofen", "warfarin"]),
        ("Is PARACETAMOL, or aspirin, better?", ["paracetamol", "aspirin"]),
        ("Is co-amoxiclav a penicillin?", ["amoxicillin"]),
        ("statinsky lives in Moscow", []),
    ],
)
def test_medicines_are_found_by_their_names(text: str, names: list[str]) -> None:
    assert [note.names[0] for note in notes_on(text)] == names


def test_no_name_stands_in_two_notes() -> None:
    names = [name for note in all_notes() for name in note.names]
    assert len(names) == len(set(names))
    assert all(name == name.lower() for name in names)
