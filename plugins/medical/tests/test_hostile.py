"""No text keeps the expert busy: what it looks for is found in linear time."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hostile import processor_time, repeated

from metier_medical.dosing import dosing_in
from metier_medical.icd10 import looked_up

pytestmark = pytest.mark.filterwarnings("ignore:(open|read)_text is deprecated:DeprecationWarning")

# Several times what it takes; a quadratic reader takes minutes.
LIMIT_S = 15.0


@pytest.mark.parametrize(("read", "piece"), [(dosing_in, "0"), (looked_up, "unspecified ")])
def test_a_question_is_read_in_linear_time(read: Callable[[str], object], piece: str) -> None:
    looked_up("E11.9")  # loads the codes
    with processor_time(LIMIT_S):
        read(repeated(piece, 300_000))


def test_a_number_of_doses_that_is_no_number_is_not_read() -> None:
    dosing = dosing_in(f"15 mg/kg for 20 kg in {'9' * 5_000} doses")
    assert dosing is not None
    assert dosing.parts == 1
