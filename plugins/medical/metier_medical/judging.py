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
# What such a question says of the last answer, and for whom: anything else changes what is asked.
_REFERRING = frozenset(
    (
        "and but so or then now also please pls tell me say is are am was does did do should "
        "would could can if whether it that this these those they i my your you he his him she "
        "her we our in into which what where how the a an of for to as at by be have has put puts "
        "fall falls mean means called under over above below within inside outside too very "
        "really quite still high low higher lower much little enough normal abnormal usual "
        "average healthy unhealthy safe dangerous serious ok okay alright fine good bad harmful "
        "worrying concerning mild moderate severe raised elevated category class range stage "
        "grade level group band zone bracket weight medical word term name verdict value number "
        "result reading man woman adult adults adulthood person people age guideline guidelines "
        "limit recommended worry worried concerned see call doctor resting obese overweight "
        "underweight s m re "
        "und oder aber also dann bitte sag mir ist sind bin habe hat liegt liege das es dies "
        "diese dieser mein meine ich er sie in welche welcher welchem welchen was wie der die dem "
        "den ein eine einen für zu viel wenig hoch niedrig gesund ungesund gefährlich schlimm gut "
        "schlecht normal genug wert kategorie klasse stufe stadium bereich gruppe mann frau "
        "erwachsene erwachsenen damit noch bedeutet heißt falle "
        "et ou mais donc alors est c ça cela ce il elle je j ai suis dans quelle quel catégorie "
        "classe stade niveau groupe le la les l un une pour trop haut bas élevé élevée faible "
        "sain saine bon mauvais grave dangereux dangereuse normale suffisant valeur homme femme "
        "adulte adultes dis moi si que signifie veut dire qu "
        "y o pero entonces es está estoy tengo son eso esto ese este en qué categoría clase nivel "
        "grupo rango el los las del un una para demasiado alto alta bajo baja sano sana saludable "
        "malo mala bueno buena peligroso peligrosa suficiente valor hombre mujer adulto adultos "
        "dime significa "
        "e ma quindi è sono ho ha sto questo questa quello che cosa quale categoria livello "
        "gruppo rientro rientra il lo gli uno per troppo alto basso sano malsano buono cattivo "
        "pericoloso sufficiente uomo donna adulti dimmi se vuol"
    ).split()
)
_DIGIT = re.compile(r"\d")
_WORD_OR_NUMBER = re.compile(r"\w+")


def judges(text: str) -> bool:
    """Whether a text asks what a value means: which category it is in, or whether it is well."""
    asked = text[:_MOST_CHARS]
    return bool(_JUDGES.match(asked) or _ONLY_CATEGORY.match(asked))


def only_judges(task: Task) -> bool:
    """Whether a task asks what a computed value means, and no more."""
    text = task.text[: _MOST_CHARS + 1]
    is_short = len(text) <= _MOST_CHARS and len(text.split()) <= _MOST_WORDS
    is_given = bool(task.inputs) or (task.before is not None and not _DIGIT.search(text))
    return is_given and is_short and judges(text) and not _ASKS_MORE.search(text)


def only_refers(text: str) -> bool:
    """Whether a text has no word of its own: no number, no measurement, no circumstances.

    >>> only_refers("Is that healthy for a man?"), only_refers("Is it dangerous to smoke?")
    (True, False)
    """
    return _REFERRING.issuperset(_WORD_OR_NUMBER.findall(text.lower()))
