"""What was typed in earlier conversations is there again, whatever became of the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from metier.cli.chat.history import InputHistory


def history(folder: Path) -> tuple[InputHistory, Path]:
    file = folder / "chat-history.jsonl"
    made = InputHistory(file)
    for text in ("first", "second"):
        made.add(text)
    return made, file


@pytest.mark.parametrize("line", [b"no JSON", b"[1, 2]", b'{"a": 1}', b"", b"5", b"[" * 10_000])
def test_a_line_that_is_no_text_is_left_out(line: bytes, tmp_path: Path) -> None:
    made, file = history(tmp_path)
    file.write_bytes(line + b"\n" + file.read_bytes())
    assert made.read() == ["first", "second"]


def test_what_is_no_text_at_all_is_as_if_nothing_was_typed(tmp_path: Path) -> None:
    made, file = history(tmp_path)
    file.write_bytes(b"\xff\x00" * 100)
    assert made.read() == []


def test_a_line_that_was_not_written_to_its_end_takes_no_other_along(tmp_path: Path) -> None:
    made, file = history(tmp_path)
    file.write_bytes(file.read_bytes()[:-4])
    made.add("third")
    assert made.read() == ["first", "third"]
