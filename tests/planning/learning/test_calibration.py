"""What evaluation taught, in a file beside the index."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from metier.planning.learning.artefacts import Packed
from metier.planning.learning.calibration import Calibration, PlattScaling


@given(st.builds(PlattScaling, score_weight=st.floats(allow_nan=False, allow_infinity=False)))
def test_numbers_are_kept_exactly(scaling: PlattScaling) -> None:
    calibration = Calibration(right=scaling)
    saved = json.dumps(calibration.packed().data)
    assert Calibration.unpacked(Packed(data=json.loads(saved))) == calibration


@pytest.mark.parametrize("data", [{"threshold": 2}, {"right": {"bias": "much"}}])
def test_what_is_no_calibration_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Calibration.unpacked(Packed(data=data))


@pytest.mark.parametrize("threshold", [-0.1, 1.1])
def test_a_threshold_is_a_probability(threshold: float) -> None:
    with pytest.raises(ValidationError):
        Calibration(threshold=threshold)


def test_the_values_that_metier_comes_with_were_fitted_on_nobody_s_data() -> None:
    assert Calibration().right.fitted_on == Calibration().fits.fitted_on == 0
