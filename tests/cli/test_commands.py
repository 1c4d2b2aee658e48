"""The command line without a server: bad input, settings, listings, the doctor."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from metier.cli.main import cli


def run(*arguments: str, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(cli, list(arguments), input=stdin, prog_name="metier")


@pytest.mark.parametrize("arguments", [("ask",), ("ask", "  "), ("plan",)])
def test_an_empty_question_is_a_usage_error_that_shows_one(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert 'Try: metier ask "What is 15% of 80?"' in done.stderr


def test_no_words_and_an_empty_stdin_is_an_empty_question() -> None:
    assert run(stdin="").exit_code == 2


@pytest.mark.parametrize("data", [b"\xff\xfe\x00\x01", b"text with a \x00 in it"])
def test_binary_on_stdin_is_refused(data: bytes) -> None:
    done = run("ask", stdin=data)
    assert done.exit_code == 2
    assert "stdin cannot be read: it is not UTF-8 text" in done.stderr


def test_a_file_that_is_not_there_is_named() -> None:
    done = run("ask", "-f", "/no/such/file.txt", "What is it?")
    assert done.exit_code == 2
    assert "/no/such/file.txt cannot be read: no such file or directory" in done.stderr


def test_a_server_that_is_down_is_an_error_with_its_cure() -> None:
    done = run("ask", "What is 2 + 2?")
    assert done.exit_code == 1
    assert "no Ollama answers at http://127.0.0.1:" in done.stderr
    assert "ollama serve" in done.stderr
    assert done.stdout == ""


def test_errors_are_json_where_json_was_asked_for() -> None:
    done = run("ask", "--json", "What is 2 + 2?")
    assert json.loads(done.stdout)["error"]["code"] == "model_server_unreachable"


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ("no json", "Invalid JSON"),
        ("{}", "question: this field is missing"),
        (
            json.dumps(
                {
                    "question": "q",
                    "steps": [
                        {"id": "1", "task": "a", "expert": "math", "needs": ["2"]},
                        {"id": "2", "task": "b", "expert": "math", "needs": ["1"]},
                    ],
                }
            ),
            "the steps need each other in a circle",
        ),
        (
            json.dumps({"question": "q", "steps": [{"id": "1", "task": "a", "expert": "maths"}]}),
            "no expert is called 'maths' (nearest: 'math')",
        ),
    ],
)
def test_a_plan_that_cannot_run_says_why(plan: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text(plan)
    done = run("run", str(file))
    assert done.exit_code == 2
    assert message in done.stderr


def test_a_misspelt_command_is_not_taken_for_a_question() -> None:
    done = run("docter")
    assert done.exit_code == 2
    assert "did you mean 'doctor'? To ask it as a question: metier ask docter" in done.stderr


def test_json_and_jsonl_exclude_each_other() -> None:
    assert run("ask", "--json", "--jsonl", "hello").exit_code == 2


@pytest.mark.parametrize(
    "command",
    [
        (),
        ("ask",),
        ("chat",),
        ("plan",),
        ("run",),
        ("experts",),
        ("experts", "list"),
        ("experts", "show"),
        ("experts", "new"),
        ("experts", "check"),
        ("experts", "try"),
        ("models",),
        ("models", "list"),
        ("models", "ps"),
        ("models", "pull"),
        ("models", "warm"),
        ("index",),
        ("index", "build"),
        ("index", "status"),
        ("doctor",),
        ("evaluate",),
        ("evaluate", "routing"),
        ("evaluate", "models"),
        ("config",),
        ("config", "path"),
        ("config", "get"),
        ("config", "set"),
        ("completion",),
    ],
    ids=" ".join,
)
def test_every_command_has_a_short_help_with_an_example(command: tuple[str, ...]) -> None:
    done = run(*command, "-h")
    assert done.exit_code == 0
    assert "Example" in done.stdout


def test_a_setting_is_set_shown_and_kept() -> None:
    assert run("config", "set", "num_ctx", "8192").exit_code == 0
    assert run("config", "get", "num_ctx").stdout.strip() == "8192"
    path = Path(run("config", "path").stdout.strip())
    assert path.read_text() == "num_ctx = 8192\n"


def test_the_old_name_of_a_setting_is_set_and_shown_with_a_warning() -> None:
    renamed = "'parallel' is called 'concurrency'"
    with pytest.warns(FutureWarning, match=renamed):
        assert run("config", "set", "parallel", "4").exit_code == 0
    path = Path(run("config", "path").stdout.strip())
    assert path.read_text() == "concurrency = 4\n"
    with pytest.warns(FutureWarning, match=renamed):
        assert run("config", "get", "parallel").stdout.strip() == "4"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [("num_ctxt", "8192", "nearest: 'num_ctx'"), ("num_ctx", "many", "num_ctx to 'many'")],
)
def test_a_setting_that_cannot_be_is_refused(name: str, value: str, message: str) -> None:
    done = run("config", "set", name, value)
    assert done.exit_code == 2
    assert message in done.stderr


def test_all_settings_are_shown_with_what_they_mean() -> None:
    assert "context window of every model" in run("config", "get").stdout
    assert json.loads(run("config", "get", "--json").stdout)["max_calls"] == 16


def test_experts_are_listed_and_shown() -> None:
    assert "medical" in run("experts", "list").stdout
    shown = run("experts", "show", "math").stdout
    assert "calculate:" in shown
    assert "tool convert(amount, from_unit, to_unit" in shown


def test_a_broken_card_is_listed_with_file_line_and_cure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "domains" / "cooking"
    folder.mkdir(parents=True)
    (folder / "domain.toml").write_text('api = 1\n[expert]\nid = "cooking"\ndescripton = "x"\n')
    monkeypatch.setenv("METIER_DOMAINS", str(tmp_path / "domains"))
    done = run("experts", "list")
    assert done.exit_code == 0
    assert f"{folder / 'domain.toml'}:4" in done.stderr
    assert "'descripton'" in done.stderr
    assert run("experts", "show", "cooking").exit_code == 1


def test_a_broken_card_is_an_error_where_plugins_are_strict(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "domains" / "cooking"
    folder.mkdir(parents=True)
    (folder / "domain.toml").write_text("api = 2\n")
    monkeypatch.setenv("METIER_DOMAINS", str(tmp_path / "domains"))
    monkeypatch.setenv("METIER_STRICT_PLUGINS", "1")
    done = run("experts", "list")
    assert done.exit_code == 1
    assert "reads api = 1" in done.stderr


def test_the_doctor_ends_every_failing_line_with_what_mends_it() -> None:
    done = run("doctor")
    failing = [line for line in done.stdout.splitlines() if line.startswith("FAIL")]
    assert done.exit_code == 1
    assert any("Ollama" in line for line in failing)
    assert all("→" in line for line in failing)
    checks = json.loads(run("doctor", "--json").stdout)["checks"]
    assert all(check["fix"] for check in checks if not check["ok"])


def with_cards(folder: Path, capability: str, *, count: int) -> None:
    """Domain folders with one capability each."""
    for n in range(count):
        mine = folder / f"expert_{n}"
        mine.mkdir(parents=True)
        head = f'api = 1\n[expert]\nid = "expert_{n}"\ndescription = "What number {n} can do"\n'
        card = f'[[capability]]\nname = "act"\ndescription = "Does thing {n}"\n{capability}\n'
        (mine / "domain.toml").write_text(head + card)


def test_the_doctor_says_that_cards_without_examples_teach_no_calibration(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with_cards(tmp_path, "", count=8)
    monkeypatch.setenv("METIER_DOMAINS", str(tmp_path))
    checks = json.loads(run("doctor", "--json").stdout)["checks"]
    (calibration,) = [check for check in checks if check["name"] == "calibration"]
    assert "metier's default: no examples in expert_0" in calibration["detail"]


def test_the_doctor_says_that_an_english_embedder_reads_examples_of_another_language(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    examples = [f"Wie koche ich das Gericht Nummer {n} für eine Feier?" for n in range(5)]
    with_cards(tmp_path, f"examples = {examples}", count=1)
    monkeypatch.setenv("METIER_DOMAINS", str(tmp_path))
    checks = json.loads(run("doctor", "--json").stdout)["checks"]
    (languages,) = [check for check in checks if check["name"] == "languages"]
    detail = "all-minilm reads English only, unlike most examples of expert_0"
    assert languages["detail"] == detail
    assert languages["fix"] == "metier config set embed_model embeddinggemma"
    monkeypatch.setenv("METIER_EMBED_MODEL", "bge-m3")
    checks = json.loads(run("doctor", "--json").stdout)["checks"]
    assert not [check for check in checks if check["name"] == "languages"]


def test_a_card_without_examples_is_noted_by_the_check(tmp_path: Path) -> None:
    with_cards(tmp_path, "", count=1)
    done = run("experts", "check", str(tmp_path / "expert_0"))
    assert "it has no examples: it is chosen by its descriptions" in done.stdout


def test_the_doctor_names_the_sandboxes_that_work() -> None:
    checks = json.loads(run("doctor", "--json").stdout)["checks"]
    (sandbox,) = [check for check in checks if check["name"] == "sandbox"]
    assert "monty" in sandbox["detail"]


def test_a_state_folder_that_cannot_be_written_is_found_by_the_doctor(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    monkeypatch.setenv("METIER_STATE_DIR", str(blocked / "state"))
    checks = json.loads(run("doctor", "--json").stdout)["checks"]
    state = next(check for check in checks if check["name"] == "state folder")
    assert not state["ok"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_is_printed(shell: str) -> None:
    done = run("completion", shell)
    assert done.exit_code == 0
    assert "_METIER_COMPLETE" in done.stdout


def test_experts_are_completed() -> None:
    from click.shell_completion import ShellComplete

    found = ShellComplete(cli, {}, "metier", "_METIER_COMPLETE").get_completions(
        ["ask", "-e"], "me"
    )
    assert [item.value for item in found] == ["medical"]
