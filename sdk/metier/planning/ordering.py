"""Which part of a question is to be done before the one that stands before it."""

from __future__ import annotations

import re
from collections.abc import Sequence

# "But first work out …", "so first tell me": the joint stands between the parts.
_FIRST = (
    r"first|beforehand|before that|zuerst|erst(?: mal| einmal)?|vorher|"
    r"d['’]abord|avant (?:ça|cela)|primero|antes|prima|primeiro|eerst|"
    r"сначала|najpierw|nejdřív|önce"
)
_BEGINS_FIRST = re.compile(
    rf"\W*(?:(?:but|so|and|please|aber|und|mais|pero|ma|mas|maar|но|ale|ama)\W+){{0,3}}(?:{_FIRST})\b"
    r"(?!-|\s+(?:of|one|question|thing|aid|name|line|degree|trimester|president|king|world|"
    r"de|di|do|da|que|che|frage|pregunta|domanda)\b)|\W*(?:先|首先|まず|その前に)",
    re.IGNORECASE,
)
_ENDS_FIRST = re.compile(
    r"(?<!est )(?<!the )(?<!my )(?<!his )(?<!her )(?<!their )(?<!this )(?<!that )(?<!its )"
    r"\b(?:first|beforehand|vorher|zuerst|antes|d['’]abord)\W*$",
    re.IGNORECASE,
)
# "Give me the file once you've turned it …": what follows comes before.
_ONCE = (
    r"(?:once|after|as soon as) (?:you|i|we)\b(?!(?:['’]ve| have)? (?:done|finished|answered)\b)|"
    r"(?:nachdem|sobald) du\b|"
    r"une fois que\b"
)
_BEGINS_ONCE = re.compile(rf"\W*(?:{_ONCE})", re.IGNORECASE)
_ENDS_ONCE = re.compile(rf"\b(?:{_ONCE})(?:['’]ve)?(?:\s+\w+){{0,3}}\W*$", re.IGNORECASE)
_BEFORE = re.compile(
    r"\W*(?:before (?:you|i|we)|bevor (?:du|ich|wir)|avant (?:de|d['’])|antes de(?: que)?|prima di|"
    r"voordat (?:je|ik|we))\b",
    re.IGNORECASE,
)
# "Who got to the pole first", "then list them, newest first".
_ASKS = re.compile(
    r"\W*(?:who|what|which|when|where|how|wer|was|welche\w*|qui|quién|chi)\b", re.IGNORECASE
)
_THEN = re.compile(r"\bthen\b", re.IGNORECASE)
# A longer part is a story; who came first in it is its own affair.
_STORY_WORDS = 25
# Of a part's beginning enough to find it by.
_BEGINNING = 30


def done_first(question: str, texts: Sequence[str]) -> frozenset[int]:
    """The numbers of the parts that are to be done before the ones that stand before them.

    >>> done_first("Write a note, but first add 3 and 4", ("Write a note", "add 3 and 4"))
    frozenset({1})
    """
    found: set[int] = set()
    at = 0
    for n, text in enumerate(texts):
        start = question.find(text[:_BEGINNING], at)
        if start < 0:
            continue
        between = question[at:start] if n else ""
        if n and n - 1 not in found and _is_first(texts[n - 1], between, text):
            found.add(n)
        at = start + len(text)
    return frozenset(found)


def _is_first(earlier: str, between: str, text: str) -> bool:
    """Whether a part comes before the earlier one, by what stands in both and between them."""
    # A whole sentence is not about the order: "What can I take after I eat?"
    whole_sentence = earlier.rstrip().endswith((".", "?", "!", "。", "？"))
    if not whole_sentence and (_BEFORE.match(earlier) or _ENDS_ONCE.search(earlier)):
        return True
    whole = f"{between}{text}"
    begins = _BEGINS_FIRST.match(whole) or _BEGINS_ONCE.match(whole)
    asks = text.endswith("?") or _ASKS.match(text)
    ends = len(text.split()) < _STORY_WORDS and not asks and _ENDS_FIRST.search(text)
    return bool(begins or (ends and not _THEN.search(between)))


def in_order(count: int, first: frozenset[int]) -> list[int]:
    """The numbers of the parts in the order in which they are to be done."""
    order = list(range(count))
    for n in sorted(first):
        order[n - 1], order[n] = order[n], order[n - 1]
    return order
