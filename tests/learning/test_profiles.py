"""What evaluation taught, in a file beside the index."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from metier.errors import IndexUnavailable
from metier.learning.profiles import Calibration, Profile

PROFILE = Profile(
    index_hash="00ff",
    right=Calibration(score_weight=1.5, lead_weight=-2.0, bias=0.25, fitted_on=12),
    threshold=0.4,
)


def test_a_saved_profile_is_loaded_for_its_index(tmp_path: Path) -> None:
    PROFILE.save(tmp_path / "profile.json")
    assert Profile.load(tmp_path / "profile.json", index_hash="00ff") == PROFILE


@given(st.builds(Calibration, score_weight=st.floats(allow_nan=False, allow_infinity=False)))
def test_numbers_are_kept_exactly(calibration: Calibration) -> None:
    profile = Profile(right=calibration)
    assert Profile.model_validate_json(json.dumps(profile.model_dump(mode="json"))) == profile


def test_the_profile_of_another_index_is_not_used(tmp_path: Path) -> None:
    PROFILE.save(tmp_path / "profile.json")
    assert Profile.load(tmp_path / "profile.json", index_hash="ff00") is None


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe", b"[]", b"null", b'{"threshold": 2}', b'{"right": {"bias": "much"}}'],
)
def test_a_file_that_is_no_profile_is_not_used(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "profile.json").write_bytes(content)
    assert Profile.load(tmp_path / "profile.json", index_hash="") is None


@pytest.mark.parametrize("name", ["none.json", "none/profile.json", "."])
def test_there_is_none_where_there_is_no_file(tmp_path: Path, name: str) -> None:
    assert Profile.load(tmp_path / name, index_hash="") is None


def test_a_profile_can_be_compared_line_by_line(tmp_path: Path) -> None:
    PROFILE.save(tmp_path / "profile.json")
    lines = (tmp_path / "profile.json").read_text().splitlines()
    assert '  "threshold": 0.4,' in lines
    assert '    "fitted_on": 12' in lines


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(IndexUnavailable, match=r"profile\.json cannot be written"):
        PROFILE.save(tmp_path / "file" / "profile.json")


@pytest.mark.parametrize("threshold", [-0.1, 1.1])
def test_a_threshold_is_a_probability(threshold: float) -> None:
    with pytest.raises(ValidationError):
        Profile(threshold=threshold)


def test_the_values_that_metier_comes_with_were_fitted_on_nobody_s_data() -> None:
    assert Profile().right.fitted_on == Profile().fits.fitted_on == 0
