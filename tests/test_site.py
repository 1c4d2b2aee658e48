"""The docs as a site: it is built without a warning, and a link that leads nowhere fails it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from metier.errors import MetierError
from metier.testing import ExpertConformance

DOCS = Path(__file__).parent.parent / "docs"


def built(source: Path, target: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html"]
    return subprocess.run(
        [*command, "-c", str(DOCS), str(source), str(target)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    done = built(DOCS, tmp_path / "site")
    assert done.returncode == 0, done.stderr
    testing = (tmp_path / "site" / "reference" / "testing.html").read_text(encoding="utf-8")
    assert ExpertConformance.__name__ in testing
    assert "test_it_can_be_cancelled" in testing
    errors = (tmp_path / "site" / "reference" / "errors.html").read_text(encoding="utf-8")
    assert all(kind.__name__ in errors for kind in MetierError.__subclasses__())


@pytest.mark.parametrize("link", ["[a](gone.md)", "[a](other.md#gone)"])
def test_a_link_that_leads_nowhere_fails(link: str, tmp_path: Path) -> None:
    source = tmp_path / "docs"
    source.mkdir()
    (source / "index.md").write_text(f"# A\n\n{link}\n\n```{{toctree}}\nother\n```\n")
    (source / "other.md").write_text("# Other\n")
    done = built(source, tmp_path / "site")
    assert done.returncode != 0
    assert "gone" in done.stderr
