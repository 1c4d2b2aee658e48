"""ICD-10-CM: the diagnosis codes of the United States, looked up and never guessed.

The data is the CDC's own (public domain), as `simple-icd-10-cm` brings it. Loading it takes a
second or two, so it is loaded at the first look-up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version

_CODE = re.compile(r"(?<![\w.])[A-Z]\d[0-9AB](?:\.?[0-9A-Z]{1,4})?(?!\w|[.-]\w)")
_ASKED = re.compile(r"\bicd\b", re.IGNORECASE)
_WORD = re.compile(r"[a-z0-9]+")
# Words of questions that no title needs.
_SAID = frozenset(
    "a about an and are as at code codes cm diagnosis diagnostic do does find for from give has "
    "have how i icd in is it look meaning means me mean my of on or patient please show stand "
    "stands tell that the there to up what which who 10 icd10 10cm".split()
)
SOURCE = "ICD-10-CM"


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """An entry of ICD-10-CM.

    Attributes:
        billable: whether it is a whole code; a category needs more characters.
    """

    code: str
    title: str
    billable: bool

    def text(self) -> str:
        """The entry for people and models."""
        return f"{self.code}: {self.title}" + ("" if self.billable else " (a category, no code)")


def release() -> str:
    """Where the data comes from."""
    return f"simple-icd-10-cm {version('simple-icd-10-cm')}"


def is_about_codes(text: str) -> bool:
    """Whether a text asks for ICD codes."""
    return _ASKED.search(text) is not None


def looked_up(text: str, *, limit: int = 5) -> list[Code]:
    """The entries of the codes that a text names; by its words where it names none."""
    named = dict.fromkeys(match[0] for match in _CODE.finditer(text))
    codes = [entry for code in named if (entry := entry_of(code)) is not None]
    return codes or found(text, limit=limit)


def entry_of(code: str) -> Code | None:
    """One entry by its code, with or without the dot; None where there is none."""
    return _entries().get(_key(code))


def found(text: str, *, limit: int = 5) -> list[Code]:
    """The entries whose title, or another name in the list, has all words of a text.

    The shorter codes come first, then the shorter titles.
    """
    said = dict.fromkeys(_WORD.findall(text.lower()))
    words = [_as_words(word) for word in said if word not in _SAID]
    if not words:
        return []
    names, entries = _names(), _entries()
    hits = [key for key, name in names.items() if all(word in name for word in words)]
    hits.sort(key=lambda key: (len(key), len(entries[key].title), key))
    return [entries[key] for key in hits[:limit]]


@cache
def _entries() -> dict[str, Code]:
    import simple_icd_10_cm as cm

    codes = [code for code in cm.get_all_codes() if cm.is_category_or_subcategory(code)]
    return {
        _key(code): Code(code=code, title=cm.get_description(code), billable=cm.is_leaf(code))
        for code in codes
    }


@cache
def _names() -> dict[str, str]:
    """Title and other names of each entry, as words with a space around each."""
    import simple_icd_10_cm as cm

    return {
        key: " | ".join(
            map(
                _as_words,
                [entry.title, *cm.get_inclusion_term(entry.code), *cm.get_includes(entry.code)],
            )
        )
        for key, entry in _entries().items()
    }


def listing(codes: Iterable[Code]) -> str:
    """Entries as a list with a heading; empty where there are none."""
    lines = [f"- {code.text()}" for code in codes]
    return "\n".join([f"{SOURCE}:", *lines]) if lines else ""


def _key(code: str) -> str:
    return code.replace(".", "").upper()


def _as_words(text: str) -> str:
    """Lower case, singular for most words, a space around each."""
    return f" {' '.join(word.removesuffix('s') for word in _WORD.findall(text.lower()))} "
