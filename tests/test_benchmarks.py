"""The planner's benchmarks in their quick form, against floors that were recorded for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from benchmarks import load, phases, resident
from benchmarks.contract import exactly, mean_of, median_of, share_of
from benchmarks.data import DEFAULT
from benchmarks.keeping import Keeping
from benchmarks.plotting import accuracy_over_calls, stacked_seconds
from fake_ollama import fake_ollama
from pydantic import BaseModel
from world import KEPT

from metier.errors import ModelServerBusy
from metier.models.server import ChatRequest
from metier.testing import FixedEmbedder

ROOT = Path(__file__).parent.parent
DATA = ROOT / DEFAULT

# What the quick form gave, less about two standard errors, and above its baselines.
FLOORS: dict[str, tuple[list[str], dict[str, float]]] = {
    "metatool": (
        ["--limit", "100"],
        {"descriptions.top1": 55, "examples10.top1": 76, "two.single_kept": 90},
    ),
    "ultratool": (["--limit", "60"], {"node_f1": 58, "steps.node_f1": 66}),
    "taskbench_kind": (["--limit", "60"], {"untrained.accuracy": 78}),
    # At 0.5 a router that has learnt nothing would pass.
    "strong_weak": (["--limit", "300"], {"gsm8k.apgr_cv": 0.57}),
    # Of one model for all questions the gain is 0.
    "pool": (["--limit", "1000"], {"mmlu_pro3.gain": 1}),
    "recorded": (["--limit", "800"], {"mmlu_pro7.weighted_gain": 1}),
    "planner_scale": (["--limit", "1000"], {"recall_at_10_1000": 0.95}),
    "knowledge": (["--limit", "100"], {"question.recall_at_5": 95, "half.mrr": 0.87}),
}


PHASES = ("import", "plan", "load", "read", "write", "check")


def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The benchmark as a user runs it, with the embedder's own files beside the test models."""
    own = {"METIER_CACHE_DIR": str(KEPT), "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", *arguments],
        check=False,
        cwd=ROOT,
        env=os.environ | own,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.parametrize("name", FLOORS)
def test_the_quick_form_keeps_its_floors(name: str, minilm: Path) -> None:
    if not DATA.is_dir():
        pytest.skip(f"no measurement sets in {DEFAULT}")
    arguments, floors = FLOORS[name]
    embedder = ["--embedder", "sentence-transformers", "--embed-model", str(minilm)]
    done = run(name, "--data", str(DATA), *arguments, *embedder)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert found["benchmark"] == name
    for key, floor in floors.items():
        metric = found["metrics"][key]
        assert metric["value"] >= floor, (key, metric)
        assert metric["ci95"][0] <= metric["value"] <= metric["ci95"][1]


def test_follow_ups_go_to_the_expert_of_their_subject(minilm: Path) -> None:
    embedder = ["--embedder", "sentence-transformers", "--embed-model", str(minilm)]
    done = run("followups", "--data", "benchmarks/own", *embedder)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    ours = found["metrics"]["followups.experts"]["value"]
    assert ours >= 85
    assert all(ours > arm["followups.experts"]["value"] for arm in found["baselines"].values())


@pytest.mark.parametrize("name", FLOORS)
def test_without_its_data_a_benchmark_says_where_they_come_from(name: str, tmp_path: Path) -> None:
    done = run(name, "--data", str(tmp_path))
    assert done.returncode == 2
    assert "github.com/" in done.stderr
    assert "--data" in done.stderr


def test_a_share_has_wilsons_interval() -> None:
    assert share_of([True] * 9 + [False]) == {"value": 90.0, "n": 10, "ci95": [59.58, 98.21]}


def test_intervals_hold_their_value() -> None:
    for metric in (mean_of([0.0, 1.0, 1.0, 0.0]), median_of([1.0, 2.0, 9.0])):
        low, high = metric["ci95"]
        assert low <= metric["value"] <= high


def test_a_plot_names_its_sets_and_strategies_and_is_the_same_twice(tmp_path: Path) -> None:
    metrics = {
        "gsm8k.best_single": share_of([True, False]),
        "gsm8k.vote": share_of([True, True]),
        "gsm8k.vote.calls": mean_of([3.0, 4.0]),
        "gsm8k.vote_calls": exactly(3.5),
        "medmcqa.best_single": share_of([True, False, False]),
        "medmcqa.average": share_of([True, True, False]),
        "medmcqa.average.calls": mean_of([1.0, 1.0, 1.0]),
    }
    first, second = tmp_path / "first.svg", tmp_path / "second.svg"
    for file in (first, second):
        accuracy_over_calls(metrics, ["gsm8k", "medmcqa"], file)
    assert first.read_bytes() == second.read_bytes()
    text = first.read_text()
    for each in ("gsm8k, n 2", "medmcqa, n 3", "best single", ">vote<", ">average<"):
        assert each in text


class Reply(BaseModel):
    """Something to keep."""

    name: str
    text: str = ""


def replies(folder: Path, *, skip: str = "") -> Keeping[Reply]:
    def place(kept: Reply) -> str | None:
        return None if kept.name == skip else kept.name

    return Keeping(Reply, folder / "kept.jsonl", folder / "published.jsonl", place=place)


def test_what_is_kept_is_there_again_at_once_and_the_last_of_a_place_counts(tmp_path: Path) -> None:
    first = replies(tmp_path)
    first.add(Reply(name="a", text="one"))
    first.add(Reply(name="a", text="two"))
    assert replies(tmp_path).get("a") == Reply(name="a", text="two")
    assert replies(tmp_path, skip="a").get("a") is None


def test_results_are_published_as_they_are_shown_and_read_again(tmp_path: Path) -> None:
    first = replies(tmp_path)
    for name in ("b", "a", "secret"):
        first.add(Reply(name=name, text="a row of a set"))
    first.publish(lambda kept: None if kept.name == "secret" else Reply(name=kept.name))
    published = (tmp_path / "published.jsonl").read_text()
    assert published == '{"name":"a"}\n{"name":"b"}\n'
    (tmp_path / "kept.jsonl").unlink()
    assert replies(tmp_path).get("b") == Reply(name="b")
    assert replies(tmp_path).get("secret") is None


@pytest.mark.anyio
async def test_a_question_without_an_answer_is_counted_and_the_others_are_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(load, "DEADLINE_S", 0.01)

    async def ask(model: str, text: str) -> bool:
        if text == "refused":
            raise ModelServerBusy("no room")
        if text == "stalls":
            await anyio.sleep_forever()
        return True

    texts = ["refused", "stalls", *["answered"] * 10]
    found = await load.loaded([("m", text) for text in texts], ask)
    assert (found.unanswered, len(found.each_s)) == (2, 12)


def test_no_prompt_of_the_resident_benchmark_is_asked_twice() -> None:
    texts = [text for text, _ in resident.questions(10, 12)]
    assert len(set(texts)) == len(texts) == 22


def call(load_s: float, read_s: float, write_s: float, total_s: float) -> resident.Call:
    return resident.Call(
        ChatRequest(model="m", messages=()),
        total_s=total_s,
        load_s=load_s,
        read_s=read_s,
        write_s=write_s,
    )


def test_the_seconds_of_a_question_are_shown_by_phase(tmp_path: Path) -> None:
    calls = [call(3.0, 0.5, 2.0, 6.0), call(0.0, 0.5, 1.0, 2.0)]
    raws = [call(2.0, 4.0, 2.0, 8.5), call(0.0, 5.0, 1.0, 6.5)]
    one = resident.Asked(total_s=8.75, plan_s=0.25, calls=calls, raws=raws)
    found = phases.phases([one], 0.375)
    assert found == {
        "one slot": dict(zip(PHASES, (0.375, 0.25, 2.0, 9.0, 3.0, 0.5), strict=True)),
        "resident prompts": dict(zip(PHASES, (0.375, 0.25, 3.0, 1.0, 3.0, 0.5), strict=True)),
    }
    file = tmp_path / "seconds.svg"
    stacked_seconds(found, file)
    text = file.read_text()
    assert all(f">{name}</text>" in text for name in (*PHASES, *found))


def test_importing_ends_when_a_council_with_its_experts_is_there() -> None:
    assert phases.until_ready_s() > 0
    with pytest.raises(RuntimeError, match="could not be made"):
        phases.until_ready_s(METIER_NUM_CTX="none")


@pytest.mark.anyio
async def test_a_model_that_is_to_be_loaded_again_leaves_memory_before() -> None:
    with fake_ollama(FixedEmbedder(), models=["m", "other"], reply="") as server:
        server.loaded = ["m", "other"]
        await phases.unload(server.host, "m")
        assert server.loaded == ["other"]


@pytest.mark.parametrize("name", ["load", "resident"])
def test_a_benchmark_that_compares_servers_takes_none_from_the_environment(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_NUM_PARALLEL", "4")
    done = run(name)
    assert done.returncode == 1
    assert "OLLAMA_NUM_PARALLEL" in done.stderr.splitlines()[-1]


# In seconds not everything is warm: the process that computes starts when it is first needed.
GROWTH: dict[str, dict[str, float]] = {
    "0.1": {"mb": 40, "descriptors": 16, "threads": 16, "children": 2},
    "4": {"mb": 5, "descriptors": 0, "threads": 4, "children": 0},
}


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize("minutes", ["0.1", pytest.param("4", marks=pytest.mark.matrix)])
def test_a_server_under_load_loses_and_mixes_up_nothing_and_does_not_grow(minutes: str) -> None:
    done = run("soak", "--minutes", minutes)
    assert done.returncode == 0, done.stderr[-2000:]
    found = {key: each["value"] for key, each in json.loads(done.stdout)["metrics"].items()}
    assert found["answered"] > 0
    assert [found[name] for name in ("lost", "mixed", "hung", "store.problems")] == [0, 0, 0, 0]
    most = GROWTH[minutes]
    assert {name: grown for name in most if (grown := found[f"growth.{name}"]) > most[name]} == {}
