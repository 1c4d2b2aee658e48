"""Past plans: what was asked, and which capabilities answered it."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from metier.plan import Plan, Step

CapabilityKey = tuple[str, str]
"""An expert and one of its capabilities."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, defer_build=True, extra="forbid")


class PastStep(_Frozen):
    """One step of a past plan.

    Attributes:
        task: its words; empty if unknown.
        needs: numbers (from 0) of the earlier steps whose results it was given.
    """

    expert: str
    capability: str
    task: str = ""
    needs: tuple[int, ...] = ()

    @property
    def key(self) -> CapabilityKey:
        """Its expert and capability."""
        return self.expert, self.capability


class PastPlan(_Frozen):
    """A request and the steps that answered it, in the order in which they ran."""

    request: str
    steps: tuple[PastStep, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _needs_go_back(self) -> Self:
        for n, step in enumerate(self.steps):
            if any(not 0 <= need < n for need in step.needs):
                raise ValueError(f"step {n} may only need steps before it: {step.needs!r}")
        return self

    @property
    def chain(self) -> tuple[CapabilityKey, ...]:
        """Its distinct capabilities, in the order of first use."""
        return tuple(dict.fromkeys(step.key for step in self.steps))

    @property
    def links(self) -> frozenset[tuple[CapabilityKey, CapabilityKey]]:
        """Which capability used the result of which: (earlier, later)."""
        return frozenset(
            (self.steps[need].key, step.key) for step in self.steps for need in step.needs
        )

    @classmethod
    def of(cls, plan: Plan) -> Self | None:
        """Convert a successful plan; None if no step names a capability."""
        ordered = [step for layer in plan.order() for step in layer]
        named = [(step, name) for step in ordered if (name := _capability(step)) is not None]
        number = {step.id: n for n, (step, _) in enumerate(named)}
        steps = tuple(
            PastStep(
                expert=step.expert,
                capability=name,
                task=step.task,
                needs=tuple(sorted(number[need] for need in step.needs if need in number)),
            )
            for step, name in named
        )
        return cls(request=plan.question, steps=steps) if steps else None


def _capability(step: Step) -> str | None:
    return next((c.capability for c in step.candidates if c.expert == step.expert), None)
