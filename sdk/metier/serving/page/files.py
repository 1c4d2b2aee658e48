"""The files of the page, as they lie beside this module, and the headers that guard them."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath

# Nothing inline, nothing from elsewhere, and no text becomes markup but through DOMPurify.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types dompurify",
    )
)
HEADERS: Mapping[str, str] = {
    "content-security-policy": POLICY,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-cache",
}
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file of the page.

    Attributes:
        tag: changes with the bytes.
    """

    data: bytes
    media_type: str
    tag: str

    def packed(self) -> File:
        """The same for clients that read gzip."""
        return _packed(self)


@cache
def _packed(file: File) -> File:
    packed = gzip.compress(file.data, 9, mtime=0)
    return replace(file, data=packed, tag=f'{file.tag[:-1]}-gzip"')


@cache
def page_files() -> Mapping[str, File]:
    """All files by their path below `/page/`."""
    root = files("metier.serving.page") / "static"
    found: dict[str, File] = {}
    for folder in ("", "vendor/"):
        for entry in (root / folder if folder else root).iterdir():
            kind = _TYPES.get(PurePosixPath(entry.name).suffix)
            if kind is not None and entry.is_file():
                data = entry.read_bytes()
                tag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
                found[f"{folder}{entry.name}"] = File(data=data, media_type=kind, tag=tag)
    return found
