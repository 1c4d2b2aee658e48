"""Asking a model alone and a council: what is judged, what it costs, what can go wrong."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from pathlib import Path

import anyio
import pytest
from hosts import meeting

from metier import Card, Context, Council, Expert, Settings, Task
from metier.errors import InvalidInput, ModelMissing
from metier.evaluating.answer_log import AnswerLog
from metier.evaluating.answers import AnswersReport, Pair
from metier.evaluating.both_ways import BothWays
from metier.evaluating.questions import AnswerQuestion
from metier.experts.card import Capability
from metier.grading import CodeGold, ContainsGold, NumberGold
from metier.models.server import ChatRequest, Chunk
from metier.sandbox import Sandboxes
from metier.testing import FixedEmbedder, ScriptedModels
from metier.testing.models import Reply

pytestmark = pytest.mark.anyio
SUM = AnswerQuestion(
    question="compute the sum of 1 and 1", domain="math", gold=NumberGold(value="2")
)
TWO = AnswerQuestion(
    question="compute the sum of 1 and 1. Then write a python function that adds.",
    domain="math",
    gold=ContainsGold(value=(("2",),)),
)
EXAMPLES = {
    "math": ("compute the sum of 4 and 9", "the sum of 7 and 1"),
    "code": ("write a python function", "write a python function that sorts"),
    "general": ("tell me a story about a king",),
}


def council(models: ScriptedModels, *, names: Sequence[str] = tuple(EXAMPLES)) -> Council:
    experts = []
    for name in names:
        capability = Capability(name="all", description=name, examples=EXAMPLES[name])
        disclaimer = "" if name == "general" else f"The {name} expert may err 2 times."
        card = Card(
            id=name,
            description=name,
            models=(name,),
            capabilities=(capability,),
            disclaimer=disclaimer,
        )
        experts.append(Expert(card))
    settings = Settings.load(timeout_s=5)
    return Council.of(experts, settings=settings, server=models, embedder=FixedEmbedder())


def models(
    *, general: Sequence[Reply], math: Sequence[Reply] = (), code: Sequence[Reply] = ()
) -> ScriptedModels:
    return ScriptedModels({"general": general, "math": math, "code": code})


async def test_the_answer_is_judged_without_its_footer() -> None:
    scripted = models(general=["No."], math=["Two."], code=["def add(a, b): …"])
    with scripted as server:
        both = await BothWays.of(council(server))
        pair = await both.ask(TWO)
    assert pair.council.experts == ("math", "code")
    assert pair.council.usage.calls == 2
    assert "answered by" not in pair.council.text
    assert "may err" not in pair.council.text
    assert pair.council.verdict.outcome == "wrong"


async def test_what_failed_is_told_and_the_rest_is_judged() -> None:
    scripted = models(general=["2"], math=["2"], code=[""])
    with scripted as server:
        pair = await (await BothWays.of(council(server))).ask(TWO)
    assert pair.council.error == "code: code gave an empty answer"
    assert pair.council.text == "## Compute the sum of 1 and 1\n\n2"
    assert pair.council.verdict.outcome == "right"


@pytest.mark.parametrize(
    ("confidences", "expected"), [((0.8, 0.4), 0.4), ((0.8, None), None), ((None, None), None)]
)
async def test_an_answer_is_as_sure_as_the_least_sure_of_its_experts(
    confidences: tuple[float | None, float | None], expected: float | None
) -> None:
    class Confident(Expert):
        async def answer(self, task: Task, context: Context) -> AsyncIterator[str]:
            confidence = confidences[self.card.id == "code"]
            if confidence is not None:
                context.set_confidence(confidence, abstain=confidence < 0.5)
            yield "2"

    with models(general=["2"]) as server:
        asked = council(server)
        experts = [
            Confident(card) if card.id != "general" else Expert(card)
            for card in asked.registry.cards.values()
        ]
        rated = Council.of(
            experts, settings=asked.settings, server=server, embedder=FixedEmbedder()
        )
        pair = await (await BothWays.of(rated)).ask(TWO)
    assert pair.council.experts == ("math", "code")
    assert pair.council.confidence == expected
    assert pair.council.abstained == (expected == 0.4)
    assert pair.single.confidence is None


async def test_the_model_alone_has_one_call_with_the_general_prompt_and_nothing_else() -> None:
    with models(general=["2"], math=["2"]) as server:
        pair = await (await BothWays.of(council(server))).ask(SUM)
        request = server.requests[0]
    assert pair.single.usage.calls == 1
    assert (request.model, request.sampling.schema) == ("general", None)
    assert [message.content for message in request.messages] == [SUM.question]


async def test_a_model_that_is_too_slow_is_an_error_and_what_it_said_is_judged() -> None:
    class Slow(ScriptedModels):
        async def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
            async for chunk in super().chat(request):
                if chunk.done:
                    await anyio.sleep_forever()
                yield chunk

    server = Slow({"general": ["2"], "math": ["2"]})
    asked = council(server)
    asked.settings = Settings.load(timeout_s=0.05)
    pair = await (await BothWays.of(asked)).ask(SUM)
    assert pair.single.error == "not done within 0.05 s"
    assert pair.single.verdict.is_right
    assert "not done within" in pair.council.error


async def test_code_needs_a_sandbox_before_the_first_question() -> None:
    question = AnswerQuestion(
        question="write a python function",
        domain="code",
        gold=CodeGold(tests=("assert f() == 1",)),
    )
    with models(general=[]) as server:
        both = await BothWays.of(council(server), sandboxes=Sandboxes([]))
        await both.check([SUM])
        with pytest.raises(InvalidInput, match="to 1 questions are code, and no sandbox works"):
            await both.check([SUM, question])


async def test_without_a_general_expert_a_model_must_be_named() -> None:
    with ScriptedModels({"math": ["2", "2"]}) as server:
        asked = council(server, names=["math"])
        with pytest.raises(InvalidInput, match="no general expert"):
            await BothWays.of(asked)
        pair = await (await BothWays.of(asked, model="math")).ask(SUM)
    assert pair.single.verdict.is_right


async def test_a_model_that_is_missing_is_said_before_the_first_question() -> None:
    server = models(general=[])
    with pytest.raises(ModelMissing, match="'large' is not installed"):
        await BothWays.of(council(server), model="large")
    assert server.requests == []


async def test_figures_are_of_each_domain_and_of_all() -> None:
    other = SUM.model_copy(update={"domain": "code"})
    scripted = models(general=["2", "3", "4"], math=["2", "2", "no"])
    with scripted as server:
        both = await BothWays.of(council(server))
        pairs = [await both.ask(question) for question in (SUM, SUM, other)]
    report = AnswersReport.of(pairs, model="general", planned=5)
    assert (report.asked, report.planned) == (3, 5)
    assert [(each.domain, each.n) for each in report.domains] == [("math", 2), ("code", 1)]
    assert report.overall is not None
    assert (report.overall.gained, report.overall.lost, report.overall.p) == (1, 0, 1.0)
    assert report.overall.gain.value == pytest.approx(1 / 3)
    assert report.overall.council.unread == 1
    assert report.overall.single.tokens == 11
    assert AnswersReport.model_validate_json(report.model_dump_json()) == report


async def test_nothing_asked_is_an_empty_report() -> None:
    report = AnswersReport.of([], model="general", planned=5)
    assert (report.domains, report.overall) == ((), None)


async def test_several_hosts_answer_several_questions_at_once(tmp_path: Path) -> None:
    server = meeting(["general"], ["general"], together=2)
    await server.list()
    settings = Settings.load(timeout_s=5)
    general = Expert(Card(id="general", description="all", models=("general",)))
    asked = Council.of([general], settings=settings, server=server, embedder=FixedEmbedder())
    questions = [
        AnswerQuestion(question=text, domain="general", gold=ContainsGold(value=(("Yes",),)))
        for text in ("tell me a story", "tell me another")
    ]
    both = await BothWays.of(asked)
    pairs: list[Pair] = []
    log = AnswerLog(tmp_path / "log.jsonl", model="general")
    await both.ask_all(questions, log=log, take=pairs.append)
    assert {pair.single.verdict.outcome for pair in pairs} == {"right"}
    assert len(pairs) == 2
