"""All targets of the fuzzer."""

from __future__ import annotations

from fuzz import files, texts, wire

TARGETS = (*files.TARGETS, *wire.TARGETS, *texts.TARGETS)
