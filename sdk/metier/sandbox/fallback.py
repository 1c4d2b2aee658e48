"""Several sandboxes in order: what one lacks, the next may have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from metier.sandbox.monty import MontySandbox
from metier.sandbox.network import network_module
from metier.sandbox.sandbox import DEFAULT_LIMITS, Limits, Outcome, Sandbox
from metier.sandbox.sandlock import SandlockSandbox


class Sandboxes:
    """Tries sandboxes until one has a verdict on the program; itself a `Sandbox`.

    A sandbox that is `unsupported` or `unavailable` gives way to the next. So does a failure in
    one that is not `exact`: it stands only if no CPython can say otherwise. With nobody left,
    the outcome is the last one, `ran` is false, and `tried` says why.

    A program that imports a module for the network is `unsupported`, and no sandbox is tried.
    """

    name = "sandboxes"

    def __init__(self, sandboxes: Sequence[Sandbox] | None = None) -> None:
        chosen = (MontySandbox(), SandlockSandbox()) if sandboxes is None else sandboxes
        self._sandboxes = tuple(chosen)
        self._absent: dict[str, str] = {}

    @property
    def exact(self) -> bool:
        """Whether all of them are."""
        return all(sandbox.exact for sandbox in self._sandboxes)

    @property
    def absent(self) -> dict[str, str]:
        """The sandboxes that were found not to work here, each with its reason."""
        return dict(self._absent)

    async def installed(self) -> tuple[Sandbox, ...]:
        """Those that work on this machine: each is asked to run a program."""
        outcomes = [
            (sandbox, await self._asked(sandbox, "1", "", DEFAULT_LIMITS))
            for sandbox in self._sandboxes
        ]
        return tuple(sandbox for sandbox, outcome in outcomes if outcome.status == "ok")

    async def run(self, code: str, *, stdin: str = "", limits: Limits = DEFAULT_LIMITS) -> Outcome:
        """Run a program in the first sandbox that can. Each has the limits anew."""
        if module := network_module(code):
            missing = f"module {module!r} needs the network, which no sandbox has"
            return Outcome(status="unsupported", sandbox=self.name, missing=missing)
        tried: list[str] = []
        doubtful: Outcome | None = None
        last = Outcome(status="unavailable", sandbox=self.name, missing="there is no sandbox")
        for sandbox in self._sandboxes:
            last = await self._asked(sandbox, code, stdin, limits)
            if _is_verdict(last, sandbox):
                return replace(last, tried=tuple(tried))
            doubtful = doubtful or (last if last.ran else None)
            tried.append(f"{sandbox.name}: {last.why}")
        return replace(doubtful or last, tried=tuple(tried))

    async def _asked(self, sandbox: Sandbox, code: str, stdin: str, limits: Limits) -> Outcome:
        if reason := self._absent.get(sandbox.name):
            return Outcome(status="unavailable", sandbox=sandbox.name, missing=reason)
        outcome = await sandbox.run(code, stdin=stdin, limits=limits)
        if outcome.status == "unavailable":
            self._absent[sandbox.name] = outcome.why
        return outcome


def _is_verdict(outcome: Outcome, sandbox: Sandbox) -> bool:
    """Late is late in any sandbox; other failures may be those of an inexact one."""
    return outcome.ran and (sandbox.exact or outcome.status in ("ok", "timeout"))
