"""Which language a text is in, by its function words: enough to keep one answer in one language.

Seven languages are told apart. Of the others nothing is known, and nothing is said about them.
"""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet

_WORD = re.compile(r"[^\W\d_]+")

NAMES = {
    "en": "English",
    "de": "German",
    "fr": "French",
    "es": "Spanish",
    "it": "Italian",
    "pt": "Portuguese",
    "nl": "Dutch",
}
# Articles, prepositions, conjunctions, pronouns, auxiliaries, and the words that announce a part.
# They carry no claim of their own, so that a composer may use those of the asker's language.
FUNCTION_WORDS: dict[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "en": "a about above after also amount an and answer answers are as at be before below "
        "both but by can do does each finally first following for from had has have here how "
        "i if in is it its last me much my next number of on or part parts please question "
        "regarding result results second should than that the their them then there "
        "these they third this those to was we were what when where which who why will "
        "with would you your",
        "de": "aber alle als also am an anzahl antwort antworten auch auf aus bei beide bitte da "
        "dafür dann das dass dazu dein deine dem den der des die diese diesem diesen "
        "dieser dieses drittens du ein eine einem einen einer eines er erste ersten "
        "erstens es folgende folgenden folgt frage für hat hier ich ihr ihre im in ist "
        "ja jede kann können lautet man mein meine mir mit nach nicht noch nun nächste "
        "nächsten oder schließlich sich sie sind so teil teile um und uns unten vom von "
        "vor war warum was welche welcher welches wenn wer werden wie wir wird wo wurde "
        "zu zuerst zuletzt zum zur zweite zweiten zweitens über",
        "fr": "a abord alors après au aussi aux avant avec c ce cela ces cet cette ci comme "
        "comment d dans de dernier dernière des dessous deux deuxième donc du elle en "
        "enfin ensuite est et il ils j je l la le les leur lui ma mais me mes moi mon "
        "ne nombre nous on ou où par partie parties pas pour pourquoi premier première puis qu "
        "quand que quel quelle quelles quels question qui quoi réponse réponses "
        "résultat résultats s sa se ses si son sont suivant suivante suivantes sur t te "
        "toi ton troisième tu un une voici voilà vos votre vous y à été être",
        "es": "a además ahora al ante antes aquí así con cuando cuál cuáles cuándo cuánta "
        "cuánto cómo de del desde después donde dónde el ella ellos en entonces entre "
        "es esa ese eso esta estas este esto estos está están finalmente fue ha hay la "
        "las le lo los luego me mi mis muy más ni no nos número o para parte partes pero por "
        "porque pregunta primer primera primero que quién qué respuesta respuestas "
        "resultado resultados se segunda segundo ser si siguiente siguientes sin sobre "
        "son su sus también te tercera tercero tiene tu un una unas uno unos y ya él "
        "última último",
        "it": "a ad ai al alla alle anche che chi ci come con cosa così cui da dal dalla dei "
        "del della delle di domanda dopo dove e ecco ed era essere fra gli ha hanno i "
        "il in infine inoltre io la le lo loro ma mi mia mio ne nel nella non numero o ogni "
        "parte parti per perché più poi prima primo prossimo qual quale quali quando "
        "quanto quella quello questa queste questi questo qui risposta risposte "
        "risultati risultato se seconda secondo seguente seguenti si sono su sua sul "
        "sulla suo terza terzo ti tra tuo ultima ultimo un una uno è",
        "pt": "a além ao aos aqui as até com como da das de depois do dos e ela ele em entre "
        "então era essa esse esta estas este estes está eu finalmente foi há isso isto "
        "já lhe mais mas me meu minha na nas no nos não número o os ou para parte partes pela "
        "pelo pergunta por porque primeira primeiro quais qual quando quanto que quem "
        "resposta respostas resultado resultados se seguinte seguintes segunda segundo "
        "sem ser seu sobre sua são também te tem terceira terceiro tu um uma você à é "
        "última último",
        "nl": "aan aantal al als antwoord antwoorden bij daarna dan dat de deel delen den der "
        "derde deze die dit door dus een eerst eerste en er geen haar heb hebben heeft hem "
        "het hier hij hoe hoeveel ik in is ja je kan laatste maar me meer met mij mijn "
        "na naar niet nog nu of om onder ons ook op over resultaat resultaten slotte te "
        "ten tot tweede u uit van vervolgens volgende voor vraag waar waarom wat welk "
        "welke wie wij worden wordt ze zich zij zijn zo zou",
    }.items()
}


def languages_of(text: str) -> frozenset[str]:
    """The languages whose function words a text has most of; several where they tie.

    Empty where it has none: a text in another language, or one of names and numbers.

    >>> sorted(languages_of("Was sind 15 % von 80?"))
    ['de']
    """
    words = [word.lower() for word in _WORD.findall(text)]
    hits = {
        language: sum(word in known for word in words) for language, known in FUNCTION_WORDS.items()
    }
    most = max(hits.values())
    return frozenset(language for language, count in hits.items() if count == most and most > 0)


def function_words(languages: AbstractSet[str]) -> frozenset[str]:
    """The function words of these languages together."""
    return frozenset[str]().union(*(FUNCTION_WORDS[language] for language in languages))
