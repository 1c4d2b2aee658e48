"""Which step needs which."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from past_plans import KEYS, past_plans

from metier.experts.card import Capability, Kind
from metier.planning.learning.graph import CapabilityGraph
from metier.planning.learning.past import PastPlan, PastStep
from metier.planning.linking import links


def needs(*tasks: str) -> list[list[int]]:
    return [list(found) for found in links(tasks, [None] * len(tasks))]


@pytest.mark.parametrize(
    ("second", "needed"),
    [
        ("Write a function for that dose.", [0]),
        ("Then explain it to a child.", [0]),
        ("Convert the result to grams.", [0]),
        ("Write a function that gives the dose for any weight.", [0]),
        ("Write a function that adds two numbers.", []),
        ("Is that a fever?", [0]),
        ("Prove that 2 is even.", []),
        ("The trouble is that Rome fell. Why?", []),
        ("Who wrote Hamlet?", []),
        ("should I worry?", [0]),
        ("how many 200 mg pills is that", [0]),
        ("What is that in pounds?", [0]),
        ("What weight is that at 1.80 m?", [0]),
        ("What share of 206 is that in percent?", [0]),
        ("so do we need to be concerned?", [0]),
        ("Should I worry about measles?", []),
        ("say when paracetamol must not be given", []),
        ("My son has a rash. Should he stay at home?", []),
        ("For my homework, write a poem about them.", [0]),
        ("Write a reminder that pops up every hour.", []),
        ("Is a dose above that dangerous?", [0]),
        ("Write a CREATE TABLE statement for it.", [0]),
        ("a clock in python, and that's it", []),
    ],
)
def test_a_link_stands_where_the_words_point_back(second: str, needed: list[int]) -> None:
    assert needs("What is one dose in mg for 70 kg?", second) == [[], needed]


STORY = (
    "A man of 54 is brought to the clinic by his wife because of pain in his chest. He has smoked "
    "for 30 years, and the dose of his medicine was doubled. What should be given to him first?"
)


@pytest.mark.parametrize(
    ("second", "needed"),
    [
        ("Ist das gesund?", [0]),
        ("Das Wetter in Rom?", []),
        ("Muss ich mir Sorgen machen?", [0]),
        ("Est-ce que cela est dangereux ?", [0]),
        ("Qui a peint la Joconde ?", []),
        ("Dois-je m'inquiéter ?", [0]),
        ("¿Es normal ese valor?", [0]),
        ("¿Quién pintó el Guernica?", []),
        ("È normale questo valore?", [0]),
        ("Нормально ли это значение?", [0]),
        ("Кто написал Гамлета?", []),
        ("这个值正常吗？", [0]),
        ("法国的首都是哪里？", []),
    ],
)
def test_a_step_in_another_language_needs_what_it_points_back_to(
    second: str, needed: list[int]
) -> None:
    assert needs("80 kg / 1.75 m²", second) == [[], needed]


@pytest.mark.parametrize(
    ("second", "needed"),
    [
        ("How much of 400 mg is left after 6 hours?", [0]),
        ("Ann had 400 mg and took 6 mg. How much is left?", []),
        ("By the way, is it normal that my eye twitches?", []),
        (f"And then there is this one: {STORY}", []),
    ],
)
def test_what_is_left_out_points_back_and_what_is_announced_does_not(
    second: str, needed: list[int]
) -> None:
    assert needs("What is the half-life of ibuprofen?", second) == [[], needed]


NUMBER = Capability(name="calculate", description="calculates", inputs=("text",), output="number")
TEXT = Capability(name="facts", description="knows", inputs=("text",), output="text")


@pytest.mark.parametrize(
    ("first", "second", "needed"),
    [
        ("how many legs does an insect have?", "how many would 12 of a kind have", [0]),
        ("how far is the moon in km?", "at 90 km/h how many days would the drive take", [0]),
        ("What is the half-life of iodine-131?", "how much of 40 MBq is left after 16 days", [0]),
        ("length of a marathon in km", "what speed is needed to finish in 3 h 45 min", [0]),
        ("wann starb Bach", "wie alt wäre er bis heute", [0]),
        # Both numbers stand there, or the first one gives its own.
        ("how many legs does an insect have?", "what do 3 shirts at 12 euros each cost", []),
        ("how many cents are in 5 dollars?", "how many would 12 of a kind have", []),
        # Nothing was asked that is a number.
        ("who painted the Scream?", "how many would 12 of a kind have", []),
        ("how many legs does an insect have?", "how many cm are in 6 ft", []),
    ],
)
def test_a_sum_that_lacks_a_number_needs_the_fact_before_it(
    first: str, second: str, needed: list[int]
) -> None:
    for output in ("number", "quantity"):
        computes = NUMBER.model_copy(update={"output": output})
        assert links((first, second), (TEXT, computes)) == ((), tuple(needed))


@pytest.mark.parametrize(
    ("second", "linked"),
    [
        ("am I under or over the low-risk guideline?", True),
        ("which category is it, I mean as a weight", True),
        ("do I qualify for a screening in my country?", True),
        ("enough for a diabetic?", True),
        ("is 120 over the limit?", False),
        ("Healthy breakfast ideas for kids?", False),
        ("can I take ibuprofen with wine?", False),
    ],
)
def test_a_judgement_that_states_no_value_needs_the_one_just_computed(
    second: str, *, linked: bool
) -> None:
    first = "2 pints of 568 ml at 5.2 %: how many units?"
    for output in ("number", "quantity"):
        computes = NUMBER.model_copy(update={"output": output})
        assert links((first, second), (computes, TEXT))[1] == ((0,) if linked else ())
    assert links(("who was Kant?", second), (TEXT, TEXT))[1] == ((0,) if " it," in second else ())


@pytest.mark.parametrize(
    ("second", "linked"),
    [
        ("Schreibe voll(liter) in Python, True wenn liter größer ist.", True),
        ("Escribe caro(precio) en Python: True si precio es mayor", True),
        ("over(n) in Python, True if n is higher.", True),
        ("over(n) in Python, True if n is higher than m", False),
        ("over(n) in Python, True if n is 12 or more", False),
        ("sort a list in Python, first the smaller, then the larger", False),
    ],
)
def test_a_comparison_with_nothing_that_is_named_is_with_the_result_before(
    second: str, *, linked: bool
) -> None:
    first = "21% of 640?"
    assert links((first, second), (NUMBER, TEXT))[1] == ((0,) if linked else ())
    assert links(("who was Kant?", second), (TEXT, TEXT))[1] == ()


def test_the_first_step_needs_nothing() -> None:
    assert needs("What is it?") == [[]]


def test_a_noun_points_to_the_step_that_brought_it() -> None:
    tasks = ("Compute the area of the garden.", "Who wrote Hamlet?", "Round the area.")
    assert needs(*tasks)[2] == [0]


PROGRAM = (
    "Complete this function with its imports.\n```python\ndef f(dose): # the dose, as it is\n```"
)


@pytest.mark.parametrize(
    ("second", "needed"),
    [
        (STORY, []),
        (PROGRAM, []),
        (f"With the result of the calculation: {STORY}", [0]),
        (f"Explain it to this patient. {STORY}", [0]),
        (f"Is the dose safe here? {STORY}", [0]),
        (f"Then check the output with this.\n{PROGRAM}", [0]),
    ],
)
def test_what_a_story_or_a_program_says_of_its_own_things_points_nowhere(
    second: str, needed: list[int]
) -> None:
    assert needs("What is one dose in mg for 70 kg?", second) == [[], needed]


def test_what_was_to_be_done_first_is_needed() -> None:
    assert links(("add 3 and 4", "write the note"), (None, None), after_first={1}) == ((), (0,))


def test_links_only_go_back() -> None:
    tasks = ("it and the dose", "it and the dose", "it and the dose")
    assert all(m < n for n, found in enumerate(needs(*tasks)) for m in found)


def test_a_kind_that_cannot_be_used_is_no_link() -> None:
    gives_code = Capability(name="write", description="code", output="code")
    takes_numbers = Capability(name="sum", description="sums", inputs=("number",))
    assert links(("Write code.", "Sum it."), (gives_code, takes_numbers)) == ((), ())


def test_whatever_the_kinds_are_a_result_of_an_unknown_one_can_be_used() -> None:
    for capabilities in ((None, NUMBER), (NUMBER, None), (None, None)):
        assert links(("How far is Rome?", "Double it."), capabilities) == ((), (0,))


@pytest.mark.parametrize(
    ("third", "needed"),
    [
        ("Compare both results.", [0, 1]),
        ("Add up the two numbers.", [0, 1]),
        ("Which of the answers is larger?", [0, 1]),
        ("Put the results into a sentence.", [0, 1]),
        ("Round the first result.", [0]),
        ("Round result 1 only.", [0]),
        ("Double the output of step 2.", [1]),
        ("Round result 7.", []),
        ("Then say good night.", [1]),
        ("Write a poem based on your findings.", [1]),
        ("Say good night and then sleep.", []),
        ("Is it true that both parents matter?", []),
    ],
)
def test_earlier_steps_are_named_one_by_one_or_all(third: str, needed: list[int]) -> None:
    assert needs("What is 3 times 4?", "How far is Rome?", third)[2] == needed


WRITES = Capability(name="write", description="code", output="code")
COUNTS = Capability(name="count", description="numbers", output="number")
TAKES_ANY = Capability(name="use", description="anything", inputs=("text", "code", "number"))


@pytest.mark.parametrize(
    ("output", "nouns"),
    [
        ("code", ["function", "code", "script", "program", "snippet", "implementation"]),
        ("number", ["number", "value", "figure", "amount", "total", "sum", "price", "mean"]),
        ("quantity", ["amount", "quantity", "dose", "price"]),
        ("table", ["table"]),
    ],
)
def test_each_kind_of_result_has_its_nouns(output: Kind, nouns: list[str]) -> None:
    returns = Capability(name="first", description="first", output=output)
    for noun in nouns:
        tasks = ("Begin with Mars.", "Who wrote Hamlet?", f"Explain the {noun}.")
        assert links(tasks, (returns, TEXT, TAKES_ANY))[2] == (0,), noun


@pytest.mark.parametrize("number", range(5))
def test_a_result_is_named_by_its_number(number: int) -> None:
    tasks = ["Who was Kant?", "Sing.", "Draw a cat.", "Say no.", "How far is Rome?"]
    ordinal = ("first", "second", "third", "fourth", "fifth")[number]
    for name in (f"the {ordinal} answer", f"answer {number + 1}", f"output of step {number + 1}"):
        # The last one is what "the answer" means without a number.
        found = needs(*tasks, "Say yes.", f"Double {name}.")[-1]
        assert number in found, name
        assert set(found) <= {number, 5}


@pytest.mark.parametrize(
    ("task", "needed"),
    [
        ("Explain the function.", (0,)),
        ("Is the number prime?", (1,)),
        ("Advertise a jacket with the new price.", (1,)),
        ("Remind my husband, with the daily amount.", (1,)),
        ("Explain the new price of bread.", ()),
        ("Explain the number of planets.", ()),
        ("Explain the function for a spring.", ()),
        ("Say good night.", ()),
    ],
)
def test_a_noun_points_to_the_step_that_returns_its_kind(
    task: str, needed: tuple[int, ...]
) -> None:
    tasks = ("Sort a list in Python.", "How many moons has Mars?", task)
    assert links(tasks, (WRITES, COUNTS, TAKES_ANY))[2] == needed


def test_a_pronoun_points_to_the_last_step_whose_result_can_be_used() -> None:
    takes_numbers = Capability(name="sum", description="sums", inputs=("number",))
    tasks = ("How many moons has Mars?", "Sort a list.", "Double it.")
    assert links(tasks, (COUNTS, WRITES, takes_numbers))[2] == (0,)


def learnt(*, linked: bool) -> CapabilityGraph:
    (expert, first), (_, second) = KEYS[:2]
    steps = (
        PastStep(expert=expert, capability=first),
        PastStep(expert=expert, capability=second, needs=(0,) if linked else ()),
    )
    return CapabilityGraph.learn(KEYS, [PastPlan(request="r", steps=steps)] * 20)


def test_past_plans_link_what_no_word_links() -> None:
    tasks = ("Find a room.", "Book a room for two.")
    nothing = (None, None)
    assert links(tasks, nothing)[1] == ()
    assert links(tasks, nothing, graph=learnt(linked=True), keys=KEYS[:2])[1] == (0,)
    assert links(tasks, nothing, graph=learnt(linked=True), keys=KEYS[1::-1])[1] == ()


def test_past_plans_overrule_a_vague_word_but_not_a_name() -> None:
    graph = learnt(linked=False)
    tasks, nothing = ("Find a room.", "Then tell me if it rains."), (None, None)
    assert links(tasks, nothing)[1] == (0,)
    assert links(tasks, nothing, graph=graph, keys=KEYS[:2])[1] == ()
    tasks = ("Find a room.", "Book the room.")
    assert links(tasks, nothing, graph=graph, keys=KEYS[:2])[1] == (0,)


@pytest.mark.parametrize(
    ("third", "needed"),
    [("Is that safe?", (0,)), ("Is aspirin safe?", ()), ("Are both results safe?", (0, 1))],
)
def test_a_declared_edge_says_what_a_vague_word_means_and_links_nothing_else(
    third: str, needed: tuple[int, ...]
) -> None:
    tasks, nothing = ("What is 3 times 4?", "Who wrote Hamlet?", third), (None, None, None)
    declared = CapabilityGraph.learn(KEYS, declared=[(KEYS[0], KEYS[2])])
    assert links(tasks, nothing, graph=declared, keys=KEYS[:3])[2] == needed


@given(
    past_plans(),
    st.lists(
        st.tuples(
            st.sampled_from(["it", "the results", "result 9", "the room", "Then go.", "a room"]),
            st.sampled_from([None, *KEYS]),
        ),
        max_size=6,
    ),
)
def test_links_are_a_dag_whatever_past_plans_say(
    plans: list[PastPlan], steps: list[tuple[str, tuple[str, str] | None]]
) -> None:
    tasks, keys = [task for task, _ in steps], [key for _, key in steps]
    found = links(tasks, [None] * len(steps), graph=CapabilityGraph.learn(KEYS, plans), keys=keys)
    assert len(found) == len(steps)
    assert all(m < n for n, needed in enumerate(found) for m in needed)
