"""Names of units in German, French, Spanish, Italian and Portuguese, and what pint calls them."""

from __future__ import annotations

from types import MappingProxyType

_WORDS = {
    "milligrams": "milligramm milligrammes miligramos milligrammi miligramas",
    "grams": "gramm grammes gramos gramo grammi grammo gramas",
    "kg": "kilos kilo kilogramm kilogrammes kilogramos chili chilo chilogrammi quilos quilogramas",
    "pounds": "pfund livres libras libra libbre",
    "ounces": "unzen onces onzas once onças",
    "millilitres": "milliliter mililitros millilitri",
    "litres": "liter litros litro litri",
    "mm": "millimeter millimètres milímetros millimetri",
    "cm": "zentimeter centimètres centímetros centimetros centimetri",
    "metres": "meter mètres metros metro metri",
    "km": "kilometer kilomètres kilómetros kilometros chilometri quilômetros quilómetros",
    "miles": "meilen millas miglia milhas",
    "feet": "fuß fuss pieds pies piedi pés",
    "inches": "zoll pouces pulgadas pollici polegadas",
    "seconds": "sekunden secondes segundos secondi",
    "minutes": "minuten minutos minuti",
    "hours": "stunden heures horas ore",
    "days": "tage tagen jours días dias giorni",
    "weeks": "wochen semaines semanas settimane",
    "years": "jahre jahren ans années años anni anos",
}
# Each foreign name in lower case, and the English one.
ENGLISH = MappingProxyType(
    {word: english for english, words in _WORDS.items() for word in words.split()}
)


def english(unit: str) -> str:
    """The name that pint knows; the same if it is none of the foreign names."""
    return ENGLISH.get(unit.lower(), unit)
