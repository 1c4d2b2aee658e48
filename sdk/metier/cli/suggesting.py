"""What `metier models suggest` prints."""

from __future__ import annotations

from metier.cli.text import table
from metier.council.suggesting import GIB
from metier.experts.suggesting import Suggestion


def suggestion_table(found: list[Suggestion], *, memory_bytes: int | None) -> str:
    """Format the memory, a line for each expert, and the command to run."""
    known = f"{memory_bytes / GIB:.1f} GiB" if memory_bytes is not None else "not known"
    rows = [(each.expert, each.runs_on or "no model", _better(each)) for each in found]
    lines = [
        f"Memory for models: {known}\n",
        table(rows, header=("expert", "runs on", "better here")),
    ]
    names = dict.fromkeys(each.better for each in found if each.better and not each.installed)
    if names:
        lines.append(f"\nGet them with: metier models pull {' '.join(map(str, names))}")
    return "\n".join(lines)


def _better(suggestion: Suggestion) -> str:
    if suggestion.better is None:
        return "-"
    if suggestion.installed:
        return f"{suggestion.better} (installed, does not fit)"
    size = suggestion.size_bytes
    return suggestion.better if size is None else f"{suggestion.better} ({size / 1e9:.1f} GB)"
