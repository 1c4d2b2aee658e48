"""Runs are kept as they happen, found again, and gone when they are deleted."""

from __future__ import annotations

import logging
import sqlite3
import stat
import zlib
from collections.abc import Iterator
from contextlib import aclosing, closing
from pathlib import Path
from random import Random

import anyio
import pytest
from kept_runs import PLAN, council, settings_in

from metier import Council
from metier.errors import (
    ExpertFailed,
    ModelServerUnreachable,
    RunStoreUnavailable,
    UnknownRun,
)
from metier.events import Event, fold
from metier.plan import Message, Plan, Step
from metier.runs import database
from metier.runs.deleting import Retention
from metier.runs.run import Rating, Versions
from metier.runs.store import RunStore
from metier.testing import ScriptedModels
from metier.testing.models import Stall

pytestmark = pytest.mark.anyio


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RunStore]:
    with RunStore.of(settings_in(tmp_path)) as opened:
        yield opened


def one_step(question: str) -> Plan:
    return Plan(question=question, steps=(Step(id="1", task=question, expert="general"),))


async def test_a_council_keeps_nothing_unless_it_is_given_a_store(tmp_path: Path) -> None:
    made = council(tmp_path)
    plain = Council(made.registry, settings=made.settings, server=made.server)
    await plain.run(PLAN)
    assert not (tmp_path / "runs.db").exists()


async def test_the_kept_events_are_those_that_were_streamed(
    tmp_path: Path, store: RunStore
) -> None:
    events: list[Event] = [
        event async for event in council(tmp_path, store=store).stream("Write code for math.")
    ]
    assert list(store.load("last").events) == events


async def test_ask_run_and_stream_are_kept_alike(tmp_path: Path, store: RunStore) -> None:
    made = council(tmp_path, store=store)
    texts = [(await made.run(PLAN)).text, (await made.ask("Everything about math?")).text]
    texts.append(fold([event async for event in made.stream(PLAN)]).text)
    assert [run.answer for run in store.newest()] == texts[::-1]


async def test_every_request_is_kept_as_it_was_made(tmp_path: Path, store: RunStore) -> None:
    models = ScriptedModels({"small": ["4", "print(4)", "Done."]})
    await council(tmp_path, models=models, store=store).run(PLAN)
    chats = [each for each in store.load("last").exchanges if each.kind == "chat"]
    assert [store.request(each) for each in chats] == models.requests


async def test_a_list_shows_how_each_run_ended_and_what_it_cost(
    tmp_path: Path, store: RunStore
) -> None:
    answer = await council(tmp_path, store=store).run(PLAN)
    (kept,) = store.newest()
    assert (kept.status, kept.experts, kept.models, kept.calls) == (
        "answered",
        ("math", "code"),
        ("small",),
        answer.usage.calls,
    )


async def test_a_failed_question_is_kept_with_its_reason(tmp_path: Path, store: RunStore) -> None:
    models = ScriptedModels({"small": [ModelServerUnreachable("nowhere")]})
    with pytest.raises(ModelServerUnreachable):
        await council(tmp_path, models=models, store=store).run(one_step("Who?"))
    (kept,) = store.newest()
    assert (kept.status, "nowhere" in kept.error) == ("failed", True)


async def test_a_run_that_is_left_is_kept_as_cancelled(tmp_path: Path, store: RunStore) -> None:
    models = ScriptedModels({"small": [Stall("It is")]})
    async with aclosing(council(tmp_path, models=models, store=store).stream(PLAN)) as events:
        async for event in events:
            if event.type == "token":
                break
    (kept,) = store.newest()
    assert kept.status == "cancelled"


async def test_what_was_said_until_a_run_was_left_is_kept_and_found(
    tmp_path: Path, store: RunStore
) -> None:
    models = ScriptedModels({"small": [Stall("It is forty")]})
    plan = one_step("How long?")
    async with aclosing(council(tmp_path, models=models, store=store).stream(plan)) as events:
        async for event in events:
            if event.type == "token" and "forty" in event.text:
                break
    (kept,) = store.newest()
    assert (kept.status, kept.answer.strip(), kept.calls) == ("cancelled", "It is forty", 1)
    assert [run.id for run in store.search("forty")] == [kept.id]
    assert store.load(kept.id).messages[-1].content.strip() == "It is forty"


async def test_a_run_that_said_nothing_adds_no_empty_answer_to_the_conversation(
    tmp_path: Path, store: RunStore
) -> None:
    models = ScriptedModels({"small": [ModelServerUnreachable("nowhere")]})
    with pytest.raises(ModelServerUnreachable):
        await council(tmp_path, models=models, store=store).run(one_step("Who?"))
    assert [turn.role for turn in store.load("last").messages] == ["user"]


async def test_questions_at_the_same_time_are_kept_apart(tmp_path: Path, store: RunStore) -> None:
    made = council(tmp_path, store=store)
    async with anyio.create_task_group() as group:
        for n in range(8):
            group.start_soon(made.run, one_step(f"Question number {n}?"))
    for kept in store.newest():
        chat = next(each for each in store.load(kept.id).exchanges if each.kind == "chat")
        assert store.request(chat).messages[-1].content == kept.question


async def test_vectors_of_the_index_belong_to_no_question(tmp_path: Path, store: RunStore) -> None:
    await council(tmp_path, store=store).ask("Everything about math?")
    embedded = [each.request for each in store.load("last").exchanges if each.kind == "embed"]
    assert not any(b"everything about code" in request for request in embedded)


async def test_what_many_prompts_say_is_kept_once(tmp_path: Path, store: RunStore) -> None:
    made = council(tmp_path, store=store)
    await made.run(one_step("Who is 1?"))
    before = store.statistics().blobs
    await made.run(one_step("Who is 2?"))
    # The question, the request that names it, the reply.
    assert store.statistics().blobs == before + 3


async def test_the_files_are_for_their_owner_only(tmp_path: Path, store: RunStore) -> None:
    await council(tmp_path, store=store).run(PLAN)
    files = [tmp_path / name for name in ("runs.db", "runs.db-wal", "runs.db-shm")]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


async def test_a_question_goes_on_from_the_run_that_gave_the_last_answer(
    tmp_path: Path, store: RunStore
) -> None:
    made = council(tmp_path, store=store)
    said: list[Message] = []
    for question in ("Everything about math?", "And about code?", "Both?"):
        said.append(Message(role="user", content=question))
        answer = await made.ask(said)
        said.append(Message(role="assistant", content=answer.text))
    questions = [run.question for run in store.conversation("last")]
    assert questions == ["Everything about math?", "And about code?", "Both?"]


async def test_an_edited_conversation_is_another_one(tmp_path: Path, store: RunStore) -> None:
    made = council(tmp_path, store=store)
    await made.ask("Everything about math?")
    edited = [
        Message(role="user", content="Everything about math?"),
        Message(role="assistant", content="Something that nobody said."),
        Message(role="user", content="And code?"),
    ]
    await made.ask(edited)
    assert [run.question for run in store.conversation("last")] == ["And code?"]


async def test_a_run_is_found_by_the_beginning_of_its_id(tmp_path: Path, store: RunStore) -> None:
    await council(tmp_path, store=store).run(PLAN)
    (kept,) = store.newest()
    assert store.load(kept.id[:8]).id == store.load("last").id == kept.id


@pytest.mark.parametrize("name", ["", "abc", "0" * 32, "' OR 1=1 --", "last"])
def test_a_run_that_is_not_there_is_named(name: str, store: RunStore) -> None:
    with pytest.raises(UnknownRun):
        store.load(name)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("resume", True),  # é and e are alike
        ("RÉSUMÉ hotel", True),  # all words, in any order
        ("hot", True),  # the beginning of the last
        ("hot resume", False),  # of the last only
        ("hotel AND", False),  # nothing in them is an operator
        ('hotel" OR "x', False),
        ("hotel *", True),
        ("-hotel", True),
        ("", False),
    ],
)
async def test_runs_are_found_by_their_words(
    text: str, found: bool, tmp_path: Path, store: RunStore
) -> None:
    made = council(tmp_path, store=store)
    await made.run(one_step("My résumé for the hotel?"))
    await made.run(one_step("Who painted Guernica?"))
    assert [run.question for run in store.search(text)] == ["My résumé for the hotel?"] * found


def in_files(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.glob("runs.db*"))


async def test_nothing_of_a_deleted_run_stays_in_the_files(tmp_path: Path, store: RunStore) -> None:
    made = council(tmp_path, store=store)
    await made.run(one_step("Who painted Guernica?"))
    await made.run(one_step("Does the axolotl sleep?"))
    run = store.load("last")
    chat = next(each for each in run.exchanges if each.kind == "chat")
    written = [b"axolotl", *(zlib.compress(data, 6)[2:-4] for data in (chat.request, chat.reply))]
    assert all(data in in_files(tmp_path) for data in written)
    assert store.delete([run.id]) == 1
    assert not any(data in in_files(tmp_path) for data in written)


async def test_if_another_program_reads_on_the_deletion_says_what_is_left(
    tmp_path: Path, store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_BUSY_MS", 50)
    made = council(tmp_path, store=store)
    await made.run(one_step("Does the axolotl sleep?"))
    with closing(sqlite3.connect(tmp_path / "runs.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT question FROM runs").fetchall()
        with pytest.raises(RunStoreUnavailable, match="runs are deleted, but another program"):
            store.delete(["last"])
    assert b"axolotl" in in_files(tmp_path)
    assert store.newest() == []
    store.close()
    assert b"axolotl" not in in_files(tmp_path)


async def test_deleting_takes_the_copies_in_older_formats_along(
    tmp_path: Path, store: RunStore
) -> None:
    await council(tmp_path, store=store).run(one_step("Does the axolotl sleep?"))
    (tmp_path / "runs.db.v1").write_bytes(b"axolotl")
    store.delete(["last"])
    assert b"axolotl" not in in_files(tmp_path)


async def test_deleting_leaves_what_other_runs_hold(tmp_path: Path, store: RunStore) -> None:
    made = council(tmp_path, store=store)
    await made.run(PLAN)
    first = store.load("last")
    await made.run(PLAN)
    store.delete(["last"])
    assert store.load("last") == first


async def test_if_one_run_is_unknown_none_is_deleted(tmp_path: Path, store: RunStore) -> None:
    await council(tmp_path, store=store).run(PLAN)
    with pytest.raises(UnknownRun):
        store.delete(["last", "0000"])
    assert len(store.newest()) == 1


async def test_a_process_that_goes_on_deletes_old_runs_too(tmp_path: Path) -> None:
    retention = Retention(days=1e-9, check_s=0)
    with RunStore(tmp_path / "runs.db", retention=retention) as kept:
        await council(tmp_path, store=kept).run(PLAN)
        assert kept.newest() == []


async def test_runs_older_than_the_retention_are_deleted_at_the_end(tmp_path: Path) -> None:
    kept = RunStore(tmp_path / "runs.db", retention=Retention(days=1e-9))
    await council(tmp_path, store=kept).run(PLAN)
    kept.close()
    with RunStore(tmp_path / "runs.db") as store:
        assert store.newest() == []


def test_the_oldest_runs_go_if_the_file_holds_too_much(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    with RunStore(path, retention=Retention(size_mb=1)) as store:
        for n in range(12):
            run = store.begin(f"{n:032x}", str(n), Versions(metier="1", embedder="e"))
            store.add_exchange(run, "chat", b"asked", Random(n).randbytes(200_000))
            store.end(run, "answered")
    with RunStore(path) as store:
        left = [int(run.question) for run in store.newest()]
    assert left == [11, 10, 9, 8][: len(left)]
    assert 0.5e6 < path.stat().st_size < 1.2e6


async def test_a_rating_replaces_the_one_before(tmp_path: Path, store: RunStore) -> None:
    await council(tmp_path, store=store).run(PLAN)
    store.rate("last", Rating(verdict="good"))
    rated = store.rate("last", Rating(verdict="bad", expert="code", note="too long"))
    (rating,) = rated.ratings
    assert (rating.verdict, rating.expert, rating.note) == ("bad", "code", "too long")


async def test_a_step_that_is_not_there_cannot_be_rated(tmp_path: Path, store: RunStore) -> None:
    await council(tmp_path, store=store).run(PLAN)
    with pytest.raises(UnknownRun, match="no step '7'"):
        store.rate("last", Rating(verdict="good", step_id="7"))


async def test_a_question_is_answered_even_if_it_cannot_be_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "runs.db").write_text("This is a letter to my aunt, and no database at all.\n" * 99)
    with caplog.at_level(logging.WARNING, logger="metier"):
        answer = await council(tmp_path).run(PLAN)
    assert answer.complete
    assert [record.message.split(":")[0] for record in caplog.records] == ["this run is not kept"]


async def test_no_question_waits_for_another_program_that_writes(
    tmp_path: Path, store: RunStore
) -> None:
    store.newest()
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = await council(tmp_path, store=store).run(PLAN)
        other.execute("ROLLBACK")
    kept = store.load("last")
    assert (kept.status, kept.folded) == ("answered", answer)


def test_a_file_that_is_no_database_is_named(tmp_path: Path, store: RunStore) -> None:
    store.path.write_text("This is a letter to my aunt, and no database at all.\n" * 99)
    with pytest.raises(RunStoreUnavailable, match="cannot be used"):
        store.newest()


def test_wherever_the_file_is_damaged_a_deletion_says_what_is_wrong(
    tmp_path: Path, store: RunStore
) -> None:
    anyio.run(council(tmp_path, store=store).run, PLAN)
    store.close()
    whole = store.path.read_bytes()
    reasons = list[str]()
    for start in range(0, len(whole), 4096):
        for left in tmp_path.glob("runs.db-*"):
            left.unlink()
        store.path.write_bytes(whole[:start] + b"\xff" * 4096 + whole[start + 4096 :])
        try:
            with closing(RunStore(store.path)) as damaged:
                damaged.delete(["last"])
        except RunStoreUnavailable as exc:
            reasons.append(exc.message)
    assert reasons
    assert not [reason for reason in reasons if "rollback" in reason]


async def test_a_step_that_fails_leaves_the_others_kept(tmp_path: Path, store: RunStore) -> None:
    models = ScriptedModels({"small": ["4", ExpertFailed("no")]})
    answer = await council(tmp_path, models=models, store=store).run(PLAN)
    kept = store.load("last")
    assert (kept.status, kept.folded) == ("answered", answer)
