"""Spans and metrics as an SDK of OpenTelemetry gets them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import anyio
import pytest
from bridges.kitchen import COOKING, GENERAL, WINE, Cooking, card
from fake_ollama import fake_ollama
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from metier import Council, Settings
from metier.errors import MetierError, ModelServerUnreachable
from metier.experts.expert import Context, Expert, Task
from metier.experts.tools import tool
from metier.telemetry import OpenTelemetry
from metier.telemetry.tracing import trace_headers
from metier.testing import FixedEmbedder, ScriptedModels
from metier.testing.models import Reply, Stall

pytestmark = pytest.mark.anyio

BOTH = "How long does bread bake? Which wine goes with fish?"


class Watched:
    """An SDK that keeps what it gets."""

    def __init__(self, *, content: bool = False) -> None:
        self._spans = InMemorySpanExporter()
        self._metrics = InMemoryMetricReader()
        tracers = TracerProvider()
        tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        self.tracer = tracers.get_tracer("the test")
        self.backend = OpenTelemetry(
            tracer_provider=tracers,
            meter_provider=MeterProvider([self._metrics]),
            content=content,
        )

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        return self._spans.get_finished_spans()

    def named(self, name: str) -> ReadableSpan:
        (found,) = [span for span in self.spans if span.name == name]
        return found

    def parents(self) -> dict[str, str]:
        """The name of each span's parent, by the name of the span."""
        names = {span.context.span_id: span.name for span in self.spans if span.context}
        return {
            span.name: names.get(span.parent.span_id, "elsewhere") if span.parent else ""
            for span in self.spans
        }

    def points(self, metric: str) -> list[tuple[Mapping[str, Any], int]]:
        """Attributes and number of values of each series of a metric."""
        data = self._metrics.get_metrics_data()
        assert data is not None
        return [
            (dict(point.attributes or {}), getattr(point, "count", 0))
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for each in scope.metrics
            if each.name == metric
            for point in each.data.data_points
        ]


def council(
    watched: Watched, *others: Expert, settings: Settings | None = None, **replies: Sequence[Reply]
) -> Council:
    return Council.of(
        [Cooking(COOKING), Expert(WINE), Expert(GENERAL), *others],
        settings=settings or Settings(),
        server=ScriptedModels(replies),
        embedder=FixedEmbedder(),
        telemetry=[watched.backend],
    )


async def test_a_run_is_a_tree_of_spans() -> None:
    watched = Watched()
    await council(watched, cooking=["Forty."], wine=["Riesling."]).ask(BOTH)
    parents = watched.parents()
    embedder = f"embeddings {FixedEmbedder().id}"
    assert parents == {
        "invoke_workflow metier": "",
        "plan metier": "invoke_workflow metier",
        embedder: "plan metier",
        "invoke_agent cooking": "invoke_workflow metier",
        "chat cooking": "invoke_agent cooking",
        "invoke_agent wine": "invoke_workflow metier",
        "chat wine": "invoke_agent wine",
    }


async def test_a_call_is_described_as_the_conventions_say() -> None:
    watched = Watched()
    await council(watched, cooking=["Forty minutes."]).ask("How long does bread bake?")
    call = watched.named("chat cooking")
    assert call.kind is SpanKind.CLIENT
    told = dict(call.attributes or {})
    assert told["gen_ai.operation.name"] == "chat"
    assert told["gen_ai.provider.name"] == "ollama"
    assert told["gen_ai.request.model"] == "cooking"
    assert told["gen_ai.usage.input_tokens"] == 10
    assert told["gen_ai.usage.output_tokens"] == 2
    assert told["gen_ai.response.finish_reasons"] == ("stop",)
    assert isinstance(told["gen_ai.response.time_to_first_chunk"], float)


async def test_a_span_lies_within_its_parent_in_time() -> None:
    watched = Watched()
    await council(watched, cooking=["Forty."], wine=["Riesling."]).ask(BOTH)
    spans = {span.context.span_id: span for span in watched.spans if span.context}
    for span in watched.spans:
        if span.parent is None:
            continue
        parent = spans[span.parent.span_id]
        assert (parent.start_time or 0) <= (span.start_time or 0)
        assert (span.end_time or 0) <= (parent.end_time or 0)


async def test_tokens_durations_and_the_first_token_are_metrics() -> None:
    watched = Watched()
    await council(watched, cooking=["Forty minutes."]).ask("How long does bread bake?")
    chat = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "ollama",
        "gen_ai.request.model": "cooking",
    }
    assert (chat, 1) in watched.points("gen_ai.client.operation.duration")
    assert watched.points("gen_ai.client.operation.time_to_first_chunk") == [(chat, 1)]
    assert watched.points("gen_ai.client.token.usage") == [
        (chat | {"gen_ai.token.type": "input"}, 1),
        (chat | {"gen_ai.token.type": "output"}, 1),
    ]
    run = {"gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": "metier"}
    assert watched.points("gen_ai.invoke_workflow.duration") == [(run, 1)]
    assert watched.points("metier.answer.time_to_first_token") == [(run, 1)]


async def test_no_words_of_people_or_models_leave_unless_they_are_asked_for() -> None:
    watched = Watched()
    await council(watched, cooking=["Forty secret minutes."]).ask("How long does bread bake?")
    told = "".join(span.to_json() for span in watched.spans)
    assert "bread" not in told
    assert "secret" not in told


async def test_words_that_are_asked_for_are_attributes_of_the_conventions() -> None:
    watched = Watched(content=True)
    await council(watched, cooking=["Forty."]).ask("How long does bread bake?")
    told = dict(watched.named("invoke_workflow metier").attributes or {})
    assert told["gen_ai.input.messages"] == (
        '[{"role": "user", "parts": [{"type": "text", "content": "How long does bread bake?"}]}]'
    )
    assert "Forty." in str(told["gen_ai.output.messages"])


async def test_a_failed_step_has_the_code_and_not_the_words_of_its_error() -> None:
    watched = Watched()
    failing = council(watched, cooking=["Forty."], wine=[ModelServerUnreachable("http://h")])
    await failing.ask(BOTH)
    step = watched.named("invoke_agent wine")
    assert step.status.status_code is StatusCode.ERROR
    assert dict(step.attributes or {})["error.type"] == ModelServerUnreachable.code
    assert not step.status.description
    assert watched.named("invoke_workflow metier").status.status_code is StatusCode.UNSET


async def test_a_question_that_nothing_answers_is_an_error() -> None:
    watched = Watched()
    failing = council(watched, cooking=[ModelServerUnreachable("http://h")])
    with pytest.raises(MetierError):
        await failing.ask("How long does bread bake?")
    run = watched.named("invoke_workflow metier")
    assert dict(run.attributes or {})["error.type"] == ModelServerUnreachable.code


async def test_a_run_that_is_left_ends_its_spans_as_cancelled() -> None:
    watched = Watched()
    asked = council(watched, cooking=[Stall("Forty")])
    async with aclosing(asked.stream("How long does bread bake?")) as events:
        async for event in events:
            if event.type == "token":
                break
    ends = {span.name: dict(span.attributes or {}).get("error.type") for span in watched.spans}
    assert ends["chat cooking"] == "cancelled"
    assert ends["invoke_workflow metier"] == "cancelled"


class Weighing(Expert):
    """Answers by a function and a search."""

    async def answer(self, task: Task, context: Context) -> AsyncIterator[str]:
        await context.search(task.text)
        yield str(await self.tools["weigh"].run(grams=2.0))

    @tool
    def weigh(self, grams: float) -> float:
        """Weigh it."""
        return grams


async def test_functions_and_searches_are_spans_of_their_step(tmp_path: Path) -> None:
    watched = Watched()
    weighing = Weighing(card("weighing", "How heavy is a feather?"))
    made = council(watched, weighing, settings=Settings(state_dir=tmp_path))
    note = tmp_path / "feathers.txt"
    note.write_text("A feather weighs two grams.")
    await made.knowledge.base("weighing").add(note)
    await made.ask("How heavy is a feather?")
    parents = watched.parents()
    assert parents["execute_tool weigh"] == "invoke_agent weighing"
    assert parents["retrieval weighing"] == "invoke_agent weighing"


async def test_a_run_belongs_to_the_span_of_the_program() -> None:
    watched = Watched()
    with watched.tracer.start_as_current_span("the program's own"):
        await council(watched, cooking=["Forty."]).ask("How long does bread bake?")
    assert watched.parents()["invoke_workflow metier"] == "the program's own"


async def test_runs_side_by_side_do_not_mix() -> None:
    watched = Watched()
    asked = council(watched, cooking=["Forty."] * 5)
    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(asked.ask, "How long does bread bake?")
    spans = {span.context.span_id: span for span in watched.spans if span.context}
    for call in [span for span in watched.spans if span.name == "chat cooking"]:
        assert call.parent is not None
        step = spans[call.parent.span_id]
        assert step.parent is not None
        run = spans[step.parent.span_id]
        assert call.context is not None
        assert run.context is not None
        assert run.context.trace_id == call.context.trace_id
    assert len({span.context.trace_id for span in watched.spans if span.context}) == 5


async def test_the_model_server_gets_the_trace_of_the_call() -> None:
    watched = Watched()
    with fake_ollama(FixedEmbedder(), models=["cooking"], reply="Forty.") as server:
        asked = Council.of(
            [Cooking(COOKING)],
            settings=Settings(host=server.host),
            embedder=FixedEmbedder(),
            telemetry=[watched.backend],
        )
        async with asked:
            await asked.ask("How long does bread bake?")
    call = watched.named("chat cooking").context
    assert call is not None
    _, trace_id, span_id, _ = server.traces[-1].split("-")
    assert trace_id == trace.format_trace_id(call.trace_id)
    assert span_id == trace.format_span_id(call.span_id)
    assert not trace_headers.get()
