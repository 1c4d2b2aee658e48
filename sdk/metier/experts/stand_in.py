"""Models of a server that stand in for those that were chosen and are not installed."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable

from metier.errors import MetierError
from metier.models.server import InstalledModel, ModelServer

# Weights, plus the context's cache and the runner.
_OVERHEAD = 1.2
# Bytes for each parameter of a model that is quantized to four bits, as most are.
_BYTES_PER_PARAMETER = 0.6
# What a model of the same family as one of the card's is worth, in doublings of its size, and what
# one of 2023 is worth less: Llama 2 70B scores 37 on MMLU-Pro, Qwen3 8B 56.
_SAME_FAMILY = 1.0
_OLD = 3.0
_OLD_NAMES = re.compile(
    r"llama2|vicuna|wizard|orca|stable|mpt|zephyr|openchat|starling|tinyllama|yi|alfred"
    r"|(?:codellama|falcon|mistral|mixtral|gemma|phi|qwen|deepseek-coder|deepseek-llm|solar)$"
    r"|meditron|medllama|nous-hermes|openhermes|dolphin-(?:phi|mistral|mixtral)|neural-chat|samantha"
)
# Made for one purpose that is no conversation: reading images, translating, judging, extracting.
_SPECIAL = re.compile(
    r"ocr|guard|shieldgemma|minicheck|reader-lm|nuextract|translategemma|functiongemma|moondream"
    r"|llava|bakllava|sqlcoder|duckdb-nsql|reward|embed|rerank"
)
# Weights before they were taught to converse.
_RAW_TAG = re.compile(r"(?:^|-)(?:base|text|pt|code)(?:-|$)")


def fits(size_bytes: int, memory_bytes: int | None) -> bool:
    """Whether a model of this size on disk runs in this memory; unknown memory is enough."""
    return memory_bytes is None or size_bytes * _OVERHEAD < memory_bytes


def family_of(model: str) -> str:
    """A model's name without its tag and its owner.

    >>> family_of("hf.co/somebody/qwen3:8b")
    'qwen3'
    """
    return model.rpartition("/")[2].partition(":")[0].lower()


async def best_chat_model(
    server: ModelServer,
    installed: Iterable[InstalledModel],
    *,
    like: Collection[str] = (),
    memory_bytes: int | None = None,
) -> InstalledModel | None:
    """The model to talk to; None if the server has none that fits in memory.

    The number of parameters counts, doubled for a family in `like`. Models that only embed, that
    are made for one other purpose, or that another machine runs are never taken.

    Raises:
        ModelServerError: the server cannot be asked.
    """
    families = frozenset(map(family_of, like))
    fitting = [model for model in installed if _is_candidate(model, memory_bytes)]
    for model in sorted(fitting, key=lambda each: _strength(each, families), reverse=True):
        if await _is_for(server, model, "completion"):
            return model
    return None


async def smallest_embedder(server: ModelServer) -> InstalledModel | None:
    """The smallest embedding model that runs on a server; None if it has none.

    Raises:
        ModelServerError: the server cannot be asked.
    """
    here = [model for model in await server.list() if not model.remote]
    for model in sorted(here, key=lambda each: (each.size_bytes, each.name)):
        if await _is_for(server, model, "embedding"):
            return model
    return None


def _is_candidate(model: InstalledModel, memory_bytes: int | None) -> bool:
    tag = model.name.rpartition("/")[2].partition(":")[2].lower()
    return (
        not model.remote
        and not tag.endswith("cloud")
        and fits(model.size_bytes, memory_bytes)
        and not _SPECIAL.search(family_of(model.name))
        and not _RAW_TAG.search(tag)
    )


def _strength(model: InstalledModel, families: Collection[str]) -> tuple[float, str]:
    """Larger is better, in doublings; the name decides between equals."""
    parameters = model.parameters or model.size_bytes / _BYTES_PER_PARAMETER
    family = family_of(model.name)
    better = _SAME_FAMILY if family in families else 0.0
    worse = _OLD if _OLD_NAMES.match(family) else 0.0
    return math.log2(max(parameters, 1)) + better - worse, model.name


async def _is_for(server: ModelServer, model: InstalledModel, capability: str) -> bool:
    try:
        return capability in (await server.show(model.name)).capabilities
    except MetierError as exc:
        if exc.retryable:
            raise
        return False  # it was removed meanwhile, or the server cannot read it
