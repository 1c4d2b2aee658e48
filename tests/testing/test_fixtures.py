"""The fixtures for pytest, in a run of pytest of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

TESTS = """\
from metier import Card, Expert
from metier.experts.card import Capability

HELP = Capability(name="help", description="Help", examples=("help me",))
HELPER = Expert(Card(id="helper", description="Help", models=("small",), capabilities=(HELP,)))


def test_plan(council_of, plan_snapshot):
    plan_snapshot(council_of(HELPER).plan_sync("{question}"))


def test_answer(council_of, scripted_models):
    models = scripted_models({{"small": [{replies}]}})
    assert council_of(HELPER, models=models).ask_sync("help me").text == "Yes."


def test_embedder(fixed_embedder, council_of):
    council_of(HELPER, embedder=fixed_embedder).plan_sync("help me")
    assert ["help me"] in fixed_embedder.calls
"""


def run(
    folder: Path, *options: str, question: str = "help me", replies: str = "'Yes.'"
) -> subprocess.CompletedProcess[str]:
    (folder / "test_it.py").write_text(TESTS.format(question=question, replies=replies))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, "."]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_a_plan_that_is_not_kept_fails_and_says_how_to_keep_it(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert "1 failed, 2 passed" in done.stdout
    assert "no plan is kept" in done.stdout
    assert "pytest --update-plans" in done.stdout
    assert not (tmp_path / "plans").exists()


def test_a_plan_is_kept_compared_and_shown_where_it_changed(tmp_path: Path) -> None:
    assert run(tmp_path, "--update-plans").returncode == 0
    kept = json.loads((tmp_path / "plans" / "test_plan.json").read_text())
    step = {"task": "help me", "expert": "helper", "capability": "help"}
    assert kept == {"question": "help me", "steps": [step]}
    assert run(tmp_path).returncode == 0
    changed = run(tmp_path, question="help me please")
    assert changed.returncode == 1
    assert '"task": "help me please"' in changed.stdout


def test_a_reply_that_is_not_used_fails_the_test(tmp_path: Path) -> None:
    run(tmp_path, "--update-plans")
    done = run(tmp_path, replies="'Yes.', 'No.'")
    assert "'small' has 1 unused: ['No.']" in done.stdout


def test_the_fixtures_load_nothing_heavy_where_they_are_not_used(tmp_path: Path) -> None:
    test = (
        "import sys\ndef test_it():\n    assert not {'numpy', 'faiss', 'ollama'} & {*sys.modules}\n"
    )
    (tmp_path / "test_light.py").write_text(test)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
