"""Strategies through the council: plans, budgets, events, and what the answer says of the votes."""

from __future__ import annotations

from pathlib import Path

import pytest

from metier import Card, Combining, Council, Expert, Plan, Settings
from metier.engine.engine import Limits
from metier.errors import InvalidPlan, ModelMissing, UnknownExpert
from metier.events import Notice, Voted
from metier.experts.card import Capability
from metier.plan import Candidate, Member, Step
from metier.testing import FixedEmbedder, ScriptedModels

pytestmark = pytest.mark.anyio

HOW_MANY = "How many apples are left?"


def council(models: ScriptedModels, folder: Path, *, seed: int = 0) -> Council:
    everything = Capability(name="all", description="everything", output="number")
    experts = [
        Expert(Card(id=name, description=name, models=("one", "two"), capabilities=(everything,)))
        for name in ("general", "math")
    ]
    given = Settings(cache_dir=folder, seed=seed)
    return Council.of(experts, settings=given, server=models, embedder=FixedEmbedder())


async def test_a_word_is_enough_to_have_a_vote(tmp_path: Path) -> None:
    replies = ["Answer: 7", "Answer: 4", *["Answer: 7"] * 4]
    with ScriptedModels({"one": replies, "two": []}) as models:
        answer = await council(models, tmp_path).ask(HOW_MANY, strategy="vote")
    (part,) = answer.parts
    assert answer.text.endswith("7")
    assert part.strategy == "vote"
    assert [(vote.answer, vote.chosen) for vote in part.votes] == [
        ("7", True),
        ("4", False),
        *[("7", True)] * 4,
    ]
    assert part.confidence == pytest.approx(5 / 6)
    assert answer.usage.calls == 6


async def test_the_seeds_of_a_vote_are_the_settings_and_one_more_each(tmp_path: Path) -> None:
    replies = ["Answer: 7", "Answer: 4", "Answer: 7", "Answer: 4", "Answer: 7"]
    how = Combining(strategy="vote", options={"samples": 5})
    with ScriptedModels({"one": replies, "two": []}) as models:
        await council(models, tmp_path, seed=40).ask(HOW_MANY, strategy=how)
    assert [request.sampling.seed for request in models.requests] == [40, 41, 42, 43, 44]
    assert {request.sampling.temperature for request in models.requests} == {0.7}


@pytest.mark.parametrize(("strategy", "told"), [("single", False), ("vote", True)])
async def test_how_likely_words_are_is_asked_only_by_strategies_that_compare(
    strategy: str, *, told: bool, tmp_path: Path
) -> None:
    models = ScriptedModels({"one": ["Answer: 7"] * 8, "two": []})
    await council(models, tmp_path).ask(HOW_MANY, strategy=strategy)
    assert {request.sampling.logprobs for request in models.requests} == {told}


async def test_models_that_are_named_take_part(tmp_path: Path) -> None:
    how = Combining(strategy="vote", models=("two", "one"), options={"samples": 2})
    with ScriptedModels({"one": ["Answer: 7"], "two": ["Answer: 7"]}) as models:
        answer = await council(models, tmp_path).ask(HOW_MANY, strategy=how)
    assert [vote.model for vote in answer.parts[0].votes] == ["two", "one"]


async def test_models_of_the_card_take_part_where_none_is_named(tmp_path: Path) -> None:
    with ScriptedModels({"one": ["Answer: 7"], "two": ["Answer: 7"]}) as models:
        answer = await council(models, tmp_path).ask(HOW_MANY, strategy="mux")
    assert [vote.model for vote in answer.parts[0].votes] == ["one", "two"]


async def test_votes_are_told_as_they_come(tmp_path: Path) -> None:
    with ScriptedModels({"one": ["Answer: 7"], "two": [ModelMissing("two")]}) as models:
        events = [
            event async for event in council(models, tmp_path).stream(HOW_MANY, strategy="weighted")
        ]
    told = [event.vote for event in events if isinstance(event, Voted)]
    assert [(vote.model, vote.answer, vote.error) for vote in told] == [
        ("one", "7", None),
        ("two", "", "model_missing"),
    ]
    assert events[-1].type == "answered"


async def test_a_vote_without_a_majority_is_no_secret(tmp_path: Path) -> None:
    how = Combining(strategy="vote", options={"samples": 3})
    with ScriptedModels({"one": ["Answer: 1", "Answer: 2", "Answer: 3"], "two": []}) as models:
        events = [event async for event in council(models, tmp_path).stream(HOW_MANY, strategy=how)]
    (notice,) = [event.text for event in events if isinstance(event, Notice)]
    assert notice == "vote: most answers differ from this one: '1', '2', '3'"
    with ScriptedModels({"one": ["Answer: 1", "Answer: 2", "Answer: 2"], "two": []}) as models:
        events = [event async for event in council(models, tmp_path).stream(HOW_MANY, strategy=how)]
    assert not [event for event in events if isinstance(event, Notice)]


async def test_a_vote_ends_with_the_budget(tmp_path: Path) -> None:
    with ScriptedModels({"one": ["Answer: 7", "Answer: 4"], "two": []}) as models:
        answer = await council(models, tmp_path).ask(
            HOW_MANY, strategy="vote", limits=Limits(max_calls=2)
        )
    assert len(answer.parts[0].votes) == 2
    assert answer.complete


async def test_a_vote_leaves_calls_for_the_steps_behind_it(tmp_path: Path) -> None:
    plan = Plan(
        question="All.",
        steps=(
            Step(id="1", task=HOW_MANY, expert="math", strategy="vote", options={"samples": 9}),
            Step(id="2", task="Say hello.", expert="general", needs=("1",)),
        ),
    )
    replies = ["Answer: 1", "Answer: 2", "Answer: 3", "Answer: 4", "Hello."]
    with ScriptedModels({"one": replies, "two": []}) as models:
        answer = await council(models, tmp_path).run(plan, limits=Limits(max_calls=5))
    assert answer.complete
    assert answer.usage.calls == 5


async def test_a_plan_names_a_strategy_for_each_step(tmp_path: Path) -> None:
    plan = Plan(
        question=HOW_MANY,
        steps=(
            Step(
                id="1",
                task=HOW_MANY,
                expert="math",
                strategy="vote",
                members=(Member(expert="math", model="two"), Member(expert="general")),
            ),
        ),
    )
    assert Plan.parse(plan.model_dump_json()) == plan
    with ScriptedModels({"one": ["Answer: 7"], "two": ["Answer: 7"]}) as models:
        answer = await council(models, tmp_path).run(plan)
    assert [(vote.expert, vote.model) for vote in answer.parts[0].votes] == [
        ("math", "two"),
        ("general", "one"),
    ]


async def test_a_gate_asks_the_candidates_of_the_plan(tmp_path: Path) -> None:
    step = Step(
        id="1",
        task=HOW_MANY,
        expert="math",
        strategy="gate",
        candidates=(
            Candidate(expert="math", score=0.5, probability=0.6),
            Candidate(expert="general", score=0.4, probability=0.4),
        ),
    )
    with ScriptedModels({"one": ["Answer: 7", "Answer: 7"], "two": []}) as models:
        answer = await council(models, tmp_path).run(Plan(question=HOW_MANY, steps=(step,)))
    votes = answer.parts[0].votes
    assert [vote.expert for vote in votes] == ["math", "general"]
    assert votes[0].weight > votes[1].weight > 0.15


async def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    how = Combining(strategy="vote", models=("gone",))
    with (
        ScriptedModels({"one": [], "two": []}) as models,
        pytest.raises(ModelMissing, match="gone"),
    ):
        await council(models, tmp_path).ask(HOW_MANY, strategy=how)


def test_a_member_must_be_an_expert_that_is_there() -> None:
    step = Step(id="1", task="?", expert="math", members=(Member(expert="maths"),))
    with pytest.raises(UnknownExpert, match="maths"):
        Plan(question="?", steps=(step,)).check({"math"})


def test_a_plan_takes_a_strategy_in_every_step() -> None:
    steps = (Step(id="1", task="?", expert="math"), Step(id="2", task="!", expert="general"))
    made = Plan(question="?", steps=steps).combined(
        Combining(strategy="mux", models=("a", "b"), options={"samples": 4})
    )
    assert [step.strategy for step in made.steps] == ["mux", "mux"]
    assert made.steps[1].members == (
        Member(expert="general", model="a"),
        Member(expert="general", model="b"),
    )
    assert made.steps[0].options == {"samples": 4}


async def test_an_unknown_word_is_refused(tmp_path: Path) -> None:
    models = ScriptedModels({})
    with pytest.raises(InvalidPlan, match=r"'votes' \(nearest: 'vote'\)\. See: metier strategies"):
        await council(models, tmp_path).ask("?", strategy="votes")
