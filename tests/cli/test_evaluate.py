"""`metier evaluate` on experts of two words, with an embedder that hashes words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from small_council import EXAMPLES, SUBJECTS, install_small_council

from metier import Council, Settings
from metier.cli.main import cli
from metier.planning.learning.calibration import Calibration


@pytest.fixture(autouse=True)
def small_council(monkeypatch: pytest.MonkeyPatch) -> None:
    install_small_council(monkeypatch)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(each) for each in arguments], prog_name="metier")


def written(file: Path, rows: list[dict[str, object]]) -> Path:
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return file


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    rows: list[dict[str, object]] = [
        {"question": f"{example} for {subject}", "expert": expert}
        for expert, example in EXAMPLES.items()
        for subject in SUBJECTS
    ]
    rows.append({"question": "write a python function that adds", "expert": "math"})
    return written(tmp_path / "questions.jsonl", rows)


@pytest.fixture
def outcomes(tmp_path: Path) -> Path:
    rows: list[dict[str, object]] = [
        {
            "question": f"compute the sum of {n} and 3" if n % 2 else f"write verse {n}",
            "right": {"small": n % 2 == 0, "large": n % 2 == 1},
        }
        for n in range(40)
    ]
    return written(tmp_path / "outcomes.jsonl", rows)


@pytest.fixture
def several(tmp_path: Path) -> Path:
    """Whoever says "sing" wants a second thing, which no grammar tells."""
    nouns = [f"{kind} {subject}" for kind in ("red", "old", "lost", "new") for subject in SUBJECTS]
    rows: list[dict[str, object]] = [
        {"question": f"{opening} {noun}.", "several": opening.startswith("Sing")}
        for opening in ("Please draw the", "Please send the", "Sing and draw the", "Sing over the")
        for noun in nouns
    ]
    return written(tmp_path / "several.jsonl", rows)


@pytest.fixture
def plans(tmp_path: Path) -> Path:
    """A forecast takes a sum and then a program, which no word says."""
    steps = [
        {"expert": "math", "capability": "all", "task": "add them"},
        {"expert": "code", "capability": "all", "task": "write it", "needs": [0]},
    ]
    rows: list[dict[str, object]] = [
        {"request": f"forecast our {kind} {subject}", "steps": steps}
        for kind in ("red", "old", "large", "cheap", "rare", "lost", "new")
        for subject in SUBJECTS
    ]
    return written(tmp_path / "plans.jsonl", rows)


def files() -> Council:
    """Where the commands keep what they learn."""
    return Council.from_installed(Settings.load())


def kept(name: str) -> Path:
    """The file of what was learnt, there or not."""
    return files().planning.artefacts.file(name)


def forgetful() -> Path:
    """A calibration with which nobody is chosen."""
    council = files()
    assert run("index", "build").exit_code == 0
    from metier.cli.session import run_async

    index = run_async(council.planning.index)
    return council.planning.keep(Calibration(threshold=1.0), index=index)


def test_routing_is_shown_with_who_takes_whose(questions: Path) -> None:
    done = run("evaluate", "routing", "--data", questions)
    assert done.exit_code == 0, done.stderr
    assert "25 questions, embedder fixed/256" in done.stdout
    assert "code takes 1 from math\n  write a python function that adds" in done.stdout
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["math", "1", "8", "·", "89", "%"] in rows
    assert "fits" not in done.stdout


def test_verbose_shows_what_spoke_for_whom(questions: Path) -> None:
    done = run("evaluate", "routing", "-v", "--data", questions)
    assert "math → code: write a python function that adds" in done.stdout
    assert "all: like 'write a python function', words write python function" in done.stdout


def test_routing_is_one_object_where_json_was_asked_for(questions: Path) -> None:
    done = run("evaluate", "routing", "--json", "--data", questions)
    report = json.loads(done.stdout)
    assert report["n"] == 25
    assert report["now"]["stolen"][0]["examples"] == ["write a python function that adds"]
    assert (report["applied"], report["refusal"]) == (False, None)


def test_what_routing_learnt_is_applied_and_said(questions: Path) -> None:
    file = forgetful()
    before = json.loads(run("plan", "--json", "write a python function").stdout)
    done = run("evaluate", "routing", "--apply", "--data", questions)
    assert done.exit_code == 0
    saved = json.loads(file.read_text())["data"]
    assert f"threshold: 1.00 → {saved['threshold']:.2f}" in done.stderr
    assert str(file) in done.stderr
    after = json.loads(run("plan", "--json", "write a python function").stdout)
    assert [plan["steps"][0]["expert"] for plan in (before, after)] == ["general", "code"]


def test_nothing_is_applied_without_being_asked_for(questions: Path) -> None:
    file = forgetful()
    before = file.read_bytes()
    run("evaluate", "routing", "--data", questions)
    assert file.read_bytes() == before


def test_too_few_questions_are_shown_and_not_applied(tmp_path: Path) -> None:
    file = forgetful()
    before = file.read_bytes()
    rows: list[dict[str, object]] = [{"question": EXAMPLES["math"], "expert": "math"}]
    few = written(tmp_path / "few.jsonl", rows)
    done = run("evaluate", "routing", "--apply", "--data", few)
    assert done.exit_code == 1
    assert "1 questions" in done.stdout
    assert "Not applied: questions are too few to learn from: 1 of 1 experts" in done.stderr
    assert file.read_bytes() == before


def test_a_refusal_is_in_the_one_object_too(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"question": EXAMPLES["math"], "expert": "math"}]
    few = written(tmp_path / "few.jsonl", rows)
    done = run("evaluate", "routing", "--apply", "--json", "--data", few)
    report = json.loads(done.stdout)
    assert done.exit_code == 1
    assert not report["applied"]
    assert "too few" in report["refusal"]


@pytest.mark.parametrize(
    ("command", "missing"),
    [
        ("routing", "question"),
        ("models", "question"),
        ("splitting", "question"),
        ("plans", "request"),
    ],
)
def test_a_bad_line_is_a_usage_error(command: str, missing: str, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text("{}\n")
    done = run("evaluate", command, "--data", bad)
    assert done.exit_code == 2
    assert f"{bad}:1: {missing}: Field required. A line is such as: " in done.stderr


def test_experts_without_questions_ask_for_a_file() -> None:
    done = run("evaluate", "routing")
    assert done.exit_code == 2
    assert "metier evaluate routing --data questions.jsonl" in done.stderr


def test_models_are_compared_with_choosing_by_the_question(outcomes: Path) -> None:
    done = run("evaluate", "models", "--data", outcomes)
    assert done.exit_code == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["small", "40", "50.0", "%", "50", "%"] in rows
    assert "chosen for each question*          100.0 %" in done.stdout
    assert not kept("outcomes").exists()


def test_what_models_learnt_is_applied_and_said(outcomes: Path) -> None:
    done = run("evaluate", "models", "--apply", "--data", outcomes)
    assert done.exit_code == 0
    assert "runs on the installed model of small, large that is most likely right" in done.stderr
    assert str(kept("outcomes")) in done.stderr
    made = json.loads(run("plan", "--json", "compute the sum of 9 and 3").stdout)
    chances = made["steps"][0]["chances"]
    assert chances["large"] > chances["small"]


def test_what_models_answered_teaches_the_weighted_vote(outcomes: Path) -> None:
    rows = [json.loads(line) for line in outcomes.read_text().splitlines()]
    for row in rows:
        right = row["right"]
        row["answers"] = {name: "A" if right[name] else "B" for name in right}
    done = run("evaluate", "models", "--apply", "--data", written(outcomes, rows))
    assert done.exit_code == 0, done.stderr
    assert "all asked, answers weighted*" in done.stdout
    assert "--strategy weighted uses these votes" in done.stderr
    assert kept("votes").exists()


def test_a_model_that_is_best_alone_is_not_routed_around(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"question": f"question {n}", "right": {"small": n % 2 == 0, "large": True}}
        for n in range(40)
    ]
    done = run("evaluate", "models", "--apply", "--data", written(tmp_path / "o.jsonl", rows))
    assert done.exit_code == 1
    assert "Not applied: " in done.stderr
    assert "'large' alone is as good or better" in done.stderr
    assert not kept("outcomes").exists()


def test_splitting_shows_what_the_grammar_misses_and_what_is_learnt(several: Path) -> None:
    done = run("evaluate", "splitting", "--data", several)
    assert done.exit_code == 0, done.stderr
    assert "128 questions, 64 for several things, embedder fixed/256" in done.stdout
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["learnt*", "128", "100.0", "%", "(97.1", "to", "100.0)", "0", "0"] in rows
    assert "grammar misses 64 for several\n  Sing and draw the red apples.\n" in done.stdout
    assert not kept("needs").exists()


def test_what_splitting_learnt_is_applied_and_said(several: Path) -> None:
    question = "Please compute the sum of two numbers, then write a python function."
    assert len(json.loads(run("plan", "--json", question).stdout)["steps"]) == 2
    done = run("evaluate", "splitting", "--apply", "--json", "--data", several)
    assert done.exit_code == 0
    assert json.loads(done.stdout)["applied"]
    assert f"saved {kept('needs')}; without it, the grammar does" in done.stderr
    assert len(json.loads(run("plan", "--json", question).stdout)["steps"]) == 1


def test_a_grammar_that_is_as_good_stays(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"question": f"Who drew {n}?{' When was it sold?' * (n % 2)}", "several": n % 2 == 1}
        for n in range(100)
    ]
    done = run("evaluate", "splitting", "--apply", "--data", written(tmp_path / "s.jsonl", rows))
    assert done.exit_code == 1
    assert "Not applied: what was learnt tells 100 of 100 questions rightly" in done.stderr
    assert not kept("needs").exists()


def test_plans_are_compared_with_those_of_the_rules(plans: Path) -> None:
    done = run("evaluate", "plans", "--data", plans)
    assert done.exit_code == 0, done.stderr
    assert "56 past plans, 56 of several capabilities, embedder fixed/256" in done.stdout
    assert "rules and past plans*  100.0 % (100.0 to 100.0)" in done.stdout
    assert not kept("chains").exists()


def test_what_past_plans_taught_is_applied_and_said(plans: Path) -> None:
    done = run("evaluate", "plans", "--apply", "--data", plans)
    assert done.exit_code == 0, done.stderr
    assert "a request that resembles one of 56 past ones is planned like it" in done.stderr
    made = json.loads(run("plan", "--json", "forecast our green apples").stdout)
    assert [(step["expert"], step["needs"]) for step in made["steps"]] == [
        ("math", []),
        ("code", ["1"]),
    ]


def test_too_few_plans_are_shown_and_not_applied(plans: Path, tmp_path: Path) -> None:
    few = tmp_path / "few.jsonl"
    few.write_text("".join(plans.read_text().splitlines(keepends=True)[:49]))
    done = run("evaluate", "plans", "--apply", "--json", "--data", few)
    assert done.exit_code == 1
    report = json.loads(done.stdout)
    assert (report["applied"], report["learnt"]) == (False, None)
    assert "Not applied: past plans are too few to learn from: 49" in done.stderr


def test_one_expert_is_shown_with_what_it_takes_and_loses(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"question": "write a python function", "expert": "code"},
        {"question": "write a python function that adds", "expert": "math"},
        {"question": "compute the sum of two numbers", "expert": "code"},
    ]
    file = written(tmp_path / "questions.jsonl", rows)
    done = run("evaluate", "routing", "--expert", "code", "--data", file)
    assert done.exit_code == 0, done.stderr
    assert "code next to the installed experts: 3 questions" in done.stdout
    assert "takes 1 from math that" in done.stdout
    assert "loses 1 to math\n  compute the sum of two numbers" in done.stdout
    as_json = run("evaluate", "routing", "--expert", "code", "--data", file, "--json")
    (report,) = json.loads(as_json.stdout)["experts"]
    assert (report["expert"], report["recall"]["n"]) == ("code", 2)


def test_one_expert_is_looked_at_and_nothing_learnt(questions: Path) -> None:
    done = run("evaluate", "routing", "--expert", "code", "--apply", "--data", questions)
    assert done.exit_code == 2
    assert "--expert and --apply exclude each other" in done.stderr


@pytest.mark.parametrize(
    ("expert", "message"),
    [("cod", "nearest: 'code'"), ("./nothing", "nothing holds no expert")],
)
def test_one_expert_that_is_not_there_is_a_usage_error(
    expert: str, message: str, questions: Path
) -> None:
    done = run("evaluate", "routing", "--expert", expert, "--data", questions)
    assert done.exit_code == 2
    assert message in done.stderr


def test_what_was_learnt_is_listed_and_removed(outcomes: Path) -> None:
    assert run("evaluate", "models", "--apply", "--data", outcomes).exit_code == 0
    listed = json.loads(run("learn", "status", "--json").stdout)["learnt"]
    assert {each["name"]: each["used"] for each in listed}["outcomes"]
    assert "which model gets which question right" in run("learn", "status").stdout
    assert run("learn", "remove", "outcomes").exit_code == 0
    assert not kept("outcomes").exists()


@pytest.mark.parametrize("name", ["outcomes", "../rows", ""])
def test_what_is_not_there_cannot_be_removed(name: str) -> None:
    done = run("learn", "remove", name)
    assert done.exit_code == 2
    assert "metier learn status" in done.stderr
