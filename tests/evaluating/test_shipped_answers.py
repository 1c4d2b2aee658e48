"""The answers that come with the domains are right: worked out here once more, and run."""

from __future__ import annotations

import math
from collections import Counter
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest

from metier.evaluating.questions import AnswerQuestion, answer_questions, routing_questions
from metier.grading import CodeGold, LabelGold, NumberGold, extracted, is_right
from metier.sandbox.monty import MontySandbox

DOMAINS = Path(__file__).parent.parent.parent / "domains"
EXPERTS = ("code", "general", "math", "medical")
SHIPPED = answer_questions(
    [
        row
        for name in EXPERTS
        for row in routing_questions(DOMAINS / name / "evaluation.jsonl", EXPERTS)
    ]
)
OF = {question.question: question for question in SHIPPED}

# By the beginning of the question.
WORKED_OUT: dict[str, float | Fraction] = {
    "Ages 12, 15 and 21": (12 + 15 + 21) / 3,
    "How many square feet are 85": 85 / 0.3048**2,
    "What do I get if I multiply": 58 * 416,
    "7/9 minus 1/6": Fraction(7, 9) - Fraction(1, 6),
    "If rent of 930": 930 * 1.045,
    "Each kg of body weight": 0.6 * 85,
    "A syrup has 120 mg": 300 / (120 / 5),
    "Lena saves 35": 490 / 35,
    "A plane flies": 2310 / 3.5,
    "surface of a cube": 6 * 4.5**2,
    "Three workers": 3 * 8 / 4,
    "What is left of 2,000": 2000 * 0.97**10,
    "9x - 4": (17 + 4) / (9 - 6),
    "slope of f(x)": 10 * 1 - 1,
    "What does (x^2 - 4)": 2 + 2,
    "how many centimetres": 6.2 * 30.48,
    "98.6 Fahrenheit": (98.6 - 32) / 1.8,
    "0.04 kg": 0.04 * 10**6,
    "Convert 110 km/h": 110 / 3.6,
    "decimal 200": int(f"{200:b}"),
    "average of 17": (17 + 22 + 30 + 31) / 4,
    "Draw two cards": Fraction(13, 52) * Fraction(12, 51),
    "How many teams": math.comb(9, 4),
    "A diagnostic is right": 0.98 * 0.05 / (0.98 * 0.05 + 0.1 * 0.95),
    "highest common factor": math.gcd(84, 126),
    "What is 5^20": pow(5, 20, 7),
    "Berechne 17 %": 0.17 * 460,
    "Combien de millilitres": 0.35 * 1000,
    "Halla x": (41 - 5) / 6,
    "A nurse gives": 3 * 125,
    "2.4 g per day": 2400 / 4,
    "Sort out x": (14 + 1) / 3,
    "sum of the integers": sum(range(1, 251)),
    "The roof was begun": (date(2025, 11, 12) - date(2025, 3, 3)).days,
    "He falls asleep": 24 + 6.75 - 23.25,
    "Wie viele Wochen": (date(2025, 3, 31) - date(2025, 1, 6)).days / 7,
}

PROGRAMS = {
    "chunks": "def chunks(a, n): return [a[i:i + n] for i in range(0, len(a), n)]",
    "is_leap": "def is_leap(y): return y % 4 == 0 and (y % 100 != 0 or y % 400 == 0)",
    "second_largest": "def second_largest(a): return sorted(set(a))[-2]",
    "count_vowels": "def count_vowels(t): return sum(c in 'aeiou' for c in t.lower())",
    "run_lengths": (
        "def run_lengths(t):\n"
        "    runs = []\n"
        "    for c in t:\n"
        "        if runs and runs[-1][0] == c:\n"
        "            runs[-1] = (c, runs[-1][1] + 1)\n"
        "        else:\n"
        "            runs.append((c, 1))\n"
        "    return runs"
    ),
    "to_roman": (
        "def to_roman(n):\n"
        "    text = ''\n"
        "    values = 1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1\n"
        "    for v, s in zip(values, 'M CM D CD C XC L XL X IX V IV I'.split()):\n"
        "        text += s * (n // v)\n"
        "        n %= v\n"
        "    return text"
    ),
    "is_balanced": (
        "def is_balanced(t):\n"
        "    opened = []\n"
        "    pairs = {')': '(', ']': '[', '}': '{'}\n"
        "    for c in t:\n"
        "        if c in '([{':\n"
        "            opened.append(c)\n"
        "        elif c in pairs and (not opened or opened.pop() != pairs[c]):\n"
        "            return False\n"
        "    return not opened"
    ),
    "rotate": "def rotate(a, k): return a[len(a) - k:] + a[:len(a) - k]",
    "flatten": (
        "def flatten(a):\n"
        "    flat = []\n"
        "    for each in a:\n"
        "        if isinstance(each, list):\n"
        "            flat.extend(flatten(each))\n"
        "        else:\n"
        "            flat.append(each)\n"
        "    return flat"
    ),
    "digital_root": "def digital_root(n): return n and 1 + (n - 1) % 9",
    "word_counts": (
        "def word_counts(t):\n"
        "    words = t.lower().split()\n"
        "    return {w: words.count(w) for w in words}"
    ),
    "caesar": (
        "def caesar(t, n):\n"
        "    text = ''\n"
        "    for c in t:\n"
        "        base = 97 if 'a' <= c <= 'z' else 65 if 'A' <= c <= 'Z' else 0\n"
        "        text += chr((ord(c) - base + n) % 26 + base) if base else c\n"
        "    return text"
    ),
    "merge_intervals": (
        "def merge_intervals(a):\n"
        "    merged = []\n"
        "    for low, high in sorted(a):\n"
        "        if merged and low <= merged[-1][1]:\n"
        "            merged[-1][1] = max(high, merged[-1][1])\n"
        "        else:\n"
        "            merged.append([low, high])\n"
        "    return merged"
    ),
    "transpose": "def transpose(m): return [list(r) for r in zip(*m)]",
    "to_binary": "def to_binary(n): return (to_binary(n // 2) if n > 1 else '') + str(n % 2)",
    "is_palindrome": (
        "def is_palindrome(t):\n"
        "    kept = [c for c in t.lower() if c.isalnum()]\n"
        "    return kept == kept[::-1]"
    ),
    "binary_search": (
        "def binary_search(a, x):\n"
        "    low, high = 0, len(a)\n"
        "    while low < high:\n"
        "        mid = (low + high) // 2\n"
        "        if a[mid] == x:\n"
        "            return mid\n"
        "        low, high = (mid + 1, high) if a[mid] < x else (low, mid)\n"
        "    return -1"
    ),
}


def numbers() -> list[AnswerQuestion]:
    return [q for q in SHIPPED if q.domain == "math" and isinstance(q.gold, NumberGold)]


def test_every_domain_has_answers() -> None:
    counted = Counter(question.domain for question in SHIPPED)
    assert set(counted) == set(EXPERTS)
    assert min(counted.values()) >= 15


def test_every_number_is_worked_out_here() -> None:
    beginnings = {b: [q for q in OF if q.startswith(b)] for b in WORKED_OUT}
    assert {question for found in beginnings.values() for question in found} == {
        question.question for question in numbers()
    }


@pytest.mark.anyio
@pytest.mark.parametrize("beginning", WORKED_OUT)
async def test_the_number_is_right(beginning: str) -> None:
    question = next(q for text, q in OF.items() if text.startswith(beginning))
    worked_out = WORKED_OUT[beginning]
    exact = worked_out if isinstance(worked_out, Fraction) else f"{worked_out:.6f}"
    for text, outcome in ((f"Result: {exact}", "right"), (f"Result: 1{exact}", "wrong")):
        verdict = await is_right(text, question.gold)
        assert verdict.outcome == outcome, verdict.why


@pytest.mark.anyio
@pytest.mark.parametrize("entry_point", PROGRAMS)
async def test_a_right_program_passes_and_an_idle_one_does_not(entry_point: str) -> None:
    gold = next(
        q.gold
        for q in SHIPPED
        if isinstance(q.gold, CodeGold) and q.gold.entry_point == entry_point
    )
    right = await is_right(PROGRAMS[entry_point], gold, sandboxes=MontySandbox())
    assert right.is_right, right.why
    idle = f"def {entry_point}(*given): return given[0]"
    assert (await is_right(idle, gold, sandboxes=MontySandbox())).outcome == "wrong"


def test_every_program_is_run_here() -> None:
    golds = [question.gold for question in SHIPPED]
    assert {gold.entry_point for gold in golds if isinstance(gold, CodeGold)} == set(PROGRAMS)


@pytest.mark.anyio
async def test_no_question_answers_itself() -> None:
    for question in SHIPPED:
        verdict = await is_right(question.question, question.gold, sandboxes=MontySandbox())
        assert not verdict.is_right, question.question


@pytest.mark.anyio
async def test_who_says_yes_and_no_gets_no_point() -> None:
    for question in SHIPPED:
        if isinstance(question.gold, LabelGold):
            both = " or ".join(question.gold.labels)
            assert extracted(f"The answer is {both}.", question.gold) is None
