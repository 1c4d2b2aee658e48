"""A domain's documents: added, brought up to date, removed, searched, kept."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from pdfs import pdf

from metier.errors import IndexUnavailable, InvalidInput, Locked
from metier.experts.knowledge import saving
from metier.experts.knowledge.bases import KnowledgeBases
from metier.experts.knowledge.changes import Progress
from metier.experts.knowledge.store import KnowledgeBase
from metier.models.embedder import MAX_CHARS, Role, Vectors
from metier.testing import FixedEmbedder

pytestmark = pytest.mark.anyio

WARFARIN = "# Warfarin\n\nWarfarin must not be taken together with aspirin.\n"
INSULIN = "# Insulin\n\nInsulin is kept in the fridge until the pen is opened.\n"


@pytest.fixture
def guides(tmp_path: Path) -> Path:
    folder = tmp_path / "guides"
    folder.mkdir()
    (folder / "warfarin.md").write_text(WARFARIN)
    (folder / "insulin.md").write_text(INSULIN)
    (folder / "fever.pdf").write_bytes(pdf(["A fever of forty degrees", "needs a doctor."]))
    return folder


def opened(guides: Path, embedder: FixedEmbedder | None = None) -> KnowledgeBase:
    return KnowledgeBase.open(guides.parent / "kept", embedder or FixedEmbedder())


async def test_a_folder_is_added_and_searched(guides: Path) -> None:
    base = opened(guides)
    change = await base.add(guides)
    assert change.added == ("guides/fever.pdf", "guides/insulin.md", "guides/warfarin.md")
    best = (await base.search("May I take aspirin with warfarin?"))[0]
    assert (best.chunk.name, best.chunk.place) == ("guides/warfarin.md", "Warfarin, lines 1–3")
    assert best.document.name == "guides/warfarin.md, Warfarin, lines 1–3"
    assert best.document.text == best.chunk.text
    assert (await base.search("fever of forty", k=1))[0].chunk.page == 1


async def test_what_was_added_is_there_for_the_next_process(guides: Path) -> None:
    await opened(guides).add(guides)
    embedder = FixedEmbedder()
    base = opened(guides, embedder)
    found = await base.search("insulin in the fridge")
    assert found[0].chunk.name == "guides/insulin.md"
    assert embedder.calls == [["insulin in the fridge"]]


async def test_adding_again_embeds_only_what_changed(guides: Path) -> None:
    await opened(guides).add(guides)
    (guides / "warfarin.md").write_text(WARFARIN + "\nCheck the INR often.\n")
    (guides / "new.txt").write_text("A new text about iron.")
    (guides / "insulin.md").unlink()
    embedder = FixedEmbedder()
    base = opened(guides, embedder)
    change = await base.add(guides)
    assert (change.added, change.changed) == (("guides/new.txt",), ("guides/warfarin.md",))
    assert (change.unchanged, change.gone) == (("guides/fever.pdf",), ("guides/insulin.md",))
    assert len([text for call in embedder.calls for text in call]) == 2
    texts = [chunk.text for chunk in base.chunks]
    assert any("fridge" in text for text in texts)
    assert any("Check the INR" in text for text in texts)


async def test_adding_again_with_nothing_changed_embeds_and_writes_nothing(guides: Path) -> None:
    await opened(guides).add(guides)
    before = (guides.parent / "kept" / "knowledge.json").stat().st_mtime_ns
    embedder = FixedEmbedder()
    change = await opened(guides, embedder).add(guides)
    assert len(change.unchanged) == 3
    assert embedder.calls == []
    assert (guides.parent / "kept" / "knowledge.json").stat().st_mtime_ns == before


async def test_a_damaged_file_is_skipped_and_the_others_go_on(guides: Path) -> None:
    (guides / "broken.pdf").write_bytes(b"%PDF-1.4 broken")
    change = await opened(guides).add(guides)
    assert len(change.added) == 3
    assert [Path(each.path).name for each in change.skipped] == ["broken.pdf"]


@pytest.mark.parametrize("sync", [False, True])
async def test_a_document_whose_file_is_gone_is_removed_only_if_that_is_wanted(
    guides: Path, *, sync: bool
) -> None:
    base = opened(guides)
    await base.add(guides)
    (guides / "insulin.md").unlink()
    change = await base.add(guides, sync=sync)
    name = ("guides/insulin.md",)
    assert (change.gone, change.removed) == (((), name) if sync else (name, ()))
    assert len(opened(guides).entries) == (2 if sync else 3)


@pytest.mark.parametrize("sync", [False, True])
async def test_a_document_that_cannot_be_read_any_more_stays_as_it_was(
    guides: Path, *, sync: bool
) -> None:
    base = opened(guides)
    await base.add(guides)
    (guides / "fever.pdf").write_bytes(b"%PDF-1.4 broken")
    change = await base.add(guides, sync=sync)
    assert (change.removed, change.gone) == ((), ())
    assert change.skipped[0].reason.endswith("; what was read before is kept")
    assert (await base.search("fever of forty", k=1))[0].chunk.page == 1


async def test_documents_in_a_folder_that_cannot_be_read_any_more_stay(
    guides: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (guides / "deep").mkdir()
    (guides / "deep" / "iron.md").write_text("Iron is taken in the morning.")
    base = opened(guides)
    await base.add(guides)

    def unreadable(place: str | os.PathLike[str]) -> Any:
        if Path(place).name == "deep":
            raise PermissionError(errno.EACCES, "Permission denied", str(place))
        return scandir(place)

    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", unreadable)
    change = await base.add(guides, sync=True)
    assert (change.removed, change.failed) == ((), True)
    assert [(Path(each.path).name, each.reason) for each in change.skipped] == [
        ("deep", "permission denied")
    ]


async def test_a_folder_added_leaves_documents_from_elsewhere_alone(
    guides: Path, tmp_path: Path
) -> None:
    base = opened(guides)
    (tmp_path / "own.md").write_text("My own note on iron.")
    await base.add(tmp_path / "own.md")
    await base.add(guides)
    (guides / "insulin.md").unlink()
    await base.add(guides, sync=True)
    assert {entry.name for entry in base.entries.values()} == {
        "own.md",
        "guides/warfarin.md",
        "guides/fever.pdf",
    }


async def test_two_documents_of_the_same_name_are_told_apart(tmp_path: Path) -> None:
    base = opened(tmp_path / "guides")
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "note.md").write_text(f"A note of {folder}.")
        await base.add(tmp_path / folder / "note.md")
    second = str((tmp_path / "b" / "note.md").resolve())
    assert [entry.name for entry in base.entries.values()] == ["note.md", second]


async def test_nothing_that_can_be_read_is_an_error_that_says_why(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").touch()
    (tmp_path / "empty.md").touch()
    message = r"nothing in .* can be read: photo.jpg: it is neither .*, and 1 more"
    with pytest.raises(InvalidInput, match=message):
        await opened(tmp_path / "guides").add(tmp_path)


async def test_an_emptied_folder_empties_the_base(guides: Path) -> None:
    base = opened(guides)
    await base.add(guides)
    for name in ("fever.pdf", "insulin.md", "warfarin.md"):
        (guides / name).unlink()
    assert len((await base.add(guides, sync=True)).removed) == 3
    assert [file.name for file in base.folder.iterdir()] == [".lock"]
    assert await opened(guides).search("warfarin") == []


@pytest.mark.parametrize(
    ("which", "left"),
    [
        ("guides/insulin.md", 2),
        ("{guides}/insulin.md", 2),
        ("{guides}", 0),
    ],
)
async def test_documents_are_removed_by_name_by_file_and_by_folder(
    which: str, left: int, guides: Path
) -> None:
    base = opened(guides)
    await base.add(guides)
    base.remove(which.format(guides=guides))
    assert len(opened(guides).entries) == left
    assert "fridge" not in str([each.chunk for each in await base.search("insulin fridge")])


async def test_a_document_that_is_not_there_is_named_with_its_nearest(guides: Path) -> None:
    base = opened(guides)
    await base.add(guides)
    with pytest.raises(InvalidInput, match=r"nearest: 'guides/insulin\.md'"):
        base.remove("guides/insulins.md")


async def test_another_embedder_makes_all_vectors_anew(guides: Path) -> None:
    await opened(guides).add(guides)
    embedder = FixedEmbedder(dimension=64)
    base = opened(guides, embedder)
    assert base.stale
    found = await base.search("insulin in the fridge")
    assert found[0].chunk.name == "guides/insulin.md"
    assert not opened(guides, FixedEmbedder(dimension=64)).stale


@pytest.mark.parametrize(
    "damage",
    [lambda _: None, lambda _: b"", lambda data: data[:-9], lambda data: data[::-1]],
    ids=["missing", "empty", "cut off", "other bytes"],
)
async def test_damaged_vectors_are_made_anew(
    damage: Callable[[bytes], bytes | None], guides: Path
) -> None:
    await opened(guides).add(guides)
    file = next((guides.parent / "kept").glob("*.faiss"))
    left = damage(file.read_bytes())
    file.unlink()
    if left is not None:
        file.write_bytes(left)
    base = opened(guides)
    assert base.stale
    assert (await base.search("insulin fridge"))[0].chunk.name == "guides/insulin.md"


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-10],
        lambda text: text.replace("must not be", "may well be"),
        lambda text: text.replace('"format":1', '"format":99'),
        lambda text: "[]",
    ],
    ids=["cut off", "other words", "other format", "other JSON"],
)
async def test_damaged_documents_are_an_error_with_its_cure(
    change: Callable[[str], str], guides: Path
) -> None:
    await opened(guides).add(guides)
    file = guides.parent / "kept" / "knowledge.json"
    changed = change(file.read_text())
    assert changed != file.read_text()
    file.write_text(changed)
    with pytest.raises(IndexUnavailable, match="is damaged") as raised:
        opened(guides)
    assert "metier knowledge remove kept --all" in raised.value.hint


async def test_saving_leaves_one_file_of_vectors(guides: Path) -> None:
    base = opened(guides)
    await base.add(guides)
    (guides / "more.md").write_text("More about iron.")
    await base.add(guides)
    assert len(list((guides.parent / "kept").glob("*.faiss"))) == 1


class Breaking(FixedEmbedder):
    """Cannot be reached from some call on."""

    def __init__(self, *, after: int) -> None:
        super().__init__()
        self._left = after

    async def embed(self, texts: Sequence[str], *, role: Role = "query") -> Vectors:
        self._left -= 1
        if self._left < 0:
            raise ConnectionError("gone")
        return await super().embed(texts, role=role)


async def test_what_was_done_is_kept_where_adding_is_interrupted(guides: Path) -> None:
    with pytest.raises(ConnectionError):
        await opened(guides, Breaking(after=2)).add(guides)
    embedder = FixedEmbedder()
    change = await opened(guides, embedder).add(guides)
    assert (len(change.unchanged), len(change.added)) == (2, 1)
    assert len(embedder.calls) == 1


async def test_progress_counts_documents(guides: Path) -> None:
    seen: list[Progress] = []
    await opened(guides).add(guides, progress=seen.append)
    assert [(each.file, each.done, each.total) for each in seen] == [
        ("guides/fever.pdf", 0, 3),
        ("guides/insulin.md", 1, 3),
        ("guides/warfarin.md", 2, 3),
    ]


async def test_words_find_what_an_embedder_does_not_know(tmp_path: Path) -> None:
    class Blind(FixedEmbedder):
        """Finds all texts alike."""

        async def embed(self, texts: Sequence[str], *, role: Role = "query") -> Vectors:
            return await super().embed(["the same"] * len(texts), role=role)

    folder = tmp_path / "codes"
    folder.mkdir()
    for number in range(9):
        (folder / f"{number}.md").write_text(f"The code is Q{number}7.{number}, as said.")
    base = KnowledgeBase.open(tmp_path / "kept", Blind())
    await base.add(folder)
    assert (await base.search("What is Q57.5?"))[0].chunk.name == "codes/5.md"
    blind = await base.search("What is Q57.5?", k=9, words=False)
    assert {round(passage.similarity, 3) for passage in blind} == {1.0}


async def test_the_last_rows_of_a_long_table_are_embedded_too(tmp_path: Path) -> None:
    rows = "\n".join(f"| drug{n} | {n} mg | twice a day, with food |" for n in range(60))
    (tmp_path / "a.md").write_text(f"{rows}\n| zinc | ninety mg | never at night |")
    embedder = FixedEmbedder()
    base = opened(tmp_path / "guides", embedder)
    await base.add(tmp_path / "a.md")
    assert len(base) == 1
    read = [text[:MAX_CHARS] for call in embedder.calls for text in call]
    assert any("zinc" in text for text in read)
    assert any("drug0 " in text for text in read)
    assert len(await base.search("zinc", k=4)) == 1


async def test_an_empty_question_and_an_empty_base_find_nothing(guides: Path) -> None:
    base = opened(guides)
    assert await base.search("warfarin") == []
    await base.add(guides)
    assert await base.search("  ") == []
    assert await base.search("?!") != []


async def test_what_two_processes_add_at_once_is_all_kept(tmp_path: Path) -> None:
    bases: list[KnowledgeBase] = []
    for name in "ab":
        (tmp_path / name).mkdir()
        for number in range(30):
            (tmp_path / name / f"{name}{number}.md").write_text(f"Document {number} of {name}.")
        # Both have read the same state, as two processes that begin at once have.
        bases.append(KnowledgeBase.open(tmp_path / "kept", FixedEmbedder()))
    async with anyio.create_task_group() as tasks:
        for name, base in zip("ab", bases, strict=True):
            tasks.start_soon(base.add, tmp_path / name)
    assert len(KnowledgeBase.open(tmp_path / "kept", FixedEmbedder()).entries) == 60


async def test_removing_sees_what_another_process_added(guides: Path) -> None:
    base, other = opened(guides), opened(guides)
    await other.add(guides)
    assert base.remove("guides/fever.pdf") == ["guides/fever.pdf"]
    assert {entry.name for entry in opened(guides).entries.values()} == {
        "guides/insulin.md",
        "guides/warfarin.md",
    }


async def test_adding_says_that_it_waits_for_another_process(guides: Path) -> None:
    base, told = opened(guides), anyio.Event()
    async with anyio.create_task_group() as tasks:
        with saving.lock(base.folder):
            tasks.start_soon(partial(base.add, guides, waiting=told.set))
            with anyio.fail_after(60):
                await told.wait()
            assert len(base) == 0
    assert len(opened(guides)) == 3


async def test_removing_and_erasing_say_that_they_wait_for_another_process(guides: Path) -> None:
    shelf = KnowledgeBases(guides.parent / "shelf", FixedEmbedder())
    base = shelf.base("medical")
    await base.add(guides)
    held = ExitStack()
    held.enter_context(saving.lock(base.folder))
    base.remove("guides/fever.pdf", waiting=held.close)
    assert len(base.entries) == 2
    held.enter_context(saving.lock(base.folder))
    shelf.erase("medical", waiting=held.close)
    assert shelf.domains == []


async def test_adding_gives_up_after_a_while_and_can_be_tried_again(
    guides: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metier.experts.knowledge.store.WAIT_S", 0.1)
    base = opened(guides)
    with saving.lock(base.folder), pytest.raises(Locked):
        await base.add(guides)
    assert len((await base.add(guides)).added) == 3


async def test_a_search_keeps_nothing_over_what_another_process_saved(guides: Path) -> None:
    await opened(guides).add(guides)
    base = opened(guides, FixedEmbedder(dimension=64))  # it has to make all vectors
    opened(guides).remove("guides/fever.pdf")
    assert await base.search("warfarin")
    assert len(opened(guides).entries) == 2


CHILD = """
import sys
from pathlib import Path
import anyio
from metier.experts.knowledge.store import KnowledgeBase
from metier.testing import FixedEmbedder

class Stopping(FixedEmbedder):
    async def embed(self, texts, *, role="query"):
        if len(self.calls) == 4:
            print("stopped", flush=True)
            sys.stdin.read()
        return await super().embed(texts, role=role)

base = KnowledgeBase.open(Path(sys.argv[1]), Stopping())
anyio.run(base.add, Path(sys.argv[2]))
"""


def killed_while_adding(kept: Path, guides: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(kept), str(guides)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"stopped\n"
        process.kill()


async def test_what_a_killed_process_added_is_whole_or_not_there(tmp_path: Path) -> None:
    folder = tmp_path / "guides"
    folder.mkdir()
    for number in range(9):
        chapters = "".join(f"# Chapter {n}\n\nText {n} of {number}.\n\n" for n in range(5))
        (folder / f"{number}.md").write_text(chapters)
    killed_while_adding(tmp_path / "kept", folder)
    base = opened(folder)
    assert 0 < len(base.entries) < 9
    for entry in base.entries.values():
        assert entry.chunks == 5 == sum(chunk.name == entry.name for chunk in base.chunks)
    change = await base.add(folder)
    assert len(change.unchanged) + len(change.added) == 9 == len(opened(folder).entries)


async def test_what_is_kept_is_for_its_owner_only(guides: Path) -> None:
    shelf = KnowledgeBases(guides.parent / "state" / "knowledge", FixedEmbedder())
    (shelf.folder / "medical").mkdir(parents=True, mode=0o755)
    await shelf.base("medical").add(guides)
    found = {path.name: path.stat().st_mode & 0o777 for path in shelf.folder.rglob("*")}
    assert found.pop("medical") == 0o700
    assert len(found) == 3
    assert set(found.values()) == {0o600}


SCRATCH = ["knowledge.jsonab12_x9z", "0123.faissab12_x9z", ".knowledge.json.ab12.tmp"]


async def test_what_a_killed_process_was_writing_is_removed_at_the_next_start(
    guides: Path,
) -> None:
    await opened(guides).add(guides)
    for name in SCRATCH:
        (guides.parent / "kept" / name).write_text("private")
    with (guides.parent / "kept" / SCRATCH[0]).open() as writing:
        fcntl.flock(writing, fcntl.LOCK_EX)  # as who writes it does
        opened(guides)
        assert "private" in texts_in(guides.parent / "kept")
    assert len(opened(guides)) == 3
    assert "private" not in texts_in(guides.parent / "kept")


async def test_what_was_being_written_for_a_domain_without_documents_is_removed_too(
    tmp_path: Path,
) -> None:
    (tmp_path / "medical").mkdir()
    for name in SCRATCH:
        (tmp_path / "medical" / name).write_text("private")
    KnowledgeBases(tmp_path, FixedEmbedder())
    assert texts_in(tmp_path / "medical") == ""


async def test_erasing_leaves_no_text_of_the_documents(guides: Path) -> None:
    shelf = KnowledgeBases(guides.parent / "shelf", FixedEmbedder())
    base = shelf.base("medical")
    await base.add(guides)
    for name in SCRATCH:
        (base.folder / name).write_text("private")
    (base.folder / "notes.txt").write_text("not metier's")
    shelf.erase("medical")
    assert [file.name for file in base.folder.iterdir()] == ["notes.txt"]
    (base.folder / "notes.txt").unlink()
    shelf.erase("medical")
    assert not base.folder.exists()


def texts_in(folder: Path) -> str:
    return "".join(file.read_text(errors="replace") for file in folder.iterdir())


async def test_two_additions_at_once_follow_each_other(guides: Path) -> None:
    base = opened(guides)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(base.add, guides)
        tasks.start_soon(base.add, guides)
    assert len(base) == len(opened(guides)) == 3


async def test_a_shelf_keeps_domains_apart_and_sees_what_others_added(guides: Path) -> None:
    shelf = KnowledgeBases(guides.parent / "shelf", FixedEmbedder())
    assert await shelf.search("medical", "warfarin") == []
    await shelf.base("medical").add(guides)
    assert (await shelf.search("medical", "warfarin"))[0].chunk.name == "guides/warfarin.md"
    assert await shelf.search("math", "warfarin") == []
    other = KnowledgeBases(guides.parent / "shelf", FixedEmbedder())
    other.base("medical").remove("guides/warfarin.md")
    left = {each.chunk.name for each in await shelf.search("medical", "warfarin")}
    assert left == {"guides/fever.pdf", "guides/insulin.md"}
    assert shelf.domains == ["medical"]
    shelf.erase("medical")
    assert (shelf.domains, await shelf.search("medical", "warfarin")) == ([], [])


async def test_a_folder_that_cannot_be_written_is_an_error_with_its_cure(guides: Path) -> None:
    (guides.parent / "kept").write_text("in the way")
    with pytest.raises(IndexUnavailable, match="cannot be") as raised:
        await KnowledgeBase(guides.parent / "kept", FixedEmbedder()).add(guides)
    assert "METIER_STATE_DIR" in raised.value.hint


async def test_what_is_kept_is_json_that_names_the_embedder(guides: Path) -> None:
    await opened(guides).add(guides)
    saved = json.loads((guides.parent / "kept" / "knowledge.json").read_text())
    assert saved["embedder"] == "fixed/256"
    assert {entry["name"] for entry in saved["entries"]} > {"guides/insulin.md"}
