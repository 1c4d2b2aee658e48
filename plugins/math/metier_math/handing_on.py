"""What a calculation hands on to later steps: its result, and each figure that the task names.

`The mean and the standard deviation of 3, 5 and 9` are two values, whether the model's program has
a step for each or is a list of numbers, of which every figure is computed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from metier_math.program import Computed, Program

_ANSWER = "answer"
_FIGURES: Mapping[str, re.Pattern[str]] = {
    name: re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.I)
    for name, words in {
        "mean": r"mean|average|avg|durchschnitt\w{0,8}|mittelwert|moyenne|media|promedio|média",
        "median": r"median|médiane|mediana",
        "sd": r"standard dev(?:iation)?|std(?:ev| dev)?|sd|standardabweichung|écart[- ]type|"
        r"desviación (?:estándar|típica)|deviazione standard|desvio padrão",
        "variance": r"variance|varianz|varianza|variância",
        "slope": r"slope|gradient|steigung|pente|pendiente|pendenza",
        "intercept": r"(?:y[- ])?intercept|achsenabschnitt|ordonnée à l['’]origine",
    }.items()
}
_LISTED = {"sd": "standard deviation (sample)", "variance": "variance (sample)"}


def handed_on(
    program: Program, results: Sequence[Computed], text: str, *, unit: str = ""
) -> dict[str, str]:
    """The values of a task by their names, the result last.

    Beside figures, a result that is none of them is named `answer`.

    Args:
        unit: of the result, if it does not state one.
    """
    asked = [name for name, pattern in _FIGURES.items() if pattern.search(text)]
    if program.operation == "plot":
        return {program.steps[-1].name: results[-1].exact}
    last, result = program.steps[-1].name, f"{results[-1].text} {unit}".strip()
    if program.operation == "statistics":
        listed = dict(each.split(" = ", 1) for each in result.split(", ") if " = " in each)
        found = [
            (name, listed[key]) for name in asked if (key := _LISTED.get(name, name)) in listed
        ]
        return {_ANSWER: found[0][1]} if len(found) == 1 else dict(found) or {last: result}
    steps = [
        (name, computed.text)
        for step, computed in zip(program.steps[:-1], results[:-1], strict=False)
        for name in asked
        if _is_figure(step.name, name) and computed.text != result
    ]
    is_answer = bool(steps) and not any(_is_figure(last, name) for name in asked)
    return {**dict(steps), _ANSWER if is_answer else last: result}


def _is_figure(step: str, name: str) -> bool:
    """Whether a step is called as a figure is: `std_dev`."""
    return _FIGURES[name].fullmatch(step.replace("_", " ")) is not None
