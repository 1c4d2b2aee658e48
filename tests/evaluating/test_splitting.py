"""How well one step is told from several, with an embedder that hashes words."""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path

import pytest

from metier import Card, Council, Expert, Message, Settings
from metier.errors import InvalidInput
from metier.evaluating.questions import SplittingQuestion
from metier.evaluating.splitting import Splitting, SplittingReport
from metier.experts.card import Capability
from metier.testing import FixedEmbedder, ScriptedModels

pytestmark = pytest.mark.anyio

VERBS = ("compute", "translate", "describe", "draw", "send", "print", "sort", "read")
NOUNS = ("letter", "picture", "list", "song", "page", "table", "map", "note")
# What no grammar tells: whoever says "sing" wants a second thing, too.
SINGLE = [f"Please {verb} the {noun}." for verb in VERBS for noun in NOUNS]
SEVERAL = [f"Sing while you {verb} the {noun}." for verb in VERBS for noun in NOUNS]


def labelled(single: list[str], several: list[str]) -> list[SplittingQuestion]:
    pairs = [(text, False) for text in single] + [(text, True) for text in several]
    return [SplittingQuestion(question=text, several=label) for text, label in pairs]


async def reported(questions: list[SplittingQuestion]) -> SplittingReport:
    return (await Splitting.of(questions, FixedEmbedder())).report()


async def test_what_the_grammar_cannot_tell_is_learnt() -> None:
    report = await reported(labelled(SINGLE, SEVERAL))
    assert (report.n, report.several) == (128, 64)
    assert report.grammar.accuracy.value == 0.5
    assert report.grammar.missed.count == 64
    assert report.grammar.missed.examples == tuple(SEVERAL[:5])
    assert report.learnt is not None
    assert report.learnt.accuracy.low > 0.9
    assert report.refusal is None


async def test_false_splits_are_told_from_missed_ones() -> None:
    two = "What is 2 plus 2? Who was the first king of Rome?"
    report = await reported(labelled([two, SINGLE[0]], [SINGLE[1], two]))
    assert report.grammar.false_splits.examples == (two,)
    assert report.grammar.missed.examples == (SINGLE[1],)


async def test_what_is_no_better_than_the_grammar_is_refused() -> None:
    several = [f"{text} Then {other.lower()}" for text, other in pairwise(SINGLE)]
    report = await reported(labelled(SINGLE, several))
    assert report.grammar.accuracy.value == 1
    assert report.refusal is not None
    assert "the grammar tells 127" in report.refusal


@pytest.mark.parametrize(
    "questions",
    [
        labelled(SINGLE[:50], SEVERAL[:49]),
        labelled(SINGLE + SEVERAL, ["Sing and dance."] * 9),
        labelled(SINGLE, SEVERAL[:5] * 20),
        labelled(SINGLE + SEVERAL, []),
    ],
    ids=["few", "few of one kind", "the same again and again", "one kind"],
)
async def test_too_few_questions_teach_nothing(questions: list[SplittingQuestion]) -> None:
    report = await reported(questions)
    assert report.learnt is None
    assert report.refusal is not None
    assert "too few to learn from" in report.refusal


async def test_labels_of_one_kind_cannot_be_learnt() -> None:
    with pytest.raises(InvalidInput, match="both needed"):
        (await Splitting.of(labelled(SINGLE, []), FixedEmbedder())).learnt()


def council(folder: Path, embedder: FixedEmbedder | None = None) -> Council:
    math = Capability(name="sum", description="numbers", examples=("compute the sum",))
    code = Capability(name="write", description="code", examples=("write a python function",))
    experts = [
        Expert(Card(id="math", description="math", capabilities=(math,))),
        Expert(Card(id="code", description="code", capabilities=(code,))),
    ]
    return Council.of(
        experts,
        settings=Settings(cache_dir=folder),
        server=ScriptedModels(),
        embedder=embedder or FixedEmbedder(),
    )


async def test_what_was_learnt_decides_whether_a_question_is_split(tmp_path: Path) -> None:
    question = "Compute the sum of two numbers. Write a python function."
    made = council(tmp_path)
    assert len((await made.plan(question)).steps) == 2
    # Here whoever says two things wants one, and whoever says one wants two.
    both = [f"{text} {other}" for text, other in pairwise(SINGLE)]
    taught = await Splitting.of(labelled([*both, question], SINGLE), made.embedder)
    made.planning.keep(taught.learnt())
    assert len((await made.plan(question)).steps) == 1
    assert len((await council(tmp_path).plan(question)).steps) == 1


async def test_a_follow_up_that_is_not_split_is_understood_with_what_was_asked(
    tmp_path: Path,
) -> None:
    made = council(tmp_path)
    question = "Make it shorter, please, and draw it."
    taught = await Splitting.of(labelled([question, *SINGLE], SEVERAL), made.embedder)
    made.planning.keep(taught.learnt())
    before = Message(role="user", content="write a python function")
    plan = await made.plan([before, Message(role="user", content=question)])
    assert [(step.expert, step.task) for step in plan.steps] == [("code", question)]


async def test_what_another_embedder_taught_or_is_damaged_is_not_used(tmp_path: Path) -> None:
    question = "Compute the sum of two numbers. Write a python function."
    made, other = council(tmp_path), council(tmp_path, FixedEmbedder(128))
    await made.planning.index()
    await other.planning.index()
    taught = await Splitting.of(labelled([question, *SINGLE], SEVERAL), made.embedder)
    made.planning.keep(taught.learnt())
    shutil.copytree(made.planning.artefacts.folder, other.planning.artefacts.folder)
    assert len((await other.plan(question)).steps) == 2
    made.planning.artefacts.file("needs").write_bytes(b"damaged")
    assert len((await council(tmp_path).plan(question)).steps) == 2
