"""The lettered options of exam questions, which belong to their question."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_OPTION = re.compile(r"(?:(?<=\s)|^)\(?([A-Ja-j])[.):]\s+", re.MULTILINE)


def options(question: str) -> Iterator[tuple[int, int]]:
    """Yield the start and end of the options of each exam question."""
    run: list[re.Match[str]] = []
    for match in [*_OPTION.finditer(question), None]:
        if match is not None and _is_next(run, match):
            run.append(match)
            continue
        if len(run) > 1:
            yield max(0, run[0].start() - 1), _end_of_option(question, run)
        run = [match] if match is not None and match[1].upper() == "A" else []


def _is_next(run: Sequence[re.Match[str]], match: re.Match[str]) -> bool:
    return bool(run) and ord(match[1]) == ord(run[-1][1]) + 1


def _end_of_option(question: str, run: Sequence[re.Match[str]]) -> int:
    """The end of the last option: that of its line or, if all are in one line, of its sentence."""
    line = question.find("\n", run[-1].end())
    end = line if line >= 0 else len(question)
    if "\n" not in question[run[0].start() : run[-1].start()]:
        stop = re.compile(r"[.?!;]\s").search(question, run[-1].end(), end)
        end = stop.start() if stop is not None else end
    return end
