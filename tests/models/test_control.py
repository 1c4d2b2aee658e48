"""Control tokens of chat templates in texts that a model is to read."""

from __future__ import annotations

import pytest

from metier.models.control import without_control_tokens

TOKENS = [
    "<|im_start|>",
    "<|im_end|>",
    "<|eot_id|>",
    "<|start_header_id|>",
    "<|endoftext|>",
    "<|fim_prefix|>",
    "<｜User｜>",
    "<start_of_turn>",
    "<end_of_turn>",
    "[INST]",
    "[/INST]",
    "<<SYS>>",
    "<</SYS>>",
    "</s>",
]


@pytest.mark.parametrize("token", TOKENS)
def test_a_control_token_is_broken_and_can_still_be_read(token: str) -> None:
    text = without_control_tokens(f"before {token}after")
    assert token not in text
    assert text.replace("\\", "") == f"before {token}after"


@pytest.mark.parametrize(
    "text",
    [
        "a <| b |> c",
        "x <b>bold</b>",
        "if a < b and c > d: list[INSTANCE]",
        "std::vector<int> v; a << b",
        "|| <|\n|>",
    ],
)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert without_control_tokens(text) == text


def test_breaking_twice_is_breaking_once() -> None:
    once = without_control_tokens(" ".join(TOKENS))
    assert without_control_tokens(once) == once
