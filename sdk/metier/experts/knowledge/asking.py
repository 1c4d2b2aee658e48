"""Whether a request wants to know what a document says: a request to rewrite it wants no quotes."""

from __future__ import annotations

import re

_QUESTION_MARKS = ("?", "？", "؟")
_LEAD = (
    r"\W*(?:(?:please|pls|now|then|and|so|bitte|und|nun|s['’]il (?:te|vous) plaît|et|por favor|y|"
    r"per favore|e)\W+){0,3}"
)
_ASKS = re.compile(
    rf"{_LEAD}(?:tell|say|show|look up|quote|cite|according to|"
    r"i(?: want|['’]d like| need| would like) to know|what|which|who|when|where|why|how|whether|"
    r"sag\w*|zeig\w*|zitier\w*|laut|was|welche[rnsm]?|wer|wann|"
    r"wo|warum|wie|ob|ich (?:möchte|will) wissen|"
    r"dis|dites|montre[rz]?|cite[rz]?|selon|que|quel(?:le)?s?|"
    r"qui|quand|où|pourquoi|comment|"
    r"di|dime|muestra\w*|según|qué|cuál(?:es)?|quién|cuándo|dónde|"
    r"por qué|cómo|dimmi|mostra\w*|cita|secondo|che|quale|quali|chi|dove|perché|"
    # What is there can be listed, "a better title" is not there.
    r"(?:list|name|find|nenne?|liste[rz]?|finde?|trouve[rz]?|enumera|encuentra|busca|elenca|trova) "
    r"(?:me |mir )?(?:the|all|every|each|der|die|das|den|alle[ns]?|jede[nrs]?|l[ea]s?|tou\w+|el|"
    r"l[oa]s|tod[oa]s?|il|lo|i|gli|tutt[ie]))\b",
    re.IGNORECASE,
)
# Said of documents and of much else: "check the spelling", "explain this to my son".
_MAY_ASK = re.compile(
    rf"{_LEAD}(?:explain|list|name|find|check|nenne?|erklär\w*|liste|finde?|prüfe?|"
    r"explique[rz]?|liste[rz]?|trouve[rz]?|explica\w*|enumera|encuentra|busca|spiega\w*|elenca|"
    r"trova)\b",
    re.IGNORECASE,
)
_SAID = re.compile(
    r"\b(?:says?|states?|mentions?|according to|what|which|who|when|where|whether|laut|steht|sagt|"
    r"was|welche[rnsm]?|wer|wann|wo|ob|selon|dit|quand|où|según|dice|qué|cuándo|dónde|secondo|"
    r"che cosa|quali|quando|dove)\b",
    re.IGNORECASE,
)
_REWRITES = re.compile(
    r"\b(?:summar\w+|shorte\w+|rewrit\w+|rephras\w+|translat\w+|in other words|"
    r"(?:short|long|new|better|simpler|another|other) version|"
    r"zusammenfass\w+|übersetz\w+|fassung|résum\w+|tradu\w+|traduz\w+|resum\w+|riassun\w+|"
    r"(?:in|into|auf|en) (?:english|german|french|spanish|italian|englisch|deutsch|französisch|"
    r"spanisch|italienisch|anglais|allemand|inglés|alemán|inglese|tedesco))\b",
    re.IGNORECASE,
)


def asks_what_is_said(text: str) -> bool:
    """Whether a request, in English, German, French, Spanish or Italian, asks what a text says.

    A question mark is enough in every language.

    >>> asks_what_is_said("Tell me what the leaflet says about alcohol.")
    True
    >>> asks_what_is_said("Shorten this letter."), asks_what_is_said("Give me a short version.")
    (False, False)
    """
    if text.rstrip().endswith(_QUESTION_MARKS):
        return True
    asks = _ASKS.match(text) or (_MAY_ASK.match(text) and _SAID.search(text))
    return asks is not None and not _REWRITES.search(text)
