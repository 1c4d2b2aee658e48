"""The Model Context Protocol in both directions (extra `mcp`).

- `council_server`: `ask`, and a tool for each expert; `serve_stdio` and `serve_http` run it.
- `from_session`: the tools of any server as experts.

Importing this package does not import mcp; each name does, when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from metier.bridges.loading import lazily

if TYPE_CHECKING:
    from metier.bridges.mcp.experts import from_session
    from metier.bridges.mcp.server import council_server
    from metier.bridges.mcp.serving import serve_http, serve_stdio

__all__ = ["council_server", "from_session", "serve_http", "serve_stdio"]

_HOMES = {
    "council_server": "server",
    "from_session": "experts",
    "serve_http": "serving",
    "serve_stdio": "serving",
}

__getattr__ = lazily(__name__, _HOMES, extra="mcp")
