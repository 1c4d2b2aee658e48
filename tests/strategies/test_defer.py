"""One answer by two models: who writes which step, and what it costs."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import pytest

from metier import Card, Council, Expert, Plan, Settings
from metier.errors import ModelServerFailed
from metier.experts.card import Capability
from metier.models.server import ChatRequest, Chunk, TokenProbability
from metier.plan import Member, OptionValue, Step
from metier.strategies import Voter
from metier.strategies.defer import MAX_DEFERRALS, begins_step, defer
from metier.strategies.strategy import Prompt
from metier.testing import FixedEmbedder, ScriptedModels
from metier.testing.sampler import LARGE, SMALL, STEP, ScriptedSampler

pytestmark = pytest.mark.anyio

SURE, UNSURE = -0.1, -2.0
Words = tuple[tuple[str, float], ...]


def words(text: str, *unsure: str) -> Words:
    """Pieces as a model streams them, each with the space before it."""
    pieces = [piece for line in text.splitlines(keepends=True) for piece in _pieces(line)]
    return tuple((piece, UNSURE if piece.strip() in unsure else SURE) for piece in pieces)


def _pieces(line: str) -> list[str]:
    first, *rest = line.rstrip("\n").split(" ")
    pieces = [first, *(f" {word}" for word in rest)]
    return [*pieces, "\n"] if line.endswith("\n") else pieces


def council(models: ScriptedModels, folder: Path, *, max_calls: int = 12) -> Council:
    everything = Capability(name="all", description="everything")
    card = Card(
        id="general", description="everything", models=("small",), capabilities=(everything,)
    )
    return Council.of(
        [Expert(card)],
        settings=Settings(cache_dir=folder, max_calls=max_calls),
        server=models,
        embedder=FixedEmbedder(),
    )


PLAN = Plan(
    question="Work it out.",
    steps=(
        Step(
            id="1",
            task="Work it out.",
            expert="general",
            strategy="defer",
            members=(
                Member(expert="general", model="small"),
                Member(expert="general", model="large"),
            ),
        ),
    ),
)


async def test_the_large_model_writes_the_steps_that_the_small_one_is_unsure_of(
    tmp_path: Path,
) -> None:
    small = [words("First two.\nSo ten.", "So"), words("\nThus nine.")]
    large = [words("Then three more.\nAnd so on.")]
    with ScriptedModels({"small": small, "large": large}) as models:
        answer = await council(models, tmp_path).run(PLAN)
    (part,) = answer.parts
    assert part.text == "First two.\nThen three more.\n\nThus nine."
    assert [(span.model, span.text) for span in part.spans] == [
        ("small", "First two.\n"),
        ("large", "Then three more.\n"),
        ("small", "\nThus nine."),
    ]
    assert answer.usage.calls == 3
    assert models.closed_early == ["small", "large"]


async def test_each_goes_on_where_the_other_stopped(tmp_path: Path) -> None:
    small = [words("One.\nTwo.", "Two."), words("Three.")]
    large = [words("Zwei.\nDrei.")]
    with ScriptedModels({"small": small, "large": large}) as models:
        await council(models, tmp_path).run(PLAN)
    ends = [request.messages[-1] for request in models.requests]
    assert [(message.role, message.content) for message in ends] == [
        ("user", "Work it out."),
        ("assistant", "One.\n"),
        ("assistant", "One.\nZwei.\n"),
    ]
    assert all(request.sampling.logprobs for request in models.requests)
    assert all(not request.sampling.top_logprobs for request in models.requests)


async def test_a_model_that_is_sure_writes_alone(tmp_path: Path) -> None:
    with ScriptedModels({"small": [words("One.\nTwo.\nThree.")], "large": []}) as models:
        answer = await council(models, tmp_path).run(PLAN)
    assert answer.parts[0].text == "One.\nTwo.\nThree."
    assert answer.usage.calls == 1


async def test_the_large_model_may_end_the_answer(tmp_path: Path) -> None:
    small = [words("Well done", "Well")]
    with ScriptedModels({"small": small, "large": [words("It is seven.")]}) as models:
        answer = await council(models, tmp_path).run(PLAN)
    assert answer.parts[0].text == "It is seven."
    assert answer.parts[0].models == ("large",)


@pytest.mark.parametrize(
    ("logprob", "options", "writes"),
    [
        (-0.71, {}, "large"),
        (-0.69, {}, "small"),
        (-2.0, {"tau": -3.0}, "small"),
        (-0.5, {"tau": -0.4}, "large"),
        (-0.5, {"tau": -0.5}, "small"),
    ],
)
async def test_a_step_is_deferred_if_its_first_word_is_less_likely_than_the_threshold(
    logprob: float, options: dict[str, OptionValue], writes: str, tmp_path: Path
) -> None:
    small, large = (("Well", logprob), (" done.", UNSURE)), (("It is seven.", SURE),)
    step = PLAN.steps[0].model_copy(update={"options": options})
    models = ScriptedModels({"small": [small], "large": [large]})
    answer = await council(models, tmp_path).run(PLAN.model_copy(update={"steps": (step,)}))
    assert answer.parts[0].models == (writes,)


async def test_the_answer_is_as_likely_as_all_its_words() -> None:
    @dataclass
    class Telling(ScriptedSampler):
        async def stream(self, voter: Voter, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
            for word, logprob in told.pop(0):
                yield Chunk(text=word, logprobs=(TokenProbability(token=word, logprob=logprob),))

    small, large = words("One.\nTwo.", "Two."), (("Zwei.", -0.5), ("\nDrei.", -0.6))
    told = [small, large, (("\nThree.", SURE),)]
    result = await defer(STEP, Telling({LARGE: [], SMALL: []}))
    assert result.text == "One.\nZwei.\nThree."
    assert result.logprob == pytest.approx((SURE + SURE - 0.5 + SURE) / 4)
    assert result.expert == LARGE.expert
    nothing = await defer(STEP, ScriptedSampler({SMALL: ["One."]}))
    assert (nothing.text, nothing.logprob) == ("One.", None)


async def test_ten_steps_cost_at_most_twenty_requests(tmp_path: Path) -> None:
    def small(request: ChatRequest) -> Words:
        return words("fresh one.\nDoubt it.\n", "Doubt", "fresh")

    def large(request: ChatRequest) -> Words:
        return words("A step.\nAnother.")

    models = ScriptedModels({"small": small, "large": large})
    answer = await council(models, tmp_path, max_calls=50).run(PLAN)
    by_large = [span for span in answer.parts[0].spans if span.model == "large"]
    assert len(by_large) == MAX_DEFERRALS
    assert answer.usage.calls == 1 + 2 * MAX_DEFERRALS <= 20


async def test_it_keeps_to_the_budget(tmp_path: Path) -> None:
    small = [words("One.\nTwo.", "Two."), words("Three.\nFour.", "Four.")]
    with ScriptedModels({"small": small, "large": [words("Zwei.\nDrei.")]}) as models:
        answer = await council(models, tmp_path, max_calls=4).run(PLAN)
    # A second deferral would need two more calls, and one is left.
    assert answer.parts[0].text == "One.\nZwei.\nThree.\nFour."
    assert answer.usage.calls == 3


async def test_without_the_large_model_the_small_one_goes_on(tmp_path: Path) -> None:
    small = [words("One.\nTwo.", "Two."), words("Three.\nFour.", "Four.")]
    with ScriptedModels({"small": small, "large": [ModelServerFailed("broken")]}) as models:
        answer = await council(models, tmp_path).run(PLAN)
    # It is not asked again, although the small one is unsure again.
    assert answer.parts[0].text == "One.\nThree.\nFour."


async def test_without_the_small_model_the_large_one_writes_all(tmp_path: Path) -> None:
    with ScriptedModels(
        {"small": [ModelServerFailed("broken")], "large": [words("One.\nTwo.")]}
    ) as models:
        answer = await council(models, tmp_path).run(PLAN)
    assert answer.parts[0].text == "One.\nTwo."


async def test_with_neither_there_is_an_error(tmp_path: Path) -> None:
    broken = [ModelServerFailed("broken")]
    with (
        ScriptedModels({"small": [*broken], "large": [*broken]}) as models,
        pytest.raises(ModelServerFailed),
    ):
        await council(models, tmp_path).run(PLAN)


@pytest.mark.parametrize(
    ("so_far", "word", "begins"),
    [
        ("", "First", True),
        ("One.\n", "Two", True),
        ("One.\n", "\n", False),
        ("One.", " Two", True),
        ("One. ", "Two", True),
        ("It is 3.", "14", False),
        ("It is", " three", False),
        ("Why?", " Because", True),
        ("One,", " two", False),
    ],
)
def test_where_a_step_begins(so_far: str, word: str, begins: bool) -> None:
    assert begins_step(so_far, word) is begins
