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
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_DIGEST = re.compile(r"[0-9a-f]{64}")
# The programs that Ollama lets in, too: their pages have no address on the web.
_APP_SCHEMES = {"app", "tauri", "vscode-webview", "vscode-file"}
# They hold nothing of anybody's, and the page has to ask for the key.
_UNKEYED = "/page/"
# What people asked, and how much: not for pages of other programs of this machine, unless they
# are named.
_OWN = ("/metier/", "/metrics")


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who may call.

    Without a key only programs on this machine may, under a name of this machine: a page that a
    browser shows cannot, whatever name it gives this machine.

    Attributes:
        host: the address to listen on.
        key_sha256: SHA-256 of the key that every request must send, in hexadecimal digits.
        origins: more origins of pages that may call, such as `https://chat.example`.

    Raises:
        InvalidSettings: an address that other machines reach has no key.
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
                status=403, message="this name of the server is not known", code="foreign_host"
            )
        origin = headers.get("origin")
        host = headers.get("host", "")
        if origin is not None and not self.allows_origin(origin, host, path=path):
            return Failure(
                status=403, message="pages of this origin may not call", code="foreign_origin"
            )
        if not _is_unkeyed(path) and not self._has_key(headers.get("authorization", "")):
            return Failure(
                status=401, message="the key is missing or wrong", code="invalid_api_key"
            )
        return None

    def allows_origin(self, origin: str, host: str, *, path: str = "") -> bool:
        """Whether a page may call: a page of this machine or server, of an app, or a listed one.

        Args:
            path: what it calls; kept runs are for this server's page, and those that are listed.
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
        return url.scheme in ("http", "https") and (name in _LOOPBACK or url.netloc == host)

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
    """Whether only this machine reaches an address."""
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
        return urlsplit(f"//{host}").hostname in _LOOPBACK
    except ValueError:
        return False
