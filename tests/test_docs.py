"""The documentation: everything has its place, pages are fresh, examples run."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import runpy
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import click
import httpx
import pytest
from pydantic import BaseModel

import metier
import metier.testing
from metier import Council, Expert, Plan, Settings, read_card
from metier import errors as error_module
from metier.cli.main import cli
from metier.errors import MetierError
from metier.evaluating.questions import answer_questions, routing_questions
from metier.events import Answered, Event, fold, parse_event
from metier.experts.card import Capability, Card
from metier.experts.registry import Registry, builtin_domains
from metier.plan import Candidate, Document, Message, Step
from metier.testing import FixedEmbedder, ScriptedModels

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
WRITING = DOCS / "writing-an-expert.md"
EMBEDDING = DOCS / "embedding-in-an-app.md"
ENVELOPE = ("v", "run_id", "seq", "at", "step_id", "attempt", "type")

ERRORS = [
    value
    for value in vars(error_module).values()
    if isinstance(value, type) and issubclass(value, MetierError)
]
EVENTS: tuple[type[BaseModel], ...] = get_args(get_args(Event)[0])


def rows(text: str) -> set[str]:
    """The first cells of a page's table rows, without their back ticks."""
    return {cell.strip().strip("`") for cell in re.findall(r"^\| ([^|]+)\|", text, re.MULTILINE)}


def section(file: Path, heading: str) -> str:
    """The text below a heading, up to the next one of any level."""
    parts = re.split(r"^##+ (.+)$", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert heading in found, f"{file.name} has no heading {heading!r}"
    return found[heading]


def commands(command: click.Command, *words: str) -> Iterator[str]:
    yield " ".join(("metier", *words))
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            member = command.get_command(context, name)
            assert member is not None
            yield from commands(member, *words, name)


def blocks(file: Path, language: str) -> list[str]:
    pattern = rf"^```{language}\n(.*?)^```$"
    return re.findall(pattern, file.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def programs(file: Path) -> dict[str, str]:
    """The blocks that are whole files: their first line is a comment with the file's path."""
    every = [*blocks(file, "python"), *blocks(file, "toml")]
    named = {re.match(r"# (\S+\.\w+)\n", block): block for block in every}
    return {match[1]: block for match, block in named.items() if match}


def written(file: Path, into: Path) -> Path:
    """A folder with all whole files of a page."""
    for path, text in programs(file).items():
        (into / path).parent.mkdir(parents=True, exist_ok=True)
        (into / path).write_text(text, encoding="utf-8")
    return into


def ran(*arguments: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(folder)} | variables
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def loaded(file: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A package of an example, imported for this test only."""
    spec = importlib.util.spec_from_file_location(file.parent.name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


def general(*replies: str) -> Council:
    """What `Council.from_installed()` would give, with models that say what is written here."""
    models = ScriptedModels({"qwen2.5-coder:1.5b": list(replies)})
    experts = [Expert(read_card(builtin_domains() / "general"))]
    return Council.of(experts, settings=Settings.load(), server=models, embedder=FixedEmbedder())


def test_generated_pages_are_fresh_links_lead_somewhere_and_blocks_parse() -> None:
    command = [sys.executable, ROOT / "scripts" / "check-docs.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[there](gone.md)", "README.md:1: there is no gone.md"),
        ("[there](README.md#b)\n\n# A", "README.md:1: there is no heading #b in README.md"),
        ("[out](../elsewhere.md)", "README.md:1: there is no ../elsewhere.md"),
        ("```python\nif:\n```", "README.md:1: python block: invalid syntax"),
        ("```json\n{]\n```", "README.md:1: json block: "),
        ("\n```toml\na =\n```", "README.md:2: toml block: "),
        ('```toml\napi = 1\n[expert]\nid = "A"\n```', "README.md:1: toml block: "),
        ("```python\npass\n", "README.md:1: unclosed block: it has no end"),
    ],
)
def test_what_is_wrong_with_a_page_is_named(text: str, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(text, encoding="utf-8")
    (tmp_path.parent / "elsewhere.md").touch()
    check = runpy.run_path(str(ROOT / "scripts" / "check-docs.py"))
    found = list(check["problems"](tmp_path))
    assert len(found) == 1
    assert found[0].startswith(complaint)


def test_links_to_headings_and_in_code_are_no_problem(tmp_path: Path) -> None:
    text = "# A & b: c\n# Twice\n# Twice\n[a](#a--b-c) [b](README.md#twice-1) `[c](gone.md)`\n"
    (tmp_path / "README.md").write_text(f"{text}```text\n[d](gone.md)\n```\n", encoding="utf-8")
    check = runpy.run_path(str(ROOT / "scripts" / "check-docs.py"))
    assert list(check["problems"](tmp_path)) == []


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_every_setting_has_its_row(name: str) -> None:
    page = (DOCS / "settings.md").read_text(encoding="utf-8")
    assert name in rows(page)
    assert f"`METIER_{name.upper()}`" in page


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_every_error_has_its_section_with_its_code(kind: type[MetierError]) -> None:
    assert f"code: `{kind.code}`" in section(DOCS / "errors.md", kind.__name__)


@pytest.mark.parametrize("command", list(commands(cli)))
def test_every_command_has_its_section_with_its_help(command: str) -> None:
    assert f"Usage: {command} " in section(DOCS / "cli.md", command)


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
def test_every_event_has_its_section_with_its_fields(kind: type[BaseModel]) -> None:
    text = section(DOCS / "events.md", kind.model_fields["type"].default)
    assert f"`{kind.__name__}`" in text
    assert rows(text) - {"field", "---"} == set(kind.model_fields) - set(ENVELOPE)


def test_the_envelope_has_its_fields() -> None:
    assert rows(section(DOCS / "events.md", "The envelope")) - {"field", "---"} == set(ENVELOPE)


@pytest.mark.parametrize("kind", [Plan, Step, Candidate, Message, Document])
def test_every_field_of_a_plan_has_its_row(kind: type[BaseModel]) -> None:
    text = section(DOCS / "plan-format.md", kind.__name__)
    assert rows(text) - {"field", "---"} == set(kind.model_fields)


def test_every_key_of_a_card_has_its_row_and_stands_in_the_example() -> None:
    keys = (Card.model_fields.keys() | Capability.model_fields.keys()) - {"capabilities"}
    assert keys <= rows(section(WRITING, "1. The card"))
    example = tomllib.loads(programs(WRITING)["cooking/domain.toml"])
    assert example["expert"].keys() | example["capability"][0].keys() == keys


@pytest.mark.parametrize("name", metier.__all__)
def test_every_public_name_has_its_row(name: str) -> None:
    assert name in rows(section(EMBEDDING, "The names"))


@pytest.mark.parametrize("name", metier.testing.__all__)
def test_every_stand_in_has_its_row(name: str) -> None:
    assert name in rows(section(WRITING, "6. Test it"))


def test_every_method_of_a_context_has_its_row() -> None:
    methods = {name for name in vars(metier.Context) if not name.startswith("_")}
    shown = {cell.partition("(")[0] for cell in rows(section(WRITING, "An answer of your own"))}
    assert methods <= shown


def test_every_dependency_has_its_row() -> None:
    page = (DOCS / "dependencies.md").read_text(encoding="utf-8")
    for file in [ROOT / "pyproject.toml", *(ROOT / "plugins").glob("*/pyproject.toml")]:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
        extras = data["project"].get("optional-dependencies", {})
        groups = [data["project"]["dependencies"], *extras.values()]
        for wanted in [*groups, *data.get("dependency-groups", {}).values()]:
            for line in wanted:
                name = re.split(r"[\[<>=~!; ]", line)[0]
                assert name == "metier" or f"| {name} |" in page, f"{name} of {file}"


def test_the_plan_of_the_example_runs_with_the_experts_that_come_with_metier() -> None:
    plan = Plan.parse(blocks(DOCS / "plan-format.md", "json")[0])
    plan.check([folder.name for folder in builtin_domains().iterdir()])
    written_again = json.loads(plan.model_dump_json())
    assert written_again == json.loads(blocks(DOCS / "plan-format.md", "json")[0])


def test_the_events_of_the_example_fold_to_its_answer() -> None:
    events = [parse_event(line) for line in blocks(DOCS / "events.md", "jsonl")[0].splitlines()]
    last = events[-1]
    assert isinstance(last, Answered)
    assert fold(events) == last.answer
    assert [event.seq for event in events] == list(range(len(events)))


def test_the_test_of_writing_an_expert_passes(tmp_path: Path) -> None:
    folder = written(WRITING, tmp_path)
    done = ran("pytest", "-q", "-p", "no:cacheprovider", "tests", folder=folder)
    assert done.returncode == 0, done.stdout


def test_the_package_of_writing_an_expert_is_found_by_its_entry_point(tmp_path: Path) -> None:
    folder = written(WRITING, tmp_path)
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    installed = folder / "metier_cooking-0.1.0.dist-info"
    installed.mkdir()
    metadata = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 0.1.0\n"
    (installed / "METADATA").write_text(metadata, encoding="utf-8")
    points = project["entry-points"]["metier.experts"]
    lines = ["[metier.experts]", *(f"{name} = {value}" for name, value in points.items())]
    (installed / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
    shown = ran("metier", "experts", "show", "cooking", folder=folder)
    assert "code: cooking:Cooking" in shown.stdout, shown.stderr
    assert "tool scale(" in shown.stdout


def test_an_answer_of_your_own_streams_and_cites(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = loaded(written(WRITING, tmp_path) / "shopping" / "__init__.py", monkeypatch)
    card = read_card(tmp_path / "cooking").model_copy(update={"id": "shopping"})
    settings = Settings.load()
    with (
        ScriptedModels({"gemma3:4b": ["Flour and eggs."]}) as models,
        Council.of(
            [module.Shopping(card)], settings=settings, server=models, embedder=FixedEmbedder()
        ) as council,
    ):
        answer = council.ask_sync("double this pancake recipe")
    assert answer.parts[0].text == "Flour and eggs."
    assert [source.name for source in answer.sources] == ["kitchen measures"]


def test_the_expert_of_the_readme_is_found_in_a_domain_folder(tmp_path: Path) -> None:
    folder = written(ROOT / "README.md", tmp_path)
    found = ran("metier", "experts", "list", "--json", folder=folder, METIER_DOMAINS=str(folder))
    assert "cooking" in [expert["id"] for expert in json.loads(found.stdout)["experts"]]


def test_the_expert_of_the_readme_calls_its_tool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = loaded(written(ROOT / "README.md", tmp_path) / "cooking" / "__init__.py", monkeypatch)
    call = json.dumps({"tool": "scale", "arguments": {"grams": 50, "servings": 6}})
    settings = Settings.load()
    with (
        ScriptedModels({"gemma3:4b": [call, "300 g."]}) as models,
        Council.of(
            [module.Cooking()], settings=settings, server=models, embedder=FixedEmbedder()
        ) as council,
    ):
        answer = council.ask_sync("One serving takes 50 g of flour. How much is it for 6 servings?")
    assert (answer.text, answer.parts[0].checked) == ("300 g.", True)


@pytest.mark.parametrize(
    ("page", "name"),
    [(ROOT / "README.md", "app.py"), (EMBEDDING, "ask_once.py"), (EMBEDDING, "stream.py")],
    ids=["README", "ask_once", "stream"],
)
def test_a_program_of_the_docs_prints_the_answer(
    page: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Council, "from_installed", lambda: general("Pablo Picasso."))
    exec(compile(programs(page)[name], name, "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out.startswith("Pablo Picasso.\n")


@pytest.mark.anyio
async def test_the_evaluation_of_the_docs_tells_who_takes_whose(
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = Settings.load()
    council = Council(
        Registry.from_installed(settings),
        settings=settings,
        server=ScriptedModels(),
        embedder=FixedEmbedder(),
    )
    names: dict[str, Any] = {}
    exec(blocks(DOCS / "evaluating.md", "python")[0], names)
    assert 0.5 < await names["accuracy"](council) < 1
    assert re.search(r"^\w+ takes \d+ from \w+: ", capsys.readouterr().out)


@pytest.mark.anyio
async def test_the_judging_of_the_docs_says_what_the_page_says(
    capsys: pytest.CaptureFixture[str],
) -> None:
    names: dict[str, Any] = {}
    exec(blocks(DOCS / "evaluating.md", "python")[1], names)
    await names["judged"]()
    assert capsys.readouterr().out == "right 1.05 g\nNone True\n"


def test_the_questions_with_answers_of_the_docs_are_read(tmp_path: Path) -> None:
    file = tmp_path / "questions.jsonl"
    rows = next(b for b in blocks(DOCS / "evaluating.md", "jsonl") if '"answer"' in b)
    file.write_text(rows, encoding="utf-8")
    read = answer_questions(routing_questions(file, ["math", "code"]))
    kinds = {question.gold.kind for question in read}
    assert kinds == {"number", "label", "code", "text", "contains"}


@pytest.fixture
def web_app(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(Council, "from_installed", lambda: general("Pablo Picasso."))
    names: dict[str, Any] = {"__name__": "app"}
    exec(compile(programs(EMBEDDING)["app.py"], "app.py", "exec"), names)
    return names["app"]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("path", "question", "status", "expected"),
    [
        ("/ask", "Who painted Guernica?", 200, '"text":"Pablo Picasso."'),
        ("/ask", " ", 422, '"code":"empty_question"'),
        ("/events", "Who painted Guernica?", 200, '"type":"answered"'),
        ("/events", " ", 422, '"code":"empty_question"'),
    ],
)
async def test_the_web_app_of_the_docs_answers(
    web_app: Any, path: str, question: str, status: int, expected: str
) -> None:
    transport = httpx.ASGITransport(app=web_app)
    async with (
        web_app.router.lifespan_context(web_app),
        httpx.AsyncClient(transport=transport, base_url="http://app") as client,
    ):
        reply = await client.post(path, json={"text": question})
    assert reply.status_code == status
    assert expected in reply.text


def test_every_guarantee_names_tests_that_are_there() -> None:
    page = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(test_\w+))?`", page)
    assert named
    for file, test in named:
        text = (ROOT / file).read_text(encoding="utf-8")
        assert f"def {test or 'test_'}" in text, (file, test)
    rows = [line for line in page.splitlines() if line.startswith("| ") and "---" not in line]
    assert all("`tests/" in row for row in rows[1:])
