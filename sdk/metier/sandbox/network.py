"""Programs that want the network: no sandbox has it, so none is asked to run them."""

from __future__ import annotations

import ast
from typing import Final

from metier.sandbox.sandbox import quiet

# Those of the standard library that open sockets. Another way to one is refused when it is taken.
_MODULES: Final = frozenset(
    "socket _socket socketserver http.client http.server urllib.request xmlrpc.client "
    "xmlrpc.server ftplib smtplib poplib imaplib nntplib telnetlib".split()
)


def network_module(code: str) -> str:
    """The first module for the network that a program imports; ``""`` if there is none."""
    try:
        with quiet():
            tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    imported = (name for node in ast.walk(tree) for name in _imported(node))
    return next((name for name in imported if name in _MODULES), "")


def _imported(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=str(module), names=names):
            return [module, *(f"{module}.{alias.name}" for alias in names)]
    return []
