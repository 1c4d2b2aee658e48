"""One text from several results by a small model (`compose = "written"`): is anything lost?

    uv run python -m benchmarks.composing [--data DIR] [--limit N] [--model NAME]

Compound questions like those of `benchmarks.end_to_end` (gold questions of GSM8K, HumanEval and
MedQA joined). The results are their gold solutions, so that only composing is asked for: the
steps of a sum, a program in a fenced block, an answer with a quote of the question and a warning.
The model writes them as one answer, and every number with its unit, code block, quote and warning
of them is looked for in it, by plain comparison of the characters.

Keys: `complete` (% of the answers that hold all of them), `new` (% with a number that no result and
no question has), `written` (% that the model wrote; the others are sections, because it lost more
than a third), and, as the baseline, `complete` and `new` of the model's own text before the program
checks it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import anyio

from benchmarks.compound import MIXES
from benchmarks.contract import Metric, mean_of, report, say, share_of
from benchmarks.data import Row, arguments, require, rows
from benchmarks.gold import GSM8K, HUMANEVAL, MEDQA
from benchmarks.server import BIG, EMBED, serving
from metier.answer import Answer
from metier.council import Council
from metier.events import Answered, Notice, StepDone, Token
from metier.plan import Plan, Step
from metier.settings import Settings

N = 50
_CALCULATOR = re.compile(r"<<[^>]*>>")
_QUANTITY = re.compile(r"\d+(?:[.,]\d+)*(?:\s?%)?")
_DIGITS = re.compile(r"\d+(?:[.,]\d+)*")
_FENCED = re.compile(r"```\w*\n(.*?)```", re.DOTALL)
_QUOTED = re.compile(r"“([^”]+)”")
_WARNING = "Not checked: this is what the model remembers, and no document or note bears it out."
_EXPERTS = {"gsm8k": "math", "humaneval": "code", "medqa": "medical"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """What came of one request."""

    complete: bool
    new: bool
    written: bool
    raw_complete: bool
    raw_new: bool
    seconds: float


def results_of(sets: dict[str, list[Row]], number: int) -> tuple[Plan, list[StepDone]]:
    """The plan of the request with this number, and the results of its steps."""
    mix = MIXES[number % len(MIXES)]
    done = [
        _solved(name, sets[name][number % len(sets[name])], str(n)) for n, name in enumerate(mix, 1)
    ]
    steps = tuple(Step(id=each.step_id or "", task=each.task, expert=each.expert) for each in done)
    return Plan(question="\n\n".join(each.task for each in done), steps=steps), done


def _solved(name: str, row: Row, step_id: str) -> StepDone:
    """A question of a set with its gold solution as its result."""
    warnings: tuple[str, ...] = ()
    if name == "gsm8k":
        task, text = (
            row["question"],
            _CALCULATOR.sub("", row["answer"]).replace("#### ", "Result: "),
        )
    elif name == "humaneval":
        code = f"{row['prompt']}{row['canonical_solution']}".strip()
        task = f"Complete this Python function: {row['entry_point']}"
        text = f"```python\n{code}\n```\n\nRun: it ends without an error."
    else:
        task, warnings = row["question"], (_WARNING,)
        first = re.split(r"(?<=[.?])\s", task.strip())[0].replace("“", "").replace("”", "")
        text = f"**{row['answer']}: {row['answer_text']}**, for “{first}”\n\n{_WARNING}"
    return StepDone(step_id=step_id, expert=_EXPERTS[name], task=task, text=text, warnings=warnings)


def lacks(text: str, results: Sequence[StepDone]) -> list[str]:
    """The numbers, code blocks, quotes and warnings of results that a text does not hold."""
    flat, tight = " ".join(text.split()), "".join(text.split())
    missing: list[str] = []
    for result in results:
        prose = _FENCED.sub(" ", result.text)
        missing += [each for each in _QUANTITY.findall(prose) if "".join(each.split()) not in tight]
        whole = [*_FENCED.findall(result.text), *_QUOTED.findall(prose), *result.warnings]
        missing += [each for each in whole if " ".join(each.split()) not in flat]
    return missing


def adds(text: str, plan: Plan, results: Sequence[StepDone]) -> bool:
    """Whether a text has a number that neither the request nor a result has."""
    said = " ".join([plan.question, *(result.text for result in results)])
    return not set(_DIGITS.findall(text)) <= set(_DIGITS.findall(said))


async def composed(council: Council, plan: Plan, results: Sequence[StepDone]) -> Composed:
    """Compose once; the model's own text is the tokens that are not the answer."""
    began = time.perf_counter()
    raw, answer, too_much = "", Answer(question="", text=""), False
    async for event in council.stream(plan, results=results):
        match event:
            case Token(answer=False):
                raw += event.text
            case Notice():
                too_much = too_much or "lost too much" in event.text
            case Answered():
                answer = event.answer
            case _:
                pass
    lost = lacks(answer.text, results)
    for each in lost:
        say(f"  lost: {each[:100]!r}")
    return Composed(
        complete=not lost,
        new=adds(answer.text, plan, results),
        written=not too_much,
        raw_complete=not lacks(raw, results),
        raw_new=adds(raw, plan, results),
        seconds=time.perf_counter() - began,
    )


async def measured(model: str, sets: dict[str, list[Row]], count: int) -> list[Composed]:
    """Compose each request."""
    settings = Settings.load(compose="written", model=model)
    found: list[Composed] = []
    async with Council.from_installed(settings) as council:
        for number in range(count):
            found.append(await composed(council, *results_of(sets, number)))
            kept = sum(each.complete for each in found)
            written = sum(each.written for each in found)
            say(f"{number + 1}/{count}: {kept} complete, {written} written")
    return found


def main() -> None:
    started = time.perf_counter()
    parser = arguments(__doc__ or "")
    parser.add_argument("--model", default=BIG, help="the model that writes")
    options = parser.parse_args()
    files = {"gsm8k": GSM8K, "humaneval": HUMANEVAL, "medqa": MEDQA}
    require(options.data, tuple(files.values()))
    count = min(options.limit or N, N)
    sets = {name: rows(options.data, file, limit=N) for name, file in files.items()}
    with serving([EMBED, options.model]):
        found = anyio.run(partial(measured, options.model, sets, count))
    metrics: dict[str, Metric] = {
        "complete": share_of([each.complete for each in found]),
        "new": share_of([each.new for each in found]),
        "written": share_of([each.written for each in found]),
        "seconds": mean_of([each.seconds for each in found]),
    }
    raw: dict[str, Metric] = {
        "complete": share_of([each.raw_complete for each in found]),
        "new": share_of([each.raw_new for each in found]),
    }
    report("composing", metrics, baselines={"unchecked": raw}, embedder="none", started=started)


if __name__ == "__main__":
    main()
