"""What adding documents changes, while it is done and in the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from metier.errors import InvalidInput
from metier.experts.knowledge.documents import Skipped


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far adding is: documents that are done, of how many, and the chunks of the domain."""

    file: str
    done: int
    total: int
    chunks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What adding changed; documents by the name that they are cited by.

    Attributes:
        gone: documents whose files are gone, and which are kept.
    """

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether a file could not be read that should have been."""
        return any(each.failed for each in self.skipped)


@dataclass(slots=True, kw_only=True)
class Adding:
    """What one call of `add` did so far.

    Attributes:
        dirty: whether there is something to save.
    """

    skipped: list[Skipped]
    dirty: bool = False
    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)

    def change(self, place: Path) -> Change:
        """The outcome.

        Raises:
            InvalidInput: nothing could be read, and nothing was there before.
        """
        done = (self.added, self.changed, self.unchanged, self.removed, self.gone)
        if not any(done):
            first = self.skipped[0] if self.skipped else None
            why = f": {Path(first.path).name}: {first.reason}" if first else ""
            more = f", and {len(self.skipped) - 1} more" if len(self.skipped) > 1 else ""
            raise InvalidInput(
                f"nothing in {str(place)!r} can be read{why}{more}",
                hint="metier reads Markdown (.md), plain text (.txt) and PDF",
            )
        added, changed, unchanged, removed, gone = map(tuple, done)
        return Change(
            added=added,
            changed=changed,
            unchanged=unchanged,
            removed=removed,
            gone=gone,
            skipped=tuple(self.skipped),
        )
