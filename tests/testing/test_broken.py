"""Many ways to break a plugin: each is reported with its file and a cure, none stops the host."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent

import pytest
from click.testing import CliRunner, Result
from sites import ENDLESS, WAITS, Site, domain

from metier import Council, Limits, Settings
from metier.cli.main import cli
from metier.errors import ExpertFailed, MetierError
from metier.experts.registry import Registry
from metier.plan import Plan, Step
from metier.testing import FixedEmbedder, ScriptedModels

CARD = domain("NAME")
CODE = "from metier import Expert, tool\n\n\nclass Plugin(Expert):\n    "
WAITS_INSIDE = indent(WAITS, " " * 8).lstrip()
IDENTITY = "def answer(self, task, context):\n        "


@dataclass(frozen=True, kw_only=True)
class Broken:
    """A plugin, and what has to be said of it.

    Attributes:
        says: part of what is reported where it is listed, or, of broken code, where it is used.
        file: whose name has to be in the report.
    """

    says: str
    card: str = CARD
    code: str = f"{CODE}pass\n"
    value: str = "PACKAGE:Plugin"
    file: str = "domain.toml"


CARDS = {
    "no_toml": Broken(card="api = ", says="is not valid TOML"),
    "no_text": Broken(card="\udcff\udcfe", says="cannot be read"),
    "empty": Broken(card="", says="api = None"),
    "no_api": Broken(card=CARD.replace("api = 1", ""), says="Write `api = 1` on the first line"),
    "newer_api": Broken(card=CARD.replace("api = 1", "api = 2"), says="reads api = 1"),
    "api_as_text": Broken(card=CARD.replace("api = 1", 'api = "1"'), says="api = '1'"),
    "no_id": Broken(card=CARD.replace('id = "NAME"', ""), says="'id' is missing"),
    "no_such_id": Broken(card=domain("Ab c"), says="id = 'Ab c'"),
    "other_id": Broken(card=domain("elsewhere"), says="differs from the entry point's"),
    "wrong_type": Broken(card=CARD.replace("[[", "models = 3\n[["), says="models = 3"),
    "unknown_key": Broken(card=CARD.replace("[[", "modles = []\n[["), says="nearest: 'models'"),
    "no_description": Broken(
        card=CARD.replace('description = "Something"\n', ""), says="'description' is missing"
    ),
    "nothing_it_can_do": Broken(card=CARD.partition("[[")[0], says="'capability' is missing"),
    "two_of_a_name": Broken(
        card=CARD + CARD[CARD.index("[[") :], says="two capabilities are called 'help'"
    ),
    "leads_nowhere": Broken(card=f'{CARD}leads_to = ["hlep"]\n', says="nearest: 'help'"),
    "bad_cost": Broken(card=f"{CARD}cost = -1\n", says="cost = -1"),
    "huge": Broken(card=CARD + "#" * (1 << 20), says="is larger than 1 MiB"),
    "deep": Broken(card="a = " + "[" * 100_000, says="is not valid TOML"),
    "long_number": Broken(card="api = " + "1" * 5_000, says="is not valid TOML"),
    "no_module": Broken(value="no_such_module_x:Plugin", says="is not installed", file="no_such"),
    "no_name": Broken(value="not a module!", says="names no class of a module", file="not a"),
    "math": Broken(card=domain("math"), says="is taken by", file="domain.toml"),
}
CODES = {
    "no_import": Broken(code="import no_such_module_y", says="No module named"),
    "no_python": Broken(code="x = (", says="SyntaxError"),
    "raises": Broken(code="raise RuntimeError('no oven')", says="RuntimeError: no oven"),
    "exits": Broken(code="import sys\nsys.exit('bye')", says="SystemExit: bye"),
    "endless": Broken(code=ENDLESS, says="did not end within"),
    "no_class": Broken(code="x = 1", says="has no attribute 'Plugin'"),
    "no_expert": Broken(
        code="class Plugin:\n    def __init__(self, card):\n        pass",
        says="is no metier.Expert",
    ),
    "init_raises": Broken(
        code=f"{CODE}def __init__(self, card):\n        raise KeyError('oven')",
        says="KeyError: 'oven'",
    ),
    "init_takes_nothing": Broken(code=f"{CODE}def __init__(self):\n        pass", says="TypeError"),
}
HOOKS = {
    "answer_raises": Broken(code=f"{CODE}{IDENTITY}return 1 / 0", says="ZeroDivisionError"),
    "answer_exits": Broken(code=f"{CODE}{IDENTITY}raise SystemExit(3)", says="SystemExit: 3"),
    "answer_recurses": Broken(
        code=f"{CODE}{IDENTITY}return self.answer(task, context)", says="RecursionError"
    ),
    "answer_is_no_text": Broken(code=f"{CODE}{IDENTITY}return 3", says="returned int, not text"),
    "answer_is_endless": Broken(
        code=f"import time\nfrom pathlib import Path\n{CODE}{IDENTITY}{WAITS_INSIDE}",
        says="not done within",
    ),
    "stream_raises": Broken(
        code=f"{CODE}async {IDENTITY}yield 'a'\n        yield 1 / 0",
        says="ZeroDivisionError",
    ),
    "tool_raises": Broken(
        code=f"{CODE}@tool\n    def cook(self):\n        raise OSError('no pan')",
        says="OSError: no pan",
    ),
    "close_raises": Broken(
        code=f"{CODE}def answer(self, task, context):\n        return 'x'\n\n"
        "    async def aclose(self):\n        raise OSError('stuck')",
        says="OSError: stuck",
    ),
}
EVERY = CARDS | CODES | HOOKS


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    (tmp_path / "site").mkdir()
    monkeypatch.syspath_prepend(tmp_path / "site")
    site = Site(tmp_path / "site")
    yield site
    site.forget()


def install(site: Site, name: str, plugin: Broken) -> None:
    package = f"broken_{name}"
    value = plugin.value.replace("PACKAGE", package)
    site.install(f"broken-{name}", {name: value}, {f"{package}/__init__.py": plugin.code})
    card = plugin.card.replace("NAME", name).encode("utf-8", "surrogateescape")
    (site.folder / package / "domain.toml").write_bytes(card)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments), prog_name="metier")


def council(folder: Path, *, load_timeout_s: float = 0.5) -> Council:
    settings = Settings(cache_dir=folder, state_dir=folder, plugin_timeout_s=load_timeout_s)
    models = ScriptedModels(dict.fromkeys(["qwen2.5-coder:1.5b"], lambda _: '{"tool": "cook"}'))
    registry = Registry.from_installed(settings)
    return Council(registry, settings=settings, server=models, embedder=FixedEmbedder())


def test_there_are_thirty_and_all_at_once_stop_no_listing(site: Site) -> None:
    assert len(EVERY) >= 30
    for name, plugin in EVERY.items():
        install(site, name, plugin)
    listed = json.loads(run("experts", "list", "--json").stdout)
    skipped = {broken["id"]: broken for broken in listed["broken"]}
    assert skipped.keys() == CARDS.keys()
    for name, plugin in CARDS.items():
        report = f"{skipped[name]['origin']} {skipped[name]['reason']}"
        assert plugin.says in report
        assert plugin.file in report
    assert {"math", "general", *CODES, *HOOKS} <= {expert["id"] for expert in listed["experts"]}


@pytest.mark.parametrize("name", CODES)
def test_broken_code_is_reported_where_it_is_used_and_others_answer(
    name: str, site: Site, tmp_path: Path
) -> None:
    install(site, name, CODES[name])
    with council(tmp_path) as asked:
        with pytest.raises(MetierError) as caught:
            asked.run_sync(one_step(name))
        assert CODES[name].says in str(caught.value)
        assert caught.value.hint
        (broken,) = asked.registry.broken
        assert broken.origin.endswith(f"broken_{name}/domain.toml")
        assert asked.run_sync(one_step("general")).text


@pytest.mark.parametrize("name", [name for name in HOOKS if name != "close_raises"])
def test_a_broken_hook_fails_its_step_and_others_answer(
    name: str, site: Site, tmp_path: Path
) -> None:
    install(site, name, HOOKS[name])
    with council(tmp_path) as asked:
        limits = Limits(timeout_s=1 if "endless" in name else 60)
        with pytest.raises(MetierError) as caught:
            asked.run_sync(one_step(name), limits=limits)
        assert HOOKS[name].says in str(caught.value)
        if isinstance(caught.value, ExpertFailed) and caught.value.__cause__ is not None:
            assert f"broken_{name}/__init__.py:" in str(caught.value)
            assert "metier experts check" in caught.value.hint
        assert asked.run_sync(one_step("general")).text


def test_a_hook_that_raises_at_the_end_is_listed(site: Site, tmp_path: Path) -> None:
    install(site, "close_raises", HOOKS["close_raises"])
    with council(tmp_path) as asked:
        assert asked.run_sync(one_step("close_raises")).text == "x"
    assert [HOOKS["close_raises"].says in str(b.error) for b in asked.registry.broken] == [True]


def one_step(expert: str) -> Plan:
    return Plan(question="cook", steps=(Step(id="1", task="cook", expert=expert),))


PROJECT = """\
[project]
name = "broken"
[project.entry-points."metier.experts"]
{name} = "{value}"
"""


def project(folder: Path, name: str, plugin: Broken) -> Path:
    """The same plugin as a project that is not installed."""
    own = Site(folder / "project")
    value = plugin.value.replace("PACKAGE", f"broken_{name}")
    own.write("pyproject.toml", PROJECT.format(name=name, value=value))
    own.write(f"broken_{name}/__init__.py", plugin.code)
    card = plugin.card.replace("NAME", name).encode("utf-8", "surrogateescape")
    (own.folder / f"broken_{name}" / "domain.toml").write_bytes(card)
    return own.folder


@pytest.mark.parametrize("name", [name for name in CARDS if name != "math"])
def test_check_names_the_file_of_a_broken_card_and_runs_no_code(name: str, tmp_path: Path) -> None:
    done = run("experts", "check", str(project(tmp_path, name, CARDS[name])))
    assert done.exit_code != 0
    assert CARDS[name].says in done.stderr
    assert CARDS[name].file in done.stderr


@pytest.mark.parametrize(
    "name", ["no_import", "no_python", "exits", "endless", "init_raises", "answer_raises"]
)
def test_check_finds_broken_code_in_a_process_of_its_own(name: str, tmp_path: Path) -> None:
    plugin = EVERY[name]
    folder = project(tmp_path, name, plugin)
    done = run("experts", "check", "--timeout", "20", str(folder))
    assert done.exit_code == 1
    assert f"broken_{name}/" in done.stdout
    assert plugin.says in done.stdout
    assert "its examples do not contradict" in done.stdout
    assert f"broken_{name}" not in sys.modules


def test_check_ends_code_that_does_not_end(tmp_path: Path) -> None:
    code = f"{CODE}async {IDENTITY}while True:\n            pass"
    folder = project(tmp_path, "loops", Broken(code=code, says=""))
    done = run("experts", "check", "--timeout", "8", "--json", str(folder))
    last = json.loads(done.stdout)["experts"]["loops"][-1]
    assert (done.exit_code, last["verdict"]) == (1, "fail")
    assert f"{folder}: it did not end within 8 s" in last["message"]
