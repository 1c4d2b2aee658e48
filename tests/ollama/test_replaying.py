"""Runs of a real model are given again without it, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from world import SMALL

from metier import Council, Expert, Settings, read_card
from metier.events import fold
from metier.experts.registry import builtin_domains
from metier.runs.store import RunStore
from metier.testing import FixedEmbedder, ScriptedModels

pytestmark = pytest.mark.anyio

QUESTIONS = (
    "What is the capital of Australia?",
    "Who painted Guernica?",
    "What is 15% of 80?",
    "Write a Python function that adds two numbers.",
    "What helps against a cold?",
    "Translate 'good morning' into French.",
    "What is 12.5% of 840? Then write a Python function that computes it.",
    "Is ibuprofen an antibiotic?",
    "Name three rivers in Germany, and say which one is the longest.",
    "Sort a list of words by their length in Python.",
)


def experts() -> Iterator[Expert]:
    """The shipped domains as declarative experts on one small model."""
    for folder in sorted(builtin_domains().iterdir()):
        card = read_card(folder)
        yield Expert(card.model_copy(update={"models": (SMALL,), "max_tokens": 24}))


async def test_ten_runs_of_a_real_model_give_the_same_answers_without_it(
    ollama_settings: Settings, tmp_path: Path
) -> None:
    with RunStore(tmp_path / "runs.db") as store:
        made = Council.of(experts(), settings=ollama_settings, runs=store)
        answers = []
        for number, question in enumerate(QUESTIONS):
            strategy = "vote" if number == 2 else "single"
            events = [event async for event in made.stream(question, strategy=strategy)]
            answers.append(fold(events))
        kept = [store.load(run.id) for run in reversed(store.newest())]
        await made.server.aclose()

    # Neither a model nor the embedder is there any more.
    alone = Council.of(
        experts(), settings=ollama_settings, server=ScriptedModels(), embedder=FixedEmbedder()
    )
    assert [run.question for run in kept] == list(QUESTIONS)
    for run, answer in zip(kept, answers, strict=True):
        replay = await alone.replay(run)
        assert replay.same, replay.differences
        assert replay.answer is not None
        assert replay.answer.text.encode() == answer.text.encode()
