"""The docs as a site: `make site`. Every warning is an error, so is a link that leads nowhere."""

from __future__ import annotations

import logging
import os
import re
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

# It says at each import what it looks for.
logging.getLogger("faiss").setLevel(logging.WARNING)

project = "metier"
version = release = installed("metier")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
source_suffix = {".md": "markdown"}

html_theme = "furo"
html_title = f"metier {release}"
html_copy_source = False

# As GitHub names them: the same links work there.
myst_heading_anchors = 4
# What the pages show is text for people: no lexer has to accept it.
suppress_warnings = ["misc.highlighting_failure", "myst.header"]

autodoc_default_options = {"members": True, "show-inheritance": False}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
add_module_names = False
napoleon_use_ivar = True
napoleon_custom_sections = []
# In docstrings, as in Markdown, a single back tick is code.
default_role = "code"

_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s#]+)(#[^)\s]*)?\)")
_ELSEWHERE = re.compile(r"^[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def _unlinked(text: str, *, page: Path, docs: Path) -> str:
    """Links to files of the checkout as text: the site holds the pages of `docs` alone."""

    def shown(found: re.Match[str]) -> str:
        target = found[2]
        if _ELSEWHERE.match(target):
            return found[0]
        aim = Path(os.path.normpath(page.parent / target))
        return found[0] if aim.is_relative_to(docs) and not aim.is_dir() else found[1]

    return _LINK.sub(shown, text)


def _read(app: Sphinx, name: str, source: list[str]) -> None:
    page = Path(app.env.doc2path(name))
    source[0] = _unlinked(source[0], page=page, docs=Path(app.srcdir))


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _read)
