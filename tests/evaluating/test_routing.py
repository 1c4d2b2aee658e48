"""Where labelled questions go, and what they teach, with an embedder that hashes words."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from metier import Card, Council, Expert, Settings
from metier.errors import InvalidInput
from metier.evaluating.estimate import folds
from metier.evaluating.placing import Chosen, Judge
from metier.evaluating.questions import RoutingQuestion
from metier.evaluating.routing import RoutingReport, evaluated_routing
from metier.experts.card import GENERAL, Capability
from metier.planning.learning.calibration import Calibration
from metier.planning.selecting import Selector
from metier.testing import FixedEmbedder, ScriptedModels

pytestmark = pytest.mark.anyio

EXAMPLES = {
    "math": ("compute the sum of two numbers", "solve the equation for x"),
    "code": ("write a python function", "fix this bash script"),
    "general": ("tell me a story about a king", "who was the first queen"),
}
SUBJECTS = ("apples", "pears", "planets", "trains", "letters", "days", "birds", "coins")
PHRASES = {
    "math": "compute the sum of {} numbers",
    "code": "write a python function for {}",
    "general": "tell me a story about {}",
}
QUESTIONS = [
    RoutingQuestion(question=phrase.format(subject), expert=expert)
    for expert, phrase in PHRASES.items()
    for subject in SUBJECTS
]
STOLEN = RoutingQuestion(question="write a python function for the king", expert="math")


def council(folder: Path, *names: str) -> Council:
    experts = []
    for name in names or tuple(EXAMPLES):
        capability = Capability(name="all", description=f"{name} things", examples=EXAMPLES[name])
        experts.append(Expert(Card(id=name, description=name, capabilities=(capability,))))
    return Council.of(
        experts,
        settings=Settings(cache_dir=folder),
        server=ScriptedModels(),
        embedder=FixedEmbedder(),
    )


async def with_threshold(made: Council, threshold: float, **own: float) -> Calibration:
    calibration = Calibration(threshold=threshold, thresholds=own)
    made.planning.keep(calibration, index=await made.planning.index())
    return calibration


@pytest.mark.parametrize("names", [("math", "code", "general"), ("math", "code")])
@pytest.mark.parametrize(("threshold", "own"), [(0.5, {}), (0.8, {"math": 0.0}), (1.0, {})])
async def test_questions_go_where_the_selector_sends_them(
    names: tuple[str, ...], threshold: float, own: dict[str, float], tmp_path: Path
) -> None:
    made = council(tmp_path, *names)
    calibration = await with_threshold(made, threshold, **own)
    report = await evaluated_routing(made, [*QUESTIONS, STOLEN])
    selector = Selector(await made.planning.index(), made.registry.cards, calibration)
    texts = [question.question for question in (*QUESTIONS, STOLEN)]
    ranked = selector.rank(texts, await made.embedder.embed(texts))
    chosen = [selector.choose(candidates).expert for candidates in ranked]
    pairs = Counter(zip((q.expert for q in (*QUESTIONS, STOLEN)), chosen, strict=True))
    assert pairs == {(o, t): n for o, row in report.now.confusion.items() for t, n in row.items()}
    right = sum(n for (owner, taker), n in pairs.items() if owner == taker)
    assert report.now.accuracy.value == pytest.approx(right / 25)


async def test_a_stolen_question_is_named_with_its_thief_and_what_spoke_for_it(
    tmp_path: Path,
) -> None:
    made = council(tmp_path)
    await with_threshold(made, 0.0)
    report = await evaluated_routing(made, [*QUESTIONS, *[STOLEN] * 4])
    (stolen,) = report.now.stolen
    assert (stolen.owner, stolen.thief, stolen.count) == ("math", "code", 4)
    assert stolen.examples == (STOLEN.question,) * 3
    wrong = report.misplaced[0]
    assert (wrong.question, wrong.expert, wrong.chosen) == (STOLEN.question, "math", "code")
    assert wrong.candidates[0].expert == "code"
    assert wrong.candidates[0].example == "write a python function"
    figures = {each.expert: each for each in report.now.experts}
    assert figures["math"].recall == pytest.approx(8 / 12)
    assert figures["code"].precision == pytest.approx(8 / 12)


async def test_a_question_that_brings_code_is_placed_as_it_is_planned(tmp_path: Path) -> None:
    capabilities = {
        "reviews": Capability(name="all", description="looks at programs", inputs=("code",)),
        "stories": Capability(
            name="all", description="tells stories", examples=("tell the story of this program",)
        ),
    }
    made = Council.of(
        [Expert(Card(id=n, description=n, capabilities=(c,))) for n, c in capabilities.items()],
        settings=Settings(cache_dir=tmp_path),
        server=ScriptedModels(),
        embedder=FixedEmbedder(),
    )
    await with_threshold(made, 0.0)
    text = "tell the story of this program\n```python\ndef f(x):\n    return x + 1\n```"
    planned = (await made.plan(text)).steps[0].expert
    report = await evaluated_routing(made, [RoutingQuestion(question=text, expert=planned)])
    assert planned == "reviews"
    assert report.now.confusion == {"reviews": {"reviews": 1}}


async def test_it_is_counted_how_often_nobody_is_chosen(tmp_path: Path) -> None:
    made = council(tmp_path)
    await with_threshold(made, 1.0, code=0.0)
    now = (await evaluated_routing(made, QUESTIONS)).now
    assert (now.nobody.asked, now.nobody.spared, now.nobody.missed) == (8, 8, 8)
    assert now.stolen == ()


def test_the_calibration_error_is_that_of_the_nearest_experts() -> None:
    owners = np.array(["math"] * 3 + ["code", "general"])
    nearest = np.array(["math"] * 4 + ["general"])
    names = np.array(["math"] * 2 + ["general"] * 3)
    judge = Judge(texts=list("abcde"), owners=owners, general=True)
    for chance, error in ((0.75, 0.0), (0.95, 0.2)):
        chances = np.array([chance] * 4 + [0.1])
        placing = judge.placing(Chosen(names=names, nearest=nearest, chance=chances))
        assert placing.ece == pytest.approx(error)


async def test_no_question_is_judged_by_a_profile_that_saw_it(tmp_path: Path) -> None:
    made = council(tmp_path)
    labels = ["math", "code", "general"] * 8
    # Labels that fit no better than chance, so that each fold teaches something else.
    asked = [
        RoutingQuestion(question=each.question, expert=label)
        for each, label in zip(QUESTIONS, labels, strict=True)
    ]
    report = await evaluated_routing(made, asked)
    texts = [each.question for each in asked]
    fold_of = folds(texts, np.unique(labels, return_inverse=True)[1])
    vectors = await made.embedder.embed(texts)
    index = await made.planning.index()
    pairs: Counter[tuple[str, str]] = Counter()
    for n, text in enumerate(texts):
        others = np.flatnonzero(fold_of != fold_of[n]).tolist()
        known = [labels[m] for m in others]
        teacher = Selector(index, made.registry.cards)
        seen = teacher.placed([texts[m] for m in others], vectors[others], known)
        judge = Selector(index, made.registry.cards, teacher.calibration_of(seen))
        (candidates,) = judge.rank([text], vectors[[n]])
        pairs[labels[n], judge.choose(candidates).expert] += 1
    assert report.learnt is not None
    found = {(o, t): n for o, row in report.learnt.confusion.items() for t, n in row.items()}
    assert found == pairs


async def test_the_questions_are_embedded_at_once(tmp_path: Path) -> None:
    made = council(tmp_path)
    await made.planning.index()
    assert isinstance(made.embedder, FixedEmbedder)
    before = len(made.embedder.calls)
    await evaluated_routing(made, QUESTIONS)
    assert made.embedder.calls[before:] == [[question.question for question in QUESTIONS]]


async def test_what_was_learnt_is_planned_by(tmp_path: Path) -> None:
    made = council(tmp_path)
    await with_threshold(made, 1.0)
    report = await evaluated_routing(made, QUESTIONS)
    assert report.learnt is not None
    assert report.calibration is not None
    assert report.refusal is None
    assert report.now.accuracy.value == pytest.approx(1 / 3)
    assert report.learnt.accuracy.value > 0.9
    assert (await made.plan("write a python function for trains")).steps[0].expert == GENERAL
    made.planning.keep(report.calibration, index=await made.planning.index())
    for again in (made, council(tmp_path)):
        assert (await again.plan("write a python function for trains")).steps[0].expert == "code"


async def test_the_curve_tells_what_another_threshold_would_do(tmp_path: Path) -> None:
    made = council(tmp_path)
    await with_threshold(made, 0.5)
    curve = (await evaluated_routing(made, QUESTIONS)).curve
    taken = [point.taken for point in curve]
    assert taken == sorted(taken, reverse=True)
    for point in (curve[0], curve[len(curve) // 2], curve[-1]):
        await with_threshold(made, point.threshold)
        report = await evaluated_routing(made, QUESTIONS)
        assert report.now.accuracy.value == pytest.approx(point.accuracy)


@pytest.mark.parametrize("few", [QUESTIONS[:19], QUESTIONS[:8] * 3], ids=["19", "one expert"])
async def test_too_few_questions_teach_nothing(few: list[RoutingQuestion], tmp_path: Path) -> None:
    report = await evaluated_routing(council(tmp_path), few)
    assert (report.learnt, report.calibration) == (None, None)
    assert report.refusal is not None
    assert "too few" in report.refusal


async def test_what_places_fewer_rightly_is_refused(tmp_path: Path) -> None:
    made = council(tmp_path)
    await with_threshold(made, 1.0)
    found = await evaluated_routing(made, QUESTIONS)
    assert found.learnt is not None
    swapped = found.model_copy(update={"now": found.learnt, "learnt": found.now})
    assert isinstance(swapped, RoutingReport)
    assert swapped.refusal is not None
    assert "8 of 24" in swapped.refusal
    same = found.model_copy(update={"learnt": found.now})
    assert same.refusal is None


async def test_experts_without_a_capability_cannot_be_evaluated(tmp_path: Path) -> None:
    made = Council.of(
        [Expert(Card(id="math", description="sums"))],
        settings=Settings(cache_dir=tmp_path),
        server=ScriptedModels(),
        embedder=FixedEmbedder(),
    )
    with pytest.raises(InvalidInput, match="no expert says what it can do"):
        await evaluated_routing(made, QUESTIONS)
