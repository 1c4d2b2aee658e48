#!/usr/bin/env python3
"""Check the shape of the package: no long module, and few rooms at its top."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "sdk" / "metier"
LINES = 350
ENTRIES = 24
_CACHE = "__pycache__"


def problems(package: Path) -> Iterator[str]:
    """What is too large in a package, a line each."""
    for file in sorted(package.rglob("*.py")):
        if (lines := len(file.read_text(encoding="utf-8").splitlines())) > LINES:
            yield f"{file.relative_to(package)}: {lines} lines (at most {LINES})"
    entries = [entry.name for entry in package.iterdir() if entry.name != _CACHE]
    if len(entries) > ENTRIES:
        yield f"{package.name}: {len(entries)} entries (at most {ENTRIES})"


def main() -> None:
    found = list(problems(PACKAGE))
    for problem in found:
        print(f"check-shape: {problem}", file=sys.stderr)
    if found:
        sys.exit(
            "check-shape: split a module by what it does; put a file into the room it belongs to"
        )


if __name__ == "__main__":
    main()
