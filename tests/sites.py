"""A folder like site-packages, for plugins that are installed in one test only."""

from __future__ import annotations

import importlib
import sys
import textwrap
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# Until its site is forgotten, and without taking the processor from the tests beside it.
WAITS = "while Path(__file__).exists():\n    time.sleep(0.05)"
ENDLESS = f"import time\nfrom pathlib import Path\n{WAITS}"

DOMAIN = """\
api = 1
[expert]
id = "{id}"
description = "{description}"
[[capability]]
name = "help"
description = "Help with it"
"""

CODE = """\
from metier import Expert, tool


class Plugin(Expert):
    @tool
    def double(self, number: float) -> float:
        return number * 2
"""


@dataclass(frozen=True)
class Site:
    """Has to be on `sys.path`."""

    folder: Path

    def install(
        self,
        distribution: str,
        points: Mapping[str, str],
        files: Mapping[str, str] | None = None,
        *,
        group: str = "metier.experts",
        version: str = "1.0",
    ) -> None:
        """Files, and what an installer writes about them; `points` are the experts."""
        for name, text in (files or {}).items():
            self.write(name, text)
        listed = "".join(f"{name} = {value}\n" for name, value in points.items())
        info = f"{distribution.replace('-', '_')}-{version}.dist-info"
        self.write(f"{info}/entry_points.txt", f"[{group}]\n{listed}")
        named = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        self.write(f"{info}/METADATA", named)

    def write(self, name: str, text: str) -> Path:
        """A file with its folders."""
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text), encoding="utf-8")
        importlib.invalidate_caches()
        return file

    def forget(self) -> None:
        """End the code that goes on, and take the modules of here out of this process."""
        for file in self.folder.rglob("*.py"):
            file.unlink()
        for thread in threading.enumerate():
            if thread.name == "metier plugin":
                thread.join(20)
                assert not thread.is_alive(), "code of a plugin was left behind"
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", None)).startswith(str(self.folder)):
                del sys.modules[name]


def domain(name: str, *, description: str = "Something") -> str:
    """The text of a `domain.toml`."""
    return DOMAIN.format(id=name, description=description)
