"""Tests of the expert my_expert: no server, no network."""

import json
from collections.abc import Callable

from metier import Expert, Plan
from metier.testing import ExpertConformance, ScriptedModels
from metier.testing.fixtures import CouncilMaker

from metier_my_expert import MyExpert


class TestMyExpert(ExpertConformance):
    """What every expert has to do."""

    def expert(self) -> Expert:
        return MyExpert()


def test_the_amount_grows_with_the_water() -> None:
    assert MyExpert().brew("black", millilitres=500) == "6.0 g of black tea, 95 °C, 4 minutes"


def test_the_model_chooses_the_tool_and_tells_its_result(council_of: CouncilMaker) -> None:
    call = json.dumps({"tool": "brew", "arguments": {"tea": "black", "millilitres": 500}})
    with ScriptedModels({"qwen2.5-coder:1.5b": [call, "Take 6 g."]}) as models:
        answer = council_of(MyExpert(), models=models).ask_sync("black tea for 500 ml")
    assert (answer.text, answer.parts[0].checked) == ("Take 6 g.", True)


def test_the_plan_stays_as_it_is(
    council_of: CouncilMaker, plan_snapshot: Callable[[Plan], None]
) -> None:
    plan_snapshot(council_of(MyExpert()).plan_sync("How long does green tea steep?"))
