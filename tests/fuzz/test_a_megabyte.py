"""A megabyte of a card, a plan, events, a recipe, a body or a call is read or refused at once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from fuzz import files, wire
from fuzz.target import Target
from hostile import MEGABYTE, processor_time

from metier.errors import MetierError

# Of the processor. The slowest takes a second on a quiet machine.
LIMIT_S = 3.0
# In processes of their own; documents: tests/experts/knowledge/test_hostile.py.
LEFT_OUT = {"PDFs", "documents"}
TARGETS = {each.name: each for each in (*files.TARGETS, *wire.TARGETS)}


def again(seed: bytes) -> bytes:
    return seed * (MEGABYTE // len(seed))


def long(seed: bytes) -> bytes:
    """With one long text in the first quotation marks."""
    before, mark, after = seed.partition(b'"')
    return before + mark + b"a" * (MEGABYTE - len(seed)) + after


def wide(seed: bytes) -> bytes:
    """With one long list for its first value."""
    before, sign, after = seed.partition(b"=" if b" = " in seed else b":")
    return before + sign + b" [" + b"1," * ((MEGABYTE - len(seed)) // 2) + b"1]" + after


def deep(_: bytes) -> bytes:
    return b"[" * MEGABYTE


@pytest.mark.parametrize("shape", [again, long, wide, deep])
@pytest.mark.parametrize(
    "name", [name for name in TARGETS if name not in {*LEFT_OUT, "HTTP bodies"}]
)
def test_a_megabyte_is_read_or_refused_at_once(
    name: str, shape: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    target = TARGETS[name]
    read_at_once(target, shape(target.seeds[0]), tmp_path)


def read_at_once(target: Target, data: bytes, folder: Path) -> None:
    with processor_time(LIMIT_S), suppress(MetierError, *target.refusals):
        target.read(data, folder)


@pytest.mark.parametrize("shape", [again, long, wide, deep])
@pytest.mark.parametrize("path", wire.PATHS)
def test_a_body_of_a_megabyte_is_answered_or_refused_at_once(
    path: str, shape: Callable[[bytes], bytes]
) -> None:
    body = shape(TARGETS["HTTP bodies"].seeds[0])
    with processor_time(LIMIT_S):
        reply = wire.portal().call(partial(wire.client().post, path, content=body))
    assert reply.status_code < 500 or reply.status_code in (501, 503)
