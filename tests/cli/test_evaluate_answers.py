"""`metier evaluate answers` on experts that say what the test wrote down."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from metier import Card, Council, Expert, Settings
from metier.cli.main import cli
from metier.errors import ModelServerFailed
from metier.experts.card import Capability
from metier.testing import FixedEmbedder, ScriptedModels
from metier.testing.models import Reply

SUMS = [
    {
        "question": f"compute the sum of {n} and 1",
        "expert": "math",
        "answer": {"kind": "number", "value": n + 1},
    }
    for n in range(1, 4)
]
STORY = {
    "question": "tell me a story about a king",
    "expert": None,
    "answer": {"kind": "contains", "value": ["king"]},
}
Script = Callable[[Sequence[Reply], Sequence[Reply]], ScriptedModels]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    """Has the model that is asked alone, and the experts', reply in order."""

    def scripted(alone: Sequence[Reply], experts: Sequence[Reply]) -> ScriptedModels:
        models = ScriptedModels({"plain": alone, "trained": experts})

        def installed(settings: Settings) -> Council:
            cards = [
                card("math", ("compute the sum of 4 and 9", "the sum of 7 and 1"), "trained"),
                card("general", ("tell me a story about a king",), "plain"),
            ]
            return Council.of(
                [Expert(each) for each in cards],
                settings=settings,
                server=models,
                embedder=FixedEmbedder(),
            )

        monkeypatch.setattr(Council, "from_installed", installed)
        return models

    return scripted


def card(name: str, examples: tuple[str, ...], model: str) -> Card:
    capability = Capability(name="all", description=name, examples=examples)
    return Card(
        id=name,
        description=name,
        models=(model,),
        capabilities=(capability,),
        prompt=f"You are {name}.",
        disclaimer="Check 999 times." if name == "math" else "",
    )


@pytest.fixture
def data(tmp_path: Path) -> Path:
    file = tmp_path / "questions.jsonl"
    unanswered = {"question": "compute the sum of two primes", "expert": "math"}
    rows = [*SUMS, unanswered, STORY]
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return file


def run(*arguments: str | Path) -> Result:
    words = ["evaluate", "answers", *map(str, arguments)]
    return CliRunner().invoke(cli, words, prog_name="metier")


ALONE: list[Reply] = ["2", "The answer is 7.", "I do not know.", "A king."]
EXPERTS: list[Reply] = ["Result: 2", "Result: 3", "Result: 5"]


def test_both_sides_are_asked_and_counted(script: Script, data: Path) -> None:
    with script([*ALONE, "The king slept."], EXPERTS) as models:
        done = run("--data", data)
    assert done.exit_code == 0, done.stderr
    assert "4 questions, plain alone and the council" in done.stdout
    rows = [line.split() for line in done.stdout.splitlines()]
    assert rows[2][:6] == ["domain", "answered", "by", "right", "accuracy,", "95"]
    assert ["math", "plain", "1", "of", "3"] in [row[:5] for row in rows]
    assert ["council", "2", "of", "3"] in [row[:4] for row in rows]
    assert ["math", "+33.3", "(+0.0", "to", "+100.0)", "1", "0", "1.000"] in rows
    assert ["all", "plain", "2", "of", "4"] in [row[:5] for row in rows]
    alone = models.requests[0]
    assert [message.content for message in alone.messages] == [
        "You are general.",
        SUMS[0]["question"],
    ]


def test_the_council_may_vote_and_the_log_tells_the_ways_apart(
    script: Script, data: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log.jsonl"
    one = ["--data", data, "--domain", "math", "--limit", "1", "--log", log]
    vote = ["--strategy", "vote", "--samples", "3"]
    with script(ALONE[:1], ["Result: 3", "Result: 2", "Result: 2"]):
        done = run(*one, *vote)
    assert done.exit_code == 0, done.stderr
    assert ["council", "1", "of", "1"] in [row.split()[:4] for row in done.stdout.splitlines()]
    with script(ALONE[:1], ["Result: 3"]):
        assert run(*one).exit_code == 0
    with script([], []):
        assert run(*one, *vote).exit_code == 0


def test_progress_goes_to_stderr(script: Script, data: Path) -> None:
    with script(ALONE[:1], EXPERTS[:1]):
        done = run("--data", data, "--domain", "math", "--limit", "1")
    assert done.stderr == "1/1 math, alone right, council right: compute the sum of 1 and 1\n"


def test_one_object_has_every_answer(script: Script, data: Path) -> None:
    with script(ALONE[:3], EXPERTS):
        done = run("--data", data, "--domain", "math", "--json")
    report = json.loads(done.stdout)
    assert (report["asked"], report["planned"], report["overall"]["gained"]) == (3, 3, 1)
    single, council = report["pairs"][1]["single"], report["pairs"][1]["council"]
    assert single["verdict"] == {
        "outcome": "wrong",
        "extracted": "7",
        "why": "it gives '7', right is '3'",
    }
    assert (council["text"], council["experts"]) == ("Result: 3", ["math"])
    assert council["usage"]["calls"] == 1


def test_markdown_has_tables(script: Script, data: Path) -> None:
    with script(ALONE[:1], EXPERTS[:1]):
        done = run("--data", data, "--domain", "math", "--limit", "1", "--markdown")
    assert (
        "| domain | gain in points, 95 % | only council | only alone | p (McNemar) |" in done.stdout
    )
    assert "| --- | ---: | ---: | ---: | ---: |" in done.stdout
    assert "| math | +0.0 (+0.0 to +0.0) | 0 | 0 | 1.000 |" in done.stdout


def test_an_error_is_a_wrong_answer_and_the_run_goes_on(script: Script, data: Path) -> None:
    broken = ModelServerFailed("the runner crashed")
    with script([broken, "3", "4"], ["Result: 2", broken, "Result: 4"]):
        done = run("--data", data, "--domain", "math")
    assert done.exit_code == 0
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["plain", "2", "of", "3"] in [row[1:5] for row in rows]
    assert "2 went wrong" in done.stdout
    assert f"  math, plain: {SUMS[0]['question']}\n    the runner crashed" in done.stdout
    assert f"  math, council: {SUMS[1]['question']}\n    math: the runner crashed" in done.stdout


def test_verbose_shows_wrong_answers(script: Script, data: Path) -> None:
    with script(ALONE[:3], EXPERTS):
        done = run("--data", data, "--domain", "math", "-v")
    wrong = f"math, council: {SUMS[2]['question']}\n  it gives '5', right is '4'\n  Result: 5"
    assert wrong in done.stdout
    assert "no number could be read\n  I do not know." in done.stdout


def interrupt(_: object) -> str:
    raise KeyboardInterrupt


def test_an_interrupted_run_reports_what_was_answered(script: Script, data: Path) -> None:
    script(["2", interrupt], ["Result: 2"])
    done = run("--data", data)
    assert done.exit_code == 130
    assert "1 of 4 questions" in done.stdout
    assert done.stderr.endswith("interrupted\n")


def test_a_log_goes_on_where_it_ended(script: Script, data: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    script(["2", interrupt], ["Result: 2"])
    assert run("--data", data, "--domain", "math", "--log", log).exit_code == 130
    assert len(log.read_text().splitlines()) == 1
    with script(["3", "4"], ["Result: 3", "Result: 4"]):
        done = run("--data", data, "--domain", "math", "--log", log, "--json")
    report = json.loads(done.stdout)
    assert (report["asked"], report["overall"]["council"]["right"]) == (3, 3)
    assert len(log.read_text().splitlines()) == 3


def test_what_the_log_has_is_judged_anew(script: Script, data: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    with script(["2"], ["Result: 2"]):
        run("--data", data, "--domain", "math", "--limit", "1", "--log", log)
    row = SUMS[0] | {"answer": {"kind": "number", "value": 5}}
    data.write_text(json.dumps(row))
    with script([], []):
        done = run("--data", data, "--log", log, "--json")
    assert json.loads(done.stdout)["overall"]["council"]["right"] == 0


def test_another_model_alone_is_asked_anew(script: Script, data: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    options = ("--data", data, "--domain", "math", "--limit", "1", "--log", log)
    with script(["2"], ["Result: 2"]):
        run(*options)
    with script([], ["2", "Result: 2"]):
        done = run(*options, "--single-model", "trained")
    assert "trained alone and the council" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--domain", "maths"), "no question of 'maths' has an answer (nearest: 'math')"),
        (("--single-model", "plane"), "model 'plane' is not installed (nearest: 'plain:latest')"),
        (("--json", "--markdown"), "exclude each other"),
        (("--limit", "0"), "0 is not in the range"),
    ],
)
def test_what_cannot_be_asked_is_said_before_any_question(
    script: Script, data: Path, arguments: tuple[str, ...], message: str
) -> None:
    with script([], []):
        done = run("--data", data, *arguments)
    assert done.exit_code in (1, 2)
    assert message in done.stderr


def test_a_wrong_answer_in_the_file_is_a_usage_error(script: Script, tmp_path: Path) -> None:
    script([], [])
    file = tmp_path / "bad.jsonl"
    file.write_text(
        '{"question": "Which?", "expert": "math", "answer": {"kind": "label", "value": "E"}}'
    )
    done = run("--data", file)
    assert done.exit_code == 2
    assert f"{file}:1: answer.label: Value error, value 'E' is none of the labels" in done.stderr


def test_questions_without_answers_are_said_to_have_none(script: Script, tmp_path: Path) -> None:
    script([], [])
    file = tmp_path / "none.jsonl"
    file.write_text('{"question": "Which?", "expert": "math"}')
    done = run("--data", file)
    assert done.exit_code == 2
    assert 'no question has an answer. A line with one is such as: {"question"' in done.stderr


def test_a_log_that_cannot_be_written_costs_no_answer(
    script: Script, data: Path, tmp_path: Path
) -> None:
    script(["2"], ["Result: 2"])
    done = run("--data", data, "--domain", "math", "--log", tmp_path / "no" / "log.jsonl")
    assert done.exit_code == 2
    assert "no/log.jsonl cannot be written: no such file or directory" in done.stderr
