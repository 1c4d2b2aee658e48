"""The metrics of an operation, named as in OpenTelemetry's conventions for generative AI."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from metier.telemetry.operation import Operation

# Those of the conventions, and two more: a model without a GPU takes minutes.
_SECONDS = (
    *(0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92),
    *(163.84, 327.68),
)
_TOKENS = tuple(float(4**n) for n in range(10))


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """A metric that is kept as counts in buckets.

    Attributes:
        unit: in UCUM: `s`, or `{token}` for a number of things.
    """

    name: str
    unit: str
    description: str
    buckets: tuple[float, ...]


def _duration(name: str, description: str) -> Histogram:
    return Histogram(name=name, unit="s", description=description, buckets=_SECONDS)


CLIENT = _duration("gen_ai.client.operation.duration", "Duration of requests to models and indexes")
FIRST_CHUNK = _duration(
    "gen_ai.client.operation.time_to_first_chunk", "Time until the first token of a reply"
)
RUN = _duration("gen_ai.invoke_workflow.duration", "Duration of questions, planning included")
FIRST_WORD = _duration(
    "metier.answer.time_to_first_token", "Time from the question to the first word of its answer"
)
STEP = _duration("gen_ai.invoke_agent.duration", "Duration of the steps of an expert")
TOOL = _duration("gen_ai.execute_tool.duration", "Duration of calls of experts' functions")
TOKENS = Histogram(
    name="gen_ai.client.token.usage",
    unit="{token}",
    description="Number of tokens read and written",
    buckets=_TOKENS,
)
HISTOGRAMS = (RUN, FIRST_WORD, STEP, CLIENT, FIRST_CHUNK, TOKENS, TOOL)

_DURATIONS = {
    "invoke_workflow": RUN,
    "invoke_agent": STEP,
    "chat": CLIENT,
    "embeddings": CLIENT,
    "retrieval": CLIENT,
    "execute_tool": TOOL,
}
# Few values each: a time series is kept for every combination.
_DIMENSIONS = (
    "gen_ai.operation.name",
    "gen_ai.provider.name",
    "gen_ai.workflow.name",
    "gen_ai.agent.name",
    "gen_ai.request.model",
    "gen_ai.data_source.id",
    "gen_ai.tool.name",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A value of a metric."""

    histogram: Histogram
    value: float
    attributes: Mapping[str, str]


def measures_of(operation: Operation) -> Iterator[Measure]:
    """The values that an operation adds when it has ended."""
    known = {
        name: str(operation.attributes[name])
        for name in _DIMENSIONS
        if name in operation.attributes
    }
    outcome = known | ({"error.type": operation.error} if operation.error else {})
    if (duration := _DURATIONS.get(operation.name)) is not None:
        yield Measure(histogram=duration, value=operation.seconds, attributes=outcome)
    if operation.first_token_s is not None:
        first = FIRST_WORD if operation.name == "invoke_workflow" else FIRST_CHUNK
        yield Measure(histogram=first, value=operation.first_token_s, attributes=known)
    for kind, count in operation.tokens.items():
        attributes = known | {"gen_ai.token.type": kind}
        yield Measure(histogram=TOKENS, value=count, attributes=attributes)
