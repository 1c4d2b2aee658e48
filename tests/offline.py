"""A Python environment of its own that needs no network: what is installed here is there too."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

_SHIM = '#!/bin/sh\nexec "{python}" -m {module} "$@"\n'
# pip reads "no build isolation" from a variable that says the contrary.
_PIP = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_QUIET": "1"}


@dataclass(frozen=True)
class Environment:
    """Made by `environment`."""

    folder: Path

    def run(
        self, command: str, *, folder: Path, check: bool = True, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a line of a shell as somebody would who has activated the environment."""
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=folder,
            env=os.environ | _PIP | {"PATH": path} | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if check:
            assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done


def environment(folder: Path) -> Environment:
    """A virtual environment with `metier`, `pip` and `pytest` as commands."""
    venv.create(folder, with_pip=False, symlinks=True)
    here = sysconfig.get_path("purelib")
    own = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    # A line with `import` runs: so the editable packages that are installed here are found too.
    (own / "as_here.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    for module in ("metier", "pip", "pytest"):
        shim = folder / "bin" / module
        shim.write_text(_SHIM.format(python=folder / "bin" / "python", module=module))
        shim.chmod(0o755)
    assert Path(sys.prefix) != folder
    return Environment(folder)
