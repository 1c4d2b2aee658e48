"""What metier keeps on the disk, each with a change that can be broken at any moment."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import anyio
import numpy as np
from benchmarks import ggufs
from click.testing import CliRunner
from kept_runs import council, settings_in
from planning.learning.test_artefacts import LENGTHS, Lengths
from planning.learning.test_artefacts import store as artefacts
from planning.test_index_saved import CODE, EMBEDDER, MATH, saved
from small_models import model

from metier import Plan, Settings
from metier.cli.chat.history import InputHistory
from metier.cli.main import cli
from metier.errors import InvalidInput, MergeFailed, RunStoreUnavailable
from metier.evaluating.answer_log import AnswerLog
from metier.evaluating.answers import Pair, Reply
from metier.experts.knowledge.store import KnowledgeBase
from metier.grading import Verdict as Graded
from metier.plan import Step
from metier.planning.index import CapabilityIndex
from metier.runs.run import Rating, Verdict
from metier.runs.store import RunStore
from metier.settings import write_setting
from metier.testing import FixedEmbedder

State = object


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A change of what is kept in a folder.

    Attributes:
        prepare: makes the old state.
        change: makes the new state of the old one.
        read: which state there is.
        old: the state before; `new` the one after.
        may_be_gone: whether nothing at all is a state too, since it is made anew where needed.
        problem: what metier says of a kept copy that it does not use, if it has a word for it.
    """

    name: str
    prepare: Callable[[Path], object]
    change: Callable[[Path], object]
    read: Callable[[Path], State]
    old: State
    new: State
    may_be_gone: bool = False
    problem: Callable[[Path], str] | None = None

    @property
    def states(self) -> list[State]:
        """Those in which a change that broke off may leave it."""
        return [self.old, self.new, *([None] if self.may_be_gone else [])]


def _set_seed(seed: str, folder: Path) -> None:
    write_setting(folder / "config.toml", "seed", seed)


def _seed(folder: Path) -> State:
    return Settings.load(file=folder / "config.toml", environment={}).seed


def _indexed(folder: Path) -> State:
    index = CapabilityIndex.load(folder, embedder_id=EMBEDDER)
    return None if index is None else set(index.experts)


def _learn(unit: str, folder: Path) -> None:
    mean = np.array([3.5, 4.0]) if unit == LENGTHS.unit else np.array([1.0, 2.0, 3.0])
    artefacts(folder).save(Lengths(unit=unit, mean=mean))


def _learnt(folder: Path) -> State:
    loaded = artefacts(folder).load(Lengths)
    return None if loaded is None else (loaded.unit, loaded.mean.size)


def _named(folder: Path) -> str:
    (kept,) = artefacts(folder).status(of="")
    return kept.problem


def _source(name: str, folder: Path) -> Path:
    source = folder.parent / f"{folder.name} {name}.md"
    if not source.exists():
        source.write_text(f"# {name}\n\nA text about {name}.\n")
    return source


def _add(name: str, folder: Path) -> None:
    anyio.run(KnowledgeBase.open(folder, FixedEmbedder()).add, _source(name, folder))


def _add_the_first(folder: Path) -> None:
    _source("two", folder)
    _add("one", folder)


def _added(folder: Path) -> State:
    base = KnowledgeBase.open(folder, FixedEmbedder())
    return [(Path(entry.name).stem.split()[-1], entry.chunks) for entry in base.entries.values()]


def _parents(folder: Path) -> list[str]:
    beside = folder.parent / f"{folder.name} parents"
    if not beside.exists():
        beside.mkdir()
        return [model(beside / f"{n}.gguf", n) for n in range(2)]
    return [str(beside / f"{n}.gguf") for n in range(2)]


def merged(folder: Path, name: str = "child.gguf") -> None:
    """Merge two small models, which lie beside the folder."""
    pair = _parents(folder)
    done = CliRunner().invoke(cli, ["merge", *pair, "-o", str(folder / name)])
    if done.exit_code != 0:
        raise MergeFailed(done.stderr)


def _merged(folder: Path) -> State:
    file = folder / "child.gguf"
    return len(ggufs.read(file)) if file.exists() else None


class _Heard(logging.Handler):
    """The warnings of metier."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.warnings: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.warnings.append(record.getMessage())


def _ask(question: str, folder: Path) -> None:
    """Ask; an answer comes in any case, so that it is an error here if the run is not kept."""

    async def ask() -> None:
        made = council(folder)
        step = Step(id="1", task=question, expert="math")
        try:
            assert (await made.run(Plan(question=question, steps=(step,)))).text
        finally:
            await made.aclose()

    log, heard = logging.getLogger("metier"), _Heard()
    log.addHandler(heard)
    try:
        anyio.run(ask)
    finally:
        log.removeHandler(heard)
    if heard.warnings:
        raise RunStoreUnavailable(heard.warnings[0])


def _asked(folder: Path) -> State:
    with closing(RunStore.of(settings_in(folder))) as store:
        return [run.question for run in store.newest() if run.status == "answered"]


def _rate(verdict: Verdict, folder: Path) -> None:
    with closing(RunStore.of(settings_in(folder))) as store:
        (run,) = store.newest()
        store.rate(run.id, Rating(verdict=verdict))


def _rated(folder: Path) -> State:
    with closing(RunStore.of(settings_in(folder))) as store:
        return [rating.verdict for run in store.rated() for rating in run.ratings]


def _delete(folder: Path) -> None:
    with closing(RunStore.of(settings_in(folder))) as store:
        store.delete([run.id for run in store.newest()])


def _asked_and_rated(folder: Path) -> None:
    _ask("first", folder)
    _rate("good", folder)


def _typed(folder: Path) -> InputHistory:
    return InputHistory(folder / "chat-history.jsonl")


def _type(text: str, folder: Path) -> None:
    try:
        _typed(folder).add(text)
    except OSError as exc:
        raise InvalidInput("it is not kept") from exc


def _logged(folder: Path) -> AnswerLog:
    return AnswerLog(folder / "log.jsonl", model="small")


def _log(*questions: str, folder: Path) -> None:
    """Answer what has no answer yet, as an evaluation does that goes on."""
    log = _logged(folder)
    reply = Reply(verdict=Graded(outcome="right"), text="Fünf. " * 1500)
    for question in questions:
        if log.known(question) is None:
            pair = Pair(
                question=question, domain="math", model="small", single=reply, council=reply
            )
            log.add(pair)


def _in_the_log(folder: Path) -> State:
    log = _logged(folder)
    return [each for each in ("first", "second") if log.known(each) is not None] or None


FILES = (
    Operation(
        name="write settings",
        prepare=partial(_set_seed, "1"),
        change=partial(_set_seed, "2"),
        read=_seed,
        old=1,
        new=2,
    ),
    Operation(
        name="save the index",
        prepare=lambda folder: anyio.run(saved, folder, MATH),
        change=lambda folder: anyio.run(saved, folder, MATH, CODE),
        read=_indexed,
        old={"math"},
        new={"math", "code"},
        may_be_gone=True,
    ),
    Operation(
        name="save what was learnt",
        prepare=partial(_learn, "words"),
        change=partial(_learn, "lines"),
        read=_learnt,
        old=("words", 2),
        new=("lines", 3),
        problem=_named,
    ),
    Operation(
        name="add a document",
        prepare=_add_the_first,
        change=partial(_add, "two"),
        read=_added,
        old=[("one", 1)],
        new=[("one", 1), ("two", 1)],
    ),
    Operation(
        name="keep what was typed",
        prepare=partial(_type, "first"),
        change=partial(_type, "second"),
        read=lambda folder: _typed(folder).read(),
        old=["first"],
        new=["first", "second"],
    ),
    Operation(
        name="log an answer",
        prepare=lambda folder: _log("first", folder=folder),
        change=lambda folder: _log("first", "second", folder=folder),
        read=_in_the_log,
        old=["first"],
        new=["first", "second"],
        may_be_gone=True,
    ),
    Operation(
        name="merge models",
        prepare=_parents,
        change=merged,
        read=_merged,
        old=None,
        new=8,
    ),
)
DATABASE = (
    Operation(
        name="keep a run",
        prepare=partial(_ask, "first"),
        change=partial(_ask, "second"),
        read=_asked,
        old=["first"],
        new=["second", "first"],
    ),
    Operation(
        name="rate a run",
        prepare=_asked_and_rated,
        change=partial(_rate, "bad"),
        read=_rated,
        old=["good"],
        new=["bad"],
    ),
    Operation(
        name="delete a run",
        prepare=partial(_ask, "first"),
        change=_delete,
        read=_asked,
        old=["first"],
        new=[],
    ),
)
BY_NAME = {each.name: each for each in (*FILES, *DATABASE)}
