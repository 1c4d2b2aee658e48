"""`/metrics` for Prometheus, and the trace that a request belongs to."""

from __future__ import annotations

import httpx
import pytest
from bridges.kitchen import COOKING, Cooking, council, models
from fake_ollama import fake_ollama
from prometheus_client.parser import text_string_to_metric_families
from serving.asgi import app, caller

from metier import Council, Settings
from metier.serving import Access, http_app
from metier.serving.access import hashed
from metier.telemetry import Metrics
from metier.telemetry.operation import Operation
from metier.testing import FixedEmbedder

pytestmark = pytest.mark.anyio

BREAD = {"role": "user", "content": "How long does bread bake?"}
ASK = {"model": "metier", "messages": [BREAD]}
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def test_metrics_are_counted_as_prometheus_reads_them() -> None:
    async with caller(http_app(council(models(cooking=["Forty minutes."])))) as client:
        await client.post("/v1/chat/completions", json=ASK)
        text = (await client.get("/metrics")).text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    counted = {
        sample.labels["gen_ai_token_type"]: sample.value
        for sample in families["gen_ai_client_token_usage"].samples
        if sample.name.endswith("_sum")
    }
    assert counted == {"input": 10.0, "output": 2.0}
    (run,) = [
        sample
        for sample in families["gen_ai_invoke_workflow_duration_seconds"].samples
        if sample.name.endswith("_count")
    ]
    assert run.value == 1
    assert families["metier_questions_running"].samples[0].value == 0


async def test_the_buckets_of_a_histogram_count_what_is_not_larger() -> None:
    metrics = Metrics()
    for seconds in (0.01, 0.02, 500.0):
        operation = Operation(name="execute_tool", subject="weigh", began=0.0, ended=seconds)
        metrics.end(operation)
    (family,) = [
        family
        for family in text_string_to_metric_families(metrics.text())
        if family.name == "gen_ai_execute_tool_duration_seconds"
    ]
    counts = {
        sample.labels["le"]: sample.value
        for sample in family.samples
        if sample.name.endswith("_bucket")
    }
    assert (counts["0.01"], counts["0.02"], counts["327.68"], counts["+Inf"]) == (1, 2, 2, 3)


async def test_metrics_need_the_key_as_everything_does() -> None:
    made = app(access=Access(host="0.0.0.0", key_sha256=hashed("k" * 16)))
    async with caller(made) as client:
        without = await client.get("/metrics")
        with_key = await client.get("/metrics", headers={"authorization": f"Bearer {'k' * 16}"})
    assert (without.status_code, with_key.status_code) == (401, 200)


async def test_a_page_of_another_program_cannot_read_metrics() -> None:
    async with caller(app()) as client:
        reply = await client.get("/metrics", headers={"origin": "http://localhost:3000"})
    assert reply.status_code == 403


async def test_the_trace_of_a_request_goes_on_to_the_model_server() -> None:
    assert await _passed_on({"traceparent": TRACE}) == TRACE


@pytest.mark.parametrize("bad", ["00-short", f"{TRACE}-more", f"{TRACE}\t", TRACE.upper()])
async def test_a_malformed_trace_is_not_passed_on(bad: str) -> None:
    assert await _passed_on({"traceparent": bad}) == ""


@pytest.mark.parametrize("path", ["/api/tags", "/v1/models", "/api/ps", "/api/version"])
async def test_lists_need_no_model_server_and_no_embedder(path: str) -> None:
    # Nothing listens at this port.
    settings, embedder = Settings(host="http://127.0.0.1:1"), FixedEmbedder()
    made = Council.of([Cooking(COOKING)], settings=settings, embedder=embedder)
    async with made, caller(http_app(made)) as client:
        reply = await client.get(path)
        assert reply.status_code == httpx.codes.OK
        assert embedder.calls == []
        # What needs it is seen here.
        await client.post("/v1/embeddings", json={"model": "metier", "input": "bread"})
        assert embedder.calls == [["bread"]]


async def _passed_on(headers: dict[str, str]) -> str:
    """The trace that the model server gets with the call for a question."""
    with fake_ollama(FixedEmbedder(), models=["cooking"], reply="Forty.") as server:
        settings = Settings(host=server.host)
        made = Council.of([Cooking(COOKING)], settings=settings, embedder=FixedEmbedder())
        async with made, caller(http_app(made)) as client:
            reply = await client.post("/v1/chat/completions", json=ASK, headers=headers)
            assert reply.status_code == httpx.codes.OK
    return server.traces[-1]
