"""Processes that keep runs until they are killed, at moments that a seed chooses.

Prints a line of JSON for each: its folder, and the runs that it said were kept. They are forked,
since starting Python fifty times takes a minute.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from pathlib import Path
from random import Random

import anyio
from kept_runs import PLAN, council

from metier.events import Answered

LONGEST_S = 0.15


async def keep_runs(folder: Path, out: int) -> None:
    made = council(folder)
    while True:
        async for event in made.stream(PLAN):
            if isinstance(event, Answered):
                # One short write, which is whole or not there.
                os.write(out, f"{json.dumps([event.run_id, event.answer.text])}\n".encode())


def killed(folder: Path, *, after_s: float) -> list[list[str]]:
    """The runs that a process said were kept before it was killed, so long after its first."""
    told, out = os.pipe()
    if (child := os.fork()) == 0:
        anyio.run(keep_runs, folder, out)
    os.close(out)
    said = os.read(told, 1 << 16)
    select.select([], [], [], after_s)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while more := os.read(told, 1 << 16):
        said += more
    os.close(told)
    return [json.loads(line) for line in said.splitlines()]


def main(folder: Path, count: int) -> None:
    random = Random(7)
    for n in range(count):
        mine = folder / str(n)
        mine.mkdir()
        said = killed(mine, after_s=random.uniform(0, LONGEST_S))
        print(json.dumps({"folder": str(mine), "kept": said}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
