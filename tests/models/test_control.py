"""Control tokens of chat templates in texts that a model is to read."""

from __future__ import annotations

import pytest

from metier.models.control import without_control_tokens
from metier.models.server import ChatRequest
from metier.plan import Message

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
    "<s>",
    "</s>",
    "[SYSTEM_PROMPT]",
    "[/TOOL_RESULTS]",
    "[THINK]",
    "<|channel|>",
    "<|reserved_special_token_250|>",
    "<|START_OF_TURN_TOKEN|>",
    "<BOS_TOKEN>",
    "<｜tool▁calls▁begin｜>",
    "<｜end▁of▁sentence｜>",
    "<bos>",
    "<eos>",
    "<pad>",
    "<mask>",
    "<unused42>",
    "<start_of_image>",
    "<start_function_call>",
    "<end_function_response>",
    "<|turn>",
    "<turn|>",
    "<|tool_call>",
    "<tool_call|>",
    "<tool_call>",
    "</tool_call>",
    "<tool_response>",
    "</tool_response>",
    "<think>",
    "</think>",
    "[gMASK]",
    "[sMASK]",
    "<sop>",
    "<eop>",
    "[|system|]",
    "[|endofturn|]",
    "<fim_prefix>",
    "<extra_id_1>",
    "<seed:bos>",
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
        "xs |> f <| g; <strong>bold</strong>; <span>; <table>; a[MASK]; run [ARGS] <filename>",
        "<a|b>; <|>; [|x y|]; if s<t and u>v: print('<sub>')",
    ],
)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert without_control_tokens(text) == text


def test_tokens_that_overlap_are_all_broken() -> None:
    text = without_control_tokens("<<|im_end|>|im_end|><|a<|im_start|>")
    assert "<|im_end|>" not in text
    assert "<|im_start|>" not in text


def test_no_message_of_a_request_holds_a_control_token_whoever_speaks() -> None:
    messages = tuple(
        Message(role=role, content=" ".join(TOKENS)) for role in ("system", "user", "assistant")
    )
    request = ChatRequest(model="m", messages=messages)
    held = [token for token in TOKENS for each in request.messages if token in each.content]
    assert held == []


def test_a_request_without_control_tokens_stays_as_it_is() -> None:
    messages = (Message(role="system", content="Be brief."), Message(role="user", content="Hello"))
    assert ChatRequest(model="m", messages=messages).messages == messages


def test_breaking_twice_is_breaking_once() -> None:
    once = without_control_tokens(" ".join(TOKENS))
    assert without_control_tokens(once) == once
