"""The collector's file in docs/telemetry.md, in a real collector that metier reports to."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from fake_ollama import fake_ollama
from guarded import sitecustomize as guarded
from ports import free_port

from metier.testing import FixedEmbedder

pytestmark = [
    pytest.mark.matrix,
    pytest.mark.skipif(shutil.which("go") is None, reason="Go is not installed"),
]

ROOT = Path(__file__).parents[2]
VERSION = "v0.165.0"
BUILDER = f"go.opentelemetry.io/collector/cmd/builder@{VERSION}"
PARTS = {
    "dist": {"name": "collector", "output_path": "."},
    "receivers": [{"gomod": f"go.opentelemetry.io/collector/receiver/otlpreceiver {VERSION}"}],
    "exporters": [
        {"gomod": f"go.opentelemetry.io/collector/exporter/otlpexporter {VERSION}"},
        {"gomod": f"go.opentelemetry.io/collector/exporter/debugexporter {VERSION}"},
        {
            "gomod": "github.com/open-telemetry/opentelemetry-collector-contrib/exporter/"
            f"prometheusexporter {VERSION}"
        },
    ],
}
# `opentelemetry-instrument`, as a module that any interpreter can run.
INSTRUMENT = "from opentelemetry.instrumentation.auto_instrumentation import run; run()"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def made(command: list[str], folder: Path) -> None:
    """Run a command that downloads what it needs; skip the test if it cannot."""
    environment = os.environ | {guarded.LOG: ""}
    done = subprocess.run(
        command, cwd=folder, env=environment, check=False, capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"{' '.join(command[:3])} failed: {(done.stdout + done.stderr)[-500:]}")


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collector with the parts that the file needs, built from their Go modules."""
    folder = tmp_path_factory.mktemp("collector")
    (folder / "builder.yaml").write_text(json.dumps(PARTS))  # JSON is YAML
    made(["go", "run", BUILDER, "--config=builder.yaml"], folder)
    return folder / "collector"


@pytest.fixture(scope="module")
def sdk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages that the guide has its readers install."""
    folder = tmp_path_factory.mktemp("sdk")
    packages = ("opentelemetry-distro", "opentelemetry-exporter-otlp")
    constraints = ("--constraints", str(ROOT / "constraints.txt"))
    uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--target", "."]
    made([*uv, *constraints, *packages], folder)
    return folder


def documented(ports: dict[str, int]) -> str:
    """The collector's file from the guide, with other addresses."""
    text = (ROOT / "docs" / "telemetry.md").read_text()
    (file,) = re.findall(r"```yaml\n(receivers:.*?)```", text, re.DOTALL)
    for address, port in ports.items():
        assert file.count(address) == 1
        file = file.replace(address, f"127.0.0.1:{port}")
    return str(file)


def shown(port: int) -> str:
    """A configuration that prints the traces that come in, in the place of Jaeger."""
    otlp = {"protocols": {"grpc": {"endpoint": f"127.0.0.1:{port}"}}}
    traces = {"receivers": ["otlp"], "exporters": ["debug"]}
    return json.dumps(
        {
            "receivers": {"otlp": otlp},
            "exporters": {"debug": {"verbosity": "detailed"}},
            "service": {"pipelines": {"traces": traces}},
        }
    )


@contextmanager
def running(command: list[str], until: str, **more: str) -> Iterator[Iterator[str]]:
    """What a process writes after the line that says it is ready; it ends with the block."""
    with subprocess.Popen(
        command, env=os.environ | more, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert any(until in line for line in process.stderr)
        try:
            yield process.stderr
        finally:
            process.terminate()


def ask(port: int) -> None:
    turn = {"role": "user", "content": "What is 15% of 80?"}
    body = json.dumps({"model": "general", "messages": [turn]}).encode()
    headers = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    with urlopen(Request(url, data=body, headers=headers)) as reply:
        reply.read()


def test_spans_and_metrics_arrive_behind_the_collector_of_the_guide(
    collector: Path, sdk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    otlp, jaeger, prometheus, own = (free_port() for _ in range(4))
    addresses = {"0.0.0.0:4317": otlp, "jaeger:4317": jaeger, "0.0.0.0:8889": prometheus}
    (tmp_path / "collector.yaml").write_text(documented(addresses))
    (tmp_path / "jaeger.yaml").write_text(shown(jaeger))
    # Their own metrics have one fixed port.
    quiet = "--set=service.telemetry.metrics.level=none"
    start = [str(collector), quiet, "--config"]
    serve = [sys.executable, "-c", INSTRUMENT, sys.executable, "-m", "metier", "serve"]
    variables = {
        "PYTHONPATH": str(sdk),
        "OTEL_SERVICE_NAME": "metier",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{otlp}",
    }
    ready = "Everything is ready"
    models = ("all-minilm:latest", "m:1b")
    with (
        fake_ollama(FixedEmbedder(), models=models, reply="It is 12.") as server,
        running([*start, str(tmp_path / "jaeger.yaml")], ready) as traces,
        running([*start, str(tmp_path / "collector.yaml")], ready),
    ):
        monkeypatch.setenv("OLLAMA_HOST", server.host)
        with running([*serve, "--port", str(own)], "serving at", **variables):
            ask(own)
        spans = [next(line for line in traces if "Trace ID" in line)]
        spans += [next(line for line in traces if " invoke_workflow metier" in line)]
        with urlopen(f"http://127.0.0.1:{prometheus}/metrics") as reply:
            metrics = reply.read().decode()
    assert TRACE in spans[0]
    assert "gen_ai_client_token_usage" in metrics
