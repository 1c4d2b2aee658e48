"""A month of use: what ratings teach about who answers what, a tenth of them wrong."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from metier import Card, Council, Expert, Plan, Settings
from metier.errors import InvalidInput
from metier.evaluating.questions import RoutingQuestion
from metier.evaluating.ratings import RatedRouting, rated_questions
from metier.events import PlanReady
from metier.experts.card import Capability
from metier.plan import Step
from metier.runs.run import Rating, Run, Versions
from metier.runs.store import RunStore
from metier.testing import FixedEmbedder, ScriptedModels

pytestmark = pytest.mark.anyio

# What the cards say, and the words that this person uses for it, which no card has.
CARDS = {
    "math": "sums equations fractions percent",
    "code": "python functions programs bugs",
    "medical": "doses drugs symptoms children",
    "law": "contracts tenants courts deadlines",
}
TOPICS = {
    "math": "ledger payout tally roster pension".split(),
    "code": "pipeline widget rollout sprint payload".split(),
    "medical": "ward chart rounds intake triage".split(),
    "law": "docket filing clause lease notary".split(),
}
FILLER = "please today about again team monday quickly list check open new old".split()


def council(folder: Path, *, runs: RunStore | None = None) -> Council:
    experts = [
        Expert(
            Card(
                id=name,
                description=words,
                models=("small",),
                capabilities=(
                    Capability(
                        name="all",
                        description=words,
                        examples=tuple(f"help with {word}" for word in words.split()),
                    ),
                ),
            )
        )
        for name, words in CARDS.items()
    ]
    return Council.of(
        experts,
        settings=Settings(cache_dir=folder),
        server=ScriptedModels(),
        embedder=FixedEmbedder(),
        runs=runs,
    )


def month(count: int, *, seed: int) -> list[RoutingQuestion]:
    """Questions of one person: half in the words of the cards, half in their own."""
    random = Random(seed)
    found: list[RoutingQuestion] = []
    for _ in range(count):
        expert = random.choice(list(CARDS))
        words = random.choice([CARDS[expert].split(), TOPICS[expert]])
        said = [*random.sample(words, 2), *random.sample(FILLER, 3)]
        random.shuffle(said)
        found.append(RoutingQuestion(question=" ".join(said), expert=expert))
    return found


def with_mistakes(questions: list[RoutingQuestion], share: float) -> list[RoutingQuestion]:
    random = Random(5)
    return [
        question.model_copy(update={"expert": random.choice(list(CARDS))})
        if random.random() < share
        else question
        for question in questions
    ]


async def accuracy(made: Council) -> float:
    """The share of another month's questions that is planned for the right expert."""
    right = 0
    asked = month(150, seed=99)
    for question in asked:
        plan = await made.plan(question.question)
        right += {step.expert for step in plan.steps} == {question.expert}
    return right / len(asked)


async def test_routing_gets_better_with_ratings_of_which_a_tenth_is_wrong(tmp_path: Path) -> None:
    made = council(tmp_path)
    shares = [await accuracy(made)]
    for count in (50, 100, 200):
        rated = await RatedRouting.of(made, with_mistakes(month(count, seed=1), 0.1))
        made.planning.keep(rated.learnt())
        shares.append(await accuracy(made))
    # As docs/results/ratings.md has them.
    assert [f"{share:.0%}" for share in shares] == ["67%", "85%", "97%", "99%"]


async def test_ratings_that_teach_more_than_chance_explains_may_be_applied(tmp_path: Path) -> None:
    rated = await RatedRouting.of(council(tmp_path), with_mistakes(month(200, seed=1), 0.1))
    assert rated.report().refusal is None


async def test_the_report_names_the_questions_that_go_to_another_expert(tmp_path: Path) -> None:
    rated = await RatedRouting.of(council(tmp_path), month(100, seed=1))
    report = rated.report()
    assert report.gain is not None
    gained = sum(each.learnt == each.expert for each in report.changes)
    lost = sum(each.now == each.expert for each in report.changes)
    assert gained - lost == round(100 * report.gain.value)
    assert all(each.now != each.learnt for each in report.changes)


async def test_what_was_learnt_can_be_taken_back(tmp_path: Path) -> None:
    made = council(tmp_path)
    question = "ledger payout team"
    before = await made.plan(question)
    made.planning.keep((await RatedRouting.of(made, month(200, seed=1))).learnt())
    assert (await made.plan(question)).steps[0].expert == "math"
    assert made.planning.forget("ratings")
    assert await made.plan(question) == before


async def test_ratings_at_random_are_not_applied(tmp_path: Path) -> None:
    rated = await RatedRouting.of(council(tmp_path), with_mistakes(month(100, seed=1), 1.0))
    assert "may be chance" in str(rated.report().refusal)


async def test_few_ratings_are_not_learnt_from(tmp_path: Path) -> None:
    rated = await RatedRouting.of(council(tmp_path), month(5, seed=1))
    assert "at least 20" in str(rated.report().refusal)


async def test_no_rating_is_an_error_that_says_how_to_rate(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="metier rate"):
        await RatedRouting.of(council(tmp_path), [])


def run(*ratings: Rating) -> Run:
    steps = (
        Step(id="1", task="a dose", expert="math"),
        Step(id="2", task="a lease", expert="law"),
    )
    plan = Plan(question="a dose and a lease", steps=steps)
    return Run(
        id="1",
        question=plan.question,
        status="answered",
        started=0,
        ratings=ratings,
        versions=Versions(metier="1", embedder="e"),
        events=(PlanReady(plan=plan),),
    )


@pytest.mark.parametrize(
    ("rating", "told"),
    [
        (Rating(verdict="good"), [("a dose", "math"), ("a lease", "law")]),
        (Rating(verdict="good", step_id="2"), [("a lease", "law")]),
        (Rating(verdict="bad", step_id="1", expert="medical"), [("a dose", "medical")]),
        (Rating(verdict="bad", step_id="1"), []),
        (Rating(verdict="bad", expert="medical"), []),  # of which step?
        (Rating(verdict="bad", step_id="1", expert="gone"), []),
    ],
)
def test_a_rating_tells_who_is_right(rating: Rating, told: list[tuple[str, str]]) -> None:
    questions, useless = rated_questions([run(rating)], CARDS)
    assert [(each.question, each.expert) for each in questions] == told
    assert useless == (not told)


@pytest.mark.parametrize(
    ("of_step", "told", "useless"),
    [
        (Rating(verdict="bad", step_id="1", expert="medical"),
         [("a dose", "medical"), ("a lease", "law")], 0),
        (Rating(verdict="bad", step_id="1"), [("a lease", "law")], 1),
    ],
)  # fmt: skip
def test_a_rating_of_a_step_wins_over_the_one_of_its_run(
    of_step: Rating, told: list[tuple[str, str]], useless: int
) -> None:
    questions, found_useless = rated_questions([run(Rating(verdict="good"), of_step)], CARDS)
    assert [(each.question, each.expert) for each in questions] == told
    assert found_useless == useless
