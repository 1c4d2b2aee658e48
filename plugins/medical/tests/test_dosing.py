"""Dose arithmetic: what is found in a question, and what the math expert makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from metier import Card, Council, Settings
from metier.errors import InvalidInput
from metier.plan import Document, Plan, Step
from metier.testing import FixedEmbedder, ScriptedModels
from metier_math import Math
from metier_medical import Medical
from metier_medical.dosing import computed, dosing_in

pytestmark = pytest.mark.anyio
CHILD = "Paracetamol 15 mg/kg for a child of 22 kg, what is the interval?"


@pytest.mark.parametrize(
    ("question", "lines"),
    [
        (CHILD, ["15 mg/kg × 22 kg = 330 mg"]),
        (
            "Amoxicillin for 18,5 kg: 50 mg/kg/day in three doses, of 250 mg per 5 mL",
            [
                "50 mg/kg × 18.5 kg = 925 mg per day",
                "in 3 doses: ≈ 308.3333 mg each",
                "at 250 mg/5 mL: ≈ 6.1667 mL",
            ],
        ),
        ("5 µg per kg per hour, 70-kg patient", ["5 mcg/kg × 70 kg = 350 mcg per hour"]),
        ("Enoxaparin 1 mg/kg in a woman of 154 lb", ["1 mg/kg × 154 lb = 69.85322498 mg"]),
    ],
)
async def test_a_dose_by_weight_is_computed_with_its_units(question: str, lines: list[str]) -> None:
    dosing = dosing_in(question)
    assert dosing is not None
    math = Math(Card(id="math", description="mathematics"))
    try:
        found = await computed(dosing, math.tools["evaluate"].run)
    finally:
        await math.aclose()
    assert found.splitlines()[1:] == [f"- {line}" for line in lines]


@pytest.mark.parametrize(
    "question",
    [
        "What is the usual dose of paracetamol?",
        "15 mg/kg of paracetamol",
        "He weighs 22 kg",
        "10 or 15 mg/kg, is 10 mg/kg better than 15 mg/kg for 22 kg?",
        "15 mg/kg for his 20 kg and her 30 kg",
        "15 mg/kgs",
    ],
)
def test_what_is_not_one_dose_of_one_person_is_left_alone(question: str) -> None:
    assert dosing_in(question) is None


def test_the_amount_by_weight_may_stand_in_a_document() -> None:
    dosing = dosing_in("How much for a child of 22 kg?", "Give 15 mg/kg every 6 hours.")
    assert dosing is not None
    assert (dosing.rate, dosing.weight) == ("15 mg/kg", "22 kg")


async def test_what_cannot_be_computed_is_not_said() -> None:
    async def refusing(**_: str) -> str:
        raise InvalidInput("no")

    dosing = dosing_in(CHILD)
    assert dosing is not None
    assert await computed(dosing, refusing) == ""


@pytest.mark.parametrize("with_math", [True, False])
def test_the_model_is_given_the_arithmetic_and_the_reader_sees_it(
    tmp_path: Path, with_math: bool
) -> None:
    experts = [Medical(Card(id="medical", description="medicine", models=("small",)))]
    math = [Math(Card(id="math", description="mathematics", models=("small",)))]
    with ScriptedModels({"small": ["Every 6 hours."]}) as models:
        council = Council.of(
            [*experts, *(math if with_math else [])],
            settings=Settings(cache_dir=tmp_path),
            server=models,
            embedder=FixedEmbedder(),
        )
        plan = Plan(
            question=CHILD,
            steps=(Step(id="1", task=CHILD, expert="medical"),),
            documents=(Document(name="leaflet", text="For the mouth."),),
        )
        with council:
            answer = council.run_sync(plan)
    asked = models.requests[0].messages[-1].content
    assert ("15 mg/kg × 22 kg = 330 mg" in asked) is with_math
    assert ("- 15 mg/kg × 22 kg = 330 mg" in answer.text) is with_math
    assert answer.text.startswith("Every 6 hours.")
    names = [source.name for source in answer.parts[0].sources]
    assert ("dose arithmetic" in names) is with_math
