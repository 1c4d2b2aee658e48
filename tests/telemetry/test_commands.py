"""A command that was started with an SDK of OpenTelemetry."""

from __future__ import annotations

import sys
from importlib import import_module

import pytest

from metier import Settings
from metier.cli.session import open_council
from metier.telemetry import OpenTelemetry


def test_a_command_reports_to_an_sdk_that_was_loaded_before_it() -> None:
    import_module("opentelemetry.sdk")
    council = open_council(Settings(autostart=False))
    assert [type(backend) for backend in council.telemetry] == [OpenTelemetry]


def test_a_command_without_an_sdk_reports_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "opentelemetry.sdk", raising=False)
    assert open_council(Settings(autostart=False)).telemetry == []
