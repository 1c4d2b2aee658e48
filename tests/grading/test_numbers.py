"""The number that a text gives, whatever way it is written."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.grading import Number, NumberGold, extracted, same
from metier.grading.numbers import number_in


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("42", "42"),
        ("42.", "42"),
        ("42.50", "42.5"),
        ("-3", "-3"),
        ("−3", "-3"),
        ("(-3)", "-3"),
        (".5", "0.5"),
        ("1,234,567.8", "1234567.8"),
        ("1.234.567,8", "1234567.8"),
        ("1'234'567", "1234567"),
        ("1_000", "1000"),
        ("1 234 567", "1234567"),
        ("1 050", "1050"),
        ("1\u202f500", "1500"),
        ("1,00,000", "100000"),
        ("0,350", "0.35"),
        ("12,5", "12.5"),
        ("1e3", "1000"),
        ("1.5 × 10³", "1500"),
        (r"$1.5 \times 10^{-3}$", "0.0015"),
        ("7/18", "7/18"),
        (r"\(\frac{7}{18}\)", "7/18"),
        ("-7/18", "-7/18"),
        ("½", "0.5"),
        ("3 1/2", "3.5"),
        ("3½", "3.5"),
        ("5 million", "5000000"),
        ("Answer: $1,234.50", "1234.5 $"),
        ("-$5", "-5 $"),
        ("1.234,56 €", "1234.56 €"),
        ("15 percent", "15%"),
        ("**15%**", "15%"),
        ("`42`", "42"),
        ("*42*", "42"),
        ("３７", "37"),
        ("1010₂", "1010"),
        (r"$1010_{2}$", "1010"),
    ],
)
def test_a_number_is_read_in_any_dress(text: str, number: str) -> None:
    assert extracted(text, Number()) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("3 + 4 = 7, so 7 of 9.\n#### 7", "7"),
        ("First 3 + 4 = 7.\nResult: 14", "14"),
        ("The result of 1.5 * 70 is 105.", "105"),
        ("**Answer:** 42", "42"),
        ("### Answer\n\n42 apples", "42"),
        ("The final answer is $\\boxed{1{,}050}$.", "1050"),
        ("The answer is 12 (5 + 7).", "12"),
        ("Answer: 5 apples + 3 pears = 8 fruits", "8"),
        ("Result: x = 5", "5"),
        ("Ergebnis: 78,2", "78.2"),
        ("Answer: 3\nWait. Answer: 4", "4"),
        ("Paid with 20, he gets **11.05** back. He had 3 notebooks.", "11.05"),
        ("One dose for 70 kg is 1050.", "1050"),
        ("The dose is 1050 for a patient of 70.", "1050"),
        ("On 2024-05-31 at 14:35 he had 5 left.", "5"),
        ("1. Multiply 5 by 3.\n2. Then the sum is 15.", "15"),
        ("18. That is it.", "18"),
        ("In step 3 we get 42.", "42"),
        ("To answer this, note that 5 is prime. So 7.", "7"),
        ("```python\nprint(3)\n```\nIt prints 9.", "9"),
        ("```\n42\n```", "42"),
        ("The probability is 0.15, or 15%.", "0.15"),
        ("He pays $5 and $3, so $8.", "8 $"),
        ("#### Step 2\nNow it is 5.", "5"),
    ],
)
def test_the_answer_is_told_from_the_way_to_it(text: str, number: str) -> None:
    assert extracted(text, Number()) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I do not know.",
        "The answer is 5 or 6.",
        "The answer is between 5 and 6.",
        "5-10",
        "5 – 10 mg",
        "It has 3 apples and 5 pears.",
        "x = 3 or x = -3",
        "Result: 15 * 70",
        "Result: 120/5",
        "Result: 1/0",
        "The answer is not 5.",
        "vitamin B12",
        "the 4th",
        "2√3",
        r"$2\sqrt{3}$",
        "2π",
        "3x + 1",
        "x^2",
        "14:35",
        "31.05.2024",
        "Answer: 2024-05-31",
        "version 1.2.3",
    ],
)
def test_what_gives_no_number_or_two_is_no_answer(text: str) -> None:
    assert extracted(text, Number()) is None


@pytest.mark.parametrize(
    ("text", "unit", "number"),
    [
        ("The dose is 1050 mg for a 70 kg patient.", "mg", "1050 mg"),
        ("1050 mg is one dose. Wait at least 4 hours.", "mg", "1050 mg"),
        ("For 70 kg at 15 mg/kg it is 1.05 g", "mg", "1.05 g"),
        ("Result: 1050 mg = 1.05 g", "mg", "1050 mg"),
        ("Take 1050 mg, 3 times a day.", "mg", "1050 mg"),
        ("It takes 3 hours and 35 minutes.", "min", "215 min"),
        ("3 h 35 min", "h", "215 min"),
        ("It rose to 128 mmHg within 5 min.", "mmHg", "128 mmHg"),
        ("He reads 17 pages in 3 h", "pages", "17 pages"),
        ("It is −5 °C.", "°C", "-5 °C"),
        ("It is 37 degrees Celsius.", "°C", "37 °C"),
        ("a 70-kg patient", "kg", "70 kg"),
        ("2 m²", "m^2", "2 m^2"),
        ("9 square feet", "ft^2", "9 ft^2"),
        ("30.6 metres per second", "m/s", "30.6 m/s"),
    ],
)
def test_a_unit_that_is_asked_for_tells_which_number(text: str, unit: str, number: str) -> None:
    assert extracted(text, Number(unit=unit)) == number


@pytest.mark.parametrize(
    ("one", "other", "unit", "equal"),
    [
        ("1050 mg", "1.05 g", "mg", True),
        ("1050", "1050 mg", "mg", True),
        ("1050 mg", "1050 g", "mg", False),
        ("1 h 30 min", "90 minutes", "", True),
        ("90 km/h", "25 m/s", "", True),
        ("1 L", "1000 cm^3", "", True),
        ("5 mg", "5 mL", "", False),
        ("0.15", "15%", "", True),
        ("15", "15%", "%", True),
        ("0.15%", "0.15", "", False),
        ("1/3", "0.333", "", False),
        ("2/3", "0.6666666666666666", "", True),
        ("95367431640625", "95367431640626", "", False),
        ("3", "no number", "", False),
        ("no number", "no number", "", False),
    ],
)
def test_the_same_number_is_the_same_answer(one: str, other: str, unit: str, equal: bool) -> None:
    kind = Number(unit=unit)
    assert same(one, other, kind) is equal
    assert same(other, one, kind) is equal


def test_a_tolerance_is_relative() -> None:
    assert same("33.3", "33.333", Number(tolerance=0.01))
    assert not same("33.3", "34", Number(tolerance=0.01))


def test_an_answer_that_only_repeats_the_question_is_no_conversion() -> None:
    kind = Number(unit="cm", convertible=False)
    assert same("188.976 cm", "188.976", kind)
    assert not same("6.2 feet", "188.976 cm", kind)
    assert same("6.2 feet", "188.976 cm", Number(unit="cm"))


NUMBERS = st.fractions(min_value=-(10**7), max_value=10**7, max_denominator=1000).filter(
    lambda number: (number * 1000).denominator == 1
)
WRAPPED = (
    "{}",
    "{}.",
    "**{}**",
    "$\\boxed{{{}}}$",
    "#### {}",
    "Result: {}",
    "The answer is {}.",
    "**Final answer:** {}",
    "x = {}",
    "so 7 * 9 + 1 = {}",
    "It is {}.",
)


def decimal(number: Fraction) -> str:
    whole, thousandths = divmod(abs(number) * 1000, 1000)
    return f"{'-' if number < 0 else ''}{whole}.{int(thousandths):03}"


def written(number: Fraction, style: str) -> str:
    """A number in one of the ways that people and models write it."""
    sign, digits = ("-" if number < 0 else ""), decimal(abs(number))
    whole, _, thousandths = digits.partition(".")
    grouped = f"{int(whole):,}"
    match style:
        case "exact":
            return f"{sign}{whole}.{thousandths}".rstrip("0").rstrip(".")
        case "zeros":
            return f"{sign}{whole}.{thousandths}00"
        case "commas":
            return f"{sign}{grouped}.{thousandths}"
        case "apostrophes":
            return f"{sign}{grouped.replace(',', chr(39))}.{thousandths}"
        case "thin spaces":
            return f"{sign}{grouped.replace(',', chr(0x202F))}.{thousandths}"
        case "latex":
            return f"{sign}{grouped.replace(',', '{,}')}.{thousandths}"
        case "minus sign":
            return f"{sign.replace('-', chr(0x2212))}{whole}.{thousandths}"
        case _:
            return f"{sign}{whole}{thousandths}e-3"


STYLES = st.sampled_from(
    ["exact", "zeros", "commas", "apostrophes", "thin spaces", "latex", "minus sign", "power"]
)


@given(number=NUMBERS, style=STYLES, wrapping=st.sampled_from(WRAPPED))
def test_the_way_a_number_is_written_changes_nothing(
    number: Fraction, style: str, wrapping: str
) -> None:
    found = number_in(wrapping.format(written(number, style)), Number())
    assert found is not None
    assert found.value == number


PROSE = st.text(
    st.characters(codec="utf-8", exclude_characters="`\\$", exclude_categories=["Cs"]), max_size=200
)


@given(
    before=PROSE,
    number=NUMBERS,
    announced=st.sampled_from(["Result: {}", "The answer is {}.", "#### {}", r"\boxed{{{}}}"]),
)
def test_what_stands_before_the_answer_changes_nothing(
    before: str, number: Fraction, announced: str
) -> None:
    said = announced.format(written(number, "exact"))
    found = number_in(f"{before}\n\n{said}", Number())
    assert found is not None
    assert found.value == number


NUMERIC = st.text("0123456789.,'-+*/^ %$€xmgkhe()=\n", max_size=40)


@given(
    text=st.one_of(NUMERIC, st.text(max_size=300)), unit=st.sampled_from(["", "mg", "%", "pages"])
)
def test_no_text_breaks_it_and_extracting_twice_is_extracting_once(text: str, unit: str) -> None:
    kind = Number(unit=unit)
    once = extracted(text, kind)
    if once is not None:
        assert extracted(once, kind) == once
        assert same(text, text, kind)


@given(value=st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False)))
def test_a_gold_number_stays_what_it_was_in_json(value: float) -> None:
    gold = NumberGold(value=value)  # pyrefly: ignore[bad-argument-type]  # a validator reads it
    back = NumberGold.model_validate_json(gold.model_dump_json())
    assert back == gold
    assert Fraction(back.value) == Fraction(str(value))
