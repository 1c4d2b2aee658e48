"""MetaTool's tools as cards, and its questions, for the benchmarks that use them."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio
import numpy as np
import numpy.typing as npt

from benchmarks.data import rows
from benchmarks.vectors import KeptVectors
from metier.experts.card import Capability, Card
from metier.models.embedder import Vectors
from metier.planning.index import CapabilityIndex, synchronised

FILES = [
    f"metatool/{name}"
    for name in (
        "tools.jsonl",
        "queries.jsonl.gz",
        "similar_candidates.jsonl",
        "reliability_candidates.jsonl",
        "multi_candidates.jsonl",
    )
]
# Examples of a tool, where it has any; tools in a list of candidates.
EXAMPLES = 10
LIST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Questions with their vectors, the number of the right tool, and 10 tools to choose among."""

    texts: Sequence[str]
    vectors: Vectors
    right: npt.NDArray[np.int64]
    lists: Sequence[Sequence[int]]

    def only(self, chosen: Sequence[int]) -> Rows:
        return Rows(
            texts=[self.texts[n] for n in chosen],
            vectors=self.vectors[list(chosen)],
            right=self.right[list(chosen)],
            lists=[self.lists[n] for n in chosen],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """The tools, and everything that is the same in every draw."""

    names: Sequence[str]
    descriptions: Sequence[str]
    stated: Vectors
    pool: Mapping[int, Sequence[str]]
    embedder: KeptVectors

    def cards(self, examples: Mapping[int, Sequence[str]]) -> list[Card]:
        return [
            Card(
                id=expert_id(n),
                description=description,
                capabilities=(
                    Capability(
                        name=capability_name(name),
                        description=description,
                        examples=tuple(examples.get(n, ())),
                    ),
                ),
            )
            for n, (name, description) in enumerate(zip(self.names, self.descriptions, strict=True))
        ]

    def index(self, examples: Mapping[int, Sequence[str]]) -> CapabilityIndex:
        return anyio.run(synchronised, None, self.cards(examples), self.embedder)[0]

    def draw(self, seed: int, count: int) -> dict[int, list[str]]:
        dice = random.Random(seed)
        return {n: dice.sample(list(pool), min(count, len(pool))) for n, pool in self.pool.items()}


def expert_id(number: int) -> str:
    return f"tool_{number}"


def capability_name(name: str) -> str:
    """`MixerBox_WebSearchG` as `mixer_box_web_search_g`."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)
    return re.sub(r"^(?=[^a-z])", "t", re.sub(r"[^a-z0-9]+", "_", apart.lower()).strip("_"))


def load(folder: Path, embedder: KeptVectors, *, limit: int | None) -> tuple[Tools, Rows, Rows]:
    """The tools, the questions with a similar list, and those whose right tool is not listed."""
    tools = rows(folder, "metatool/tools.jsonl")
    number = {tool["name"]: n for n, tool in enumerate(tools)}
    pool: dict[int, list[str]] = defaultdict(list)
    for row in rows(folder, "metatool/queries.jsonl.gz"):
        pool[number[row["tool"]]].append(row["query"])
    descriptions = [tool["description"] for tool in tools]
    found = Tools(
        names=[tool["name"] for tool in tools],
        descriptions=descriptions,
        stated=embedder.vectors(descriptions),
        pool=dict(sorted(pool.items())),
        embedder=embedder,
    )

    def read(name: str) -> Rows:
        listed = rows(folder, f"metatool/{name}_candidates.jsonl", limit=limit)
        texts = [row["query"] for row in listed]
        return Rows(
            texts=texts,
            vectors=embedder.vectors(texts),
            right=np.array([number[row["gold"]] for row in listed]),
            lists=[[number[name] for name in row["candidates"]] for row in listed],
        )

    return found, read("similar"), read("reliability")
