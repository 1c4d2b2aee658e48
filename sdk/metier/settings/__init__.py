"""What can be set, and files that are never half written."""

from metier.settings.hosts import HostSettings, normalised_host
from metier.settings.settings import (
    DEFAULT_HOST,
    Compose,
    Settings,
    config_file,
    write_setting,
)

__all__ = [
    "DEFAULT_HOST",
    "Compose",
    "HostSettings",
    "Settings",
    "config_file",
    "normalised_host",
    "write_setting",
]
