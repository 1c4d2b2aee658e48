"""Events as they are told on a screen."""

from __future__ import annotations

import pytest

from metier.answer import Usage
from metier.cli.render import Screen
from metier.events import CallDone


@pytest.mark.parametrize(
    ("usage", "told"),
    [
        (
            Usage(completion_tokens=40, decode_s=2, total_s=3),
            "0 + 40 tokens in 3.0 s (20 tokens/s)",
        ),
        (Usage(completion_tokens=1, total_s=3), "0 + 1 tokens in 3.0 s\n"),
    ],
)
def test_a_call_is_told_with_its_speed_where_that_is_known(
    usage: Usage, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    screen = Screen(verbose=True, show_plan=False, stream=False, form="text")
    screen.show(CallDone(call_id="1", model="small", usage=usage))
    assert told in capsys.readouterr().err
