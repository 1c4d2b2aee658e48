"""Where the seconds of a question go, from a new process to its answer.

- `import`: a new process until its council, the engine and the code of the question's experts are
  there, compiled before as after an installation. Each `metier ask` is such a process.
- `plan`: until the plan is ready. The embedder is in memory, and the index is built.
- `load`, `read`, `write`: what the server counts for bringing the model into memory, for reading
  prompts and for writing, in all calls.
- `check`: the rest outside calls, in which programs run and results are checked and joined.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import anyio
import ollama

if TYPE_CHECKING:
    from benchmarks.resident import Asked, Call

# The code of these experts answers the question of the README.
EXPERTS = ("math", "code", "medical")
_UNLOADED_S = 60.0
_PAUSE_S = 0.1
# The limits bring the engine.
_READY = """
import sys
from metier import Council
council = Council.from_installed()
council.limits
for name in sys.argv[1:]:
    council.registry.expert(name)
print("ready", flush=True)
"""


def import_s(runs: int = 5) -> float:
    """Seconds until a new process could plan and run a question; the median."""
    with tempfile.TemporaryDirectory() as compiled:
        own = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": compiled}
        until_ready_s(**own)  # which compiles
        return statistics.median(until_ready_s(**own) for _ in range(runs))


def until_ready_s(**variables: str) -> float:
    """Seconds until one new process could."""
    environment = os.environ | {"METIER_CONFIG": os.devnull} | variables
    command = [sys.executable, "-c", _READY, *EXPERTS]
    started = time.perf_counter()
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        took_s = time.perf_counter() - started
    if line.strip() != b"ready":
        raise RuntimeError(f"a council could not be made in a new process: {line!r}")
    return took_s


async def unload(host: str, model: str) -> None:
    """Take a model out of a server's memory, and with it the prompts in its slots."""
    async with ollama.AsyncClient(host=host) as client:
        await client.generate(model, keep_alive=0)
        with anyio.fail_after(_UNLOADED_S):
            loaded: list[str | None] = [model]
            while model in loaded:
                await anyio.sleep(_PAUSE_S)
                loaded = [each.model for each in (await client.ps()).models]


def phases(questions: Sequence[Asked], importing_s: float) -> dict[str, dict[str, float]]:
    """The seconds of each phase with one slot, and with a slot for each prompt; medians.

    With one slot, planning and checking are taken to last as long.
    """
    rest = [one.total_s - one.plan_s - sum(call.total_s for call in one.calls) for one in questions]
    ways = {
        "one slot": [one.raws for one in questions],
        "resident prompts": [one.calls for one in questions],
    }
    return {
        name: {
            "import": importing_s,
            "plan": statistics.median(one.plan_s for one in questions),
            "load": _median(each, lambda call: call.load_s),
            "read": _median(each, lambda call: call.read_s),
            "write": _median(each, lambda call: call.write_s),
            "check": statistics.median(rest),
        }
        for name, each in ways.items()
    }


def _median(questions: Sequence[Sequence[Call]], seconds: Callable[[Call], float]) -> float:
    return statistics.median(sum(map(seconds, calls)) for calls in questions)
