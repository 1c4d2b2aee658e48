"""The medical expert: urgent signs first, answers from its notes."""

from __future__ import annotations

from pathlib import Path

import pytest

from metier import Card, Council, Document, Settings, Task
from metier.answer import Source
from metier.experts.expert import Result
from metier.experts.knowledge.passages import QUOTE
from metier.plan import Plan, Step
from metier.testing import FixedEmbedder, ScriptedContext, ScriptedModels
from metier_medical import Medical, icd10
from metier_medical.expert import UNCHECKED, VALUED
from metier_medical.notes import all_notes, notes_on
from metier_medical.red_flags import red_flags

# simple-icd-10-cm reads its data by a function that Python 3.11 and 3.12 call deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:(open|read)_text is deprecated:DeprecationWarning")

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


def test_an_answer_with_a_note_does_not_say_that_nothing_bears_it_out(tmp_path: Path) -> None:
    with ScriptedModels({"small": ["Yes."]}) as models:
        text = ask("May ibuprofen be taken with a stomach ulcer?", models, tmp_path)
    assert "Safety notes on ibuprofen" in text
    assert UNCHECKED not in text


def test_the_program_names_an_urgent_sign_before_the_model_speaks(tmp_path: Path) -> None:
    with ScriptedModels({"small": ["Rest."]}) as models:
        text = ask("I have crushing pain in my chest", models, tmp_path)
    assert text.startswith("Urgent: possible heart attack. If this is happening now, call")
    assert text.endswith(f"Rest.\n\n{UNCHECKED}")


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("And is that healthy?", True),
        ("Muss ich mir Sorgen machen?", True),
        ("What are the side effects?", False),
    ],
)
async def test_a_question_about_a_value_asks_for_its_category(asked: str, told: bool) -> None:
    found = {"zinc": "320 µg/dL"}
    level = Result(step_id="1", expert="math", task="Zinc?", text="320", values=found)
    context = ScriptedContext(["High."])
    _ = [piece async for piece in Medical(CARD).answer(Task(text=asked, inputs=(level,)), context)]
    (call,) = context.calls
    assert (VALUED in call.messages[-1].content) is told


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


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("ICD-10 code for type 2 diabetes without complications", "E11.9"),
        ("ICD code for migraine with aura", "G43.1"),
        ("Which ICD-10 codes are there for acute appendicitis?", "K35"),
        ("ICD code for high blood pressure", "I10"),
        ("What does S72.001A mean?", "S72.001A"),
        ("is e119 a code, or E119?", "E11.9"),
        ("U07.1", "U07.1"),
    ],
)
def test_codes_are_found_by_code_and_by_words(text: str, first: str) -> None:
    assert icd10.looked_up(text)[0].code == first


@pytest.mark.parametrize("text", ["ICD E11.32XX1", "What is the ICD?", "", "ICD code for zxqv"])
def test_no_code_is_made_up(text: str) -> None:
    assert icd10.looked_up(text) == []


def test_a_category_is_told_from_a_whole_code() -> None:
    assert [entry.billable for entry in icd10.looked_up("E11 and E11.9")] == [False, True]
    assert icd10.listing(icd10.looked_up("E11")) == (
        "ICD-10-CM:\n- E11: Type 2 diabetes mellitus (a category, no code)"
    )


def test_codes_stand_under_the_answer_whatever_the_model_says(tmp_path: Path) -> None:
    with ScriptedModels({"small": ["It is X99.9."]}) as models:
        text = ask("What is the ICD-10 code for gout?", models, tmp_path)
    assert "- M10: Gout (a category, no code)" in models.requests[0].messages[-1].content
    assert text.startswith("It is X99.9.\n\nICD-10-CM:\n- M10: Gout")


def test_a_question_that_asks_for_no_code_loads_no_list(tmp_path: Path) -> None:
    icd10._entries.cache_clear()
    with ScriptedModels({"small": ["Gout is painful."]}) as models:
        assert ask("What is gout?", models, tmp_path) == f"Gout is painful.\n\n{UNCHECKED}"
    assert icd10._entries.cache_info().misses == 0


@pytest.mark.anyio
async def test_it_answers_from_documents_that_were_added_with_its_notes(tmp_path: Path) -> None:
    guide = tmp_path / "guide.md"
    guide.write_text("Warfarin must not be given together with aspirin in this clinic.")
    settings = Settings(cache_dir=tmp_path, state_dir=tmp_path)
    reply = 'No: "must not be given together with aspirin in this clinic".'
    with ScriptedModels({"small": [reply]}) as models:
        council = Council.of(
            [Medical(CARD)], settings=settings, server=models, embedder=FixedEmbedder()
        )
        await council.knowledge.base("medical").add(guide)
        question = "May warfarin be given together with aspirin?"
        step = Step(id="1", task=question, expert="medical")
        async with council:
            answer = await council.run(Plan(question=question, steps=(step,)))
    assert "in this clinic” [1]." in answer.text
    assert "Safety notes on warfarin" in answer.text
    assert answer.sources[0].name == "guide.md"


@pytest.mark.anyio
async def test_a_document_that_came_with_the_question_is_quoted_and_named(tmp_path: Path) -> None:
    leaflet = Document(name="leaflet.txt", text="Tablets are kept in the blue cupboard.")
    question = "Where are the tablets of paracetamol kept?"
    step = Step(id="1", task=question, expert="medical")
    with ScriptedModels({"small": ['There: "kept in the blue cupboard".']}) as models:
        council = Council.of(
            [Medical(CARD)],
            settings=Settings(cache_dir=tmp_path),
            server=models,
            embedder=FixedEmbedder(),
        )
        plan = Plan(question=question, documents=(leaflet,), steps=(step,))
        async with council:
            answer = await council.run(plan)
    named = Source(name="leaflet.txt", place="line 1", quote="kept in the blue cupboard")
    assert answer.sources[0] == named
    assert "Safety notes on paracetamol" in answer.text


@pytest.mark.anyio
async def test_an_answer_from_notes_alone_comes_word_by_word() -> None:
    task = Task(text="When must Tylenol not be given?")
    context = ScriptedContext(["Not with liver failure."])
    _ = [piece async for piece in Medical(CARD).answer(task, context)]
    (call,) = context.calls
    assert QUOTE not in call.messages[-1].content
