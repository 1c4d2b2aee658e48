"""Fixtures for pytest, which finds them by itself: metier declares this module as a plugin.

`council_of`, `scripted_models`, `fixed_embedder` and `plan_snapshot`. What is heavy is imported
when a test asks for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from metier.council import Council
    from metier.experts.expert import Expert
    from metier.models.embedder import Embedder
    from metier.models.server import ModelServer
    from metier.plan import Plan
    from metier.testing.embedder import FixedEmbedder
    from metier.testing.models import Script, ScriptedModels


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update-plans`."""
    group = parser.getgroup("metier")
    group.addoption("--update-plans", action="store_true", help="keep the plans as they are now")


class CouncilMaker(Protocol):
    """Makes a council of exactly these experts, closed at the end of the test."""

    def __call__(
        self,
        *experts: Expert,
        models: ModelServer | None = None,
        embedder: Embedder | None = None,
    ) -> Council:
        """Models that were not scripted fail a call; the embedder is the fixed one."""
        ...


@pytest.fixture
def fixed_embedder() -> FixedEmbedder:
    """An embedder that needs no model."""
    from metier.testing.embedder import FixedEmbedder

    return FixedEmbedder()


@pytest.fixture
def scripted_models() -> Iterator[Callable[[Mapping[str, Script]], ScriptedModels]]:
    """Makes models that follow a script; what was not used, or not expected, fails the test."""
    from metier.testing.models import ScriptedModels

    made: list[ScriptedModels] = []

    def make(replies: Mapping[str, Script]) -> ScriptedModels:
        made.append(ScriptedModels(replies))
        return made[-1]

    yield make
    for models in made:
        models.check_all_used()


@pytest.fixture
def council_of(tmp_path: Path) -> Iterator[CouncilMaker]:
    """Makes councils that read no settings of the user and leave nothing behind."""
    from metier.council import Council
    from metier.settings import Settings
    from metier.testing.embedder import FixedEmbedder
    from metier.testing.models import ScriptedModels

    with ExitStack() as stack:

        def make(
            *experts: Expert,
            models: ModelServer | None = None,
            embedder: Embedder | None = None,
        ) -> Council:
            council = Council.of(
                experts,
                settings=Settings(cache_dir=tmp_path / "cache", state_dir=tmp_path / "state"),
                server=models or ScriptedModels(),
                embedder=embedder or FixedEmbedder(),
            )
            return stack.enter_context(council)

        yield make


@pytest.fixture
def plan_snapshot(request: pytest.FixtureRequest) -> Callable[[Plan], None]:
    """Compares a plan with `plans/TEST.json` beside the test's file; `--update-plans` writes it.

    A test that compares several plans keeps them as `TEST-2.json` and so on.
    """
    from metier.testing.snapshots import check_plan

    folder = request.path.parent / "plans"
    name = re.sub(r"[^\w-]+", "_", request.node.name).strip("_")
    seen: list[Plan] = []

    def check(plan: Plan) -> None:
        seen.append(plan)
        number = f"-{len(seen)}" if len(seen) > 1 else ""
        update = bool(request.config.getoption("--update-plans"))
        check_plan(plan, folder / f"{name}{number}.json", update=update)

    return check
