"""One request, several needs: where a question can be cut, and where it must not be."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Words that begin a request. Only a cut is decided by them, never who answers.
_IMPERATIVES = (
    "add analyse analyze answer apply arrange balance build calculate check choose classify code "
    "compare complete compose compute convert correct count create debug decide define derive "
    "describe design detect determine differentiate discuss divide draft draw estimate evaluate "
    "expand explain express factor find fix format generate give go help identify illustrate "
    "implement improve integrate interpret justify list look make mention minimize multiply name "
    "optimize outline paraphrase plan plot predict prepare propose prove provide rank rate read "
    "recommend refactor remind rename rephrase replace report review rewrite round say schedule "
    "search select send show simplify solve sort state subtract suggest sum summarise summarize "
    "tell test translate turn use verify work write"
).split()
_QUESTION_WORDS = (
    "what when where which who whom whose why how is are was were do does did can could should "
    "would will may must has have"
).split()
_POLITE = r"(?:please\s+|kindly\s+|also\s+|then\s+|finally\s+|next\s+|now\s+|lastly\s+)*"
_WISHES = r"(?:i\s+(?:need|want|would\s+like)|i'd\s+like|let's|let\s+me)\b"
_REQUEST = (
    rf"{_POLITE}(?:(?:{'|'.join(_IMPERATIVES)})\b|(?:{'|'.join(_QUESTION_WORDS)})\b|{_WISHES})"
)
_STARTS_REQUEST = re.compile(rf"\s*(?:and\s+|but\s+|so\s+)?{_REQUEST}", re.IGNORECASE)
_ADVERBS = r"(?:then\s+|also\s+|finally\s+|after\s+that,?\s+)"
_CUT_INSIDE = re.compile(
    rf"""
    (?:,?\s+(?:and|but)\s+{_ADVERBS}* | ,?\s+{_ADVERBS}+ | ;\s*(?:and\s+)?{_ADVERBS}*)
    (?=(?:please\s+)?(?:{"|".join(_IMPERATIVES)}|what|when|where|which|who|why|how)\b)
    | ,\s*(?=(?:please\s+)?(?:{"|".join(_IMPERATIVES)})\b)
    """,
    re.IGNORECASE | re.VERBOSE,
)
_SENTENCE_END = re.compile(r"(?<=[.?!])[\"')\]]*\s+(?=[\"'(\[]*[A-Z0-9ÄÖÜÉÈÀ])")
_LIST_MARK = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)])\s+")
_ABBREVIATIONS = re.compile(r"\b(?:e\.g|i\.e|vs|dr|mr|mrs|ms|prof|no|approx|etc|fig|eq)\.$", re.I)
# Text that is quoted or code belongs to the clause around it, whole.
_WHOLE = re.compile(r"```.*?```|`[^`\n]+`|\"[^\"\n]*\"|“[^”\n]*”", re.DOTALL)
_MASK = "\ue000{}\ue001"
_NO_MASKS = {0xE000: None, 0xE001: None}
_MASKED = re.compile("\ue000(\\d+)\ue001")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """A piece of a question that asks for one thing, with the statements that lead to it."""

    text: str


def clauses(question: str) -> tuple[Clause, ...]:
    """The requests of a question, in order; a question with one request is one clause.

    Statements go with the request after them (the last ones with the one before), so a word
    problem of several sentences stays whole. Code and quotations are never cut.
    """
    kept: list[str] = []

    def mask(match: re.Match[str]) -> str:
        kept.append(match[0])
        return _MASK.format(len(kept) - 1)

    masked = _WHOLE.sub(mask, question.translate(_NO_MASKS))
    pieces = [piece for sentence in _sentences(masked) for piece in _cut_inside(sentence)]
    grouped = _grouped(pieces)
    if len(grouped) < 2:
        return (Clause(text=question.strip()),) if question.strip() else ()

    def unmask(match: re.Match[str]) -> str:
        whole = kept[int(match[1])]
        return f"\n{whole}\n" if whole.startswith("```") else whole

    return tuple(Clause(text=_MASKED.sub(unmask, text).strip()) for text in grouped)


def _sentences(text: str) -> list[str]:
    found: list[str] = []
    for line in text.splitlines():
        begins = True
        for piece in _SENTENCE_END.split(_LIST_MARK.sub("", line).strip()):
            if not begins and _ABBREVIATIONS.search(found[-1]):
                found[-1] = f"{found[-1]} {piece}"
            elif piece:
                found.append(piece)
                begins = False
    return found


def _cut_inside(sentence: str) -> list[str]:
    """`do this, and say that` as two pieces, where both sides are requests."""
    pieces: list[str] = []
    start = 0
    for match in _CUT_INSIDE.finditer(sentence):
        before = sentence[start : match.start()].strip()
        if _is_request(before):
            pieces.append(before)
            start = match.end()
    return [*pieces, sentence[start:].strip()]


def _is_request(text: str) -> bool:
    return text.endswith("?") or _STARTS_REQUEST.match(text) is not None


def _grouped(pieces: list[str]) -> list[str]:
    groups: list[str] = []
    waiting: list[str] = []
    for piece in pieces:
        waiting.append(piece)
        if _is_request(piece):
            groups.append(" ".join(waiting))
            waiting = []
    if waiting and groups:
        groups[-1] = " ".join([groups[-1], *waiting])
    elif waiting:
        groups.append(" ".join(waiting))
    return groups
