"""The words that begin a request, and how to tell a verb from a noun without a tagger."""

from __future__ import annotations

import re

# Without context, these are verbs far more often than nouns.
_VERBS = (
    "activate add adjust advise allow analyse analyze animate append apply arrange ask assess "
    "assign attach attend borrow brainstorm build buy calculate cancel categorize check choose "
    "clarify classify clear collect colorize combine compare compile compose compress compute "
    "conduct confirm connect consult convert count create crop customize debug decide define "
    "delete deliver depict derive describe detect determine develop differentiate discuss divide "
    "download draw edit eliminate enhance enroll ensure enter estimate evaluate examine execute "
    "expand explain explore express extract factor fetch fill find fix gather generate get give "
    "go highlight hire identify illustrate implement import improve inform inquire install "
    "integrate interpret introduce investigate invite join justify keep learn list listen locate "
    "log make mention merge minimize modify monitor move multiply narrate navigate notify obtain "
    "open optimize organise organize outline paraphrase pay perform pick predict prepare prove "
    "provide publish put query read recharge recognize recommend reconfigure recreate rectify "
    "reduce refactor register remind remove rename repay rephrase replace reschedule reserve "
    "resize retrieve rewrite save say see select sell send set show simplify solve speak specify "
    "split stabilize submit subtract suggest summarise summarize switch synthesize take tell "
    "transcribe transfer transform translate try turn uninstall update upload use utilize "
    "validate verify visualize write"
).split()
# These are nouns just as often: what follows decides.
_NOUNS_TOO = (
    "answer balance blend book call caption change chat clean close complete contact correct "
    "design direct display document draft email estimate file format grade graph guide help label "
    "look mail map match measure message mix name note order photograph plan play plot post "
    "present print process program project purchase question rank rate record rent report request "
    "research return review round schedule score search segment separate share sort start state "
    "stop sum table tag test text track trim view voice watch work"
).split()
_DETERMINERS = (
    r"(?:the|an?|my|me|it|its|them|this|these|those|all|any|each|every|our|us|his|her|him|"
    r"their|your|both|another|some|one|two|three|four|five|six|several)\b"
)
# What follows if such a word is a verb: an object, a name, a number, a quotation.
_OBJECT = rf"(?:{_DETERMINERS}|for\b|if\b|\d|\$|\ue000|[\w.+-]{{1,64}}@|(?-i:[A-Z]))"
# Not verbs, although an article may follow.
_NOT_VERBS = (
    "about above across after against all along also although among and are around as at be "
    "because been before behind being below besides between beyond both but by can considering "
    "could despite did does down during either else especially etc even except for from given had "
    "half has here how however if in include including inside instead into is just like maybe me "
    "might must near neither nor not now of off on once only onto or out outside over per perhaps "
    "plus rather regarding same shall should since so some still such than that the them then "
    "there they this though through throughout till to too toward towards under unless until up "
    "upon us versus via was were what when whenever where whereby wherein whether which while who "
    "whose why will with within without would you"
).split()


def pattern(text: str) -> re.Pattern[str]:
    """Compile a pattern that ignores case."""
    return re.compile(text, re.IGNORECASE)


POLITE = r"(?:(?:please|kindly|just|immediately|go ahead and|help me(?: to)?)\s)"
# Words that mark something as added or later.
MARK = (
    r"(?:(?:also|then|finally|next|lastly|first|further|additionally|furthermore|moreover|meanwhile|"
    r"later|afterwards?|subsequently|thereafter|second(?:ly)?|third(?:ly)?|"
    r"in addition(?: to (?:that|this))?|besides(?: that)?|on top of that|at the same time|"
    r"after (?:that|this|which)|once (?:that is|that's|it is|it's) done|as well),?\s)"
)
KNOWN_VERB = rf"(?:(?:{'|'.join(_VERBS)})\b(?!['’-])|(?:{'|'.join(_NOUNS_TOO)})\s(?={_OBJECT}))"
# A verb in its base form after a conjunction, known or known by its object.
VERB = (
    rf"(?:{KNOWN_VERB}|(?!(?:{'|'.join(_NOT_VERBS)})\b)(?-i:[a-z-]{{3,15}})"
    rf"(?<!ing)(?<!ed)(?<!ly)(?<![^s]s)\s(?={_DETERMINERS}))"
)
GERUND = rf"(?:(?!(?:{'|'.join(_NOT_VERBS)}|during)\b)[a-z]{{3,15}}ing\s(?={_OBJECT}))"
WISH = (
    r"(?:(?:i|we)\s(?:also\s|then\s|just\s|really\s)?(?:need|want|wish|have to|plan to|hope to|"
    r"would\s(?:also\s|then\s)?(?:like|love)|intend to|must|should)\b|"
    r"(?:i'd|i’d|we'd)\s(?:also\s|then\s)?(?:like|love)\b|(?:i'm|i’m|i am)\s(?:also\s)?"
    r"(?:looking for|looking to|searching for|interested in|trying to)\b|"
    r"let['’]s\b|let us\b|users? wants?\b|needs?\sto\sbe\s[a-z]+ed\b|"
    r"it would be \w+ if you could\b)"
)
ASKING = (
    r"(?:(?:can|could|would|will)\s(?:you|we|i|someone)|do\syou|are\sthere|is\sthere|"
    r"please\stell|i wonder)\b"
)

AFTER = r"(?:(?:after|once|before|based on|using|while)\s[^,;.?!]{1,60},\s)"
LEAD = (
    rf"(?:(?:and|but|so|hi|hello|hey|ok|okay|well)[,!]?\s)?(?:{MARK}|{POLITE}){{0,2}}{AFTER}?"
    rf"(?:{MARK}|{POLITE}){{0,2}}"
)
IMPERATIVE = pattern(rf"{LEAD}{KNOWN_VERB}")
ASKED = pattern(rf"{LEAD}(?:what|which|who|whom|whose|why|how)(?:['’]s)?\b")
QUESTION = pattern(rf"{ASKED.pattern}|{LEAD}{ASKING}")
WISHES = pattern(rf"\b(?:{WISH}|would (?:like|love) to\b)")
ASKS = pattern(rf"\b(?:{ASKING}|please,?\s[a-z])")
MARKED = pattern(
    rf"(?:(?:and|but|so)\s)?{POLITE}{{0,2}}(?:{MARK}|{AFTER})|.*?\b(?:also|as well|additionally)\b"
)

_COORDINATION = (
    r"(?:(?P<and>,?\s(?:and|but|then|plus|followed by)\s)|[,;]\s|"
    r"\s(?=(?:then|also|finally|afterwards)\s))"
)
# Where a sentence may be cut, and what comes after it.
CUT = pattern(
    rf"{_COORDINATION}(?:(?P<mark>{MARK})|{POLITE}){{0,2}}(?:(?<=and\s)to\s)?"
    rf"(?=(?P<verb>{VERB}|(?:need|want|wish|would like|would love)\sto\b)"
    rf"|(?P<wish>{WISH})|(?P<ask>{ASKING})|(?P<gerund>{GERUND})"
    r"|(?P<question>(?:what|when|where|which|who|why|how)(?:['’]s)?\s))"
)
# The purpose of a thing belongs to the thing: `a tool to find and book`.
MEANT_FOR = pattern(
    r"\b(?:function|program|script|code|method|class|query|algorithm|procedure|app|application|"
    r"plugin|tool|software|bot|website|platform|service|ways?|steps|how|in order|so as|tips|"
    r"ability|able|opportunit(?:y|ies)|used?)\sto\s"
)
# A clause of its own, up to a word such as `then`: `so that I can plan and book`.
SUBCLAUSE = pattern(
    r"\b(?:that|which|who|it|they|i|he|she)\s(?:can|could|will|would|should|may|helps?|lets?|"
    r"allows?)\s(?!like\b|love\b)|\bif\s(?:i|you|we|he|she|they)\b"
    r"|\b(?:how|what|where|when|why|which)\b[^,;]{0,40}?\b(?:do|does|did|can|could|should|would|"
    r"will|might|may)\s(?:i|we|you|one|it|they|people|the)\b"
)
# After these a bare `and` stays inside: `go out to eat and drink`, `songs that wake and cheer`.
PURPOSE = pattern(
    r"(?<!\bneed)(?<!\bwant)(?<!\bwants)(?<!\blike)(?<!\blove)(?<!\bwish)(?<!\bhave)(?<!\bplan)"
    r"(?<!\bhope)(?<!\bintend)(?<!\blooking)(?<!\btrying)(?<!\bme)(?<!\byou)"
    rf"\sto\s(?!{_DETERMINERS})(?-i:[a-z]{{2}})"
    r"|(?<!\bof\s)(?<!\bin\s)(?<!\bon\s)(?<!\bto\s)(?<!\bfor\s)(?<!\bfrom\s)(?<!\bwith\s)\b"
    r"(?:that|which|who)\s(?!\w+(?:[^s]s|ed)\b)|\b(?:looking for|interested in)\s"
)
NO_OBJECT = pattern(rf"(?:^|(?:\b(?:to|please|you|me|and|then|also|help)|,)\s){KNOWN_VERB}$")
# One question with its choices, however long the text before it.
EXAM = pattern(r"\bwhich (?:one )?of the following\b")
# Sentences that say more about the request before them, or only ask for help with it.
ADDS_NOTHING = pattern(
    rf"{LEAD}(?:make sure|ensure|include|avoid|(?:more )?specifically|in particular|remember|"
    r"do not|don['’]t|note that|thanks?|"
    r"answer (?:with|in)|respond (?:with|in)|be sure|let me know|here(?:['’]s| is| are)|"
    r"(?:explain|show|justify) your|use (?:(?:the|my|this|these) )?"
    r"(?:file|following|image|video|audio|text|\ue000|\w+\.\w))"
    r"|any (?:\w+ )?(?:ideas?|recommendations?|suggestions?|advice|tips|thoughts|help)\b"
    r"|(?:can|could|would|will) (?:you|someone|anyone) (?:please |kindly )?(?:help|assist|guide|"
    r"do (?:that|this|it)|(?:help me )?\w+ (?:me )?(?:it|that|this|one|them|some|any)\b)"
    r"[^,;]{0,24}$"
    r"|is (?:that|this|it) possible|what (?:should|can|do) i do\?"
    r"|how (?:can|do|should) i do (?:that|it|this)"
)
# In the same sentence, the end of one request: `check it and tell me the result`.
HANDS_OVER = pattern(
    r"(?:provide|tell|give|show|inform|return|notify|display)\s(?:me|us|it|them|back|"
    r"the (?:results?|findings?|output|answer))\b(?! (?:with |about )?(?:an?|some|any)\b)"
    r"|(?:provide|give|offer|suggest)\s(?:me\s)?(?:with\s)?(?:\w+\s){0,2}(?:recommendations?|"
    r"suggestions?|insights?|feedback|improvements?|assistance)\b[^,]{0,40}$"
)
TO_ME = pattern(r"\b\w++ (?:me|us)\b")
# What follows is what the request is about: `answer the following question`.
ANNOUNCES = pattern(r"\b(?:the following|below)\b(?! (?:\w+ )?(?:tasks?|steps?|things?|order)\b)")
# After a wish these only say how it may be met.
SAME_AGAIN = pattern(
    rf"{LEAD}(?:(?:help|assist|give|provide|show|tell|suggest|recommend|advise|guide|find)\b)"
    r"|.*\?$|(?:please )?\w+ (?:it|them|one|that|this)(?: for me)?[.!]?$"
    r"|(?:i|we)(?: would|['’]d)? (?:want|need|like|prefer) (?:it|this|that|them)\b"
)
# `Is there a shop nearby? Can you find one?` asks for one thing.
WHETHER = pattern(
    rf"{LEAD}(?:how (?:can|could|do) i|where can i|can i|(?:is|are) there|do you have|"
    r"is it possible)\b"
)
FOR_ME = pattern(r"(?:can|could|would|will) you\b")
