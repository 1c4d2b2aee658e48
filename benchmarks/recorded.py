"""Combining answers that others recorded, so that no model is asked: MMLU-Pro and RouteLLM.

    uv run python -m benchmarks.recorded [--data DIR] [--limit N] [--seed S]

`mmlu_pro7.*`: the letters that seven open models of at most 9B chose, 5-fold cross-validation,
mean of three foldings; accuracy 0 to 100. Who gave no letter does not vote. Skills are predicted
from the question's text and vector by a model fitted on the other four folds; `category` is seen
by one baseline only, which is named so.

- `best_single`: the model that was most often right on the rows learnt from.
- `vote`: the letter that most chose; of equals, that of the model that was right most often.
- `weighted`: as the strategy `weighted` counts where past votes have taught it: the likeliest
  answer of `metier.strategies.ballots.voting`, fitted on the rows learnt from, whose skills are
  predicted by three folds among them.
- `gate`: the five with the highest predicted skill vote by their share of a softmax; the others
  where none of these gave a letter.
- `X_gain`: X less `best_single`, paired, in points.

`routellm_SET.cascade_share95`: a question goes to the weak or to the strong model before anybody
has answered. The smallest percentage sent to the strong one, the neediest first, with which all
questions together are answered 95 % as accurately as by the strong one alone. Who needs it is
predicted by 5-fold cross-validation. As CPT (Ong et al., RouteLLM, 2406.18665, section 3) it is
read off the curve of the rows reported, so it is what the best threshold needs; unlike CPT it is
relative to the strong model, not to the gap between the two: `gap95` says which part of the gap
has to be won, which is also the percentage that sending at random needs on average. Contaminated
rows are dropped, `subject` is not read.

Intervals are bootstraps over the questions.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from benchmarks import data, strong_weak
from benchmarks.contract import Metric, mean_of, report, say
from benchmarks.pool import MMLU_PRO, SEVEN, Questions
from benchmarks.vectors import KeptVectors, kept_vectors
from metier.planning.learning.outcomes import ModelRouter
from metier.strategies.ballots.counting import gate as shares_of
from metier.strategies.ballots.counting import log_odds
from metier.strategies.ballots.voting import VoteAggregator

LETTERS = "ABCDEFGHIJ"

_FOLDINGS = 3
_INNER = 3
_TOP = 5
_TEMPERATURE = 0.5
# The weight of those whom the gate leaves out, and of the strength that decides a tie.
_LAST = 1e-6
_TIE = 1e-9
# So many outcomes is the overall skill worth beside those of a category.
_PRIOR = 10
_GOAL = 0.95
_RESAMPLES = 200
# GSM8K has few questions, so that its figure moves more with the folding.
_SET_FOLDINGS = {"mmlu": 3, "gsm8k": 20}

Array = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Votes:
    """Questions with what each model chose and what is right, as numbers of letters.

    Attributes:
        chosen: -1 where a model gave no letter; shape (questions, models).
        answers: shape (questions,).
        options: how many there are, same shape.
        skills: predicted probability that each model is right if it answers, like `chosen`.
    """

    questions: Questions
    chosen: Rows
    answers: Rows
    options: Rows
    skills: Array

    @classmethod
    def read(cls, folder: Path, *, limit: int | None, embedder: KeptVectors) -> Self:
        """All votes, whose skills are not predicted yet."""
        found = data.rows(folder, MMLU_PRO, limit=limit)
        chosen = [[_number(row["pred"].get(model)) for model in SEVEN] for row in found]
        return cls(
            questions=Questions.mmlu_pro(found, embedder),
            chosen=np.array(chosen),
            answers=np.array([_number(row["answer"]) for row in found]),
            options=np.array([len(row["options"]) for row in found]),
            skills=np.full((len(found), len(SEVEN)), np.nan),
        )

    def of(self, rows: Rows, skills: Array) -> Votes:
        return Votes(
            questions=self.questions[rows],
            chosen=self.chosen[rows],
            answers=self.answers[rows],
            options=self.options[rows],
            skills=skills,
        )

    @property
    def right(self) -> Array:
        return (self.chosen == self.answers[:, None]).astype(np.float64)

    @property
    def right_if_chosen(self) -> Array:
        """NaN where a model gave no letter."""
        return np.where(self.chosen >= 0, self.right, np.nan)

    def predicted(self, labelled: Rows, asked: Rows) -> Array:
        """How probable each model's letter is right, learnt from the labelled rows."""
        known, new = self.questions[labelled], self.questions[asked]
        outcomes = self.right_if_chosen[labelled]
        model = ModelRouter.fit(known.texts, known.vectors, outcomes, models=SEVEN)
        return model.predict(new.texts, new.vectors)

    def split(self, labelled: Rows, asked: Rows) -> tuple[Votes, Votes]:
        """Both with predicted skills, each row's from others."""
        crossed = np.zeros((len(labelled), len(SEVEN)))
        for known, new in data.folds(len(labelled), 0, parts=_INNER):
            crossed[new] = self.predicted(labelled[known], labelled[new])
        return self.of(labelled, crossed), self.of(asked, self.predicted(labelled, asked))


def _number(letter: str | None) -> int:
    return LETTERS.index(letter) if letter else -1


# A way of combining gets labelled and unlabelled votes, and gives each of the latter a letter.
Way = Callable[[Votes, Votes], Rows]


def best_single(labelled: Votes, asked: Votes) -> Rows:
    return asked.chosen[:, labelled.right.mean(axis=0).argmax()]


def vote(labelled: Votes, asked: Votes) -> Rows:
    return _elected(labelled, asked, np.ones(asked.chosen.shape))


def weighted(labelled: Votes, asked: Votes) -> Rows:
    model = _vote_model(labelled)
    probabilities = model.predict(asked.chosen, asked.skills, options=asked.options)
    return _chosen_by(asked, probabilities.argmax(axis=1))


def gate(labelled: Votes, asked: Votes) -> Rows:
    shares = [
        shares_of(skills, top=_TOP, temperature=_TEMPERATURE) for skills in asked.skills.tolist()
    ]
    return _elected(labelled, asked, np.maximum(shares, _LAST))


def independent(labelled: Votes, asked: Votes) -> Rows:
    """As `weighted` counts where no votes have taught it."""
    return _elected(labelled, asked, _log_odds(asked.skills, asked.options))


def log_odds_of_mistakes(labelled: Votes, asked: Votes) -> Rows:
    """The same with as many choices as the mistakes seem to be drawn from."""
    choices = np.full(len(asked.options), _vote_model(labelled).choices)
    return _elected(labelled, asked, _log_odds(asked.skills, choices))


def most_skilled(_: Votes, asked: Votes) -> Rows:
    """The letter of the model with the highest predicted skill of those that gave one."""
    return _chosen_by(asked, np.where(asked.chosen >= 0, asked.skills, -1).argmax(axis=1))


def overall(labelled: Votes, asked: Votes) -> Rows:
    skills = np.tile(np.nanmean(labelled.right_if_chosen, axis=0), (len(asked.options), 1))
    return _elected(labelled, asked, _log_odds(skills, asked.options))


def true_category(labelled: Votes, asked: Votes) -> Rows:
    """The skill in the question's category, which nobody says when a question is asked."""
    outcomes = labelled.right_if_chosen
    skills = np.tile(np.nanmean(outcomes, axis=0), (len(asked.options), 1))
    for category in np.unique(asked.questions.tasks):
        seen = outcomes[labelled.questions.tasks == category]
        here = asked.questions.tasks == category
        known = (~np.isnan(seen)).sum(axis=0)
        skills[here] = (np.nansum(seen, axis=0) + _PRIOR * skills[here]) / (known + _PRIOR)
    return _elected(labelled, asked, _log_odds(skills, asked.options))


def any_of_them(_: Votes, asked: Votes) -> Rows:
    """With hindsight."""
    return np.where(asked.right.any(axis=1), asked.answers, -1)


WAYS: dict[str, Way] = {
    "best_single": best_single,
    "vote": vote,
    "weighted": weighted,
    "gate": gate,
}
BASELINES: dict[str, Way] = {
    "most skilled alone": most_skilled,
    "log-odds of overall skill": overall,
    "log-odds of predicted skill": independent,
    "log-odds of predicted skill, choices of the mistakes": log_odds_of_mistakes,
    "told the category: log-odds of skill in it": true_category,
    "bound: hindsight": any_of_them,
}


def _vote_model(labelled: Votes) -> VoteAggregator:
    return VoteAggregator.fit(
        labelled.chosen,
        labelled.skills,
        right=labelled.answers,
        options=labelled.options,
        voters=SEVEN,
    )


def _log_odds(skills: Array, choices: npt.NDArray[np.number]) -> Array:
    pairs = zip(skills.tolist(), choices.tolist(), strict=True)
    return np.array([[log_odds(skill, choices=k) for skill in row] for row, k in pairs])


def _chosen_by(votes: Votes, models: Rows) -> Rows:
    return votes.chosen[np.arange(len(models)), models]


def _elected(labelled: Votes, asked: Votes, weights: Array) -> Rows:
    """The letter with the most weight; of equals, that of the model that was right most often."""
    strength = labelled.right.mean(axis=0)
    given = asked.chosen[:, :, None] == np.arange(len(LETTERS))
    totals = (given * weights[:, :, None]).sum(axis=1)
    totals += _TIE * (given * strength[:, None]).max(axis=1)
    totals[~given.any(axis=1)] = -1
    return np.where(given.any(axis=(1, 2)), totals.argmax(axis=1), -1)


def combined(votes: Votes, foldings: int, seed: int) -> dict[str, Array]:
    """For each way, how often its letter was right for each question, 0 to 100."""
    found = {name: np.zeros(len(votes.answers)) for name in WAYS | BASELINES}
    for folding in range(foldings):
        for labelled, asked in data.folds(len(votes.answers), seed + folding):
            rows = np.array(asked)
            known, new = votes.split(np.array(labelled), rows)
            for name, way in (WAYS | BASELINES).items():
                found[name][rows] += 100 / foldings * (way(known, new) == new.answers)
        say(f"mmlu_pro7: folding {folding + 1} of {foldings}")
    return found


def voting(
    votes: Votes, foldings: int, seed: int
) -> tuple[dict[str, Metric], dict[str, dict[str, Metric]]]:
    """Our figures, and those of each baseline."""
    found = combined(votes, foldings, seed)
    single = found["best_single"]
    metrics = {f"mmlu_pro7.{way}": mean_of(found[way].tolist()) for way in WAYS}
    for way in WAYS:
        if way != "best_single":
            metrics[f"mmlu_pro7.{way}_gain"] = mean_of((found[way] - single).tolist())
    others = {
        who: {
            "mmlu_pro7.accuracy": mean_of(found[who].tolist()),
            "mmlu_pro7.gain": mean_of((found[who] - single).tolist()),
        }
        for who in BASELINES
    }
    return metrics, others


def share95(
    questions: strong_weak.Questions, draws: Sequence[strong_weak.Scored]
) -> tuple[Metric, Metric]:
    """The percentage of strong calls, and of the gap, that 95 % of the strong model's accuracy is.

    Means over the draws, with intervals from resampled questions.
    """
    n = len(questions.texts)
    resampled = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=_RESAMPLES)
    counts = np.concatenate([np.ones((1, n)), resampled.astype(np.float64)])
    weak, strong = (counts @ questions.right).T
    needed = np.maximum(_GOAL * strong - weak, 0)
    shares = np.mean([_share(questions.gain, draw.rows, counts, needed) for draw in draws], axis=0)
    return _resampled(100 * shares, n), _resampled(100 * needed / (strong - weak), n)


def _share(gain: Array, order: Rows, counts: Array, needed: Array) -> Array:
    """The smallest share of questions, in this order, whose gains sum to what is needed."""
    weights = counts[:, order]
    won = np.pad(np.cumsum(weights * gain[order], axis=1), ((0, 0), (1, 0)))
    asked = np.pad(np.cumsum(weights, axis=1), ((0, 0), (1, 0)))
    first = (won >= needed[:, None] - 1e-9).argmax(axis=1)
    return asked[np.arange(len(counts)), first] / asked[:, -1]


def _resampled(values: Array, n: int) -> Metric:
    """The first value is measured, the others are of resampled questions."""
    low, high = np.percentile(values[1:], [2.5, 97.5])
    return {
        "value": round(float(values[0]), 2),
        "n": n,
        "ci95": [round(float(low), 2), round(float(high), 2)],
    }


def cascade(
    name: str, questions: strong_weak.Questions, foldings: int, seed: int
) -> dict[str, dict[str, Metric]]:
    """The figures of each router."""
    nearest = strong_weak.NEIGHBOURS[name]
    routers: dict[str, strong_weak.Router] = {
        "metier": strong_weak.metier,
        f"kNN, k {nearest}": partial(strong_weak.neighbours, k=nearest),
        "logistic regression": strong_weak.logistic,
        "random": partial(strong_weak.chance, dice=np.random.default_rng(seed)),
    }
    found: dict[str, dict[str, Metric]] = {}
    for who, router in routers.items():
        say(f"routellm_{name}: {who}")
        draws = strong_weak.cross_validated(questions, router, foldings, seed)
        share, gap = share95(questions, draws)
        found[who] = {f"routellm_{name}.cascade_share95": share}
        if who == "metier":
            found[who][f"routellm_{name}.gap95"] = gap
    return found


def main() -> None:
    options = data.arguments(str(__doc__)).parse_args()
    data.require(options.data, [MMLU_PRO, strong_weak.MMLU, strong_weak.GSM8K])
    started = time.perf_counter()
    with kept_vectors(options.embedder, model=options.embed_model) as embedder:
        votes = Votes.read(options.data, limit=options.limit, embedder=embedder)
        read = partial(
            strong_weak.Questions.read, options.data, limit=options.limit, embedder=embedder
        )
        sets = {
            "mmlu": read(strong_weak.MMLU, "prompt"),
            "gsm8k": read(strong_weak.GSM8K, "question"),
        }
    metrics, baselines = voting(votes, 1 if options.limit else _FOLDINGS, options.seed)
    for name, questions in sets.items():
        foldings = 1 if options.limit else _SET_FOLDINGS[name]
        for who, figures in cascade(name, questions, foldings, options.seed).items():
            (metrics if who == "metier" else baselines.setdefault(who, {})).update(figures)
    report(
        "recorded",
        metrics,
        baselines=baselines,
        embedder=embedder.id,
        started=started,
        fitted_on=f"the other four folds, foldings from seed {options.seed}; mmlu_pro7: constants "
        "chosen on the foldings of seeds 1000 and 1001; routellm: nothing was chosen here",
    )


if __name__ == "__main__":
    main()
