"""What evaluation taught, in a file beside the index."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from metier.learning.artefacts import Packed
from metier.learning.profiles import Calibration, Profile


@given(st.builds(Calibration, score_weight=st.floats(allow_nan=False, allow_infinity=False)))
def test_numbers_are_kept_exactly(calibration: Calibration) -> None:
    profile = Profile(right=calibration)
    saved = json.dumps(profile.packed().data)
    assert Profile.unpacked(Packed(data=json.loads(saved))) == profile


@pytest.mark.parametrize("data", [{"threshold": 2}, {"right": {"bias": "much"}}])
def test_what_is_no_profile_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Profile.unpacked(Packed(data=data))


@pytest.mark.parametrize("threshold", [-0.1, 1.1])
def test_a_threshold_is_a_probability(threshold: float) -> None:
    with pytest.raises(ValidationError):
        Profile(threshold=threshold)


def test_the_values_that_metier_comes_with_were_fitted_on_nobody_s_data() -> None:
    assert Profile().right.fitted_on == Profile().fits.fitted_on == 0
