"""Tasks that lack a number or a value, without saying so, that the task before them gives."""

from __future__ import annotations

import re

from metier.experts.card import Capability
from metier.planning.cutting import size_of
from metier.planning.splitting.code import brings_code

_COMPUTED = ("number", "quantity")
# "In which year did the war end? How many years until 2024?": the first asks for a number, the
# second calculates with it and a single other one.
_ASKS_FOR_A_NUMBER = re.compile(
    r"\b(?:how (?:many|much|long|old|fast|high|far|tall|big|heavy|deep)|(?:what|which) year|when|"
    r"number of|ratio|(?:height|length|distance|speed|weight|mass|population|area|volume|age|limit|"
    r"half[- ]life|temperature|melting point|boiling point|dose|price) (?:of|in|for|at|between|to)|"
    r"wann|wie (?:viele?|lange?|hoch|alt|schnell)|welche[mns]? jahr|cuánt[oa]s?|cuándo|qué año|"
    r"combien|quand|quelle année|quant[oiae]|quando|(?:che|quale) anno)\b",
    re.IGNORECASE,
)
_CALCULATES_WITH = re.compile(
    r"\b(?:until|before|after|since|ago|earlier|later|how old|each|every|per|together|altogether|"
    r"total|left|fraction|percent(?:age)?|would|needs?|needed|takes?|fits?|have|times|"
    r"bis|vor|nach|seit|jede[rnms]?|zusammen|wie alt|wären|braucht|"
    r"hasta|para|antes|después|cada|cuántos años|jusqu|avant|après|chacune?|quel âge|"
    r"fino|prima|dopo|ognuno|quanti anni)\b",
    re.IGNORECASE,
)
# "3 h 45 min" is one number; "iodine-131" is not a number.
_NUMBER = re.compile(r"(?<![a-z]-)\d+(?:[.,:]\d+)*(?:\s?h(?:ours?)? \d+)?")
_JUDGES = re.compile(
    r"\b(?:(?:under|below|above|over|within) (?:or (?:under|below|above|over) )?the|"
    r"too (?:high|low|much|little|fast|slow)|guidelines?|recommend(?:ed|ation|s)|"
    r"qualif(?:y|ies)|(?:what|which) (?:category|stage)|"
    r"(?:in|within|outside) (?:the )?(?:normal|range|limits?))\b"
    # "Enough for a diabetic?" names nothing that it could be.
    r"|^\W*(?:(?:and|so|but|or)\s)?(?:enough|any (?:good|danger|risk)|good enough|safe|healthy|"
    r"normal|dangerous|worrying|should (?:i|he|she|we|they) (?:cut back|stop|worry|be worried))"
    r"(?=\W*$|\s+(?:for|in|at|to|with|if|or)\b)",
    re.IGNORECASE,
)
_MOST_JUDGING_WORDS = 16
# "True if n is higher", "wahr, wenn n größer ist": than what is not said.
_COMPARES = re.compile(
    r"\b(?:if|when|whether|wenn|falls|ob|si|se|quando)\b[^.?!,;]{1,40}?\b(?:bigger|larger|greater|"
    r"higher|smaller|lower|less|more|above|below|over|under|größer|kleiner|höher|niedriger|mehr|"
    r"weniger|darüber|darunter|mayor|menor|superior|inferior|plus (?:grande?|petite?|haute?)|"
    r"supérieure?|inférieure?|maggiore|minore|maior)(?= (?:ist|sind)\b|\W*(?:$|[.,;:!?]))",
    re.IGNORECASE,
)


def lacks_a_number(task: str, capability: Capability | None, before: str) -> bool:
    """Whether a task calculates with at most one number, right after one that asks for a number."""
    if capability is None or capability.output not in _COMPUTED or brings_code(task):
        return False
    return (
        len(_NUMBER.findall(task)) <= 1
        and _CALCULATES_WITH.search(task) is not None
        and _ASKS_FOR_A_NUMBER.search(before) is not None
        and not _NUMBER.search(before)
    )


def compares_with_a_value(task: str, before: Capability | None) -> bool:
    """Whether a task compares with something that it does not name, right after a result."""
    return (
        before is not None
        and before.output in _COMPUTED
        and not _NUMBER.search(task)
        and _COMPARES.search(task) is not None
    )


def judges_a_value(task: str, before: Capability | None) -> bool:
    """Whether a short task asks to judge a value but states none, right after a result."""
    if before is None or before.output not in _COMPUTED or any(sign.isdigit() for sign in task):
        return False
    size = size_of(task)
    if size < 2:
        return task.rstrip().endswith(("?", "？"))
    return size <= _MOST_JUDGING_WORDS and _JUDGES.search(task) is not None
