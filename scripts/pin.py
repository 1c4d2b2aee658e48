#!/usr/bin/env python3
"""Pin the development set-up in constraints.txt, with hashes, for every Python and platform.

`pin.py` keeps the pins that still fit and adds what is missing; `pin.py --upgrade` takes the newest
versions; `pin.py --check` changes nothing and fails where the file does not fit the projects.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
PINS = ROOT / "constraints.txt"
HEADER = "# Made by scripts/pin.py; do not edit.\n"
PROJECTS = ["pyproject.toml", *(f"plugins/{p}/pyproject.toml" for p in ("math", "code", "medical"))]
OWN = ("metier", "metier-math", "metier-code", "metier-medical")


def compiled(*, upgrade: bool, out: Path) -> str:
    uv = [found] if (found := shutil.which("uv")) else [sys.executable, "-m", "uv"]
    command = [
        *uv,
        *("pip", "compile", "--quiet", "--universal", "--all-extras", "--group", "dev"),
        *("--generate-hashes", "--no-header", "--no-annotate"),
        *("--no-emit-index-url", "--no-emit-find-links"),
        *(f"--no-emit-package={name}" for name in OWN),
        *("--python-version", "3.11", "--output-file", str(out)),
        *(["--upgrade"] if upgrade else []),
        *PROJECTS,
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"pin: {done.stderr.strip()}")
    return HEADER + out.read_text().removeprefix(HEADER)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--upgrade", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "constraints.txt"
        if PINS.exists():
            shutil.copyfile(PINS, out)
        pins = compiled(upgrade=arguments.upgrade, out=out)
    if not arguments.check:
        PINS.write_text(pins)
    elif not PINS.exists() or PINS.read_text() != pins:
        sys.exit("pin: constraints.txt does not fit the projects; run: make dev; scripts/pin.py")


if __name__ == "__main__":
    main()
