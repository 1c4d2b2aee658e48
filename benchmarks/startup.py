"""How long it takes until metier is there, and how much memory it holds.

Keys: `help_extra_ms` (`metier --help` over `python -c ''`), `import_extra_ms` (`import metier`
over it), `list_100_ms` (`metier experts list` with 100 experts, as a process, all in all),
`plan_process_ms` (`metier plan` as a process, the server warm), `memory_mb_100` (a process that has
planned with 100 experts). Process times are medians, taken in turn with the baseline.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.contract import Metric, exactly, median_of, report, say
from benchmarks.server import EMBED, serving

BARE = [sys.executable, "-c", ""]
METIER = str(Path(sys.executable).with_name("metier"))
QUESTION = "What is the derivative of x^3?"
EXPERTS = 100

_MEMORY = """
import anyio, resource, sys
from metier import Council, Settings
async def main():
    async with Council.from_installed(Settings.load()) as council:
        plan = await council.plan("What is the derivative of x^3?")
        assert len(council.registry.entries) >= 100, len(council.registry.entries)
anyio.run(main)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(peak / (1024 if sys.platform != "darwin" else 1024 * 1024))
"""


def wall_ms(command: list[str], **variables: str) -> float:
    started = time.perf_counter()
    subprocess.run(
        command,
        env=os.environ | variables,
        check=True,
        capture_output=True,
        stdin=subprocess.DEVNULL,
    )
    return (time.perf_counter() - started) * 1000


def extra_ms(command: list[str], *, runs: int) -> tuple[Metric, Metric]:
    """The command's time over the bare interpreter's, run by run in turn; and the bare time."""
    wall_ms(command)
    pairs = [(wall_ms(BARE), wall_ms(command)) for _ in range(runs)]
    bare = statistics.median(first for first, _ in pairs)
    return median_of([second - bare for _, second in pairs]), median_of([f for f, _ in pairs])


def many_domains(folder: Path) -> None:
    """A hundred declarative experts with five examples each."""
    for number in range(EXPERTS):
        home = folder / f"expert{number}"
        home.mkdir()
        examples = ", ".join(f'"question {n} about subject {number}"' for n in range(5))
        (home / "domain.toml").write_text(
            f"""api = 1
[expert]
id = "expert{number}"
description = "subject number {number}"
[[capability]]
name = "answer"
description = "answer questions about subject number {number}"
examples = [{examples}]
"""
        )


def listing_ms(*, runs: int) -> Metric:
    """A hundred experts beside those that come with metier, listed."""
    with tempfile.TemporaryDirectory() as scratch:
        many_domains(Path(scratch))
        command = [METIER, "experts", "list"]
        wall_ms(command, METIER_DOMAINS=scratch)
        return median_of([wall_ms(command, METIER_DOMAINS=scratch) for _ in range(runs)])


def memory_mb() -> float:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "domains"
        folder.mkdir()
        many_domains(folder)
        own = {"METIER_DOMAINS": str(folder), "METIER_CACHE_DIR": scratch}
        command = [sys.executable, "-c", _MEMORY]
        subprocess.run(command, env=os.environ | own, check=True, capture_output=True)
        done = subprocess.run(
            command, env=os.environ | own, check=True, capture_output=True, text=True
        )
        return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=15, help="runs of each command")
    runs = parser.parse_args().limit
    started = time.perf_counter()
    metrics: dict[str, Metric] = {}
    with serving((EMBED,)):
        say("metier --help")
        metrics["help_extra_ms"], bare = extra_ms([METIER, "--help"], runs=runs)
        say("import metier")
        metrics["import_extra_ms"], _ = extra_ms([sys.executable, "-c", "import metier"], runs=runs)
        say("metier experts list with 100 experts")
        metrics["list_100_ms"] = listing_ms(runs=runs)
        say("metier plan")
        plan = [METIER, "plan", QUESTION]
        wall_ms(plan)
        metrics["plan_process_ms"] = median_of([wall_ms(plan) for _ in range(runs)])
        say("memory with 100 experts")
        metrics["memory_mb_100"] = exactly(round(memory_mb(), 1))
    report(
        "startup",
        metrics,
        baselines={"python -c ''": {"wall_ms": bare}},
        embedder=f"ollama/{EMBED}",
        started=started,
    )


if __name__ == "__main__":
    main()
