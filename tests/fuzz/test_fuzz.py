"""A slice of the fuzzing that `make fuzz` does for as long as it is given."""

from __future__ import annotations

from pathlib import Path

import hypothesis
import pytest
from fuzz.every import TARGETS
from fuzz.target import Target
from hypothesis import HealthCheck

# A reader that is a process of its own takes most of a second for each.
SLOW = {"PDFs": 2, "math programs": 5, "math expressions": 3, "HTTP bodies": 8}


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_whatever_is_read_is_read_or_refused(target: Target, tmp_path: Path) -> None:
    @hypothesis.settings(
        max_examples=SLOW.get(target.name, 25),
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(data=target.inputs)
    def attempt(data: bytes) -> None:
        target.attempt(data, tmp_path)

    attempt()
