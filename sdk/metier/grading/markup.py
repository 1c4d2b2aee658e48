"""A model's text without its dress, and the places where it announces its answer."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_FENCED = re.compile(r"(?<!`)`{3,}+[^`\n]*\n.*?(?:`{3,}|\Z)", re.DOTALL)
_SUPERSCRIPT = re.compile(r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻]+")
_LEVELLED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
_VULGAR = re.compile(r"(?<=\d)(?=[¼½¾⅐-⅞])")
# 1010₂ says its base, which is no digit of it.
_BASE = re.compile(r"[₀-₉]+|(?<=[\d)])_(?:\{\d{1,2}\}|\d{1,2}(?!\d))")
# In these places a space only groups digits; an ordinary one may separate two numbers.
_GROUPING_SPACE = re.compile(r"(?<=\d)[\u00a0\u2009\u202f](?=\d{3}(?!\d))")
_LATEX = (
    (re.compile(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}"), r"\1/\2"),
    (re.compile(r"\\(?:text|mathrm|mathbf|textbf|operatorname|mbox)\s*\{([^{}]*)\}"), r"\1"),
    (re.compile(r"\^\s*+\{?\s*+\\circ\s*\}?"), "°"),
    (re.compile(r"\\(?:times|cdot)\b"), "×"),
    (re.compile(r"\\approx\b"), "≈"),
    (re.compile(r"\\(?:left|right|displaystyle)\b"), ""),
    (re.compile(r"\\sqrt\b"), "√"),
    (re.compile(r"\\pi\b"), "π"),
    (re.compile(r"\\(?:[,;:! ]|quad\b)"), " "),
    (re.compile(r"\\([%#&_])"), r"\1"),
    (re.compile(r"\\[()\[\]]"), " "),
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"\^\{([^{}]*)\}"), r"^\1"),
)
_DRESS = (
    # A mark within it stands between spaces, as in `**2 ** 3 = 8**`; any other ends the search.
    (re.compile(r"(?<![\w)])(\*\*|__)(?=\S)((?:(?!\1).|(?<=\s)\1(?=\s))+?)(?<=\S)\1"), r"\2"),
    (re.compile(r"(?<![\w*)])\*(?=\S)([^*\n]+?)(?<=\S)\*(?![\w*(])"), r"\1"),
    (re.compile(r"`([^`\n]+)`"), r"\1"),
    (re.compile(r"^[ \t]*#{1,6}[ \t]+", re.MULTILINE), ""),
    (re.compile(r"^[ \t]*>[ \t]?", re.MULTILINE), ""),
)
# A dollar sign that is no price: it opens or closes a formula.
_FORMULA = re.compile(
    r"\$\$?((?=[^$\n]*[\\=^_{}])[^$\n]*+|[^$\n]*+\$(?=\$)|[^$\n]++(?<=\S))\$\$?(?!\d)"
)

_BRACE = re.compile(r"\\(?:boxed|fbox)\{|[{}]")
_HASHES = re.compile(r"^[ \t]*####[ \t]+(.+)$", re.MULTILINE)
_LONE_VALUE = re.compile(r"\W{0,3}(?:\d[\d.,/ ]*\W{0,2}[\w/%^]{0,12}|\w)\W{0,3}")

_WORDS = (
    r"(?:(?:final|correct|right|best|overall|exact|likeliest|most\s+(?:likely|probable))\s+){0,6}"
    r"(?:answer|result|solution|choice|option)"
)
_FOREIGN = r"ergebnis|antwort|lösung|résultat|réponse|respuesta|resultado|risposta|risultato"
_ANNOUNCED = re.compile(
    rf"""(?:
        (?:^[^\w\n]{{0,12}}|[.!?;,]\s{{1,3}}|\b(?:the|my|our|final|correct)\s+)(?:{_WORDS}|{_FOREIGN})
            (?:\s+is)?\s*[:=]
      | \b(?:the|my|our|final|correct)\s+{_WORDS}
            (?:\s+(?:to|of|for|in|after)\b[^\n]{{0,80}}?)?
            \s+(?:is|are|was|would\s+be|should\s+be|must\s+be|equals)\b(?:\s+(?:thus|then|option|choice)\b)?
            \s*:?
      | ^[^\w\n]{{0,12}}(?:{_WORDS}|{_FOREIGN})[^\w\n]{{0,12}}$
    )""",
    re.VERBOSE | re.IGNORECASE | re.MULTILINE,
)


def without_code(text: str) -> str:
    """The text without its fenced blocks; all of it where nothing else is in it."""
    rest = _FENCED.sub("\n", text)
    return rest if rest.strip() else text.replace("```", "\n")


def plain(text: str) -> str:
    """The text without Markdown, LaTeX and typographic variants of the same character.

    A boxed value, and one behind GSM8K's `####`, become lines `final answer: …`.
    """
    text = _FORMULA.sub(r"\1", text.replace(r"\$", "＄"))
    text = _boxed_announced(_hashes_announced(text))
    text = _BASE.sub("", _VULGAR.sub(" ", _GROUPING_SPACE.sub("", text)))
    text = _SUPERSCRIPT.sub(lambda match: f"^{match[0].translate(_LEVELLED)}", text)
    text = unicodedata.normalize("NFKC", text)
    text = text.replace("\u2212", "-").replace("\u2044", "/").replace("μ", "µ").replace("’", "'")
    for pattern, shown in (*_LATEX, *_DRESS):
        text = pattern.sub(shown, text)
    return text


def announced(text: str) -> Iterator[str]:
    """What a plain text says where it announces its answer, the last first, each one line.

    Such places are `Result: …`, `The answer is …`, `\\boxed{…}`, `#### …`.
    """
    found = list(_ANNOUNCED.finditer(text))
    ends = [match.start() for match in found[1:]] + [len(text)]
    for match, end in reversed(list(zip(found, ends, strict=False))):
        if said := _first_line(text[match.end() : end]):
            yield said


def emphasised(text: str) -> list[str]:
    """What stands in bold in a Markdown text, each undressed."""
    return [plain(match[2]) for match in _DRESS[0][0].finditer(text)]


def last_line(text: str) -> str:
    """The last line that says anything."""
    lines = [line.strip() for line in text.splitlines() if re.search(r"\w", line)]
    return lines[-1] if lines else ""


def _first_line(text: str) -> str:
    """The first line that says anything."""
    for line in text.split("\n"):
        if re.search(r"\w", line):
            return line.strip().removeprefix(":").strip()
    return ""


def _hashes_announced(text: str) -> str:
    """`#### 18` is an answer; `#### Step 2` is a heading."""
    last = last_line(text)

    def shown(match: re.Match[str]) -> str:
        is_answer = _LONE_VALUE.fullmatch(match[1]) or match[0].strip() == last
        return f"final answer: {match[1]}" if is_answer else match[0]

    return _HASHES.sub(shown, text)


def _boxed_announced(text: str) -> str:
    """`\\boxed{5}` as a line of its own; a box may stand in another, or not be closed."""
    boxes: list[bool] = []

    def shown(brace: re.Match[str]) -> str:
        if brace[0] == "}":
            return "" if boxes and boxes.pop() else "}"
        boxes.append(brace[0] != "{")
        return "\nfinal answer: " if boxes[-1] else "{"

    return _BRACE.sub(shown, text)
