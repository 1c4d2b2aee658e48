"""`metier runs`, `metier rate` and `metier ask -c` at a terminal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from kept_runs import council

from metier import Council, Settings
from metier.cli.main import cli
from metier.models.server import ChatRequest
from metier.runs.store import RunStore
from metier.testing import ScriptedModels


@pytest.fixture(autouse=True)
def small_council(monkeypatch: pytest.MonkeyPatch) -> list[ChatRequest]:
    """What is installed answers with words that depend on the question; returns what it asks."""
    requests: list[ChatRequest] = []

    def says(request: ChatRequest) -> str:
        requests.append(request)
        return f"Reply {len(requests)} to {request.messages[-1].content.split()[-1]}"

    def installed(settings: Settings, *, runs: RunStore | None = None) -> Council:
        models = ScriptedModels({"small": says})
        made = council(settings.state_dir, models=models)
        return Council(
            made.registry, settings=settings, server=models, embedder=made.embedder, runs=runs
        )

    monkeypatch.setattr(Council, "from_installed", installed)
    return requests


def metier(*arguments: str, code: int = 0) -> Result:
    done = CliRunner().invoke(cli, arguments, prog_name="metier")
    assert done.exit_code == code, (done.output, done.exception)
    return done


def as_json(*arguments: str) -> dict[str, object]:
    found = json.loads(metier(*arguments, "--json").stdout)
    assert isinstance(found, dict)
    return found


def listed(*arguments: str) -> Sequence[dict[str, object]]:
    found = json.loads(metier("runs", *(arguments or ("list",)), "--json").stdout)["runs"]
    assert isinstance(found, list)
    return found


def test_a_question_is_kept() -> None:
    answer = metier("ask", "all about math").stdout.strip()
    (run,) = listed()
    assert (run["question"], run["answer"], run["status"]) == ("all about math", answer, "answered")


@pytest.mark.parametrize("how", ["--no-log", "setting"])
def test_nothing_is_kept_if_it_is_not_wished(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if how == "setting":
        monkeypatch.setenv("METIER_KEEP_RUNS", "false")
    metier("ask", *(["--no-log"] if how == "--no-log" else []), "all about math")
    assert not list((tmp_path / "state").glob("runs.db*"))


def test_a_dry_run_is_not_kept(tmp_path: Path) -> None:
    metier("ask", "--dry-run", "all about math")
    assert not list((tmp_path / "state").glob("runs.db*"))


def test_ask_continue_goes_on_with_the_last_answer(small_council: list[ChatRequest]) -> None:
    first = metier("ask", "all about math").stdout.strip()
    metier("ask", "-c", "and more")
    said = " ".join(message.content for message in small_council[-1].messages)
    assert "all about math" in said
    assert first in said
    newest, oldest = listed()
    assert newest["follows"] == oldest["id"]


def test_ask_continue_without_an_answer_says_so() -> None:
    assert "no answer to go on from" in metier("ask", "-c", "and more", code=2).stderr


def test_show_tells_plan_cost_and_answer() -> None:
    answer = metier("ask", "all about math").stdout.strip()
    shown = metier("runs", "show").stdout
    assert all(text in shown for text in ("1 math", "1 call,", answer))


def test_search_finds_words_of_the_answer() -> None:
    metier("ask", "all about math")
    assert [run["question"] for run in listed("search", "reply", "math")] == ["all about math"]


def test_search_that_finds_nothing_says_so() -> None:
    assert "no run contains these words" in metier("runs", "search", "axolotl").stderr


def test_a_replay_prints_the_same_answer_and_asks_nobody(
    small_council: list[ChatRequest],
) -> None:
    answer = metier("ask", "all about math").stdout
    asked = len(small_council)
    replayed = metier("runs", "replay")
    assert (replayed.stdout, replayed.stderr.strip()) == (answer, "the same answer")
    assert len(small_council) == asked


def test_a_replay_from_a_step_is_a_run_of_its_own() -> None:
    metier("ask", "all about math")
    (first,) = listed()
    metier("runs", "replay", "--from", "1")
    newest = listed()[0]
    assert (newest["replay_of"], newest["from_step"]) == (first["id"], "1")
    assert newest["answer"] != first["answer"]


def test_diff_shows_where_two_answers_differ() -> None:
    metier("ask", "all about math")
    (first,) = listed()
    metier("runs", "replay", "--from", "1")
    shown = metier("runs", "diff", str(first["id"])).stdout
    assert "-Reply 1 to math" in shown
    assert "+Reply 2 to math" in shown


def test_an_export_holds_the_requests_with_their_texts(tmp_path: Path) -> None:
    metier("ask", "all about math")
    metier("runs", "export", "--all", "-o", str(tmp_path / "runs.jsonl"))
    (line,) = (tmp_path / "runs.jsonl").read_text().splitlines()
    calls = [call for call in json.loads(line)["calls"] if call["kind"] == "chat"]
    assert calls[0]["request"]["messages"][-1]["content"] == "all about math"


def test_deleted_runs_are_gone() -> None:
    metier("ask", "all about math")
    metier("runs", "delete", "last")
    assert listed() == []


def test_deleting_every_run_asks_first() -> None:
    metier("ask", "all about math")
    metier("runs", "delete", "--all", code=1)
    assert len(listed()) == 1
    metier("runs", "delete", "--all", "--yes")
    assert listed() == []


def test_a_rating_is_shown_with_its_run() -> None:
    metier("ask", "all about math")
    metier("rate", "last", "bad", "--expert", "code", "--note", "no sum")
    assert "rated bad, should have been code: no sum" in metier("runs", "show").stdout


def test_a_rating_names_an_expert_that_is_there() -> None:
    metier("ask", "all about math")
    done = metier("rate", "last", "bad", "--expert", "astrology", code=2)
    assert "no expert is called 'astrology'" in done.stderr


def test_learning_from_too_few_ratings_is_refused_and_says_how_many_it_takes() -> None:
    metier("ask", "all about math")
    metier("rate", "last", "good")
    assert "--apply would refuse: at least 20" in metier("learn", "ratings").stderr
    assert "Not applied: at least 20" in metier("learn", "ratings", "--apply", code=1).stderr


def test_a_bad_rating_with_an_expert_teaches_nothing_about_models() -> None:
    metier("ask", "all about math")
    metier("rate", "last", "bad", "--expert", "code")
    done = metier("learn", "outcomes", code=2)
    assert "no rating says whether a model was right" in done.stderr


def test_stats_count_runs_and_ratings() -> None:
    metier("ask", "all about math")
    metier("rate", "last", "good")
    found = as_json("runs", "stats")
    assert (found["runs"], found["ratings"]) == (1, {"good": 1})
