"""What a node of a cluster reports about itself, once, when it is found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertVersions:
    """What answers depend on besides the question and the model.

    Attributes:
        metier: version of this package.
        embedder: id of the embedder.
        cards: SHA-256 of each expert's card.
        code: where each expert's class comes from, and the version of that distribution.
    """

    metier: str
    embedder: str
    cards: Mapping[str, str] = field(default_factory=dict)
    code: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """What a node reports about itself.

    Attributes:
        num_ctx: the window that it runs models with.
        versions: of the experts that are installed there; None if it runs no steps.
    """

    labels: tuple[str, ...]
    concurrency: int
    memory_bytes: int | None
    num_ctx: int
    versions: ExpertVersions | None = None
