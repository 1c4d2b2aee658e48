"""Of whom a text speaks: a child, an animal, somebody of a stated age."""

from __future__ import annotations

import re

CHILD = re.compile(
    r"\b(?:baby|babies|bébé|bebé|newborns?|infants?|toddlers?|child|children|kids?|teenagers?|boy|girl|"
    r"kind|kinder|säugling|neugeborene[srn]?|junge|mädchen|enfants?|garçon|nouveau-né|niñ[oa]s?|"
    r"bambin[oaie]|neonat[oa]|ragazz[oa]|son|daughter|grandson|granddaughter|sohn|tochter|enkel\w*|"
    r"fils|fille|hij[oa]|niet[oa]|figli[oa]|(?:[1-9]|1[0-7])[ -]?(?:years?|yrs?)[ -]old|"
    r"(?:[1-9]|1[0-7]) ?(?:jahre alt|ans|años|anni|anos|yo|y/o)|aged? (?:[1-9]|1[0-7])|"
    r"\d{1,2}[ -]months?[ -]old)\b",
    re.I,
)
ANIMAL = re.compile(
    r"\b(?:dogs?|cats?|horses?|pupp(?:y|ies)|kittens?|rabbits?|hamsters?|hunde?s?|katzen?|pferde?s?|"
    r"chiens?|chevaux|cheval|perr[oa]s?|gat[oa]s?|caballos?|can[ei]|gatt[oi]|cavall[oi])\b",
    re.I,
)
_YEARS_OLD = re.compile(
    r"(?<![\d.,])(\d{1,3})[ -]?(?:years?|yrs?|yo|y/o|jahren?|jährig\w{0,2}|ans|años|anni|anos)\b|"
    r"\b(?:aged?|im alter von) (\d{1,3})\b|"
    r"\b(?:son|daughter|child|kid|boy|girl|sohn|tochter|kind|fils|fille|hij[oa]|figli[oa]),? ?"
    r"(?:is |ist |\()?(\d{1,2})(?![\d:]|[.,]\d| ?h)",
    re.I,
)


def years_old(text: str) -> set[int]:
    """The ages in years that a text states."""
    return {int("".join(found)) for found in _YEARS_OLD.findall(text)}
