"""Whether a question only asks what a value means: the reference range alone answers that."""

from __future__ import annotations

import re

from metier import Task

# A question about a value that asks for nothing else.
_MOST_WORDS = 18
_MOST_CHARS = 300
_LEAD = (
    r"\W*+(?:(?:and|but|so|then|now|also|please|pls|tell me|say|und|aber|also|dann|sag mir|et|mais|"
    r"donc|alors|dis[- ]moi|y|pero|entonces|dime|e|ma|quindi|dimmi)\b\W*+)*+"
)
_CATEGORY = r"(?:category|class|range|stage|grade|level|group|band|zone|bracket)"
_KATEGORIE = r"(?:kategorie|klasse|stufe|stadium|bereich|gruppe)"
_CATEGORIE = r"(?:catégorie|classe|stade|niveau|groupe)"
_CATEGORIA = r"(?:categoría|categoria|clase|classe|estadio|stadio|nivel|livello|grupo|gruppo|rango)"
_WORD = r"[\w'’-]{1,24}"
_FEW = rf"(?:{_WORD} ){{0,3}}"
# "Is that healthy?", "which CKD stage would that be?", "zu viel?": what it begins with.
_OPENINGS = (
    r"is|are|am|was|does|do|should|would|could|can|if|whether|did",
    rf"(?:(?:in|into) )?(?:which|what) {_FEW}{_CATEGORY}|where (?:does|do|am|is)|"
    rf"(?:the|its|my) {_FEW}{_CATEGORY}",
    r"what (?:it|that|this|that value|that number) means",
    r"what (?:does|do|would) \w+(?: \w+)? mean",
    r"what(?:['’]?s| is) (?:that|it|this) called",
    r"what(?:['’]?s| is) the (?:medical )?(?:word|term|name|verdict)",
    r"how (?:bad|good|serious|dangerous|healthy|harmful|high|low|worrying) (?:is|are|would)",
    rf"how (?:does|do) {_FEW}compare|(?:what|which) (?:disease|condition|illness)",
    r"(?:under|over|above|below|within|inside|outside|too|normal|healthy|safe|dangerous|high|low|ok|"
    r"okay|enough|good|bad|harmful|worrying|mild|moderate|severe|raised|elevated|preterm|term|fever|"
    r"diabetes|diabetic|prediabetes|obese|overweight|underweight|anaemi[ac]|anemi[ac])",
    r"ist|sind|bin|habe|hat|muss|liegt|liege|reicht|gilt|zählt|darf|ob|"
    r"zu (?:viel|wenig|hoch|niedrig)",
    rf"(?:in |zu )?welche[rnsm]? {_FEW}\w{{0,20}}{_KATEGORIE}|was (?:bedeutet|heißt|sagt)|"
    r"wie (?:schlimm|gefährlich|gesund|ungesund|gut|hoch) (?:ist|sind)|"
    r"wie (?:steht|ist) (?:das|es|dieser)|ungesund|gesund|gefährlich|genug",
    rf"est|ai[- ]je|a[- ]t[- ](?:il|elle)|j['’]ai|c['’]est|ça|cela|suis[- ]je|dois[- ]je|"
    rf"faut[- ]il|(?:dans |à )?quel(?:le)? {_FEW}{_CATEGORIE}|"
    r"si|que (?:signifie|veut dire)|qu['’]est[- ]ce que (?:ça|cela) (?:signifie|veut dire)|trop|"
    r"suffisant|dangereux",
    rf"es|está|estoy|tengo|tiene|son|debo|debería|(?:en |a )?qué {_FEW}{_CATEGORIA}|qué significa|"
    r"demasiado|basta|bastan|suficiente|peligroso",
    rf"è|se|ho|ha|sono|sto|devo|dovrei|bastano|rientra|(?:in |a )?(?:che|quale) {_FEW}{_CATEGORIA}|"
    r"(?:che )?cosa (?:significa|vuol dire)|troppo|sufficiente|normale|pericoloso",
)
_JUDGES = re.compile(rf"{_LEAD}(?:{'|'.join(_OPENINGS)})\b", re.IGNORECASE)
# "CKD stage?", "and the weight category?"
_ONLY_CATEGORY = re.compile(rf"{_LEAD}(?:{_WORD} ){{0,3}}{_CATEGORY}\W*$", re.IGNORECASE)
# What a range does not tell.
_ASKS_MORE = re.compile(
    r"\b(?:why|how (?:can|could|do (?:i|we|you)|should|to|long|often|many|much)|"
    r"what (?:can|could|should|to|causes?|foods?|happens|else|treatment)|when|treat\w*|causes?|"
    r"reduce|diet|side effects?|symptoms?|advice|tips?|write|(?:safe|ok|okay|fine|allowed) to|"
    r"should (?:i|he|she|we|they) (?!worry|be (?:worried|concerned)|see|call|consult|have)|"
    r"warum|weshalb|wieso|was (?:kann|soll|muss|tun)|wie (?:kann|soll|oft|lange|viele?)|wann|"
    r"behand\w+|ursachen?|senken|pourquoi|comment|que (?:faire|dois)|quand|combien|trait\w+|"
    r"por qué|cómo|qué (?:debo|puedo|hago|hacer)|cuándo|cuánt[oa]s?|perché|come|"
    r"cosa (?:devo|posso|fare)|quando|quant[oiae])\b",
    re.IGNORECASE,
)


def judges(text: str) -> bool:
    """Whether a text asks what a value means: which category it is in, or whether it is well."""
    asked = text[:_MOST_CHARS]
    return bool(_JUDGES.match(asked) or _ONLY_CATEGORY.match(asked))


def only_judges(task: Task) -> bool:
    """Whether a task asks what a computed value means, and no more."""
    text = task.text[: _MOST_CHARS + 1]
    is_short = len(text) <= _MOST_CHARS and len(text.split()) <= _MOST_WORDS
    return bool(task.referred) and is_short and judges(text) and not _ASKS_MORE.search(text)
