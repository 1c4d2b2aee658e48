"""Right, wrong, no answer; and gold answers as JSON."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from metier.grading import (
    AnswerKind,
    Code,
    CodeGold,
    ContainsGold,
    Gold,
    Label,
    LabelGold,
    Number,
    NumberGold,
    TextGold,
    extracted,
    is_right,
    same,
)
from metier.sandbox import Sandboxes
from metier.sandbox.monty import MontySandbox

GOLD: TypeAdapter[Gold] = TypeAdapter(Gold)
KIND: TypeAdapter[AnswerKind] = TypeAdapter(AnswerKind)
DOUBLE = CodeGold(tests=("assert double(2) == 4", "assert double(-1) == -2"), entry_point="double")
GOOD = "Here:\n```python\ndef double(n):\n    return 2 * n\n```\nIt doubles."
pytestmark = pytest.mark.anyio


def gold(text: str) -> Gold:
    return GOLD.validate_json(text)


@pytest.mark.parametrize(
    ("text", "answer", "outcome"),
    [
        ("Result: 1.05 g", '{"kind": "number", "value": 1050, "unit": "mg"}', "right"),
        ("Result: 1050 g", '{"kind": "number", "value": 1050, "unit": "mg"}', "wrong"),
        ("Result: 1050 mL", '{"kind": "number", "value": 1050, "unit": "mg"}', "wrong"),
        ("It is 39 %.", '{"kind": "number", "value": "7/18", "tolerance": 0.01}', "right"),
        ("Perhaps.", '{"kind": "number", "value": 7}', "no_answer"),
        ("(B)", '{"kind": "label", "value": "B"}', "right"),
        ("(C)", '{"kind": "label", "value": "B"}', "wrong"),
        ("A, B, C or D", '{"kind": "label", "value": "B"}', "no_answer"),
        ("The answer is Mozart.", '{"kind": "text", "value": ["W. A. Mozart", "Mozart"]}', "right"),
        ("Haydn", '{"kind": "text", "value": "Mozart"}', "wrong"),
        ("It is lazy.", '{"kind": "contains", "value": [["lazy", "one by one"]]}', "right"),
        ("It is lazily built.", '{"kind": "contains", "value": ["lazy"]}', "wrong"),
        (
            "Mozart, or Haydn",
            '{"kind": "contains", "value": ["Mozart"], "without": ["Haydn"]}',
            "wrong",
        ),
        (" ", '{"kind": "contains", "value": ["Mozart"]}', "no_answer"),
    ],
)
async def test_an_answer_is_judged(text: str, answer: str, outcome: str) -> None:
    verdict = await is_right(text, gold(answer))
    assert verdict.outcome == outcome
    assert verdict.is_right is (outcome == "right")
    assert bool(verdict.why) is (outcome != "right")


@pytest.mark.parametrize(
    ("text", "outcome", "why"),
    [
        (GOOD, "right", ""),
        ("def double(n):\n    return 2 * n", "right", ""),
        (f"{GOOD}\n```python\nassert double(2) == 5\n```", "right", ""),
        (f"```python\ndef double(n): return 0\n```\nBetter:\n{GOOD}", "right", ""),
        ("```\nfactor = 2\n```\n```py\ndef double(n): return factor * n\n```", "right", ""),
        ("```python\ndouble = lambda n: 2 * n\n```", "right", ""),
        (GOOD.replace("2 * n", "n + 2"), "wrong", "'assert double(-1) == -2': AssertionError"),
        (GOOD.replace("2 * n", "n.upper()"), "wrong", "'assert double(2) == 4': "),
        (GOOD.replace("double", "twice"), "no_answer", "no program could be read"),
        ("```sql\nSELECT double\n```", "no_answer", "no program could be read"),
        ("```python\ndef double(n) return\n```", "no_answer", "no program could be read"),
        ("double(2) gives 4", "no_answer", "no program could be read"),
    ],
)
async def test_code_is_judged_by_what_it_does(text: str, outcome: str, why: str) -> None:
    verdict = await is_right(text, DOUBLE, sandboxes=MontySandbox())
    assert verdict.outcome == outcome
    assert verdict.why.startswith(why)


async def test_code_that_no_sandbox_runs_is_not_judged() -> None:
    verdict = await is_right(GOOD, DOUBLE, sandboxes=Sandboxes([]))
    assert (verdict.outcome, verdict.is_right) == ("unjudged", False)
    assert verdict.why == "it was not run: there is no sandbox"


def test_programs_are_compared_without_their_dress() -> None:
    other = '```\ndef double(n):\n    """Twice."""\n    return (2 * n)  # twice\n```'
    assert same(GOOD, other, Code())
    assert not same(GOOD, GOOD.replace("2", "3"), Code())
    assert not same("no code", "no code", Code())


# Python parses them all; walking down into them, or writing the number out, is an error.
DEEP = {
    "a long sum": "x = 0" + " - 1" * 1200,
    "a long call": "x = f" + "()" * 1200,
    "many branches": "if a:\n    b\n" + "elif a:\n    b\n" * 600,
    "a long number": "x = 0x" + "f" * 5000,
}


@pytest.mark.parametrize("code", DEEP.values(), ids=DEEP)
def test_programs_of_any_depth_are_compared(code: str) -> None:
    program = f"```python\n{code}\n```"
    assert same(program, f"```python\n# The same.\n{code}\n```", Code())
    assert not same(program, f"```python\n{code}\ny = 1\n```", Code())


@pytest.mark.parametrize(
    ("one", "other"),
    [("x = 1", "x = True"), ("x = 1", "x = 1.0"), ("x = [1, [2]]", "x = [[1], 2]")],
)
def test_programs_that_only_look_alike_are_not_the_same(one: str, other: str) -> None:
    assert not same(f"```\n{one}\n```", f"```\n{other}\n```", Code())


def test_an_invalid_escape_is_the_models_affair() -> None:
    assert extracted('```python\np = "\\d"\n```', Code()) == 'p = "\\d"'


@pytest.mark.parametrize(
    "made",
    [
        NumberGold(value="7/18", unit="mg", tolerance=0.01),
        LabelGold(value="b", labels=("a", "b"), options=("one", "two")),
        DOUBLE,
        TextGold(value=("Mozart",)),
        ContainsGold(value=(("one", "1"), ("two",)), without=("three",)),
    ],
    ids=lambda made: made.kind,
)
def test_a_gold_answer_is_json_both_ways_and_a_kind(made: Gold) -> None:
    assert GOLD.validate_json(GOLD.dump_json(made)) == made
    text = {"number": "Result: 5 mg", "label": "b", "text": "Mozart"}.get(made.kind, GOOD)
    fields = made.model_dump(
        include={"kind", "unit", "tolerance", "labels", "options", "entry_point"}
    )
    assert extracted(text, made) == extracted(text, KIND.validate_python(fields)) is not None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"value": 5}', "Unable to extract tag using discriminator 'kind'"),
        ('{"kind": "numbre", "value": 5}', "does not match any of the expected tags"),
        ('{"kind": "number", "value": "five"}', "should be a number, or a fraction such as '7/18'"),
        ('{"kind": "number", "value": "1/0"}', "should be a number"),
        ('{"kind": "number", "value": true}', "should be a number"),
        ('{"kind": "number", "value": null}', "should be a number"),
        ('{"kind": "number", "value": 1, "unti": "mg"}', "Extra inputs are not permitted"),
        ('{"kind": "label", "value": "E"}', "value 'E' is none of the labels A, B, C, D"),
        ('{"kind": "label", "value": "a", "labels": ["a", "A"]}', "labels should differ"),
        ('{"kind": "label", "value": "A", "options": ["x"]}', "4 labels need 4 options"),
        ('{"kind": "code", "tests": []}', "at least 1 item"),
        ('{"kind": "text", "value": []}', "at least 1 item"),
        ('{"kind": "contains", "value": []}', "at least 1 item"),
    ],
)
def test_a_gold_answer_that_cannot_be_meant_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message.replace("(", r"\(")):
        gold(text)


def test_a_number_of_another_unit_is_no_vote_for_it() -> None:
    assert same("5 mg", "0.005 g", Number())
    assert not same("5 mg", "5 mL", Number())


@pytest.mark.parametrize("repeated", ["\n", "1 + ", "(", '"', "\\boxed{", "the answer ", "```\n"])
def test_a_model_that_repeats_itself_gives_no_answer_and_costs_no_time(repeated: str) -> None:
    for kind in (Number(), Label(), Code()):
        assert extracted(repeated * 2000, kind) is None
