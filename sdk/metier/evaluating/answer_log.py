"""Answers on disk, so that a run that ends early has lost none and can go on."""

from __future__ import annotations

import json
from pathlib import Path

from metier.errors import InvalidInput
from metier.evaluating.answers import Pair
from metier.evaluating.questions import rows
from metier.plan import Combining


class AnswerLog:
    """A JSON Lines file to which each answered question is added at once.

    Args:
        file: it is made where it is missing; None keeps nothing. A last line that was not written
            to its end, as on a full disk, is dropped.
        model: the one that is asked alone: what another one answered is left out.
        combining: how the council makes one answer of several: other ways are left out.

    Raises:
        InvalidInput: a line that is no answered question.
        UnreadableInput: it is there and cannot be read.
    """

    def __init__(
        self, file: Path | None, *, model: str, combining: Combining = Combining()
    ) -> None:
        self._file = file
        self._known: dict[str, Pair] = {}
        self._half = _half_line(file) if file is not None else ""
        if file is not None and file.exists() and file.stat().st_size:
            for _, pair in rows(file, self._parsed, example=_EXAMPLE):
                if pair is not None and (pair.model, pair.combining) == (model, combining):
                    self._known[pair.question] = pair

    def _parsed(self, line: str) -> Pair | None:
        return None if line == self._half else Pair.model_validate_json(line)

    def known(self, question: str) -> Pair | None:
        """The answers to a question that was asked before."""
        return self._known.get(question)

    def add(self, pair: Pair) -> None:
        """Write down what was answered.

        Raises:
            InvalidInput: the file cannot be written.
        """
        if self._file is None:
            return
        try:
            with self._file.open("a", encoding="ascii") as log:
                if self._half:
                    log.truncate(log.tell() - len(self._half))
                    self._half = ""
                log.write(f"{json.dumps(pair.model_dump(mode='json'))}\n")
        except OSError as exc:
            raise InvalidInput(
                f"{self._file} cannot be written: {(exc.strerror or str(exc)).lower()}",
                hint="Name another file: --log answers.jsonl",
            ) from exc


def _half_line(file: Path) -> str:
    """The last line if it is the beginning of one that `add` writes; they are ASCII."""
    try:
        with file.open("rb") as log:
            *_, last = b"", *log
    except OSError:
        return ""
    if last.endswith(b"\n") or not _BEGINNING.startswith(last[: len(_BEGINNING)].decode("latin-1")):
        return ""
    try:
        json.loads(last)
    except ValueError:
        return last.decode("latin-1")
    return ""


_BEGINNING = '{"question": '
_EXAMPLE = '{"question": …, "domain": …, "model": …, "single": {…}, "council": {…}}'
