"""How like past plans others are, with an embedder that hashes words."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from metier import Card, Council, Expert, Settings
from metier.errors import InvalidInput
from metier.evaluating.plans import PastPlans, PlansReport, f1
from metier.experts.card import Capability
from metier.planning.learning.past import PastPlan, PastStep
from metier.testing import FixedEmbedder, ScriptedModels

pytestmark = pytest.mark.anyio

TOPICS = ("apples", "pears", "planets", "trains", "letters", "days", "birds", "coins", "shoes")
KINDS = ("red", "old", "large", "cheap", "rare", "lost")
ABOUT = {"math": "compute a sum of numbers", "code": "write python", "medical": "name a drug"}


def step(expert: str, *needs: int) -> PastStep:
    return PastStep(expert=expert, capability="do", task=ABOUT[expert], needs=needs)


# No word says so, but a forecast takes a sum and then a program.
FORECASTS = [
    PastPlan(request=f"forecast our {kind} {topic}", steps=(step("math"), step("code", 0)))
    for topic in TOPICS
    for kind in KINDS
]
SUMS = [
    PastPlan(request=f"compute a sum of {kind} {topic}", steps=(step("math"),))
    for topic in TOPICS
    for kind in KINDS
]


def council(
    folder: Path, embedder: FixedEmbedder | None = None, *, without: str = "general"
) -> Council:
    experts = []
    for name, about in {**ABOUT, "general": "tell a story"}.items():
        capability = Capability(name="do", description=about, examples=(about,))
        card = Card(id=name, description=about, capabilities=(capability,))
        experts += [Expert(card)] if name != without else []
    return Council.of(
        experts,
        settings=Settings(cache_dir=folder),
        server=ScriptedModels(),
        embedder=embedder or FixedEmbedder(),
    )


async def reported(plans: list[PastPlan], folder: Path) -> PlansReport:
    return await (await PastPlans.of(plans, council(folder))).report()


async def test_what_no_rule_plans_is_learnt_from_past_plans(tmp_path: Path) -> None:
    report = await reported(FORECASTS + SUMS, tmp_path)
    assert (report.n, report.several) == (108, 54)
    assert report.learnt is not None
    assert report.chains is not None
    assert report.rules.nodes.value < 0.9
    assert report.rules.links.value <= 0.5
    assert report.learnt.nodes.value > 0.95
    assert report.learnt.links.value > 0.95
    assert report.chains.accuracy.value > 0.95
    assert report.refusal is None


async def test_past_plans_that_teach_nothing_new_are_refused(tmp_path: Path) -> None:
    report = await reported(SUMS, tmp_path)
    assert report.rules.accuracy.value == 1
    assert report.refusal is not None
    assert "by the rules alone 100.0% and 100.0%" in report.refusal


async def test_too_few_plans_are_judged_by_the_rules_only(tmp_path: Path) -> None:
    report = await reported(FORECASTS[:49], tmp_path)
    assert (report.learnt, report.chains) == (None, None)
    assert report.refusal == "past plans are too few to learn from: 49, and it takes 50"


async def test_plans_without_tasks_teach_their_chains(tmp_path: Path) -> None:
    bare = [
        plan.model_copy(
            update={"steps": tuple(s.model_copy(update={"task": ""}) for s in plan.steps)}
        )
        for plan in FORECASTS
    ]
    report = await reported(bare, tmp_path)
    assert report.refusal is None


async def test_without_any_capability_there_is_nothing_to_plan_with(tmp_path: Path) -> None:
    empty = Council.of(
        [Expert(Card(id="math", description="math"))],
        settings=Settings(cache_dir=tmp_path),
        server=ScriptedModels(),
        embedder=FixedEmbedder(),
    )
    with pytest.raises(InvalidInput, match="no expert says what it can do"):
        await PastPlans.of(FORECASTS, empty)


@pytest.mark.parametrize(
    ("found", "right", "expected"),
    [("", "", 1), ("a", "", 0), ("", "a", 0), ("ab", "bc", 0.5), ("ab", "ba", 1)],
)
def test_f1_is_of_what_both_have(found: str, right: str, expected: float) -> None:
    assert f1(found, right) == expected


async def test_a_request_like_past_ones_is_planned_as_they_were(tmp_path: Path) -> None:
    made = council(tmp_path)
    assert len((await made.plan("forecast our green apples")).steps) == 1
    made.planning.keep((await PastPlans.of(FORECASTS, made)).learnt())
    for each in (made, council(tmp_path)):
        plan = await each.plan("forecast our green apples")
        assert [(step.expert, step.needs) for step in plan.steps] == [
            ("math", ()),
            ("code", ("1",)),
        ]
        assert [step.candidates[0].capability for step in plan.steps] == ["do", "do"]
        assert all("past plans" in (step.reason or "") for step in plan.steps)
        assert [step.task for step in plan.steps] == ["forecast our green apples"] * 2


async def test_steps_are_linked_as_they_were_where_no_word_says_so(tmp_path: Path) -> None:
    made = council(tmp_path)
    question = "Compute a sum of numbers. Write python."
    assert [step.needs for step in (await made.plan(question)).steps] == [(), ()]
    made.planning.keep((await PastPlans.of(FORECASTS, made)).learnt())
    assert [step.needs for step in (await made.plan(question)).steps] == [(), ("1",)]


async def test_only_requests_that_are_near_are_planned_so(tmp_path: Path) -> None:
    made = council(tmp_path)
    made.planning.keep((await PastPlans.of(FORECASTS, made)).learnt())
    plan = await made.plan("forecast tomorrow's weather in Paris please")
    assert len(plan.steps) == 1


async def test_pieces_go_to_whom_they_are_nearest(tmp_path: Path) -> None:
    request = "the numbers of our red apples and the python of our red apples"
    plans = [FORECASTS[0].model_copy(update={"request": request})] * 50
    made = council(tmp_path)
    made.planning.keep((await PastPlans.of(plans, made)).learnt())
    plan = await made.plan(request)
    assert [(step.expert, "python" in step.task) for step in plan.steps] == [
        ("math", False),
        ("code", True),
    ]


@pytest.mark.parametrize("experts", [["math"], ["math", "medical"]])
async def test_experts_that_may_not_be_chosen_are_in_no_plan(
    experts: list[str], tmp_path: Path
) -> None:
    made = council(tmp_path)
    made.planning.keep((await PastPlans.of(FORECASTS, made)).learnt())
    plan = await made.plan("forecast our green apples", experts=experts)
    assert len(plan.steps) == 1
    assert {step.expert for step in plan.steps} <= set(experts)
    both = await made.plan("forecast our green apples", experts=["math", "code"])
    assert [step.expert for step in both.steps] == ["math", "code"]


async def test_the_general_expert_is_never_one_of_several(tmp_path: Path) -> None:
    made = council(tmp_path, without="")
    told = PastStep(expert="general", capability="do", needs=(0,))
    plans = [
        PastPlan(request=f"report {n}: our {topic}", steps=(step("math"), told, step("code", 1)))
        for n, topic in enumerate(TOPICS * 6)
    ]
    made.planning.keep((await PastPlans.of(plans, made)).learnt())
    plan = await made.plan("report 7: our trains")
    assert [step.expert for step in plan.steps] == ["math", "code"]


async def test_a_plan_of_an_expert_that_is_gone_is_not_used(tmp_path: Path) -> None:
    made = council(tmp_path)
    made.planning.keep((await PastPlans.of(FORECASTS, made)).learnt())
    plan = await council(tmp_path, without="code").plan("forecast our green apples")
    assert len(plan.steps) == 1


async def test_past_plans_of_another_embedder_or_damaged_ones_are_not_used(tmp_path: Path) -> None:
    made, other = council(tmp_path), council(tmp_path, FixedEmbedder(128))
    await made.planning.index()
    await other.planning.index()
    made.planning.keep((await PastPlans.of(FORECASTS, made)).learnt())
    shutil.copytree(made.planning.artefacts.folder, other.planning.artefacts.folder)
    assert len((await other.plan("forecast our green apples")).steps) == 1
    made.planning.artefacts.file("chains").write_bytes(b"{}")
    assert len((await council(tmp_path).plan("forecast our green apples")).steps) == 1
