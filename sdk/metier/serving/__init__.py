"""A council over HTTP, in the protocols of OpenAI and Ollama (extra `serve`).

- `http_app`: the server as an ASGI app.
- `serve`: run it until it is stopped.
- `Access`: who may call it. `ServingLimits`: how much it takes.

Importing this package imports no web server; each name does, when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from metier.bridges.loading import lazily

if TYPE_CHECKING:
    from metier.serving.access import Access
    from metier.serving.app import http_app
    from metier.serving.limits import ServingLimits
    from metier.serving.running import serve

__all__ = ["Access", "ServingLimits", "http_app", "serve"]

_HOMES = {"Access": "access", "ServingLimits": "limits", "http_app": "app", "serve": "running"}

__getattr__ = lazily(__name__, _HOMES, extra="serve")
