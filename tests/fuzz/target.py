"""What a target of the fuzzer is."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fuzz.mutating import mutated
from hostile import processor_time
from hypothesis import strategies as st

from metier.errors import MetierError

# A tenth of it is usual for the largest inputs.
LIMIT_S = 2.0


@dataclass(frozen=True, kw_only=True)
class Target:
    """A reader of what strangers and models write.

    Attributes:
        read: reads an input; a folder is there for those who read files.
        refusals: errors that are no finding, beside metier's own.
    """

    name: str
    read: Callable[[bytes, Path], object]
    seeds: Sequence[bytes]
    words: Sequence[bytes] = ()
    refusals: tuple[type[Exception], ...] = ()

    @property
    def inputs(self) -> st.SearchStrategy[bytes]:
        """What it is tried with."""
        return mutated(self.seeds, self.words)

    def attempt(self, data: bytes, folder: Path) -> None:
        """Read an input, which may be refused.

        Any other error is a finding, and so are a warning and a reader that takes too long.
        """
        with processor_time(LIMIT_S), warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            try:
                self.read(data, folder)
            except (MetierError, *self.refusals):
                pass
        assert not said, f"a warning of Python's reaches the user: {said[0].message}"


def text(data: bytes) -> str:
    """What a reader of texts gets of an input: any characters, lone surrogates too."""
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace")
