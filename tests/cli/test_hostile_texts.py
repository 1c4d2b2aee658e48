"""No text from elsewhere moves the cursor, sets the title or fills the clipboard of a terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from fake_ollama import FakeOllama, fake_ollama
from sites import Site
from small_models import model as gguf_model
from terminals import Shown, on_terminal

from metier import Card, Council, Expert, Settings
from metier.cli.main import cli
from metier.cli.session import PARTIAL
from metier.experts.card import Capability
from metier.runs.store import RunStore
from metier.testing import FixedEmbedder, ScriptedModels

CLIPBOARD, TITLE, LINK = "\x1b]52;c;SGk=\x07", "\x1b]0;title\x07", "\x1b]8;;http:evil\x1b\\"
# Reverse video, conceal, erase the screen; the same begun by one character of C1.
SEQUENCES = ["\x1b[7m", "\x1b[8m", "\x1b[2J", "\x9b7m", "\x9d0;t\x9c", "\x90q"]
SINGLE = ["\r", "\x08", "\x7f", "\x0b", "\x0c", "\u202e", "\u202d", "\u2066", "\u2069"]
# The first word shows that the text was shown at all.
EVIL = "SHOWN" + "".join([CLIPBOARD, TITLE, LINK, *SEQUENCES, *SINGLE]) + "end"
# What metier itself may write: colours of click and of rich, and lines that are rewritten.
OWN = re.compile(r"\x1b\[(0|2|31|32|33|90)m|\r\x1b\[K")
RICH = re.compile(r"\x1b\[([0-9;]+m|\d*A|2K|\?25[lh])|\r")
FORBIDDEN = re.compile("[^\x20-\x7e\t\n\xa0-\U0010ffff]|[\u202a-\u202e\u2066-\u2069]")

QUESTION = f"compute the sum of {EVIL}"
MODEL = f"model-{EVIL}"


@dataclass(frozen=True)
class World:
    """What a place finds on this machine."""

    folder: Path
    patch: pytest.MonkeyPatch

    def set(self, name: str, value: str) -> None:
        self.patch.setenv(f"METIER_{name}", value)

    def lines(self, *rows: Mapping[str, object]) -> str:
        """A file of JSON Lines."""
        file = self.folder / "data.jsonl"
        file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        return str(file)

    def plan(self, **step: object) -> str:
        """The file of a plan of one step."""
        file = self.folder / "plan.json"
        steps = [{"id": "1", "task": QUESTION, "expert": "math", **step}]
        file.write_text(json.dumps({"question": QUESTION, "steps": steps}))
        return str(file)

    def card(self, text: str | None = None) -> str:
        """A folder with a card, among the domains."""
        evil = json.dumps(EVIL).replace("\x7f", "\\u007f")
        whole = f"""
            api = 1
            [expert]
            id = 'tea'
            description = {evil}
            models = [{evil}]
            [[capability]]
            name = 'brew'
            description = {evil}
            examples = [{evil}]
        """
        folder = self.folder / "domains" / EVIL
        folder.mkdir(parents=True)
        (folder / "domain.toml").write_text(whole if text is None else text)
        self.set("DOMAINS", str(folder.parent))
        return str(folder)

    def documents(self) -> str:
        """A folder with one that can be read and one that cannot."""
        folder = self.folder / EVIL
        folder.mkdir()
        (folder / f"{EVIL}.md").write_text("# The \u202eSHOWN\n\nWarfarin \u2066it.\n")
        (folder / f"{EVIL}.pdf").write_bytes(b"%PDF-1.4 broken")
        return str(folder)

    def known(self) -> str:
        """Documents that are added."""
        folder = self.documents()
        added = CliRunner().invoke(cli, ["knowledge", "add", "math", folder])
        assert added.exit_code == PARTIAL, added.stderr  # one of them cannot be read
        return folder

    def file(self, name: str, text: str = "text") -> str:
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def models(self) -> list[str]:
        return [gguf_model(self.folder / f"{n}{EVIL}.gguf", n) for n in range(2)]


Place = Callable[[World], list[str]]


def environment(name: str, *arguments: str, value: str = EVIL) -> Place:
    """A place with a setting in the environment."""

    def place(world: World) -> list[str]:
        world.set(name, value)
        return list(arguments)

    return place


def wrong_setting(world: World) -> list[str]:
    world.set("CONFIG", world.file(EVIL, "seed = 'many'"))
    return ["config", "set", "num_ctx", "8192"]


def beside_a_card(*arguments: str, text: str | None = None) -> Place:
    """A place with a card among the domains."""

    def place(world: World) -> list[str]:
        world.card(text)
        return list(arguments)

    return place


def learnt(world: World) -> list[str]:
    """A damaged file among what was learnt; its name is hostile."""
    world.set("CACHE_DIR", str(world.folder))
    folder = Council.from_installed(Settings.load()).planning.artefacts.folder
    folder.mkdir(parents=True)
    (folder / f"{EVIL}.json").write_text("{}")
    return ["learn", "status"]


def strategies(world: World) -> list[str]:
    """A strategy that cannot be loaded; where it comes from is hostile."""
    world.patch.syspath_prepend(str(world.folder))
    site = Site(world.folder)
    site.install("theirs", {"odd": "SHOWN\u202e\x1b[7m:it"}, group="metier.strategies")
    return ["strategies", "list"]


def with_documents(*arguments: str) -> Place:
    """A place with documents that were added."""

    def place(world: World) -> list[str]:
        world.known()
        return ["knowledge", *arguments]

    return place


def kept(*arguments: str) -> Place:
    """A place with a run that was kept."""

    def place(world: World) -> list[str]:
        asked = CliRunner().invoke(cli, ["run", world.plan()])
        assert asked.exit_code == 0, asked.stderr
        return list(arguments)

    return place


def no_such_run(*arguments: str) -> Place:
    return kept(*arguments, EVIL)


def questions(*arguments: str, **row: object) -> Place:
    """An evaluation of twenty questions."""

    def place(world: World) -> list[str]:
        rows = [{"question": f"tell me of {EVIL} {n}", **row} for n in range(20)]
        own = {"question": "compute the sum", **row, "expert": "math"}
        return ["evaluate", *arguments, "--data", world.lines(own, *rows)]

    return place


def splitting(world: World) -> list[str]:
    rows = [
        {"question": f"Draw {EVIL} {n}.{' Then eat.' * (n % 3)}", "several": n % 2 == 0}
        for n in range(20)
    ]
    return ["evaluate", "splitting", "--data", world.lines(*rows)]


def answers(*options: str) -> Place:
    def place(world: World) -> list[str]:
        answer = {"kind": "number", "value": 4}
        row = {"question": QUESTION, "expert": "math", "answer": answer}
        return ["evaluate", "answers", "--data", world.lines(row), *options]

    return place


VOTE = ("-s", "vote", "--samples", "2")
UNKNOWN_STEP = {"request": "add", "steps": [{"expert": EVIL, "capability": "all"}]}
PLACES: dict[str, Place] = {
    "ask": lambda _: ["ask", QUESTION],
    "ask --no-stream": lambda _: ["ask", "--no-stream", QUESTION],
    "ask -v": lambda world: ["ask", "-v", "-f", world.file(EVIL), *VOTE, QUESTION],
    "ask --dry-run": lambda _: ["ask", "--dry-run", "--with", EVIL, *VOTE, QUESTION],
    "ask --json": lambda _: ["ask", "--json", QUESTION],
    "ask --jsonl": lambda _: ["ask", "--jsonl", QUESTION],
    "ask: no such file": lambda _: ["ask", "-f", EVIL, "hello"],
    "ask: no such expert": lambda _: ["ask", "-e", EVIL, "hello"],
    "ask --json: no such expert": lambda _: ["ask", "--json", "-e", EVIL, "hello"],
    "ask: no such option": lambda _: ["ask", f"--{EVIL}"],
    "chat": lambda _: ["chat", "-f", EVIL],
    "cluster start-host": lambda _: ["cluster", "start-host", EVIL],
    "plan": lambda _: ["plan", QUESTION],
    "plan --json": lambda _: ["plan", "--json", QUESTION],
    "run": lambda world: ["run", world.plan()],
    "run -v": lambda world: ["run", "-v", world.plan(reason=f"why {EVIL}")],
    "run: no such expert": lambda world: ["run", world.plan(expert=EVIL)],
    "run: a step fails": lambda world: [
        "run",
        world.plan(members=[{"expert": "math", "model": EVIL}]),
    ],
    "config path": environment("CONFIG", "config", "path"),
    "config get": environment("MODEL", "config", "get"),
    "config get model": environment("MODEL", "config", "get", "model"),
    "config get --json": environment("MODEL", "config", "get", "--json"),
    "config set": lambda _: ["config", "set", "model", EVIL],
    "config set: the file is wrong": wrong_setting,
    "config: no such command": lambda _: ["config", EVIL],
    "doctor": environment("CACHE_DIR", "doctor", value=f"/tmp/{EVIL}"),
    "experts list": beside_a_card("experts", "list"),
    "experts list: one is broken": beside_a_card("experts", "list", text="api = 2"),
    "experts show": beside_a_card("experts", "show", "tea"),
    "experts show --json": beside_a_card("experts", "show", "--json", "tea"),
    "experts new": lambda world: [
        *("experts", "new", "tea", "--declarative"),
        *("--into", str(world.folder / EVIL)),
    ],
    "experts check": lambda world: ["experts", "check", world.card("api = 2")],
    "experts try": lambda world: ["experts", "try", str(world.folder / EVIL), "hello"],
    "index build": lambda world: environment(
        "CACHE_DIR", "index", "build", value=str(world.folder / EVIL)
    )(world),
    "index status": environment("CACHE_DIR", "index", "status", value=f"/tmp/{EVIL}"),
    "evaluate routing": questions("routing", "-v", expert="math"),
    "evaluate routing --expert": questions("routing", "--expert", "general", expert="general"),
    "evaluate models": questions("models", right={EVIL: 1, "other": 0}),
    "evaluate splitting": splitting,
    "evaluate plans": lambda world: ["evaluate", "plans", "--data", world.lines(UNKNOWN_STEP)],
    "evaluate answers": answers("-v"),
    "evaluate answers --markdown": answers("--markdown"),
    "evaluate answers --json": answers("--json"),
    "knowledge add": lambda world: ["knowledge", "add", "math", world.documents()],
    "knowledge list": with_documents("list"),
    "knowledge search": with_documents("search", "math", "warfarin"),
    "knowledge search --json": with_documents("search", "--json", "math", "warfarin"),
    "knowledge remove": lambda world: ["knowledge", "remove", "math", world.known()],
    "learn status": learnt,
    "learn ratings": lambda world: environment(
        "STATE_DIR", "learn", "ratings", value=world.file(f"{EVIL}.txt")
    )(world),
    "learn outcomes": lambda world: environment(
        "STATE_DIR", "learn", "outcomes", value=world.file(f"{EVIL}.txt")
    )(world),
    "learn plans": lambda world: environment(
        "STATE_DIR", "learn", "plans", value=world.file(f"{EVIL}.txt")
    )(world),
    "learn remove": lambda _: ["learn", "remove", EVIL],
    "rate": no_such_run("rate", "last", "bad", "--expert"),
    "runs list": kept("runs", "list"),
    "runs list --json": kept("runs", "list", "--json"),
    "runs show": kept("runs", "show"),
    "runs show --json": kept("runs", "show", "--json"),
    "runs search": kept("runs", "search", "shown"),
    "runs export": kept("runs", "export", "last"),
    "runs replay": kept("runs", "replay"),
    "runs diff": no_such_run("runs", "diff"),
    "runs delete": no_such_run("runs", "delete"),
    "runs stats": lambda world: environment(
        "STATE_DIR", "runs", "stats", value=str(world.folder / EVIL)
    )(world),
    "strategies list": strategies,
    "strategies show": lambda _: ["strategies", "show", EVIL],
    "merge": lambda world: ["merge", *world.models(), "-o", str(world.folder / f"{EVIL}.gguf")],
    "merge --check": lambda world: ["merge", *world.models(), "-o", "out.gguf", "--check"],
    "models list": lambda _: ["models", "list"],
    "models ps": lambda _: ["models", "ps"],
    "models pull": lambda _: ["models", "pull", EVIL],
    "models suggest": lambda _: ["models", "suggest"],
    "models warm": lambda _: ["models", "warm", EVIL],
    "mcp": lambda _: ["mcp", "--port", EVIL],
    "serve": lambda _: ["serve", "--host", EVIL],
    "completion": lambda _: ["completion", EVIL],
}


@pytest.fixture(scope="module")
def ollama() -> Iterator[FakeOllama]:
    """A server whose model has a hostile name."""
    with fake_ollama(FixedEmbedder(), models=[MODEL], reply="") as server:
        server.loaded = [MODEL]
        yield server


@pytest.fixture(autouse=True)
def hostile_council(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is installed are two experts, of whom nearly every word is hostile."""

    def installed(settings: Settings, *, runs: RunStore | None = None) -> Council:
        return Council.of(
            [_expert("math", QUESTION), _expert("general", "tell me a story")],
            settings=settings,
            server=ScriptedModels({MODEL: lambda _: f"first\tline\n{EVIL}"}),
            embedder=FixedEmbedder(),
            runs=runs,
        )

    monkeypatch.setattr(Council, "from_installed", installed)


def _expert(name: str, example: str) -> Expert:
    capability = Capability(name="all", description=f"sums {EVIL}", examples=(example,))
    card = Card(
        id=name,
        description=f"about {EVIL}",
        models=(MODEL,),
        disclaimer=f"disclaimer {EVIL}",
        capabilities=(capability,),
    )
    return Expert(card)


@pytest.mark.parametrize("place", PLACES)
def test_a_terminal_gets_no_character_that_steers_it(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ollama: FakeOllama
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", ollama.host)
    shown = on_terminal(monkeypatch, *PLACES[place](World(tmp_path, monkeypatch)))
    assert "SHOWN" in shown.all, shown
    assert steering(shown) == []


def steering(shown: Shown) -> list[str]:
    """The hostile sequences in it, and every single character that steers a terminal."""
    whole = [each for each in (CLIPBOARD, TITLE, LINK, *SEQUENCES) if each in shown.all]
    rest = RICH.sub("", OWN.sub("", shown.all))
    return [*whole, *dict.fromkeys(FORBIDDEN.findall(rest))]


def test_there_is_a_hostile_text_for_every_command() -> None:
    def names(group: click.Group, before: str = "") -> Iterator[str]:
        context = click.Context(group)
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            if isinstance(command, click.Group):
                yield from names(command, f"{before}{name} ")
            else:
                yield f"{before}{name}"

    assert set(names(cli)) <= set(PLACES)
