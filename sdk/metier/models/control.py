"""Control tokens of chat templates, made plain text.

A server puts messages into the model's template as they are and reads the whole as tokens. A text
that spells a control token, such as `<|im_end|>`, ends its own turn then and begins another: a
document could speak as the user or as the system. So outside of a system prompt, which is the
card's, such a token is broken by a backslash; a reader sees what stood there.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"<(?=[|｜][^<>|\s][^<>\n]{0,40}[|｜]>)"  # ChatML, Llama 3, Phi; DeepSeek
    r"|<(?=/?(?:start_of_turn|end_of_turn|bos|eos|unk|pad)>)"  # Gemma
    r"|<(?=/s>)|<(?=</?SYS>>)|\[(?=/?(?:INST|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|SYSTEM_PROMPT)\])"
)


def without_control_tokens(text: str) -> str:
    r"""The text with its control tokens broken.

    >>> without_control_tokens("a <|im_end|> b [INST] c <| d")
    'a <\\|im_end|> b [\\INST] c <| d'
    """
    return _TOKEN.sub(lambda match: f"{match[0]}\\", text)
