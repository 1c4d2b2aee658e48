"""Ranking experts: the signals, the head, restrictions, and what is learnt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from metier.experts.card import Capability, Card
from metier.planning import selecting
from metier.planning.classifier import CapabilityClassifier
from metier.planning.index import synchronised
from metier.planning.learning.calibration import Calibration
from metier.planning.scoring import Field, fused
from metier.planning.selecting import Selector
from metier.planning.signals import NOWHERE, USUALLY, CapabilityRows, Nearness
from metier.planning.teaching import teachers
from metier.planning.words import HashedWords
from metier.testing import FixedEmbedder

pytestmark = pytest.mark.anyio

SUBJECTS = {
    "math": "sum number equation integral angle",
    "code": "python script function loop bug",
    "medical": "dose fever drug pain doctor",
    "general": "king story river film song",
}


def card(name: str, examples: Sequence[str], counterexamples: Sequence[str] = ()) -> Card:
    capability = Capability(
        name="all",
        description=f"about {name}",
        examples=tuple(examples),
        counterexamples=tuple(counterexamples),
    )
    return Card(id=name, description=name, capabilities=(capability,))


def many(count: int = 20) -> dict[str, Card]:
    """Cards whose examples are made of the words of their subject."""
    dice = np.random.default_rng(0)
    return {
        name: card(name, [" ".join(dice.choice(words.split(), 3)) for _ in range(count)])
        for name, words in SUBJECTS.items()
    }


async def selector(
    cards: Mapping[str, Card], calibration: Calibration | None = None
) -> tuple[Selector, FixedEmbedder]:
    embedder = FixedEmbedder()
    index, _ = await synchronised(None, cards.values(), embedder)
    return Selector(index, cards, calibration or Calibration()), embedder


async def test_the_evidence_is_an_example_and_the_words() -> None:
    chosen, embedder = await selector(many())
    question = "which dose of the drug against fever"
    ((best, *_),) = chosen.rank([question], await embedder.embed([question]))
    assert best.expert == "medical"
    assert set(best.words) == {"dose", "drug", "fever"}
    assert best.example is not None
    assert set(best.example.split()) <= set(SUBJECTS["medical"].split())


async def test_a_keyword_speaks_for_its_capability() -> None:
    entries = tuple(
        Capability(name=name, description=f"about {name}", keywords=(word,))
        for name, word in (("sums", "tally"), ("angles", "protractor"))
    )
    cards = {"math": Card(id="math", description="math", capabilities=entries)}
    chosen, embedder = await selector(cards)
    question = "use a protractor"
    ((best,),) = chosen.rank([question], await embedder.embed([question]))
    assert (best.capability, best.words) == ("angles", ("protractor",))


async def test_probability_and_fit_are_probabilities_in_order() -> None:
    chosen, embedder = await selector(many())
    (ranked,) = chosen.rank(["a python loop"], await embedder.embed(["a python loop"]))
    scores = [candidate.score for candidate in ranked]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= c.probability <= 1 and 0 <= c.fit <= 1 for c in ranked)


async def test_only_those_that_are_allowed_are_ranked() -> None:
    chosen, embedder = await selector(many())
    vectors = await embedder.embed(["a python loop"])
    (allowed,) = chosen.rank(["a python loop"], vectors, only={"math", "medical"})
    (everyone,) = chosen.rank(["a python loop"], vectors)
    assert {candidate.expert for candidate in allowed} == {"math", "medical"}
    assert max(c.probability for c in allowed) < everyone[0].probability


async def test_an_expert_without_examples_is_found_by_what_it_states() -> None:
    cards = many() | {"cooking": card("cooking", ())}
    chosen, embedder = await selector(cards)
    (ranked,) = chosen.rank(["about cooking"], await embedder.embed(["about cooking"]))
    assert ranked[0].expert == "cooking"
    assert ranked[0].example is None


async def test_no_capability_at_all_ranks_nobody() -> None:
    chosen, embedder = await selector({})
    assert chosen.rank(["a"], await embedder.embed(["a"])) == [()]


async def test_what_fits_nobody_goes_to_the_general_expert_and_says_so() -> None:
    cards = many()
    index, _ = await synchronised(None, cards.values(), FixedEmbedder())
    calibration = Selector(index, cards).learnt()
    chosen = Selector(index, cards, calibration)
    question = "zebra quilt xylophone"
    (ranked,) = chosen.rank([question], await FixedEmbedder().embed([question]))
    choice = chosen.choose(ranked)
    assert choice.expert == "general"
    assert choice.fits or (choice.reason or "").startswith("nobody fits")


async def test_an_expert_may_need_a_threshold_of_its_own() -> None:
    strict, embedder = await selector(many(), Calibration(threshold=0.0, thresholds={"code": 1.0}))
    questions = ["a python story", "the sum of a number"]
    code, sums = strict.rank(questions, await embedder.embed(questions))
    assert code[0].expert == "code"
    assert strict.choose(code).expert == "general"
    assert strict.choose(sums).expert == "math"


async def test_learning_from_labelled_questions_and_from_own_examples() -> None:
    cards = many()
    index, _ = await synchronised(None, cards.values(), FixedEmbedder())
    bare = Selector(index, cards)
    own = bare.learnt()
    assert own.right.fitted_on > 0
    texts = ["a python bug", "the fever of a king", "an integral"]
    placed = bare.placed(texts, await FixedEmbedder().embed(texts), ["code", "nobody", "math"])
    assert placed.owners.tolist() == [placed.names.index("code"), -1, placed.names.index("math")]


async def test_two_experts_teach_and_one_cannot() -> None:
    two = {name: each for name, each in many(30).items() if name in ("math", "code")}
    index, _ = await synchronised(None, two.values(), FixedEmbedder())
    assert Selector(index, two).learnt().right.fitted_on > 0
    one = {"math": many(60)["math"]}
    index, _ = await synchronised(None, one.values(), FixedEmbedder())
    assert Selector(index, one).learnt() == Calibration()


@pytest.mark.parametrize(
    ("names", "shown", "teach"),
    [("a", "a", "a"), ("a", "", ""), ("ab", "a", "a"), ("abc", "a", ""), ("abc", "bc", "bc")],
)
def test_experts_teach_if_half_of_them_have_examples(names: str, shown: str, teach: str) -> None:
    cards = {name: card(name, ["x"] if name in shown else []) for name in names}
    cards["general"] = card("general", ["x"])
    assert teachers(cards) == list(teach)


async def test_the_evidence_for_all_experts_can_be_narrowed_to_some() -> None:
    chosen, embedder = await selector(many())
    texts = ["which dose of the drug", "zebra quilt xylophone"]
    vectors = await embedder.embed(texts)
    names, scores, fits, near = chosen.evidence(texts, vectors)
    assert set(names) == set(SUBJECTS)
    assert scores.shape == (2, 4)
    assert names[int(scores[0].argmax())] == "medical"
    assert fits[0] > fits[1]
    assert near[0] > near[1]
    some, narrowed, *same = chosen.evidence(texts, vectors, only={"math", "medical"})
    assert some == tuple(name for name in names if name in ("math", "medical"))
    assert np.array_equal(narrowed, scores[:, [names.index(name) for name in some]])
    assert np.array_equal(same, [fits, near])


async def test_affinity_is_nearest_to_what_a_card_states_and_shows() -> None:
    cards = {"a": card("a", ["one two"]), "b": card("b", [])}
    chosen, embedder = await selector(cards)
    names, near = chosen.affinity(await embedder.embed(["one two", "about b"]))
    assert names == ("a", "b")
    assert near[0, 0] > near[0, 1]
    assert near[1, 1] == pytest.approx(near[1].max())
    assert 0.3 < near.max() <= 1


async def test_without_a_general_expert_the_best_one_is_taken() -> None:
    cards = {name: each for name, each in many().items() if name != "general"}
    strict, embedder = await selector(cards, Calibration(threshold=1.0))
    (ranked,) = strict.rank(["a python loop"], await embedder.embed(["a python loop"]))
    choice = strict.choose(ranked)
    assert (choice.expert, choice.reason, choice.fits) == ("code", None, True)
    assert strict.choose(()).reason == "there is no other expert"
    forced = strict.choose((), only=["medical"])
    assert (forced.expert, forced.candidates) == ("medical", ())
    assert strict.choose(ranked, only=["math"]).candidates == tuple(
        candidate for candidate in ranked if candidate.expert == "math"
    )


async def test_too_few_examples_teach_nothing() -> None:
    cards = many(2)
    index, _ = await synchronised(None, cards.values(), FixedEmbedder())
    assert Selector(index, cards).learnt() == Calibration()


async def test_examples_of_the_general_expert_alone_teach_nothing() -> None:
    cards = {name: card(name, []) for name in ("math", "code", "medical")}
    cards["general"] = many(60)["general"]
    index, _ = await synchronised(None, cards.values(), FixedEmbedder())
    assert Selector(index, cards).learnt() == Calibration()


async def test_a_very_large_index_ranks_like_a_small_one(monkeypatch: pytest.MonkeyPatch) -> None:
    cards = many(5)
    small, embedder = await selector(cards)
    monkeypatch.setattr(selecting, "EXACT_UP_TO", 10)
    large, _ = await selector(cards)
    question = "which dose of the drug against fever"
    vectors = await embedder.embed([question])
    (few,), (near,) = small.rank([question], vectors), large.rank([question], vectors)
    assert few[0].expert == near[0].expert == "medical"
    with pytest.raises(ValueError, match="rows"):
        large.placed([question], vectors, ["medical"])
    assert large.affinity(vectors)[0] == ()


async def test_a_very_large_index_learns_from_its_own_examples(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cards = many(60)
    embedder = FixedEmbedder()
    index, _ = await synchronised(None, cards.values(), embedder)
    monkeypatch.setattr(selecting, "EXACT_UP_TO", 10)
    large = Selector(index, cards)
    learnt = large.learnt()
    assert learnt.right.fitted_on >= 40
    question = ["which dose of the drug against fever"]
    (near,) = Selector(index, cards, learnt).rank(question, await embedder.embed(question))
    assert near[0].expert == "medical"
    assert near[0].fit > learnt.threshold


@pytest.mark.parametrize("examples", [0, 5])
async def test_more_capabilities_than_the_head_learns_from_go_without_it(
    examples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metier.planning.scoring._HEAD_ROWS", 1)
    cards = many(examples)
    bare, embedder = await selector(cards)
    question = ["which dose of the drug against fever"]
    (ranked,) = bare.rank(question, await embedder.embed(question))
    assert {each.expert for each in ranked} == set(cards)


async def test_more_examples_than_the_head_learns_from_leave_it_in_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cards = many(60)
    embedder = FixedEmbedder()
    index, _ = await synchronised(None, cards.values(), embedder)
    names = sorted(index.capabilities)
    whole = Field(index, cards, names)
    monkeypatch.setattr("metier.planning.scoring._HEAD_ROWS", 100)
    part = Field(index, cards, names)
    texts = ["which dose of the drug against fever", "solve the equation for x"]
    vectors = await embedder.embed(texts)
    apart = Field(index, cards, names, learning=False)
    scores = [field.scores(texts, vectors)[0] for field in (whole, part, apart)]
    assert np.abs(scores[1] - scores[0]).max() < np.abs(scores[2] - scores[0]).max()
    held = np.arange(len(part.rows.owners))
    assert part.held_out(held).shape == (len(held), len(names))


async def test_an_example_that_is_held_out_does_not_find_itself() -> None:
    cards = {"a": card("a", ["one two"]), "b": card("b", ["three four", "five six"])}
    index, _ = await synchronised(None, cards.values(), FixedEmbedder())
    rows = CapabilityRows(index, sorted(index.capabilities))
    held = rows.held_out(np.arange(3))
    assert held.best[0, 0] == NOWHERE
    assert held.best[1, 1] < 0.99
    assert rows.nearness(rows.examples).best[0, 0] == pytest.approx(1.0)


async def test_an_example_that_is_held_out_scores_as_a_new_question_does() -> None:
    cards, embedder = many(), FixedEmbedder()
    index, _ = await synchronised(None, cards.values(), embedder)
    field = Field(index, cards, sorted(index.capabilities))
    dice = np.random.default_rng(1)
    new = [" ".join(dice.choice(words.split(), 3)) for words in SUBJECTS.values() for _ in "x" * 20]
    scores, _ = field.scores(new, await embedder.embed(new))
    held, asked = (np.sort(each)[:, ::-1] for each in (field.held_out(np.arange(80)), scores))
    assert held.mean(axis=0) == pytest.approx(asked.mean(axis=0), abs=0.15)
    assert np.ptp(asked.mean(axis=0)) > 1


async def test_what_is_near_is_measured_by_how_near_examples_are_to_each_other() -> None:
    index, _ = await synchronised(None, many().values(), FixedEmbedder())
    rows = CapabilityRows(index, sorted(index.capabilities))
    nearest = rows.held_out(np.arange(len(rows.owners))).best.max(axis=1)
    assert rows.usual == pytest.approx((nearest.mean(), nearest.std()), abs=1e-6)
    few, _ = await synchronised(None, many(2).values(), FixedEmbedder())
    assert CapabilityRows(few, sorted(few.capabilities)).usual == USUALLY


PROGRAM = "```python\ndef dose(): ...\n```"


@pytest.mark.parametrize(
    ("question", "takes", "best"),
    [
        (f"which dose of the drug?\n{PROGRAM}", ("code",), "code"),
        (f"which dose of the drug?\n{PROGRAM}", (), "medical"),
        (f"which dose of the drug?\n{PROGRAM}", ("code", "medical"), "medical"),
        ("which dose of the drug?", ("code",), "medical"),
    ],
)
async def test_a_program_goes_to_an_expert_that_can_read_it(
    question: str, takes: tuple[str, ...], best: str
) -> None:
    cards = many()
    for name in takes:
        (capability,) = cards[name].capabilities
        reads = capability.model_copy(update={"inputs": ("text", "code")})
        cards[name] = cards[name].model_copy(update={"capabilities": (reads,)})
    chosen, embedder = await selector(cards)
    (ranked,) = chosen.rank([question], await embedder.embed([question]))
    assert ranked[0].expert == best


@pytest.mark.parametrize(
    ("stated", "centroid", "best", "counter", "score"),
    [
        (0.3, 0.6, 0.9, NOWHERE, 0.6),
        (0.3, NOWHERE, NOWHERE, NOWHERE, 0.3),  # no examples
        (0.3, 0.6, 0.9, 0.9, 0.6),
        (0.3, 0.6, 0.9, 1.0, 0.5),
        (0.7, 0.1, 0.1, 0.8, 0.2),
        (0.5, NOWHERE, NOWHERE, 0.7, 0.3),
    ],
)
def test_a_score_is_the_mean_of_three_likenesses_less_that_to_a_counterexample(
    stated: float, centroid: float, best: float, counter: float, score: float
) -> None:
    near = Nearness(
        stated=np.array([[stated]]),
        centroid=np.array([[centroid]]),
        best=np.array([[best]]),
        counter=np.array([[counter]]),
        examples=np.zeros((1, 0), np.float32),
    )
    words, head = np.array([[4.0]]), np.array([[0.2]])
    assert fused(near, 0 * words, 0 * head) == pytest.approx(score)
    assert fused(near, words, 0 * head) == pytest.approx(score + 0.1)
    assert fused(near, words, head) == pytest.approx(score + 0.1 + 0.3)


async def test_a_name_is_a_fifth_of_what_a_card_states() -> None:
    cards = {"a": card("a", [])}
    index, _ = await synchronised(None, cards.values(), FixedEmbedder())
    name, description = await FixedEmbedder().embed(["all", "about a"])
    (stated,) = CapabilityRows(index, [("a", "all")]).stated
    assert stated == pytest.approx(0.2 * name + 0.8 * description)


async def test_counterexamples_are_kept_apart_from_examples() -> None:
    cards = {"a": card("a", ["one two"], counterexamples=["seven eight"]), "b": card("b", ["nine"])}
    index, _ = await synchronised(None, cards.values(), FixedEmbedder())
    rows = CapabilityRows(index, sorted(index.capabilities))
    near = rows.nearness(await FixedEmbedder().embed(["seven eight"]))
    assert near.counter[0, 0] == pytest.approx(1.0)
    assert near.counter[0, 1] == NOWHERE
    assert near.best[0, 0] < 0.5


def head(seed: int = 0) -> tuple[CapabilityClassifier, np.ndarray, np.ndarray, np.ndarray]:
    dice = np.random.default_rng(seed)
    owners = np.repeat(np.arange(3), 15)
    centres = np.eye(3, 8)
    vectors = centres[owners] + dice.normal(0, 0.2, (45, 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    words = HashedWords.of([f"word{n}" for n in owners]).vectors([f"word{n}" for n in owners])
    return CapabilityClassifier.fit(vectors, words, owners, count=3), vectors, words, owners


def test_the_head_learns_who_a_text_belongs_to() -> None:
    trained, vectors, words, owners = head()
    scores = trained.scores(vectors @ vectors.T, words)
    assert (scores.argmax(axis=1) == owners).all()


def test_what_a_row_misses_is_a_tenth_of_its_weight() -> None:
    trained, vectors, words, owners = head()
    missing = np.eye(3)[owners] - trained.scores(vectors @ vectors.T, words)
    assert missing == pytest.approx(0.1 * trained.weights, abs=1e-5)
    # The words that a text has add to it, and no others.
    alone = trained.scores(np.full((1, 45), -np.inf), words[:1])
    assert alone == pytest.approx(0.3 * (words[:1] @ words.T) @ trained.weights, abs=1e-5)


def test_leaving_a_row_out_is_as_learning_without_it() -> None:
    trained, vectors, words, owners = head()
    without = np.arange(45) != 7
    other = CapabilityClassifier.fit(vectors[without], words[without], owners[without], count=3)
    asked = other.scores(vectors[7:8] @ vectors[without].T, words[7:8])
    assert np.allclose(trained.held_out(np.array([7])), asked)
