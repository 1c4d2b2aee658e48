"""Tests of the expert my_expert: no server, no network."""

from collections.abc import Callable
from pathlib import Path

from metier import Expert, Plan, read_card
from metier.testing import ExpertConformance
from metier.testing.fixtures import CouncilMaker

FOLDER = Path(__file__).parent.parent / "metier_my_expert"


class TestMyExpert(ExpertConformance):
    """What every expert has to do."""

    def expert(self) -> Expert:
        return Expert(read_card(FOLDER))

    def questions(self) -> Path:
        return FOLDER / "evaluation.jsonl"


def test_the_plan_stays_as_it_is(
    council_of: CouncilMaker, plan_snapshot: Callable[[Plan], None]
) -> None:
    expert = Expert(read_card(FOLDER))
    plan_snapshot(council_of(expert).plan_sync("How long does green tea steep?"))
