"""Whether a request wants to know what a document says: a request to rewrite it wants no quotes."""

from __future__ import annotations

import re

_QUESTION_MARKS = ("?", "？", "؟")
_ASKS = re.compile(
    r"\W*(?:(?:please|pls|now|then|and|so|bitte|und|nun|s['’]il (?:te|vous) plaît|et|por favor|y|"
    r"per favore|e)\W+){0,3}"
    r"(?:tell|explain|say|show|list|name|find|look up|check|quote|cite|according to|"
    r"i(?: want|['’]d like| need| would like) to know|what|which|who|when|where|why|how|whether|"
    r"sag\w*|nenne?|erklär\w*|zeig\w*|liste|finde?|prüfe?|zitier\w*|laut|was|welche[rnsm]?|wer|wann|"
    r"wo|warum|wie|ob|ich (?:möchte|will) wissen|"
    r"dis|dites|explique[rz]?|montre[rz]?|liste[rz]?|trouve[rz]?|cite[rz]?|selon|que|quel(?:le)?s?|"
    r"qui|quand|où|pourquoi|comment|"
    r"di|dime|explica\w*|muestra\w*|enumera|encuentra|busca|según|qué|cuál(?:es)?|quién|cuándo|dónde|"
    r"por qué|cómo|dimmi|spiega\w*|elenca|trova|mostra\w*|cita|secondo|che|quale|quali|chi|dove|"
    r"perché|come)\b",
    re.IGNORECASE,
)
_REWRITES = re.compile(
    r"\b(?:summar\w+|shorte\w+|rewrit\w+|rephras\w+|translat\w+|version|in other words|"
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
    return _ASKS.match(text) is not None and not _REWRITES.search(text)
