"""Ollama's JSON as values of `ModelServer`, and values as its JSON."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from metier.answer import Usage
from metier.models.control import without_surrogates
from metier.models.replies import ChosenToken, Installed, Part, Running, Shown
from metier.models.server import (
    Chunk,
    InstalledModel,
    LoadedModel,
    ModelDetails,
    Sampling,
    TokenProbability,
    ToolCall,
    ToolSpec,
)

_NANO = 1e-9
_COUNT = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)([KMBT]?)")
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}


def options_of(sampling: Sampling, *, num_ctx: int) -> dict[str, Any]:
    """How a model writes, as Ollama's options."""
    options: dict[str, Any] = {
        "num_ctx": num_ctx,
        "temperature": sampling.temperature,
        "seed": sampling.seed,
    }
    if sampling.max_tokens is not None:
        options["num_predict"] = sampling.max_tokens
    if sampling.stop:
        options["stop"] = list(sampling.stop)
    return options


def tools_of(tools: Sequence[ToolSpec]) -> list[dict[str, Any]]:
    """Functions that a model may call."""
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": dict(tool.schema),
            },
        }
        for tool in tools
    ]


def chunk_of(part: Part, *, text: str, thinking: str, calls: Sequence[ToolCall] = ()) -> Chunk:
    """A piece of a reply."""
    text, thinking = without_surrogates(text), without_surrogates(thinking)
    chunk = Chunk(
        text=text, thinking=thinking, logprobs=_logprobs(part.logprobs), calls=tuple(calls)
    )
    return chunk if not part.done else _last(chunk, part)


def installed_of(model: Installed) -> InstalledModel:
    """A model of the server's list."""
    return InstalledModel(
        name=model.model or "",
        size_bytes=model.size or 0,
        digest=model.digest or "",
        family=model.details.family or "",
        quantization=model.details.quantization_level or "",
        parameters=_count(model.details.parameter_size or ""),
        remote=bool(model.remote_host),
    )


def details_of(name: str, shown: Shown) -> ModelDetails:
    """What the server knows about a model."""
    return ModelDetails(
        name=name,
        capabilities=frozenset(shown.capabilities or ()),
        template=shown.template or "",
        parameters=shown.parameters or "",
        license=shown.license or "",
        info=shown.model_info or {},
    )


def loaded_model_of(model: Running) -> LoadedModel:
    """A model in memory."""
    return LoadedModel(
        name=model.model or "",
        size_bytes=model.size or 0,
        context_length=model.context_length or 0,
        expires_at=model.expires_at.isoformat() if model.expires_at else "",
    )


def _last(chunk: Chunk, part: Part) -> Chunk:
    usage = Usage(
        calls=1,
        prompt_tokens=part.prompt_eval_count or 0,
        completion_tokens=part.eval_count or 0,
        load_s=(part.load_duration or 0) * _NANO,
        prompt_s=(part.prompt_eval_duration or 0) * _NANO,
        decode_s=(part.eval_duration or 0) * _NANO,
        total_s=(part.total_duration or 0) * _NANO,
    )
    return Chunk(
        text=chunk.text,
        thinking=chunk.thinking,
        logprobs=chunk.logprobs,
        calls=chunk.calls,
        done=True,
        done_reason=part.done_reason or "",
        usage=usage,
    )


def _logprobs(found: Sequence[ChosenToken] | None) -> tuple[TokenProbability, ...]:
    return tuple(
        TokenProbability(
            token=entry.token,
            logprob=entry.logprob,
            top=tuple((other.token, other.logprob) for other in entry.top_logprobs or ()),
        )
        for entry in found or ()
    )


def _count(text: str) -> int:
    """A number of parameters such as `7.6B`; 0 if it is written otherwise."""
    found = _COUNT.fullmatch(text)
    return int(float(found[1]) * _UNITS[found[2]]) if found else 0
