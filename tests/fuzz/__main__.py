"""`make fuzz`: tries each reader for a while on inputs that are nearly right.

A finding is an error that is not metier's own, a wrong result, or an input that takes too long. It
is shown as small as it can be made.
"""

from __future__ import annotations

import argparse
import faulthandler
import sys
import time
import traceback
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import hypothesis
from fuzz.every import TARGETS
from fuzz.target import Target

# Beyond it something waits that no signal ends; the stacks are printed.
HUNG_S = 300
AT_A_TIME = hypothesis.settings(
    max_examples=200,
    deadline=None,
    database=None,
    print_blob=False,
    report_multiple_bugs=False,
    phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
    suppress_health_check=list(hypothesis.HealthCheck),
)


class Ended(BaseException):
    """The time is over."""


def fuzz(target: Target, seconds: float, seed: int, folder: Path) -> tuple[int, str]:
    """Try a target.

    Returns:
        How many inputs were tried, and what was found; empty if nothing was.
    """
    tried = 0
    last = b""
    until = time.monotonic() + seconds

    def attempt(data: bytes) -> None:
        nonlocal tried, last
        if time.monotonic() > until:
            raise Ended
        tried, last = tried + 1, data
        faulthandler.dump_traceback_later(HUNG_S, exit=True)
        target.attempt(data, folder)

    for number in count(seed):
        test = hypothesis.given(target.inputs)(attempt)
        try:
            hypothesis.seed(number)(AT_A_TIME(test))()
        except Ended:
            return tried, ""
        except BaseException as exc:  # whatever it is, it is reported
            if isinstance(exc, KeyboardInterrupt):
                raise
            return tried, f"{last!r}\n{''.join(traceback.format_exception(exc))}"
        finally:
            faulthandler.cancel_dump_traceback_later()
    raise AssertionError


def main() -> int:
    """Fuzz the targets that are named, or all; exit with 1 if anything was found."""
    names = [target.name for target in TARGETS]
    parser = argparse.ArgumentParser(prog="python -m fuzz")
    parser.add_argument("--seconds", type=float, default=10, help="for each target")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("target", nargs="*", metavar="TARGET", help=", ".join(names))
    given = parser.parse_args()
    found = 0
    for target in TARGETS:
        if given.target and target.name not in given.target:
            continue
        with TemporaryDirectory() as folder:
            tried, finding = fuzz(target, given.seconds, given.seed, Path(folder))
        found += bool(finding)
        print(f"{target.name}: {tried} inputs{', a finding' if finding else ''}", flush=True)
        if finding:
            print(finding[-6000:], flush=True)
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main())
