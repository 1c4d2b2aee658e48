"""Random past plans over a few capabilities, with vectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from metier.models.embedder import Vectors, unit
from metier.planning.learning.past import PastPlan, PastStep

KEYS = tuple(("expert", f"skill_{n}") for n in range(6))
DIMENSION = 16


@st.composite
def past_plans(draw: st.DrawFn, *, least: int = 0) -> list[PastPlan]:
    """Plans whose steps need any earlier ones; some capabilities are not in KEYS."""
    chains = st.lists(st.integers(0, len(KEYS)), min_size=1, max_size=5)
    plans: list[PastPlan] = []
    for number, chain in enumerate(draw(st.lists(chains, min_size=least, max_size=6))):
        steps = tuple(
            PastStep(
                expert="expert",
                capability=f"skill_{n}",
                task=draw(st.sampled_from(["", f"task {number} {place}"])),
                needs=tuple(sorted(draw(st.sets(st.integers(0, place - 1))))) if place else (),
            )
            for place, n in enumerate(chain)
        )
        plans.append(PastPlan(request=f"request {number}", steps=steps))
    return plans


def vectors(texts: Sequence[str]) -> Vectors:
    """A random unit vector for each text, always the same one."""
    rows = [np.random.default_rng(list(text.encode())).normal(size=DIMENSION) for text in texts]
    return unit(np.array(rows).reshape(len(texts), DIMENSION))


def requests_of(plans: Sequence[PastPlan]) -> Vectors:
    """The vectors of the requests."""
    return vectors([plan.request for plan in plans])
