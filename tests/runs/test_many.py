"""Lists and searches stay quick with 100,000 runs; the file's size is that of the texts."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from metier.answer import Answer, Part
from metier.events import Answered, PlanReady
from metier.plan import Plan, Step
from metier.runs.run import Versions
from metier.runs.store import RunStore

RUNS = 100_000
WORDS = [f"{a}{b}{c}ter" for a in "badifoku" for b in "nrstlm" for c in "aeiou"]
ALLOWED_S = 0.05


def text(random: Random, words: int) -> str:
    return " ".join(random.choices(WORDS, k=words))


def fill(store: RunStore, count: int) -> None:
    """Runs of one step and one call, of the length that questions and answers have."""
    random = Random(3)
    versions = Versions(metier="1", embedder="e")
    constant = text(random, 300).encode()
    numbers = iter(range(count))
    # In one transaction of all, the journal would grow as large as the file.
    while batch := list(islice(numbers, 1000)):
        with store._writing():
            _fill(store, batch, random, versions, constant)


def _fill(
    store: RunStore, numbers: list[int], random: Random, versions: Versions, constant: bytes
) -> None:
    for n in numbers:
        question, said = f"{text(random, 12)} n{n}", text(random, 60)
        plan = Plan(question=question, steps=(Step(id="1", task=question, expert="math"),))
        part = Part(step_id="1", task=question, expert="math", text=said, models=("small",))
        run = store.begin(f"{random.getrandbits(128):032x}", question, versions)
        answer = Answer(question=question, text=said, parts=(part,))
        name = f"{random.getrandbits(128):032x}"
        store.add_events(run, [PlanReady(run_id=name, plan=plan)])
        texts = [constant, question.encode()]
        store.add_exchange(run, "chat", f"asked {n}".encode(), said.encode(), texts)
        store.add_events(run, [Answered(run_id=name, seq=1, answer=answer)])
        store.end(run, "answered", tip=name)


def quickest_s(call: Callable[[], object]) -> float:
    """Of five times: other programs of this machine are no part of it."""
    times = []
    for _ in range(5):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return min(times)


@pytest.mark.matrix
def test_a_hundred_thousand_runs_are_listed_and_searched_quickly(tmp_path: Path) -> None:
    with RunStore(tmp_path / "runs.db") as store:
        fill(store, RUNS)
        middle = store.newest(limit=1, before=store.newest(limit=50_000)[-1].id)[0]
        calls: dict[str, Callable[[], object]] = {
            "list": store.newest,
            "list older": lambda: store.newest(before=middle.id),
            "search a rare word": lambda: store.search("n500"),
            "search a common word": lambda: store.search(WORDS[0]),
            "search four words": lambda: store.search(" ".join(WORDS[:4])),
            "search the beginning of a word": lambda: store.search(WORDS[0][:4]),
            "search a letter": lambda: store.search("b"),
            "load": lambda: store.load(middle.id[:12]),
        }
        times = {name: quickest_s(call) for name, call in calls.items()}
        size = store.statistics().size_bytes
        began = time.perf_counter()
        store.delete([middle.id])
        deleted_s = time.perf_counter() - began
    print(f"{size / RUNS:.0f} bytes a run, deleting one {deleted_s:.2f} s, {times}")
    assert max(times.values()) <= ALLOWED_S, times
    assert size / RUNS < 5000
