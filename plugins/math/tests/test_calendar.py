"""Dates and clock times: asked in words of five languages, computed without a model."""

from __future__ import annotations

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_context import CARD, kinds, saying

from metier.experts.expert import Result, Task
from metier_math import Math
from metier_math.calculator import Calculator
from metier_math.calendar import calendar_answer


def after(value: str, asked: str, *, text: str = "") -> Task:
    """A question that needs the value of an earlier step."""
    values = {"answer": value} if value else {}
    earlier = Result(step_id="1", expert="x", task="?", text=text or value, values=values)
    return Task(text=asked, inputs=(earlier,))


READ = [
    # English
    (
        "My last period started on 3 March 2025 and the baby came on 12 November 2025. "
        "How many days is that",
        "254 days",
    ),
    ("How many days are there between 2025-03-03 and 2025-11-12?", "254 days"),
    ("How many weeks is it from March 3rd, 2025 to 13/11/2025?", "36 weeks and 3 days"),
    ("How many months passed from 31 January 2025 to 1 March 2025?", "1 month and 1 day"),
    ("She was born on 29 February 2000. How old was she on 28 February 2025?", "24 years"),
    ("How long did the war last from 28 July 1914 to 11 November 1918?", "1567 days"),
    ("What date is 90 days after 3 March 2025?", "1 June 2025"),
    ("What is 3 March 2025 plus 90 days?", "1 June 2025"),
    ("If today is 3 March 2025, what date is it in 2 weeks?", "17 March 2025"),
    ("What is the date 6 months before 31 August 2025?", "28 February 2025"),
    ("My train gets in at 14:50 and takes 3 h 25 min. At what time did it leave?", "11:25"),
    ("What day of the week was 9 November 1989?", "Thursday"),
    ("Which weekday was 14 October 1066?", "Sunday"),
    ("my train leaves at 14:50 and takes 3 h 25 min. when do i get in?", "18:15"),
    ("When do I get in if my train leaves at 2:50 pm and takes 3 hours and 25 minutes?", "6:15 pm"),
    ("I have to be there at 9:00 and the drive takes 45 min. When do I have to leave?", "08:15"),
    ("The shop opens at 9:00 and I arrive 20 minutes before that. When do I arrive?", "08:40"),
    ("What time is it 90 minutes before 0:30?", "23:00 the day before"),
    ("I went to bed at 11:15 pm and woke up at 6:15 am. How many hours did I sleep?", "7 h"),
    ("A train leaves at 14:35 and arrives at 18:10. How long is the ride?", "3 h 35 min"),
    ("How many minutes are there from 9:15 to 11:45?", "150 min"),
    ("How many hours do I work from 8:30 am to 5 pm?", "8.5 h"),
    ("How many years lie between 1789 and 1945?", "156 years"),
    ("Was 1900 a leap year?", "not a leap year"),
    ("Calculate my age on 1 January 2040 if I was born on 5 May 1988.", "51 years"),
    # German
    ("Wie viele Tage liegen zwischen dem 3. März 2025 und dem 12.11.2025?", "254 Tage"),
    ("Sie wurde am 12. Mai 1980 geboren. Wie alt war sie am 3. März 2025?", "44 Jahre"),
    ("Welcher Wochentag war der 9. November 1989?", "Donnerstag"),
    ("Welches Datum ist 280 Tage nach dem 14. Februar 2026?", "21. November 2026"),
    ("Mein Zug fährt um 14.50 Uhr ab und braucht 3 h 25 min. Wann komme ich an?", "18:15"),
    ("Ich muss um 9 Uhr da sein und brauche 45 Minuten. Wann muss ich losfahren?", "08:15"),
    ("Er schläft um 23.15 Uhr ein und wacht um 6.15 Uhr auf. Wie viele Stunden schläft er?", "7 h"),
    ("Ist 2024 ein Schaltjahr?", "ein Schaltjahr"),
    # French
    ("Combien de jours y a-t-il entre le 3 mars 2025 et le 12 novembre 2025 ?", "254 jours"),
    ("Quel jour de la semaine était le 14 juillet 1789 ?", "mardi"),
    ("Mon train part à 14h50 et met 3 h 25 min. À quelle heure est-ce que j’arrive ?", "18:15"),
    ("Combien de temps dure le trajet de 22h30 à 6h15 ?", "7 h 45 min"),
    # Spanish
    ("¿Cuántos días hay entre el 3 de marzo de 2025 y el 12 de noviembre de 2025?", "254 días"),
    ("¿Qué día de la semana fue el 12 de octubre de 1492?", "miércoles"),
    ("El tren sale a las 14:50 y tarda 3 horas y 25 minutos. ¿A qué hora llega?", "18:15"),
    ("Me acuesto a las 23:30 y me levanto a las 7:00. ¿Cuántas horas duermo?", "7.5 h"),
    # Italian
    ("si addormenta alle 23:15 e si sveglia alle 6:15. Quante ore dorme", "7 h"),
    (
        "Mia figlia di 8 anni si addormenta alle 21:00 e si sveglia alle 7:00. Quante ore dorme?",
        "10 h",
    ),
    ("Quanti giorni ci sono dal 3 marzo 2025 al 12 novembre 2025?", "254 giorni"),
    ("Che giorno della settimana era il 2 giugno 1946?", "domenica"),
    ("Il treno parte alle 14:50 e ci mette 3 ore e 25 minuti. A che ora arriva?", "18:15"),
]

LINKED = [
    (after("280 days", "Mine was 14 February 2026, so which date am I due?"), "21 November 2026"),
    (after("3 March 2025", "What date is 90 days after that?"), "1 June 2025"),
    (after("3 March 2025", "How many days are there from that to 12 November 2025?"), "254 days"),
    (
        after("", "How many days before 1 March 2024 was that?", text="On 31 March 1889."),
        "49278 days",
    ),
    (after("1912", "What day of the week was that?", text="On April 15, 1912."), "Monday"),
]

NOT_READ = [
    # What a number means is not clear.
    "How many days are there between 12/11/2025 and 1/12/2025?",
    "How many days are there between 3/3/25 and 12/11/25?",
    "I sleep from 10:30 to 6:15. How many hours do I sleep?",
    "I sleep from 11 to 6:15 am. How many hours do I sleep?",
    "How many days is it from 30 February 2025 to 12 November 2025?",
    # A value is missing, or there is one more.
    "How many days are there until 25 December 2025?",
    "I was born on 3 March 1990. How old am I today?",
    "What date is 90 days from today?",
    "The train leaves at 14:50, takes 3 h 25 min and is 10 min late. When does it arrive?",
    "The shift is from 9:00 to 17:30 with a break of 30 min. How many hours is that?",
    "How long did she sleep in all, from 22:00 to 6:00 and from 13:00 to 14:00?",
    # Something else is counted, or calculated with it.
    "How many working days are there between 3 March 2025 and 12 November 2025?",
    "How many days did it rain between 3 March 2025 and 12 November 2025?",
    "From 3 March 2025 to 12 November 2025 he drank a cup each day. How many days is that?",
    "The holiday is from 3 March 2025 to 12 March 2025. How many days is it?",
    "How many days is half the time from 3 March 2025 to 12 November 2025?",
    # Which comes first, or which way to go, is not said.
    "I woke up at 6:15 and went to bed at 23:15. How many hours did I sleep?",
    "I start at 9:00 and work for 8 h. When can I leave?",
    "The bus comes at 8:20, 15 minutes after I leave. When do I leave?",
    "The roast goes in at 18:00 and takes 90 min. When do I have to be home?",
    "The course starts on 3 March 2025 and lasts 10 days. When does it end?",
    "The pharmacy is open from 8:00 to 20:00. How many hours is it closed?",
    "She is up from 6:15 to 22:30. How many hours does she sleep?",
    "Wie viele Tage dauert die Reise vom 3. März 2025 bis zum 12. März 2025?",
    "Der Kurs geht vom 3. März 2025 bis zum 5. März 2025. Wie viele Tage sind das?",
    "The plane leaves London at 23:50 and arrives in Rome at 6:10. How many hours is that?",
    "Which day was before 3 March 2025?",
    # Several things, or another one, are asked.
    "How many hours do I sleep from 23:15 to 6:15, and is that healthy?",
    "What weekday was 9 November 1989 and how many days is it to 3 October 1990?",
    "My train leaves at 14:50 and takes 3 h 25 min. When do I get in? Text that to my granny.",
    "What happened on 9 November 1989?",
    "He was born in 1879 and died in 1955. How many years did he live?",
    "Write a function: how many days are there between 2025-03-03 and 2025-11-12?",
]


@pytest.mark.parametrize(("text", "result"), READ)
def test_a_question_about_dates_or_times_is_read_in_five_languages(text: str, result: str) -> None:
    answer = calendar_answer(Task(text=text))
    assert answer is not None
    assert answer.result == result


@pytest.mark.parametrize(("task", "result"), LINKED)
def test_a_value_may_come_from_an_earlier_step(task: Task, result: str) -> None:
    answer = calendar_answer(task)
    assert answer is not None
    assert answer.result == result


def test_a_weekday_is_not_told_where_a_duration_was_to_be_added() -> None:
    assert (
        calendar_answer(after("280 days", "It began on 3 March 2025. Which day is the last?"))
        is None
    )


@pytest.mark.parametrize("text", NOT_READ)
def test_what_is_unclear_or_asks_for_something_else_is_not_read(text: str) -> None:
    assert calendar_answer(Task(text=text)) is None


# What is asked, and values with which nothing is computed: an amount, a list, a formula, a time
# that belongs to nothing. Of a question that has its values, one number more is one too many.
_ASKS = st.sampled_from([text for text, _ in READ])
_OTHERS = st.sampled_from(["kg", "mL", "euros", "people", "metres", "x", "", "%", "pages"])
_NUMBERS = st.one_of(
    st.integers(0, 999).map(str),
    st.integers(3000, 10**9).map(str),
    st.decimals(0, 999, places=1).map(str),
)


@given(text=_ASKS, number=_NUMBERS, unit=_OTHERS, is_first=st.booleans())
def test_a_question_with_another_number_is_not_read(
    text: str, number: str, unit: str, is_first: bool
) -> None:
    more = f"{number} {unit}."
    assert calendar_answer(Task(text=f"{more} {text}" if is_first else f"{text} {more}")) is None


@given(
    text=st.lists(
        st.one_of(
            st.sampled_from(
                sorted({word for asked, _ in READ for word in re.findall(r"[^\W\d]+", asked)})
            ),
            st.builds("{} {}".format, _NUMBERS, _OTHERS),
        ),
        max_size=12,
    ).map(" ".join)
)
def test_words_without_dates_and_times_are_not_read(text: str) -> None:
    assert calendar_answer(Task(text=text)) is None


@given(first=st.dates(min_value=date(1000, 1, 1)), days=st.integers(0, 20_000))
def test_days_after_a_date_and_days_between_two_agree(first: date, days: int) -> None:
    asked = f"What date is {days} days after {first.isoformat()}?"
    last = calendar_answer(Task(text=asked))
    if first.toordinal() + days > date.max.toordinal():
        assert last is None
        return
    assert last is not None
    span = calendar_answer(Task(text=f"How many days is it from {first} to {last.value}?"))
    assert span is not None
    assert span.value == (f"{days} days" if days != 1 else "1 day")


@pytest.mark.anyio
async def test_the_expert_says_how_it_computed_a_time_and_asks_no_model(
    calculator: Calculator,
) -> None:
    script = saying("none")
    asked = "Lia falls asleep at 23:15 and wakes up at 6:45. How many hours does she sleep?"
    text = await Math(CARD, calculator=calculator).answer(Task(text=asked), script)
    assert text == "23:15 – 06:45 (the next day): 7 h 30 min\n\n**Result: 7.5 h**"
    assert script.values == {"answer": "7.5 h"}
    assert kinds(script) == []
    assert script.checked is True
    assert script.how_checked == "read from the question and computed; no model wrote it"


def test_a_span_of_hours_is_a_value_that_ranges_can_place() -> None:
    answer = calendar_answer(Task(text="How long is it from 22:00 to 5:20?"))
    assert answer is not None
    assert answer.result == "7 h 20 min"
    assert answer.value == "7.333 h"


def test_a_date_before_the_gregorian_calendar_says_how_it_is_counted() -> None:
    answer = calendar_answer(Task(text="Which weekday was 14 October 1066?"))
    assert answer is not None
    assert answer.working == "14 October 1066: Sunday, in the proleptic Gregorian calendar"
