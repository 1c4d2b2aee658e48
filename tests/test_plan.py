"""The plan: a DAG, JSON both ways, and what is said about one that is none."""

from __future__ import annotations

import json

import pytest
from dags import dags
from hypothesis import given
from hypothesis import strategies as st

from metier.errors import InvalidPlan, UnknownExpert
from metier.plan import MOST_STEPS, Candidate, Document, Message, Plan, Step

CANDIDATES = st.builds(
    Candidate,
    expert=st.text(max_size=8),
    score=st.floats(-1, 1),
    probability=st.floats(0, 1),
    capability=st.none() | st.text(max_size=8),
    example=st.none() | st.text(max_size=8),
)
MESSAGES = st.builds(
    Message, role=st.sampled_from(["system", "user", "assistant"]), content=st.text(max_size=20)
)
DOCUMENTS = st.builds(Document, name=st.text(max_size=8), text=st.text(max_size=20))


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    steps = [
        step.model_copy(
            update={
                "task": draw(st.text(min_size=1, max_size=20)),
                "candidates": tuple(draw(st.lists(CANDIDATES, max_size=2))),
                "reason": draw(st.none() | st.text(max_size=8)),
            }
        )
        for step in draw(dags())
    ]
    return Plan(
        question=draw(st.text(min_size=1, max_size=20)),
        steps=tuple(steps),
        messages=tuple(draw(st.lists(MESSAGES, max_size=2))),
        documents=tuple(draw(st.lists(DOCUMENTS, max_size=2))),
    )


def plan_of(needs: dict[str, list[str]]) -> Plan:
    steps = [Step(id=i, task=f"do {i}", expert="math", needs=tuple(n)) for i, n in needs.items()]
    return Plan(question="?", steps=tuple(steps))


def written(**changes: object) -> str:
    """The JSON of a plan with one step; `changes` are made to the step."""
    step = {"id": "1", "task": "add", "expert": "math"} | changes
    return json.dumps({"question": "?", "steps": [step]})


@given(plans())
def test_a_plan_survives_json(plan: Plan) -> None:
    assert Plan.parse(plan.model_dump_json()) == plan


@given(plans())
def test_a_plan_survives_json_as_people_lay_it_out(plan: Plan) -> None:
    assert Plan.parse(json.dumps(plan.model_dump(mode="json"), indent=2).encode()) == plan


@given(dags())
def test_order_puts_each_step_after_its_needs(steps: list[Step]) -> None:
    done: set[str] = set()
    for layer in Plan(question="?", steps=tuple(steps)).order():
        assert all(done.issuperset(step.needs) for step in layer)
        done.update(step.id for step in layer)


@given(dags())
def test_order_holds_each_step_once(steps: list[Step]) -> None:
    layers = Plan(question="?", steps=tuple(steps)).order()
    assert sorted(step.id for layer in layers for step in layer) == sorted(s.id for s in steps)


def test_steps_that_need_nothing_of_each_other_share_a_layer() -> None:
    plan = plan_of({"1": [], "2": [], "3": ["1", "2"], "4": ["1"]})
    assert [[step.id for step in layer] for layer in plan.order()] == [["1", "2"], ["3", "4"]]


def test_a_need_that_is_named_twice_counts_once() -> None:
    assert plan_of({"1": [], "2": ["1", "1"]}).steps[1].needs == ("1",)


@pytest.mark.parametrize(
    ("needs", "words"),
    [
        ({"1": ["1"]}, ["circle", "1 → 1"]),
        ({"1": ["2"], "2": ["1"]}, ["circle", "→"]),
        ({"0": [], "1": ["3", "0"], "2": ["1"], "3": ["2"]}, ["circle", "→"]),
        ({"1": [], "2": ["9"]}, ["step '2' needs step '9', which is not there"]),
    ],
    ids=["itself", "each other", "a longer circle", "nobody"],
)
def test_steps_that_are_no_dag_are_refused(needs: dict[str, list[str]], words: list[str]) -> None:
    with pytest.raises(InvalidPlan) as caught:
        Plan.parse(plan_of(needs).model_dump_json())
    assert [word for word in words if word not in str(caught.value)] == []


def test_two_steps_with_one_id_are_refused() -> None:
    step = {"id": "a", "task": "add", "expert": "math"}
    with pytest.raises(InvalidPlan, match="two steps have the id 'a'"):
        Plan.parse(json.dumps({"question": "?", "steps": [step, step]}))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (json.dumps({"question": "?", "steps": []}), "steps"),
        (json.dumps({"question": "", "steps": [{}]}), "question"),
        (json.dumps({"question": "?"}), "steps"),
        (json.dumps({"question": "?", "steps": [{"id": "1"}]}), "steps.0.task"),
        (json.dumps({**json.loads(written()), "extra": 1}), "extra"),
        (json.dumps({**json.loads(written()), "version": 2}), "version"),
        (written(extra=1), "steps.0.extra"),
        (written(id="a b"), "steps.0.id"),
        (written(id=""), "steps.0.id"),
        (written(needs=["a b"]), "steps.0.needs.0"),
        (written(task=""), "steps.0.task"),
        (written(candidates=[{"expert": "m", "score": 0, "probability": 2}]), "probability"),
    ],
)
def test_a_field_that_is_wrong_is_named(text: str, place: str) -> None:
    with pytest.raises(InvalidPlan, match=r"^plan\.json: ") as caught:
        Plan.parse(text, source="plan.json")
    assert f"{place}: " in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"exprt": "code"},
            "steps.0.exprt: a step has no field 'exprt' (nearest: 'expert'). "
            "The fields of a step are id, task, expert, needs,",
        ),
        (
            {"members": [{"expert": "code", "modle": "m"}]},
            "steps.0.members.0.modle: a member has no field 'modle' (nearest: 'model'). "
            "The fields of a member are expert, model. See docs/plan-format.md",
        ),
        ({"version": 1}, "steps.0.version: a step has no field 'version'"),
        ({"task": "x" * 500, "id": "y" * 500}, f"steps.0.id: '{'y' * 70}"),
    ],
)
def test_a_wrong_field_is_named_with_its_value_and_what_would_be_right(
    changes: dict[str, object], words: str
) -> None:
    with pytest.raises(InvalidPlan) as caught:
        Plan.parse(written(**changes))
    assert words in str(caught.value)
    assert len(str(caught.value)) < 400
    assert "See docs/plan-format.md" in caught.value.hint


def test_a_misspelt_field_is_named_and_not_the_one_that_is_missing() -> None:
    step = {"id": "1", "tsk": "add", "expert": "math"}
    with pytest.raises(InvalidPlan, match=r"no field 'tsk' \(nearest: 'task'\)"):
        Plan.parse(json.dumps({"question": "?", "steps": [step]}))


def chain(length: int) -> Plan:
    """A plan each of whose steps needs the one before."""
    return plan_of({str(n): [str(n - 1)] if n else [] for n in range(length)})


def test_a_plan_has_a_largest_size() -> None:
    assert len(chain(MOST_STEPS).order()) == MOST_STEPS
    too_long = chain(MOST_STEPS + 1)
    with pytest.raises(InvalidPlan, match="has 257 steps, and at most 256 are allowed"):
        too_long.order()
    with pytest.raises(InvalidPlan, match="at most 256"):
        Plan.parse(too_long.model_dump_json())


@pytest.mark.parametrize(
    "text",
    ["", "step 1: add", "[]", "null", "{", b"\xff\xfe", "\udcff", "[" * 5000],
    ids=["empty", "prose", "list", "null", "half", "binary", "surrogate", "nested deep"],
)
def test_what_is_no_plan_in_json_is_refused_by_its_source(text: str | bytes) -> None:
    with pytest.raises(InvalidPlan, match=r"^plan\.json: "):
        Plan.parse(text, source="plan.json")


def test_a_plan_with_an_expert_that_is_not_there_names_the_nearest() -> None:
    with pytest.raises(UnknownExpert, match=r"'math'.*nearest: 'maths'"):
        plan_of({"1": []}).check(["maths", "code"])


def test_a_plan_whose_experts_are_there_passes() -> None:
    plan_of({"1": [], "2": ["1"]}).check({"math": 1})


def test_a_plan_that_is_no_dag_does_not_pass() -> None:
    with pytest.raises(InvalidPlan, match="circle"):
        plan_of({"1": ["1"]}).check(["math"])
