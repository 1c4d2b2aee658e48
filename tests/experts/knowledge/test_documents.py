"""Files to text: encodings, pages, what is skipped and why."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from pdfs import pdf
from pypdf import PdfReader, PdfWriter

from metier.errors import InvalidInput
from metier.experts.knowledge import documents
from metier.experts.knowledge.documents import (
    Found,
    Skipped,
    Unreadable,
    check_pdf_reader,
    chunks_of,
    content,
    decoded,
    files_in,
)

UMLAUTS = "Bei Übelkeit ½ Tablette – nicht mehr."


@pytest.mark.parametrize(
    "data",
    [
        UMLAUTS.encode(),
        UMLAUTS.encode("utf-8-sig"),
        UMLAUTS.encode("utf-16"),
        b"\xfe\xff" + UMLAUTS.encode("utf-16-be"),
        UMLAUTS.encode("utf-32"),
        UMLAUTS.encode("cp1252"),
    ],
)
def test_text_is_read_in_the_encodings_that_people_have(data: bytes) -> None:
    assert decoded(data) == UMLAUTS


def test_line_ends_of_every_system_are_line_ends() -> None:
    assert decoded(b"one\r\ntwo\rthree\nfour") == "one\ntwo\nthree\nfour"


@pytest.mark.parametrize("data", [b"\x00\x01\x02", b"GIF89a\x00", b"\xff\xfe\x00", b"a\x1bb"])
def test_what_is_no_text_is_refused(data: bytes) -> None:
    with pytest.raises(Unreadable, match="it is not text"):
        decoded(data)


def test_a_pdf_is_read_page_by_page() -> None:
    data = pdf(["First page of it.", "Two lines."], [], ["The third page."])
    chunks = chunks_of(data, "guide.pdf")
    assert [(chunk.page, chunk.text) for chunk in chunks] == [
        (1, "First page of it.\nTwo lines."),
        (3, "The third page."),
    ]


def encrypted(password: str) -> bytes:
    writer = PdfWriter(clone_from=PdfReader(BytesIO(pdf(["Secret words."]))))
    writer.encrypt(password, "owner", algorithm="RC4-128")
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"%PDF-1.4 and nothing", "it is damaged"),
        (b"", "it is damaged"),
        (pdf(["Some words."])[:300], "it is damaged"),
        (pdf([]), "there is no text in it; scanned pages need text recognition first"),
        (encrypted("open sesame"), "it is encrypted with a password"),
    ],
    ids=["no PDF", "empty", "cut off", "scanned", "encrypted"],
)
def test_a_pdf_that_cannot_be_read_says_why(data: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        chunks_of(data, "guide.pdf")


@pytest.mark.parametrize("cut", range(0, 700, 46))
def test_a_pdf_that_was_cut_off_anywhere_is_read_or_refused(cut: int) -> None:
    try:
        chunks = chunks_of(pdf(["Some words."], ["More words."])[:cut], "guide.pdf")
    except Unreadable:
        return
    assert {chunk.text for chunk in chunks} <= {"Some words.", "More words."}


SHOWN = b"BT /F1 12 Tf " + b"(a)Tj " * 2_000_000 + b"ET"


@pytest.mark.parametrize(
    ("data", "limits", "reason"),
    [
        (pdf(["Some words."], times=100_000), {}, "it has 100000 pages, and at most 10000"),
        (pdf(["Words."], ["More."]), {"MAX_CHARS": 8}, "its text has more than 8 characters"),
        (pdf([""], packed=SHOWN), {"CPU_S": 1}, "reading it takes more than 1 s"),
        (pdf([""], packed=SHOWN), {"MEMORY_BYTES": 150 << 20}, "more than 150 MB of memory"),
        (pdf([""], packed=b"\n" * (200 << 20)), {}, "it is damaged"),
    ],
    ids=["one page many times", "much text", "much time", "much memory", "unpacks to much"],
)
def test_a_pdf_that_takes_too_much_is_refused(
    data: bytes, limits: dict[str, int], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(data) < 1 << 20
    for name, limit in limits.items():
        monkeypatch.setattr(f"metier.experts.knowledge.pdf.{name}", limit)
    with pytest.raises(Unreadable, match=reason):
        chunks_of(data, "guide.pdf")


def test_a_pdf_that_only_its_owner_may_change_is_read() -> None:
    assert chunks_of(encrypted(""), "guide.pdf")[0].text == "Secret words."


def test_a_missing_reader_of_pdfs_is_an_error_with_its_cure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    files = [Found(path=Path("/a.md"), name="a.md"), Found(path=Path("/b.pdf"), name="b.pdf")]
    with pytest.raises(InvalidInput, match=r"'b\.pdf' is a PDF") as raised:
        check_pdf_reader(files)
    assert "pip install 'metier[pdf]'" in raised.value.hint
    check_pdf_reader(files[:1])


def looked(place: Path) -> tuple[list[str], dict[str, str]]:
    """Names of what can be read, and the reasons for the rest by file name."""
    each = list(files_in(place))
    return (
        [one.name for one in each if isinstance(one, Found)],
        {Path(one.path).name: one.reason for one in each if isinstance(one, Skipped)},
    )


def test_a_folder_is_read_in_order_without_hidden_files(tmp_path: Path) -> None:
    root = tmp_path / "guides"
    for name in ("b.md", "a.txt", "deep/c.PDF", ".hidden.md", ".git/d.md", "photo.jpg"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("words")
    names, skipped = looked(root)
    assert names == ["guides/a.txt", "guides/b.md", "guides/deep/c.PDF"]
    assert skipped == {"photo.jpg": "it is neither Markdown nor text nor PDF"}


def test_links_are_not_followed(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "guides"
    outside.mkdir()
    root.mkdir()
    (outside / "secret.md").write_text("secret")
    (root / "link.md").symlink_to(outside / "secret.md")
    (root / "folder").symlink_to(outside)
    names, skipped = looked(root)
    assert names == []
    assert skipped == {"link.md": "it is a link, and links are not followed"}


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.md")
    assert looked(tmp_path) == ([], {"pipe.md": "it is no ordinary file"})


def fifo(path: Path) -> None:
    os.mkfifo(path)


def link(path: Path) -> None:
    path.with_suffix(".secret").write_text("secret")
    path.symlink_to(path.with_suffix(".secret"))


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def large(path: Path) -> None:
    path.write_bytes(b"a" * 200)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (fifo, "it is no ordinary file"),
        (Path.mkdir, "it is no ordinary file"),
        (link, "it is a link, and links are not followed"),
        (device, "it is a link, and links are not followed"),
        (large, "and at most 0 MB are read"),
        (lambda path: None, "no such file"),
    ],
    ids=["pipe", "folder", "link", "device", "large", "gone"],
)
async def test_a_file_that_becomes_another_thing_after_it_was_found_is_not_read(
    change: Callable[[Path], None], reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "MAX_FILE_BYTES", 100)
    file = tmp_path / "guide.md"
    file.write_text("words")
    (found,) = files_in(tmp_path)
    assert isinstance(found, Found)
    assert content(found.path)[0] == b"words"
    file.unlink()
    change(file)
    # A pipe that is opened as a file is waited for without an end.
    with anyio.fail_after(60), pytest.raises(Unreadable, match=reason):
        await anyio.to_thread.run_sync(content, found.path, abandon_on_cancel=True)


def test_a_device_is_not_read() -> None:
    with pytest.raises(Unreadable, match="it is no ordinary file"):
        content(Path("/dev/zero"))


def test_a_name_that_is_not_utf_8_is_skipped_and_the_others_are_read(tmp_path: Path) -> None:
    (tmp_path / "good.md").write_text("words")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.md")).write_text("words")
    names, skipped = looked(tmp_path)
    assert names == [f"{tmp_path.name}/good.md"]
    assert skipped == {"caf\\xe9.md": "its name is not UTF-8; rename it"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o000)
    assert looked(tmp_path) == ([], {"closed": "permission denied"})


def test_a_file_that_is_too_large_is_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "MAX_FILE_BYTES", 1 << 20)
    (tmp_path / "big.md").write_bytes(b"a" * (3 << 20))
    reason = "it has 3 MB, and at most 1 MB are read"
    assert looked(tmp_path) == ([], {"big.md": reason})


def test_a_folder_with_far_too_many_files_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "MAX_FILES", 2)
    for name in "abc":
        (tmp_path / f"{name}.md").touch()
    with pytest.raises(InvalidInput, match="more than 2 files"):
        list(files_in(tmp_path))


def test_a_place_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="there is no file or folder"):
        list(files_in(tmp_path / "gone"))
