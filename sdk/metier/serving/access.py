"""Who may call the server."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from metier.errors import InvalidSettings
from metier.serving.failures import Failure

SHORTEST_KEY = 16
_SHOWN = 100
_DIGEST = re.compile(r"[0-9a-f]{64}")
# The programs that Ollama lets in, too: their pages have no address on the web.
_APP_SCHEMES = {"app", "tauri", "vscode-webview", "vscode-file"}
# The page's files hold nobody's data, and it must load before it can ask for the key.
_UNKEYED = "/page/"
# Kept runs and metrics: not for pages of other programs on this machine, unless they are listed.
_OWN = ("/metier/", "/metrics")


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who may call the server.

    Without a key, only programs on this machine may call, and only by a name of this machine: a web
    page cannot reach the server through a host name of its own (DNS rebinding).

    Attributes:
        host: the address to listen on.
        key_sha256: SHA-256 of the key that every request must send, in hexadecimal digits.
        origins: more origins of pages that may call, such as `https://chat.example`.

    Raises:
        InvalidSettings: other machines can reach the address, and there is no key.
    """

    host: str = "127.0.0.1"
    key_sha256: str | None = None
    origins: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.key_sha256 is not None and not _DIGEST.fullmatch(self.key_sha256):
            raise InvalidSettings("the key's hash is not 64 hexadecimal digits")
        if self.key_sha256 is None and not is_loopback(self.host):
            raise InvalidSettings(
                f"other machines reach {self.host!r}, so callers need a key",
                hint="Make one: metier serve --new-key",
            )

    def refusal(self, path: str, headers: Mapping[str, str]) -> Failure | None:
        """Why a request is refused; None if it is allowed."""
        if self.key_sha256 is None and not _is_own_name(headers.get("host", "")):
            return Failure(
                status=403,
                message=f"{headers.get('host', '')[:_SHOWN]!r} is not a name of this machine",
                code="foreign_host",
            )
        origin = headers.get("origin")
        host = headers.get("host", "")
        if origin is not None and not self.allows_origin(origin, host, path=path):
            return Failure(
                status=403,
                message=f"pages from {origin[:_SHOWN]!r} may not call: see metier serve --origin",
                code="foreign_origin",
            )
        if not _is_unkeyed(path) and not self._has_key(headers.get("authorization", "")):
            return Failure(
                status=401, message="the key is missing or wrong", code="invalid_api_key"
            )
        return None

    def allows_origin(self, origin: str, host: str, *, path: str = "") -> bool:
        """Whether a page may call: one of this machine, of this server, of an app, or a listed one.

        Args:
            path: of the request; kept runs are only for this server's own page and listed origins.
        """
        if origin in self.origins:
            return True
        try:
            url = urlsplit(origin)
            name = url.hostname
        except ValueError:
            return False
        if path.startswith(_OWN):
            return url.scheme in ("http", "https") and url.netloc == host
        if url.scheme in _APP_SCHEMES:
            return True
        return url.scheme in ("http", "https") and (is_loopback(name or "") or url.netloc == host)

    def _has_key(self, authorization: str) -> bool:
        if self.key_sha256 is None:
            return True
        scheme, _, key = authorization.partition(" ")
        given = hashed(key.strip())
        return hmac.compare_digest(given, self.key_sha256) and scheme.lower() == "bearer"


def hashed(key: str) -> str:
    """The hash of a key, as it is stored."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_unkeyed(path: str) -> bool:
    return path == "/" or path.startswith(_UNKEYED)


def _is_own_name(host: str) -> bool:
    """Whether a Host header names this machine, with any port: tunnels have others."""
    try:
        return is_loopback(urlsplit(f"//{host}").hostname or "")
    except ValueError:
        return False
