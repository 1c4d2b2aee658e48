"""A plan on the terminal says what spoke for each expert."""

from __future__ import annotations

from metier.cli.text import plan_tree
from metier.plan import Candidate, Plan, Step


def test_the_evidence_is_the_example_and_the_words() -> None:
    best = Candidate(
        expert="math",
        score=1.2,
        probability=0.97,
        capability="calculate",
        example="What is 2 plus 2?",
        words=("sum", "numbers"),
    )
    other = Candidate(expert="code", score=0.4, probability=0.02)
    step = Step(id="1", task="the sum of two numbers", expert="math", candidates=(best, other))
    lines = plan_tree(Plan(question="the sum of two numbers", steps=(step,))).splitlines()
    assert lines[1] == "└─ 1 math 0.97"
    assert "calculate: like 'What is 2 plus 2?'" in lines[3]
    assert lines[4].strip() == "words: sum numbers"
    assert lines[5].strip() == "runner-up: code 0.02"
