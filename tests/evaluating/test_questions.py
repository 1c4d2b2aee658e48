"""Labelled questions as people write them."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from metier import Card, Expert, Settings
from metier.errors import InvalidInput, UnreadableInput
from metier.evaluating.questions import (
    domain_questions,
    outcome_questions,
    past_plans,
    routing_questions,
    splitting_questions,
)
from metier.experts.card import Capability
from metier.experts.registry import Registry
from metier.plan import Candidate, Plan, Step
from metier.planning.learning.past import PastPlan, PastStep

EXPERTS = ("math", "code", "general")
SUMS = Capability(name="sum", description="sums")
CARDS = {"math": Card(id="math", description="sums", capabilities=(SUMS,))}
GOOD = '{"question": "What is 2 + 2?", "expert": "math"}\n'


def written(folder: Path, text: str) -> Path:
    file = folder / "questions.jsonl"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_questions_that_come_with_metier_can_be_read() -> None:
    registry = Registry.from_installed(Settings())
    found = domain_questions(registry)
    assert {question.expert for question in found} == {"code", "general", "math", "medical"}
    assert len(found) > 150


def test_a_domain_without_questions_has_none(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"no domain has questions.*--data"):
        domain_questions(Registry.of([Expert(Card(id="math", description="sums"))]))


def test_the_questions_of_a_folder_count_with_those_of_the_others(tmp_path: Path) -> None:
    folder = tmp_path / "cooking"
    folder.mkdir()
    (folder / "domain.toml").write_text(
        'api = 1\n[expert]\nid = "cooking"\ndescription = "meals"\n'
        '[[capability]]\nname = "cook"\ndescription = "cook a meal"\n'
    )
    (folder / "evaluation.jsonl").write_text('{"question": "Boil an egg?", "expert": "cooking"}')
    registry = Registry.from_installed(Settings(domains=(tmp_path,)))
    assert "Boil an egg?" in [question.question for question in domain_questions(registry)]


@pytest.mark.parametrize("label", ["null", '"none"', '"general"'])
def test_nobody_s_question_is_the_general_expert_s(label: str, tmp_path: Path) -> None:
    file = written(tmp_path, f'{{"question": "Who was Nero?", "expert": {label}}}')
    assert [question.expert for question in routing_questions(file, EXPERTS)] == ["general"]


def test_nobody_s_questions_need_no_general_expert(tmp_path: Path) -> None:
    file = written(tmp_path, '{"question": "Who was Nero?", "expert": null}')
    assert routing_questions(file, ["math"])


def test_empty_lines_further_keys_and_a_byte_order_mark_do_no_harm(tmp_path: Path) -> None:
    more = '{"question": " 3 *\u2028 3? ", "expert": "math", "source": "me"}\r'
    file = written(tmp_path, f"\ufeff{GOOD}\n{more}\n\n")
    questions = [question.question for question in routing_questions(file, EXPERTS)]
    assert questions == ["What is 2 + 2?", "3 *\u2028 3?"]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("math", "Invalid JSON"),
        ("[]", "should be an object"),
        ('{"question": "x"}', "expert: Field required"),
        ('{"expert": "math"}', "question: Field required"),
        ('{"question": " ", "expert": "math"}', "question: String should have at least 1"),
        ('{"question": "x", "expert": ["math"]}', "expert: Input should be a valid string"),
        ('{"question": "x", "expert": "maths"}', "no expert is called 'maths' (nearest: 'math')"),
    ],
)
def test_a_line_that_cannot_be_used_is_named_with_its_cure(
    line: str, complaint: str, tmp_path: Path
) -> None:
    file = written(tmp_path, f"{GOOD}\n{line}\n")
    with pytest.raises(InvalidInput) as caught:
        routing_questions(file, EXPERTS)
    assert caught.value.message.startswith(f"{file}:3: ")
    assert complaint in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("right", "complaint"),
    [
        ({}, "right: Dictionary should have at least 1 item"),
        ({"small": 2}, "right.small: Input should be less than or equal to 1"),
        ({"small": -0.1}, "right.small: Input should be greater than or equal to 0"),
        ({"small": float("nan")}, "right.small: Input should be"),
        ({"small": "often"}, "right.small: Input should be a valid number"),
        ({" ": True}, "right. .[key]: String should have at least 1 character"),
        (True, "right: Input should be an object"),
    ],
)
def test_an_outcome_that_cannot_be_used_is_named(
    right: object, complaint: str, tmp_path: Path
) -> None:
    file = written(tmp_path, json.dumps({"question": "x", "right": right}))
    with pytest.raises(InvalidInput) as caught:
        outcome_questions(file)
    assert caught.value.message.startswith(f"{file}:1: {complaint}")


def test_an_outcome_is_a_truth_value_a_share_or_not_known(tmp_path: Path) -> None:
    right = {"a": True, "b": False, "c": 0.5, "d": None}
    file = written(tmp_path, json.dumps({"question": "x", "right": right}))
    assert outcome_questions(file)[0].right == {"a": 1.0, "b": 0.0, "c": 0.5, "d": None}


@pytest.mark.parametrize(
    "read",
    [
        partial(routing_questions, experts=EXPERTS),
        outcome_questions,
        splitting_questions,
        partial(past_plans, cards=CARDS),
    ],
    ids=["routing", "models", "splitting", "plans"],
)
def test_a_file_without_a_line_is_refused(read: Callable[[Path], object], tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"has no line. A line is such as"):
        read(written(tmp_path, "\n"))


def test_a_file_that_is_not_there_or_no_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput, match="no such file"):
        routing_questions(tmp_path / "none.jsonl", EXPERTS)
    (tmp_path / "picture").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UnreadableInput, match="not UTF-8"):
        outcome_questions(tmp_path / "picture")


def test_a_question_is_for_one_thing_or_for_several(tmp_path: Path) -> None:
    file = written(tmp_path, '{"question": "Who? When?", "several": true}')
    assert [question.several for question in splitting_questions(file)] == [True]
    with pytest.raises(InvalidInput, match=r"questions.jsonl:1: several: Input should be a valid"):
        splitting_questions(written(tmp_path, '{"question": "Who?", "several": "maybe"}'))


def test_past_plans_are_read_in_both_forms(tmp_path: Path) -> None:
    chosen = Candidate(expert="math", score=1, probability=1, capability="sum")
    step = Step(id="1", task="Add them.", expert="math", candidates=(chosen,))
    whole = Plan(question="What is 2 + 2?", steps=(step,))
    past = PastPlan(request="3 + 3", steps=(PastStep(expert="math", capability="sum"),))
    file = written(tmp_path, f"{whole.model_dump_json()}\n\n{past.model_dump_json()}\n")
    first, second = past_plans(file, CARDS)
    assert (first.request, first.steps[0].task) == ("What is 2 + 2?", "Add them.")
    assert second == past


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("nonsense", "Invalid JSON"),
        pytest.param("[" * 100_000, "Invalid JSON", id="nested deep"),
        ("[]", "Input should be an object"),
        ("{}", "request: Field required"),
        ('{"request": "r", "steps": []}', "steps: Tuple should have at least 1"),
        ('{"request": "r", "steps": [{}]}', "steps.0.expert: Field required"),
        ('{"question": "q", "steps": []}', "steps: Tuple should have at least 1"),
        (
            '{"question": "q", "steps": [{"id": "1", "task": "t", "expert": "math"}]}',
            "no step of the plan names a capability",
        ),
        (
            '{"question": "q", "steps": [{"id": "1", "task": "t", "expert": "e", "needs": ["1"]}]}',
            "the steps need each other in a circle",
        ),
        (
            '{"request": "r", "steps": [{"expert": "maths", "capability": "sum"}]}',
            "no expert is called 'maths' (nearest: 'math')",
        ),
        (
            '{"request": "r", "steps": [{"expert": "math", "capability": "sums"}]}',
            "math has no capability 'sums' (nearest: 'sum')",
        ),
    ],
)
def test_a_past_plan_that_cannot_be_used_is_named(
    line: str, complaint: str, tmp_path: Path
) -> None:
    file = written(tmp_path, f"\n{line}\n")
    with pytest.raises(InvalidInput) as caught:
        past_plans(file, CARDS)
    assert caught.value.message.startswith(f"{file}:2: {complaint}")
