"""Words that refer to something said before, in the most spoken languages."""

from __future__ import annotations

import re

_PRONOUNS = frozenset(
    (
        "it its they them their he she his her him that this those these one ones "
        "es er sie ihn ihm ihr ihre ihrem seine seinen das dies diese dieser dieses davon damit "
        "daraus dafür dazu "
        "il elle ils elles lui leur cela ça cette cet ces celui "
        "él ella ellos ellas eso esto ese esa esta este lo "
        "esso essa lui lei loro ciò questo questa quello quella "
        "ele ela eles elas isso isto esse essa dele dela "
        "hij zij ze hem haar hun dat dit deze "
        "он она оно они его её ее их это этот эта эти "
        "bu şu onun bunun onları bunu onu "
        "यह वह इसे इसका उसका"
    ).split()
)
_CJK = re.compile(r"[它他她这這那其]|それ|これ|その|この")
_WORD = re.compile(r"[^\W\d_]+")
# After that many words, a pronoun refers to something in the same text.
_OPENING = 8


def refers_back(text: str) -> bool:
    """Whether the beginning of a text refers to something said before it.

    >>> refers_back("Is that a healthy value?"), refers_back("What is a healthy value?")
    (True, False)
    """
    words = [match[0].lower() for match in _WORD.finditer(text[:200])][:_OPENING]
    return any(word in _PRONOUNS for word in words) or _CJK.search(text[:_OPENING]) is not None
