"""Addresses of model servers, as they are written in settings."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from metier.settings.renamed import with_new_keys

OLD_NAMES = {"parallel": "concurrency"}
Label = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]


def normalised_host(host: str) -> str:
    """The URL of a host, read as Ollama reads OLLAMA_HOST.

    The port is 11434, or the scheme's own where one is given; an address that a server binds
    (`0.0.0.0`, `::`) means this machine.

    Raises:
        ValueError: it is no address.

    >>> normalised_host("0.0.0.0:12345")
    'http://127.0.0.1:12345'
    """
    scheme, _, rest = host.strip().rpartition("://")
    ports = {"": 11434, "http": 80, "https": 443}
    if scheme not in ports:
        raise ValueError(f"the scheme {scheme!r} is neither 'http' nor 'https'")
    if rest.count(":") > 1 and "[" not in rest:
        rest = f"[{rest}]"  # a bare IPv6 address
    url = urlsplit(f"{scheme or 'http'}://{rest}")
    here = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # not bound here
    name = here.get(url.hostname or "", url.hostname)
    address = f"[{name}]" if ":" in str(name) else name
    return f"{url.scheme}://{address}:{url.port or ports[scheme]}{url.path.rstrip('/')}"


class HostSettings(BaseModel):
    """One of several Ollama servers.

    Attributes:
        address: its URL.
        labels: names for groups of hosts, such as `gpu`; an expert can be pinned to one.
        concurrency: requests that it runs at once; the setting `concurrency` if not given.
        memory_gb: memory for models there, in GB; if not given, all of it on this machine, and
            without a limit elsewhere.
    """

    model_config = ConfigDict(frozen=True, defer_build=True, extra="forbid")

    address: Annotated[str, AfterValidator(normalised_host)]
    labels: tuple[Label, ...] = ()
    concurrency: int | None = Field(None, ge=1)
    memory_gb: float | None = Field(None, gt=0, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _read_old_keys(cls, table: object) -> object:
        return with_new_keys(table, OLD_NAMES) if isinstance(table, Mapping) else table

    @property
    def name(self) -> str:
        """Host and port."""
        return urlsplit(self.address).netloc.rpartition("@")[2]


def _read(value: object) -> object:
    """Hosts from text: a JSON array, or addresses separated by commas or spaces."""
    if isinstance(value, str):
        text = value.strip()
        value = json.loads(text) if text.startswith("[") else re.split(r"[,\s]+", text)
    if not isinstance(value, Sequence):
        return value
    return [{"address": each} if isinstance(each, str) else each for each in value if each]


def _once_each(hosts: tuple[HostSettings, ...]) -> tuple[HostSettings, ...]:
    addresses = [host.address for host in hosts]
    if twice := next((each for each in addresses if addresses.count(each) > 1), None):
        raise ValueError(f"{twice} is listed twice")
    return hosts


def _pairs(value: object) -> object:
    """A mapping from text: `expert=label` pairs separated by commas or spaces."""
    if not isinstance(value, str):
        return value
    pairs = [pair.partition("=") for pair in re.split(r"[,\s]+", value) if pair]
    if unfit := next((pair for pair in pairs if not pair[2]), None):
        raise ValueError(f"{unfit[0]!r} is not of the form expert=label")
    return {name: label for name, _, label in pairs}


def _names(value: object) -> object:
    """Names from text, separated by commas or spaces."""
    return re.findall(r"[^,\s]+", value) if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_names)]
Hosts = Annotated[tuple[HostSettings, ...], BeforeValidator(_read), AfterValidator(_once_each)]
Pins = Annotated[Mapping[str, Label], BeforeValidator(_pairs)]
