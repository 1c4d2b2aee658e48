"""What it brings to choose the model by the question, with an embedder that hashes words."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from metier import Card, Council, Expert, Settings
from metier.errors import InvalidInput
from metier.evaluating.outcomes import Outcomes, OutcomesReport
from metier.evaluating.questions import OutcomeQuestion
from metier.experts.card import Capability
from metier.plan import Combining
from metier.testing import FixedEmbedder, ScriptedModels

pytestmark = pytest.mark.anyio

Right = Mapping[str, float | None]


def texts(count: int) -> list[str]:
    """Sums and verses by turns, no two alike."""
    return [
        f"compute the sum of {n} and {7 * n}" if n % 2 == 0 else f"write a verse number {n}"
        for n in range(count)
    ]


def rows(rights: Sequence[Right]) -> list[OutcomeQuestion]:
    asked = texts(len(rights))
    return [
        OutcomeQuestion(question=text, right=dict(right))
        for text, right in zip(asked, rights, strict=True)
    ]


# The one can count, the other can write.
BY_SUBJECT: list[Right] = [{"counter": 1 - n % 2, "poet": n % 2} for n in range(60)]


async def reported(rights: Sequence[Right]) -> OutcomesReport:
    return (await Outcomes.of(rows(rights), FixedEmbedder())).report()


async def test_models_that_are_good_at_different_things_are_told_apart() -> None:
    report = await reported(BY_SUBJECT)
    assert report.routed.value > 0.95
    assert report.gain.low > 0.3
    assert report.oracle == 1
    assert [figures.given for figures in report.models] == pytest.approx([0.5, 0.5], abs=0.05)
    assert report.refusal is None


async def test_chance_is_not_taken_for_knowledge() -> None:
    draw = np.random.default_rng(5)
    rights = [{"a": float(draw.integers(2)), "b": float(draw.integers(2))} for _ in range(200)]
    report = await reported(rights)
    assert report.oracle > 0.7
    assert report.gain.value < 0.05


async def test_a_question_that_was_asked_again_is_no_knowledge() -> None:
    draw = np.random.default_rng(6)
    asked = [
        OutcomeQuestion(
            question=" ".join(draw.choice(list("abcdefghijklmnop"), 5).tolist()),
            right={"a": float(draw.integers(2)), "b": float(draw.integers(2))},
        )
        for _ in range(60)
    ]
    report = (await Outcomes.of(asked * 4, FixedEmbedder())).report()
    assert report.gain.value < 0.08


async def test_a_model_that_is_always_right_is_better_alone() -> None:
    report = await reported([{"small": n % 2, "large": 1} for n in range(40)])
    assert (report.single, report.gain.value) == ("large", 0)
    assert report.refusal is not None
    assert "'large' alone is as good" in report.refusal


async def test_only_questions_with_all_outcomes_are_judged() -> None:
    partly: list[Right] = [*BY_SUBJECT, *({"counter": 1.0} for _ in range(30))]
    report = await reported(partly)
    assert (report.n, report.judged) == (90, 60)
    assert {figures.model: figures.known for figures in report.models} == {
        "counter": 90,
        "poet": 60,
    }
    assert report.models[0].accuracy == 0.5


async def test_shares_are_means() -> None:
    report = await reported([{"a": 0.25, "b": 0.75} for _ in range(20)])
    assert [figures.accuracy for figures in report.models] == [0.25, 0.75]


async def test_of_two_models_it_is_told_how_many_questions_the_better_one_needs() -> None:
    # It is needed for every sum, and makes no difference for a verse.
    report = await reported([{"weak": n % 2, "strong": 1} for n in range(80)])
    assert report.pair is not None
    assert report.pair.better == "strong"
    needed = {each.lead: each.calls for each in report.pair.needed}
    assert needed == pytest.approx({0.5: 0.25, 0.8: 0.4, 0.95: 0.475}, abs=0.03)
    assert report.pair.apgr == pytest.approx(0.75, abs=0.03)


async def test_there_is_no_price_of_the_better_of_equal_or_of_three_models() -> None:
    assert (await reported(BY_SUBJECT)).pair is None
    three = [{**right, "third": 0.5} for right in BY_SUBJECT]
    assert (await reported(three)).pair is None


@pytest.mark.parametrize(
    ("rights", "complaint"),
    [
        ([{"a": None}], "no outcome of any model is known"),
        ([{"a": 1}] * 30, "only one model to choose from: 'a'"),
        ([{"a": 1, "b": 0}] * 19, "19 questions have an outcome of every model"),
        ([{"a": 1}, {"b": 0}] * 30, "0 questions have an outcome of every model"),
    ],
)
async def test_too_few_outcomes_are_refused(rights: list[Right], complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        await reported(rights)


def voted(count: int) -> list[OutcomeQuestion]:
    """The two that are worse know when they are right: they agree on nothing else."""
    draw = np.random.default_rng(7)
    hits = draw.random((count, 3)) < (0.6, 0.6, 0.65)
    return [
        OutcomeQuestion(
            question=f"{text} {draw.integers(10**9)}",
            right=dict(zip(MODELS, map(float, hit), strict=True)),
            answers={
                name: "Four " if is_right else f"no, {name}"
                for name, is_right in zip(MODELS, hit, strict=True)
            },
        )
        for text, hit in zip(texts(count), hits.tolist(), strict=True)
    ]


MODELS = ("a", "b", "c")


async def test_answers_that_are_weighed_beat_the_best_model_alone() -> None:
    outcomes = await Outcomes.of(voted(300), FixedEmbedder())
    report = outcomes.report()
    assert report.voted is not None
    assert report.voted_gain is not None
    # Independent mistakes: the three together know most of what any two know.
    assert report.voted.value > 0.65
    assert report.voted_gain.low > 0
    voting = outcomes.voting()
    assert voting is not None
    assert voting.voters == MODELS
    assert voting.fitted_on == 300


async def test_without_answers_there_is_no_vote_to_learn() -> None:
    few = [*voted(19), *rows([dict.fromkeys(MODELS, 1.0)] * 40)]
    for questions in (few, rows(BY_SUBJECT)):
        outcomes = await Outcomes.of(questions, FixedEmbedder())
        assert outcomes.voting() is None
        assert outcomes.report().voted is None


async def test_what_votes_taught_is_kept_and_forgotten_with_the_outcomes(tmp_path: Path) -> None:
    said = {name: [f"Answer: {4 if name == 'c' else 5}"] * 2 for name in MODELS}
    with ScriptedModels(said) as models:
        made = council(tmp_path, models)
        outcomes = await Outcomes.of(voted(60), made.embedder)
        votes = outcomes.voting()
        assert votes is not None
        made.planning.keep(outcomes.learnt())
        made.planning.keep(votes)
        voters = Combining(strategy="weighted", models=MODELS)
        learnt = await made.ask("compute the sum of 2 and 3", strategy=voters)
        assert made.planning.forget("votes")
        plain = await made.ask("compute the sum of 2 and 3", strategy=voters)
    assert sum(vote.weight for vote in learnt.parts[0].votes) <= 1
    assert sum(vote.weight for vote in plain.parts[0].votes) != pytest.approx(
        sum(vote.weight for vote in learnt.parts[0].votes)
    )


def council(folder: Path, models: ScriptedModels, embedder: FixedEmbedder | None = None) -> Council:
    capability = Capability(name="all", description="sums and verses", examples=tuple(texts(4)))
    card = Card(id="all", description="all", models=("usual",), capabilities=(capability,))
    return Council.of(
        [Expert(card)],
        settings=Settings(cache_dir=folder),
        server=models,
        embedder=embedder or FixedEmbedder(),
    )


async def test_what_was_learnt_decides_which_model_is_asked(tmp_path: Path) -> None:
    with ScriptedModels({"usual": ["It is 5."], "counter": ["5"], "poet": ["O moon."]}) as models:
        made = council(tmp_path, models)
        assert (await made.ask("compute the sum of 2 and 3")).parts[0].models == ("usual",)
        outcomes = await Outcomes.of(rows(BY_SUBJECT), made.embedder)
        made.planning.keep(outcomes.learnt())
        assert (await made.ask("compute the sum of 2 and 3")).text == "5"
        assert (await council(tmp_path, models).ask("write a verse")).text == "O moon."


async def test_outcomes_of_another_embedder_or_damaged_ones_are_not_used(tmp_path: Path) -> None:
    made = council(tmp_path, ScriptedModels())
    await made.planning.index()
    outcomes = await Outcomes.of(rows(BY_SUBJECT), made.embedder)
    made.planning.keep(outcomes.learnt())
    other = council(tmp_path, ScriptedModels(), FixedEmbedder(128))
    await other.planning.index()
    shutil.copytree(made.planning.artefacts.folder, other.planning.artefacts.folder)
    assert (await made.plan("write a verse")).steps[0].chances
    assert not (await other.plan("write a verse")).steps[0].chances
    made.planning.artefacts.file("outcomes").write_bytes(b"damaged")
    assert not (await council(tmp_path, ScriptedModels()).plan("write a verse")).steps[0].chances
