"""Which step needs which other step, according to words, kinds and past plans."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from metier.experts.card import Capability, Kind
from metier.planning.lacking import compares_with_a_value, judges_a_value, lacks_a_number
from metier.planning.learning.graph import CapabilityGraph
from metier.planning.learning.past import CapabilityKey
from metier.planning.splitting.code import FENCED, brings_code

_POINTS_BACK = re.compile(
    r"\b(?:it|its|them|they|their|he|she|his|her|him|that|this|those|these|above|accordingly|"
    r"the (?:above|previous|former|latter|same)|so obtained|(?:from|since|until|by) then|in there|"
    r"(?:for|of|in|with|\d{1,9}) such)\b",
    re.IGNORECASE,
)
# The same in other languages: only words that are neither articles nor conjunctions there.
_POINTS_BACK_ELSEWHERE = re.compile(
    r"\b(?:davon|damit|daraus|dafür|diese[mnrs]?|dies|ist das(?= (?-i:[a-zäöü]))|"
    r"cela|ça|ceci|cette|cel(?:ui|le)-ci|ce (?:nombre|total|chiffre)|c['’]est|ce résultat|en reste|"
    r"eso|esto|esa|ese|esta|dich[oa]|"
    r"quest[oaei]|quell[oaei]|ciò|"
    r"isso|isto|essa|esse|disso|dele|dela|"
    r"deze|daarvan|ermee|"
    r"это|этот|эта|эти|этого|этой|"
    r"bunu|bunun|onun)\b|[这那]个?|它|该值|それ|これ|その|この",
    re.IGNORECASE,
)
# A question of one sentence about what is left of something does not say how much was lost.
_LEFT = re.compile(r"\b(?:is|are|will be|remains?) (?:still )?left\b", re.IGNORECASE)
# These ask about an earlier result without naming it, but only if they are the whole task.
_NAMES_NOTHING = re.compile(
    r"\W*(?:(?:and|but|so|et|und|y) )?(?:"
    r"(?:should|must|do|need) (?:i|we|he|she|they) (?:have to |need to )?"
    r"(?:worry|be (?:worried|concerned|alarmed))"
    r"|muss (?:ich|man) mir sorgen machen|dois-je m['’]inquiéter|debo preocuparme"
    r")\W*",
    re.IGNORECASE,
)
_THEN = re.compile(
    r"^\W*(?:and\s+)?(?:then|afterwards?|subsequently|thereafter|once (?:done|finished))\b",
    re.IGNORECASE,
)
# These always point back; vague words do so only if the task does not explain them.
_COMES_AFTER = re.compile(
    r"\b(?:based on|using|from|with) (?:the|your) (?:result|answer|output|finding)s?\b"
    r"|\bthe (?:result|answer|output)s?\b|\byour (?:answer|explanation|version|result|solution)\b"
    r"|\bone by the other\b|\b(?:deine|ihre) (?:antwort|erklärung)\b"
    # "With the total", "das Ergebnis", "spiegarli".
    r"|\b(?:con|pour|avec|mit|com) (?:el|le|il|dem|der|o) (?:total|totale|ergebnis|summe)\b"
    r"|\b(?:el resultado|le résultat|il risultato|o resultado|das ergebnis|dem ergebnis)\b"
    r"|\b\w{3,20}(?:ar|er|ir)(?:l[oaie]s?|ne)\b"
    r"|\b\w{3,20}-(?:l[ea]s?)\b",
    re.IGNORECASE,
)
# `that` as a conjunction or relative pronoun points nowhere.
_NOT_POINTING = re.compile(
    r"\b(?:function|script|program|code|class|query|one|so|such|say|show|explain|prove|means?|"
    r"given|something|anything|someone) that\b"
    # "The trouble is that …", but not "how many pills is that?" or "what is that in feet?".
    r"|(?<=\w )is that\b(?!\s*(?:$|[?.!,;)])|\s+(?:in|of|as|at|for|from|per|before|after)\b)"
    r"|\b(?:is it|it is|it's|it’s|would it be) \w+ (?:that|to|if|when|for)\b"
    r"|\b(?:besides|apart from|aside from|other than|on top of) that\b"
    # "A reminder that pops up", but not "is a dose above that dangerous?".
    r"|\bthat['’]?s it\b|\ban? (?:[\w-]+ ){1,5}(?<!of )(?<!for )(?<!in )(?<!with )(?<!from )"
    r"(?<!above )(?<!below )(?<!over )(?<!under )(?<!than )(?<!like )(?<!about )that"
    r"(?= \w+(?<!ou)s\b)"
    # These announce something that follows.
    r"|\bthis (?:one|question|problem|task)\b|\bthese (?:two |three |few )?questions\b",
    re.IGNORECASE,
)
_ALL_EARLIER = re.compile(
    r"\b(?:both|all|the (?:two|three|four|several))\s+(?:of\s+)?(?:the\s+|these\s+|those\s+)?"
    r"(?:results|answers|outputs|values|numbers|figures|them|these|those)\b"
    r"|\bthe (?:results|answers|outputs)\b"
    r"|\b(?:compare|combine|add up|sum up|merge|multiply) (?:them|both|these|those)\b",
    re.IGNORECASE,
)
_ORDINALS = ("first", "second", "third", "fourth", "fifth")
_RESULT = r"(?:result|answer|output)"
_NUMBERED = re.compile(
    rf"\b(?:the ({'|'.join(_ORDINALS)}) {_RESULT}"
    rf"|{_RESULT} (?:of |from )?(?:(?:step|part|question) )?(\d))\b",
    re.IGNORECASE,
)
_DEFINITE = re.compile(r"\b(?:the|that|this|these|those)\s+([a-z][a-z-]{2,})\b", re.IGNORECASE)
_WORD = re.compile(r"[a-z][a-z-]{2,}")
_EMPTY_NOUNS = frozenset(
    "same other following first second next last best most only way rest time whole case "
    "difference following answer result".split()
)
# `the function` after a step that returns code; but `the value of x` is a new one.
_NOUNS: dict[Kind, str] = {
    "code": "function|code|script|program|snippet|implementation",
    "number": "number|value|figure|amount|total|sum|price|cost|percentage|average|mean",
    "quantity": "amount|quantity|dose|price",
    "table": "table",
}
_RETURNED = {
    kind: re.compile(
        rf"\b(?:the|that|this|your) (?:(?:new|daily|final|exact|whole) )?(?:{nouns})\b"
        r"(?!\s+(?:of|that|which|for|from|in|on|with|to)\b)",
        re.IGNORECASE,
    )
    for kind, nouns in _NOUNS.items()
}
_SENTENCE_END = re.compile(r"[.?!](?=\s)|\n")
# A task with this many words, or with its own program, is a story that explains its own `he` and
# `the list`. Only its beginning may point to another task.
_STORY_WORDS = 25
_OPENING_WORDS = 4
# "John brings his dog": the story names whom it is about.
_OWN_PERSON = re.compile(
    r"^(?!(?:and|then|so|but|now|is|was|does|did|has|had|will|how|what|why|when|where|which|who|if|"
    r"he|she|they|his|her|their|it)\b)(?:an? |the )?[A-Za-z][\w’'-]*(?: [\w’'-]+)? "
    r"(?:he|she|they|his|her|him|their|them)\b",
    re.IGNORECASE,
)
# "My son has a rash, should he stay at home?": the pronoun is of the task's own person.
_OWN_RELATIVE = re.compile(r"\b(?:my|our) [a-z]+\b", re.IGNORECASE)
_PERSON = re.compile(r"\b(?:he|she|his|her|him)\b", re.IGNORECASE)
# Past plans overrule a pronoun below the first, and missing words from the second.
_NEVER_BELOW = 0.1
_ALWAYS_FROM = 0.75


def links(
    tasks: Sequence[str],
    capabilities: Sequence[Capability | None],
    *,
    graph: CapabilityGraph | None = None,
    keys: Sequence[CapabilityKey | None] = (),
    after_first: Collection[int] = (),
) -> tuple[tuple[int, ...], ...]:
    """Return, for each task, the numbers of the earlier tasks that it needs; always a DAG.

    A task needs every earlier one that it names: by a noun that it repeats with an article (`the
    dose`), by the kind of that task's result (`the function`), or by number (`the first result`,
    `both results`). In a long task or a program, only the opening can name others: a later `she` is
    a person in its own story. A task that points back vaguely (`that`, `it`, `then`) needs the last
    one whose result it can use, preferably one that a card declares to lead to it, unless past
    plans show that such a link never occurs. So does a task that calculates with a single number
    right after a question for another (`how many years until 2024?`). Without any words, a task
    needs the one that it nearly always needed in past plans. A link is dropped if the capability
    cannot use the kind that the earlier one returns.

    Args:
        graph: what was learnt from past plans, and the edges that cards declare.
        keys: expert and capability of each task, for the graph.
        after_first: numbers of tasks for which the one before them was to be done first.
    """
    needs: list[tuple[int, ...]] = []
    for n, task in enumerate(tasks):
        usable = [m for m in range(n) if _usable(capabilities[n], capabilities[m])]
        if not usable:
            needs.append(())
            continue
        named = _named(task, tasks[:n], capabilities[:n])
        points = (
            _points_back(task)
            or lacks_a_number(task, capabilities[n], tasks[n - 1])
            or judges_a_value(task, capabilities[n - 1])
            or compares_with_a_value(task, capabilities[n - 1])
        )
        vague = _meant(usable, graph, keys, n) if points else []
        if n in after_first:
            told = [m for m in usable if m != n - 1]
            others = _meant(told, graph, keys, n) if told and _points_back(task) else ()
            vague = [n - 1, *others]
        learnt = [_learnt(graph, keys, m, n) for m in range(n)]
        needs.append(tuple(m for m in usable if m in named or _needed(learnt[m], vague=m in vague)))
    return tuple(needs)


def _meant(
    usable: Sequence[int],
    graph: CapabilityGraph | None,
    keys: Sequence[CapabilityKey | None],
    n: int,
) -> Sequence[int]:
    """The task that `it` refers to.

    A declared edge only decides between several tasks. Without such a word it is no reason for a
    link: `math` often leads to `medical`, but two questions in one message may be independent.
    """
    leading = [m for m in usable if _declared(graph, keys, m, n)]
    return (leading or usable)[-1:]


def _needed(learnt: float | None, *, vague: bool) -> bool:
    if learnt is None:
        return vague
    return learnt >= (_NEVER_BELOW if vague else _ALWAYS_FROM)


def _declared(
    graph: CapabilityGraph | None, keys: Sequence[CapabilityKey | None], m: int, n: int
) -> bool:
    pair = _pair(keys, m, n)
    return graph is not None and pair is not None and graph.declares(*pair)


def _learnt(
    graph: CapabilityGraph | None, keys: Sequence[CapabilityKey | None], m: int, n: int
) -> float | None:
    pair = _pair(keys, m, n)
    if graph is None or pair is None:
        return None
    return graph.link_probability(*pair, beside=n - m == 1)


def _pair(
    keys: Sequence[CapabilityKey | None], m: int, n: int
) -> tuple[CapabilityKey, CapabilityKey] | None:
    if n >= len(keys):
        return None
    earlier, later = keys[m], keys[n]
    return None if earlier is None or later is None else (earlier, later)


def _named(
    task: str, earlier: Sequence[str], capabilities: Sequence[Capability | None]
) -> set[int]:
    """The earlier tasks that the words point to individually."""
    count = len(earlier)
    prose, beginning = _own_words(task), _beginning(task)
    story = beginning != task
    found = {
        m
        for m in range(count)
        # Two stories may share a noun by chance.
        if not (story and _beginning(earlier[m]) != earlier[m]) and _takes_up(beginning, earlier[m])
    }
    found |= {number for number in _numbers(prose) if number < count}
    if count > 1 and _ALL_EARLIER.search(prose):
        found |= set(range(count))
    for kind, pattern in _RETURNED.items():
        returning = [m for m, c in enumerate(capabilities) if c is not None and c.output == kind]
        if returning and not story and pattern.search(beginning):
            found.add(returning[-1])
    return found


def _numbers(task: str) -> set[int]:
    return {
        _ORDINALS.index(match[1].lower()) if match[1] else max(0, int(match[2]) - 1)
        for match in _NUMBERED.finditer(task)
    }


def _points_back(task: str) -> bool:
    prose, beginning = _own_words(task), _beginning(task)
    plain = _NOT_POINTING.sub("", prose)
    if (own := _OWN_RELATIVE.search(plain)) is not None:
        plain = plain[: own.end()] + _PERSON.sub("", plain[own.end() :])
    if _COMES_AFTER.search(plain) or _NAMES_NOTHING.fullmatch(task):
        return True
    if beginning != task:
        # "And then there is this one" only announces a story.
        opening = " ".join(_NOT_POINTING.sub("", beginning).split()[:_OPENING_WORDS])
        return _POINTS_BACK.search(_OWN_PERSON.sub("", opening)) is not None
    elided = _LEFT.search(task) and not _SENTENCE_END.search(task.strip())
    patterns = (_THEN, _POINTS_BACK, _POINTS_BACK_ELSEWHERE)
    return bool(elided) or any(pattern.search(plain) for pattern in patterns)


def _beginning(task: str) -> str:
    """The words in which `it` or `the list` may point to another task.

    All of a short task, the first sentence of a story, nothing of a task with a program.
    """
    if brings_code(task):
        return ""
    if len(task.split()) < _STORY_WORDS:
        return task
    return _SENTENCE_END.split(task.strip(), maxsplit=1)[0]


def _own_words(task: str) -> str:
    """The words that may refer to another result: a story's first sentence, else all prose.

    "The results" in a case report are those of its own tests.
    """
    if FENCED.search(task):
        return FENCED.sub(" ", task)
    return _beginning(task)


def _takes_up(task: str, earlier: str) -> bool:
    nouns = {match[1].lower() for match in _DEFINITE.finditer(task)} - _EMPTY_NOUNS
    return bool(nouns & set(_WORD.findall(earlier.lower())))


def _usable(later: Capability | None, earlier: Capability | None) -> bool:
    if later is None or earlier is None:
        return True
    return "text" in later.inputs or earlier.output in later.inputs
