"""Steps of random plans, for the invariants of plans and of their order."""

from __future__ import annotations

from hypothesis import strategies as st

from metier.plan import Step


@st.composite
def dags(draw: st.DrawFn, max_steps: int = 6) -> list[Step]:
    """Steps that need earlier ones, then shuffled."""
    ids = [f"s{n}" for n in range(draw(st.integers(1, max_steps)))]
    steps = [
        Step(
            id=name,
            task=f"do {name}",
            expert="math",
            needs=tuple(draw(st.lists(st.sampled_from(ids[:n]), unique=True)) if n else ()),
        )
        for n, name in enumerate(ids)
    ]
    return draw(st.permutations(steps))
