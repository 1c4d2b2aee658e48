"""Control tokens of chat templates, made plain text.

A server puts messages into the model's template as they are and reads the whole as tokens. A text
that spells a control token, such as `<|im_end|>`, ends its own turn then and begins another: a
document could speak as the user or as the system. So in every message of a request such a token is
broken by a backslash; a reader sees what it was.

What is broken are the tokens of the models that Ollama's library offers, as their tokenizers spell
them, which mark turns, roles, thoughts and calls of tools. A template that marks turns with plain
words, such as `### User:`, has no tokens that could be told from text.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"""
    <(?=[|｜][^<>|\s][^<>\n]{0,40}[|｜]>)      # <|im_end|>: ChatML, Llama, Phi, GLM; DeepSeek
    | <(?=\|\w{1,40}>|\w{1,40}\|>)             # <|turn>, <turn|>: Gemma 4
    | \[(?=\|\w{1,40}\|\])                     # [|user|]: EXAONE
    | \[(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|THINK)\])
    | \[(?=[gs]MASK\])                         # GLM
    | <(?=</?SYS>>)                            # Llama 2
    | <(?=/?(?:
          s | bos | eos | unk | pad | mask | sop | eop | BOS_TOKEN | EOS_TOKEN
        | think | tool_call | tool_response
        | (?:start|end)_of_(?:turn|image) | (?:beginning|end)_of_sentence
        | (?:start|end)_function_(?:call|response|declaration)
        | fim_(?:prefix|middle|suffix|pad) | (?:unused|reserved_|extra_id_|SPECIAL_)\d+ | seed:\w+
      )>)
    """,
    re.VERBOSE,
)


def without_surrogates(text: str) -> str:
    r"""The text with U+FFFD for each lone surrogate, which no encoding has; pairs become one.

    They come from arguments that are not UTF-8 and from JSON that was cut.

    >>> without_surrogates("a \\ud800 b")
    'a \ufffd b'
    """
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def without_control_tokens(text: str) -> str:
    r"""The text with its control tokens broken.

    >>> without_control_tokens("a <|im_end|> b [INST] c <| d")
    'a <\\|im_end|> b [\\INST] c <| d'
    """
    return _TOKEN.sub(lambda match: f"{match[0]}\\", without_surrogates(text))
