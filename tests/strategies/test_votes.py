"""Strategies that count, weigh or average the answers of several models."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from panels import (
    CLOSED,
    ENDLESS,
    MIDDLE,
    SEVERAL,
    THREE,
    echoing,
    fitting,
    letters,
    numbers,
    opinions,
    panel,
    run,
    skilled,
    split,
)

from metier.errors import (
    BudgetExceeded,
    DeadlineExceeded,
    ModelMissing,
    StreamInterrupted,
)
from metier.strategies import Voter
from metier.strategies.strategy import Prompt
from metier.testing.sampler import (
    LARGE,
    QUESTION,
    SMALL,
    STEP,
    Reply,
    said,
)

pytestmark = pytest.mark.anyio


class TestVote:
    async def test_the_majority_of_seeds_wins(self) -> None:
        them = panel(numbers(4, 7, 7, 4, 7))
        result = await run("vote", STEP, them, samples=5)
        assert result.text.endswith("7")
        assert [vote.chosen for vote in result.votes] == [False, True, True, False, True]
        assert result.confidence == pytest.approx(3 / 5)
        assert [options.draw for _, options in them.asked] == [0, 1, 2, 3, 4]
        assert {options.temperature for _, options in them.asked} == {0.7}

    async def test_members_are_asked_once_as_their_cards_say(self) -> None:
        them = panel(numbers(4), numbers(7), numbers(7))
        result = await run("vote", SEVERAL, them)
        assert result.text.endswith("7")
        assert {options.temperature for _, options in them.asked} == {None}

    async def test_it_stops_when_nobody_can_catch_up(self) -> None:
        them = panel(numbers(7, 7, 7, 1, 2))
        result = await run("vote", STEP, them, samples=5)
        assert len(result.votes) == 3
        assert them.budget == 97

    async def test_it_stops_when_the_lead_is_real(self) -> None:
        them = panel(numbers(*[7] * 40))
        result = await run("vote", STEP, them, samples=40)
        assert len(result.votes) == 4

    async def test_one_that_fails_is_left_out_and_told(self) -> None:
        them = panel([StreamInterrupted("gone")], numbers(7), numbers(7))
        result = await run("vote", SEVERAL, them)
        assert result.text.endswith("7")
        assert [vote.error for vote in result.votes] == [None, None, "stream_interrupted"]
        assert [vote.error for vote in them.told] == ["stream_interrupted", None, None]
        assert [vote.weight for vote in result.votes] == [1, 1, 0]

    async def test_with_nobody_left_the_first_error_is_raised(self) -> None:
        them = panel([StreamInterrupted("gone")], [ModelMissing("large")], [ModelMissing("x")])
        with pytest.raises(StreamInterrupted):
            await run("vote", SEVERAL, them)

    async def test_who_abstains_has_no_vote(self) -> None:
        unsure = said("I am not sure: 4", abstained=True)
        them = panel([unsure], numbers(7), [unsure])
        result = await run("vote", SEVERAL, them)
        assert result.text.endswith("7")
        assert [vote.answer for vote in result.votes] == ["", "7", ""]

    async def test_the_only_answer_is_as_sure_as_it_says_of_itself(self) -> None:
        unsure = said("I am not sure: 4", abstained=True)
        result = await run("vote", SEVERAL, panel([unsure], numbers(7), [unsure]))
        assert (result.confidence, result.agreement) == (None, None)
        itself = said("It is 7", confidence=0.6)
        result = await run("vote", SEVERAL, panel([unsure], [itself], [unsure]))
        assert result.confidence == 0.6

    async def test_what_failed_its_check_has_no_vote_where_another_did_not(self) -> None:
        failed = said("By the tool: 4", checked=False)
        them = panel([failed], numbers(7), [failed])
        result = await run("vote", SEVERAL, them)
        assert result.text.endswith("7")
        assert [vote.answer for vote in result.votes] == ["4", "7", "4"]

    async def test_where_all_failed_their_check_all_have_a_vote(self) -> None:
        four, seven = (said(f"By the tool: {n}", checked=False) for n in (4, 7))
        result = await run("vote", SEVERAL, panel([four], [seven], [four]))
        assert result.text.endswith("4")

    async def test_a_checked_wording_of_the_answer_is_printed(self) -> None:
        checked = said("By the tool: 7", LARGE, checked=True)
        them = panel(numbers(7), [checked], numbers(4))
        assert (await run("vote", SEVERAL, them)).text == "By the tool: 7"

    @pytest.mark.parametrize(
        ("known", "printed"),
        [
            ([{"confidence": 0.9}, {"checked": True}, {"logprob": -0.1}], 1),
            ([{"logprob": -0.1}, {"confidence": 0.2}, {"confidence": 0.3}], 2),
            ([{}, {"logprob": -0.2}, {"logprob": -0.1}], 2),
            ([{"logprob": -0.1}, {"confidence": 0.0}, {}], 0),
            ([{}, {}, {}], 0),
        ],
    )
    async def test_the_best_wording_of_the_answer_is_printed(
        self, known: list[dict[str, Any]], printed: int
    ) -> None:
        replies = [
            said(f"By way {n}: 7", voter, **each)
            for n, (voter, each) in enumerate(zip(THREE, known, strict=True))
        ]
        result = await run("vote", SEVERAL, panel(*([each] for each in replies)))
        assert result.text == replies[printed].text

    @pytest.mark.parametrize(
        ("skills", "answer"),
        [((0.4, 0.8), "4"), ((0.8, 0.4), "7"), ((0.5, 0.5), "7"), ((None, 0.1), "4")],
    )
    async def test_of_equally_many_votes_the_most_skilled_voter_decides(
        self, skills: tuple[float | None, ...], answer: str
    ) -> None:
        voters = [
            Voter(expert="math", model=voter.model, skill=skill)
            for voter, skill in zip(THREE, skills, strict=False)
        ]
        result = await run("vote", SEVERAL, panel(numbers(7), numbers(4), voters=voters))
        assert (result.text.endswith(answer), result.confidence) == (True, 0.5)

    async def test_where_nobody_answers_the_first_text_stands(self) -> None:
        texts = [f"I cannot say, {n}" for n in range(3)]
        silent = [[said(text, abstained=True)] for text in texts]
        vectors = {text: [1, 0] for text in texts}
        result = await run("vote", SEVERAL, panel(*silent, vectors=vectors))
        assert (result.text, result.confidence) == ("I cannot say, 0", None)
        assert [vote.chosen for vote in result.votes] == [False] * 3
        result = await run("vote", SEVERAL, panel(*([text] for text in texts), question=CLOSED))
        assert (result.text, result.confidence) == (texts[0], None)

    async def test_units_and_words_do_not_split_a_vote(self) -> None:
        them = panel(["It is 0.5 kg."], ["500 g"], ["Answer: 2 kg"], question="How much in kg?")
        result = await run("vote", SEVERAL, them)
        assert [vote.chosen for vote in result.votes] == [True, True, False]

    async def test_of_free_texts_the_most_typical_wins(self) -> None:
        texts: list[Reply] = [f"{each} {ENDLESS}" for each in ("Odd", "Good", "Fine")]
        them = panel(
            list(texts),
            question="Tell me a story",
            vectors={str(texts[0]): [1, 0], str(texts[1]): [0.1, 1], str(texts[2]): [0, 1]},
        )
        result = await run("vote", STEP, them, samples=3)
        assert result.text == texts[1]
        assert result.confidence is None

    @given(st.permutations([4.0, 7.0, 7.0, 4.0, 7.0, 9.0]))
    def test_the_order_of_answers_changes_nothing(self, values: list[float]) -> None:
        them = panel(numbers(*values))
        result = anyio.run(partial(run, "vote", STEP, them, samples=len(values)))
        assert result.text.endswith("7")

    @given(st.integers(1, 9), st.integers(1, 5))
    def test_the_budget_is_never_exceeded(self, budget: int, room: int) -> None:
        them = panel(numbers(*range(9)), budget=budget, room=room)
        result = anyio.run(partial(run, "vote", STEP, them, samples=9))
        assert len(them.asked) == budget
        assert them.budget == 0
        assert len(result.votes) == budget

    async def test_without_a_call_left_it_says_so(self) -> None:
        with pytest.raises((BudgetExceeded, DeadlineExceeded)):
            await run("vote", STEP, panel(numbers(7), budget=0))

    async def test_what_has_not_come_at_the_deadline_is_done_without(self) -> None:
        them = panel(numbers(7), [60.0, *numbers(1)], numbers(7))
        with anyio.fail_after(1.0):
            result = await run("vote", SEVERAL, them)
        assert result.text.endswith("7")
        assert len(result.votes) == 1

    async def test_nothing_in_time_is_an_error(self) -> None:
        them = panel([60.0, *numbers(7)])
        with anyio.fail_after(1.0), pytest.raises(DeadlineExceeded):
            await run("vote", STEP, them)

    async def test_samples_run_side_by_side_where_there_is_room(self) -> None:
        slow: list[Reply] = [reply for value in numbers(7, 7, 7) for reply in (0.2, value)]
        them = panel(slow, room=3)
        with anyio.fail_after(2.0):
            await run("vote", STEP, them, samples=3)
        assert len(them.asked) == 3

    async def test_each_model_is_asked_all_before_the_next(self) -> None:
        them = panel(numbers(1, 2), numbers(3, 4), numbers(5, 6))
        await run("vote", SEVERAL, them, samples=6)
        models = [model for model, _ in them.asked]
        assert models == ["small", "large", "middle"] * 2


class TestWeighted:
    async def test_one_skilled_voter_outweighs_two_that_are_seldom_right(self) -> None:
        voters = [
            skilled(voter, skill) for voter, skill in zip(THREE, (0.95, 0.3, 0.3), strict=True)
        ]
        them = panel(numbers(7), numbers(4), numbers(4), voters=voters)
        result = await run("weighted", SEVERAL, them)
        assert result.text.endswith("7")
        assert result.votes[0].weight == pytest.approx(5.141664)

    async def test_two_that_agree_outweigh_one_where_all_are_wrong_more_often_than_not(
        self,
    ) -> None:
        voters = [
            skilled(voter, skill) for voter, skill in zip(THREE, (0.4, 0.35, 0.35), strict=True)
        ]
        them = panel(numbers(7), numbers(4), numbers(4), voters=voters)
        assert (await run("weighted", SEVERAL, them)).text.endswith("4")

    async def test_two_that_always_said_the_same_have_one_say(self) -> None:
        voters = [
            skilled(voter, skill) for voter, skill in zip(THREE, (0.75, 0.6, 0.6), strict=True)
        ]
        asked = {"voters": voters, "learnt": echoing("small", "large", "middle:latest")}
        result = await run("weighted", SEVERAL, panel(*split(), **asked))
        assert result.text.endswith("7")
        weights = [vote.weight for vote in result.votes]
        assert sum(weights) <= 1
        assert weights[1] == weights[2]

    @pytest.mark.parametrize(
        ("names", "skill"), [(("small", "large", "another"), 0.6), (("small", "large"), None)]
    )
    async def test_past_votes_say_nothing_of_a_model_that_is_not_known(
        self, names: tuple[str, ...], skill: float | None
    ) -> None:
        voters = [
            skilled(SMALL, 0.65),
            skilled(LARGE, 0.6),
            Voter(expert="math", model="middle", skill=skill),
        ]
        asked = {"voters": voters, "learnt": echoing(*names)}
        result = await run("weighted", SEVERAL, panel(*split(), **asked))
        assert result.text.endswith("4")

    async def test_past_votes_count_where_one_of_the_models_fails(self) -> None:
        voters = [skilled(voter, 0.6) for voter in THREE]
        asked = {"voters": voters, "learnt": echoing("small", "large", "middle")}
        them = panel(numbers(7), [ModelMissing("large")], numbers(7), **asked)
        result = await run("weighted", SEVERAL, them)
        assert result.text.endswith("7")
        assert 0.6 < sum(vote.weight for vote in result.votes if vote.chosen) < 1

    async def test_confidence_weighs_where_no_skill_is_known(self) -> None:
        sure = said("Answer: 7", confidence=0.99)
        unsure = [said("Answer: 4", LARGE, confidence=0.01), said("Answer: 5", MIDDLE)]
        them = panel([sure], [unsure[0]], [unsure[1]])
        result = await run("weighted", SEVERAL, them)
        assert result.text.endswith("7")

    @pytest.mark.parametrize(
        ("question", "expected"),
        [
            # log(skill (k - 1) / (1 - skill)), where k is the number of choices, or 10.
            (QUESTION, [math.log(9), math.log(27), 0]),
            (CLOSED, [math.log(2), math.log(6), 0]),
        ],
    )
    async def test_a_skilled_voter_weighs_its_log_odds(
        self, question: str, expected: list[float]
    ) -> None:
        voters = [skilled(*each) for each in zip(THREE, (0.5, 0.75, 0.02), strict=True)]
        replies = letters("ABC") if question is CLOSED else numbers(1, 2, 3)
        them = panel(*([each] for each in replies), question=question, voters=voters)
        result = await run("weighted", SEVERAL, them)
        assert [vote.weight for vote in result.votes] == pytest.approx(expected, abs=1e-5)

    @pytest.mark.parametrize(
        ("confidences", "shares"),
        [
            ((0.9, 0.4, None), (math.e**0.5, math.e**-0.5, 1)),
            ((None, None, None), (1, 1, 1)),
            ((0.5, None, None), (1, 1, 1)),
        ],
    )
    async def test_one_that_is_surer_by_half_weighs_e_times_as_much(
        self, confidences: tuple[float | None, ...], shares: tuple[float, ...]
    ) -> None:
        replies = [
            [said(f"Answer: {n}", voter, confidence=confidence)]
            for n, (voter, confidence) in enumerate(zip(THREE, confidences, strict=True))
        ]
        result = await run("weighted", SEVERAL, panel(*replies))
        expected = [3 * share / sum(shares) for share in shares]
        assert [vote.weight for vote in result.votes] == pytest.approx(expected, abs=1e-5)

    async def test_skills_that_are_all_alike_say_nothing(self) -> None:
        voters = [skilled(voter, 0.6) for voter in THREE]
        result = await run("weighted", SEVERAL, panel(*split(), voters=voters))
        assert {vote.weight for vote in result.votes} == {1}

    async def test_a_single_model_is_sampled(self) -> None:
        them = panel(numbers(7, 4, 7, 7, 4, 7, 4, 7))
        result = await run("weighted", STEP, them)
        assert len(result.votes) == 8
        assert result.text.endswith("7")


class TestAverage:
    async def test_the_mean_of_probabilities_decides(self) -> None:
        them = panel([], [], [], question=CLOSED, judging=opinions)
        result = await run("average", SEVERAL, them)
        # Two find A slightly likelier; the third is sure of B.
        assert result.text == "B) zinc"
        assert [vote.chosen for vote in result.votes] == [False, False, True]
        assert them.asked == []
        assert them.probes == 9  # three orders each

    async def test_an_open_question_is_put_to_the_vote(self) -> None:
        them = panel(numbers(7), numbers(7), numbers(4))
        assert (await run("average", SEVERAL, them)).text.endswith("7")

    async def test_a_model_whose_skill_is_not_known_weighs_as_much_as_the_mean(self) -> None:
        voters = [skilled(SMALL, 0.25), skilled(LARGE, 0.75), MIDDLE]
        them = panel([], [], [], question=CLOSED, judging=opinions, voters=voters)
        result = await run("average", SEVERAL, them)
        assert [vote.weight for vote in result.votes] == [0.25, 0.75, 0.5]

    async def test_one_that_cannot_be_asked_is_left_out(self) -> None:
        def judging(voter: Voter, prompt: Prompt, labels: Sequence[str]) -> Mapping[str, float]:
            if voter.model == "middle":
                raise ModelMissing("middle")
            return opinions(voter, prompt, labels)

        them = panel([], [], [], question=CLOSED, judging=judging)
        result = await run("average", SEVERAL, them)
        assert result.text == "A) wood"
        assert [vote.error for vote in result.votes] == [None, None, "model_missing"]
        assert [vote.error for vote in them.told] == [None, None, "model_missing"]
        assert result.models == ("small", "large")

    async def test_who_has_no_weight_is_not_asked(self) -> None:
        voters = [skilled(SMALL, 0.5), skilled(LARGE, 0.5), skilled(MIDDLE, 0.0)]
        them = panel([], [], [], question=CLOSED, judging=opinions, voters=voters)
        assert (await run("average", SEVERAL, them)).text == "A) wood"
        assert them.probes == 6

    async def test_the_confidence_is_the_mean_by_weight(self) -> None:
        voters = [skilled(SMALL, 0.25), skilled(MIDDLE, 0.75)]
        them = panel([], [], question=CLOSED, judging=opinions, voters=voters)
        result = await run("average", SEVERAL, them)
        of_one, of_other = 0.35 / 0.76, 0.98
        assert result.confidence == pytest.approx(0.25 * of_one + 0.75 * of_other, abs=0.02)
        assert [vote.confidence for vote in result.votes] == pytest.approx(
            [0.4 / 0.76, of_other], abs=0.02
        )

    async def test_with_few_calls_left_fewer_orders_are_asked(self) -> None:
        them = panel([], question=CLOSED, judging=opinions, budget=1)
        assert (await run("average", STEP, them)).text == "A) wood"
        assert them.probes == 1

    async def test_the_first_error_is_raised_if_nobody_can_be_asked(self) -> None:
        def judging(voter: Voter, _: Prompt, __: Sequence[str]) -> Mapping[str, float]:
            raise ModelMissing(voter.model)

        them = panel([], [], [], question=CLOSED, judging=judging)
        with pytest.raises(ModelMissing, match="small"):
            await run("average", SEVERAL, them)


class TestGate:
    async def test_a_clear_question_costs_one_call(self) -> None:
        voters = [fitting(SMALL, 0.97), fitting(LARGE, 0.03)]
        them = panel(numbers(7), numbers(4), voters=voters)
        result = await run("gate", STEP, them)
        assert result.votes == ()
        assert len(them.asked) == 1

    async def test_an_unclear_one_asks_two_and_the_larger_share_wins(self) -> None:
        voters = [fitting(SMALL, 0.45), fitting(LARGE, 0.55), fitting(MIDDLE, 0.3)]
        them = panel(numbers(7), numbers(4), numbers(9), voters=voters)
        result = await run("gate", STEP, them)
        assert result.text.endswith("4")
        assert len(them.asked) == 2
        assert sum(vote.weight for vote in result.votes) == pytest.approx(1, abs=1e-5)

    async def test_a_model_whose_skill_is_not_known_does_not_outweigh_those_that_are(self) -> None:
        voters = [
            Voter(expert="math", model="small", fit=0.5, skill=0.6),
            Voter(expert="math", model="large", fit=0.45),
        ]
        them = panel(numbers(7), numbers(4), voters=voters)
        assert (await run("gate", STEP, them)).text.endswith("7")

    async def test_who_abstains_loses_its_share(self) -> None:
        voters = [fitting(SMALL, 0.45), fitting(LARGE, 0.55)]
        unsure = said("I do not know", LARGE, abstained=True)
        them = panel(numbers(7), [unsure], voters=voters)
        assert (await run("gate", STEP, them)).text.endswith("7")
