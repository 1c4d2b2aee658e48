"""Which requests ask what a document says."""

from __future__ import annotations

import pytest

from metier.experts.knowledge.asking import asks_what_is_said


@pytest.mark.parametrize(
    "text",
    [
        "Is the deposit paid back?",
        "What does version 2 of the policy say",
        "Explain what the letter says about the rent.",
        "Check whether the deposit is mentioned.",
        "List all dates.",
        "Nenne alle Fristen.",
        "Finde, wo die Miete steht.",
        "trouve les dates",
        "Enumera todas las fechas.",
        "Dimmi quando si paga.",
    ],
)
def test_a_request_for_what_is_there_asks_what_is_said(text: str) -> None:
    assert asks_what_is_said(text)


@pytest.mark.parametrize(
    "text",
    [
        "Come up with three titles for this story.",
        "Check the spelling of this letter and correct it.",
        "Find a better title.",
        "List ideas for a sequel.",
        "Name five similar books.",
        "Explain this to my son in simple words.",
        "Show me a new version of it.",
        "Tell me that in French.",
        "Thanks for the letter.",
    ],
)
def test_a_request_for_something_else_does_not(text: str) -> None:
    assert not asks_what_is_said(text)
