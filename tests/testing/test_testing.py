"""The stand-ins: what a test did not write down fails it."""

from __future__ import annotations

from pathlib import Path

import pytest

from metier import Card, Council, Expert, Settings
from metier.errors import ModelServerUnreachable
from metier.plan import Plan, Step
from metier.testing import FixedEmbedder, ScriptedModels, UnexpectedCall, UnusedReplies

TWO = Plan(
    question="one and two",
    steps=(
        Step(id="1", task="one", expert="general"),
        Step(id="2", task="two", expert="general"),
    ),
)


def council(models: ScriptedModels, folder: Path) -> Council:
    card = Card(id="general", description="all", models=("small",))
    settings = Settings(cache_dir=folder)
    return Council.of([Expert(card)], settings=settings, server=models, embedder=FixedEmbedder())


def test_an_unused_reply_fails_the_test() -> None:
    with (
        pytest.raises(UnusedReplies, match="'small' has 1 unused"),
        ScriptedModels({"small": ["a"]}),
    ):
        pass


def test_an_unexpected_call_fails_the_test_although_the_engine_goes_on(tmp_path: Path) -> None:
    with (
        pytest.raises(UnexpectedCall, match="no reply left for: 'two'"),
        ScriptedModels({"small": ["1"]}) as models,
        council(models, tmp_path) as asked,
    ):
        assert not asked.run_sync(TWO).complete


def test_a_test_that_fails_by_itself_is_not_covered_by_unused_replies() -> None:
    with pytest.raises(ZeroDivisionError), ScriptedModels({"small": ["a"]}):
        raise ZeroDivisionError


def test_a_reply_may_be_an_error_or_a_function(tmp_path: Path) -> None:
    replies = [ModelServerUnreachable("http://x"), lambda request: request.model.upper()]
    with ScriptedModels({"small": replies}) as models, council(models, tmp_path) as asked:
        answer = asked.run_sync(TWO)
    assert [part.text for part in answer.parts] == ["SMALL"]
