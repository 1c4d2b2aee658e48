"""Learning from outcomes when the strong model is worth its price: RouteLLM's MMLU and GSM8K.

    uv run python -m benchmarks.strong_weak [--data DIR] [--limit N] [--seed S]

Labels (which of the two models was right) are drawn at random, all other rows are reported on;
mean of 20 draws. `gsm8k.apgr_cv` has all labels of the file by 5-fold cross-validation, mean of
20 foldings. Rows marked as contaminated are dropped; `subject` is not read.

- `SET.apgr_N`: with N labels, the mean share of the gap between the models that is recovered, over
  all shares of strong calls (Ong et al., RouteLLM, 2406.18665, section 3). 0.5 is chance.
- `SET.cpt50_N`, `SET.cpt80_N`: the smallest percentage of strong calls that recovers 50 or 80 % of
  the gap.
- `SET.apgr_N_sd`: standard deviation over the draws. The other intervals are bootstraps over the
  questions.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from benchmarks import data
from benchmarks.contract import Metric, exactly, report, say
from benchmarks.vectors import KeptVectors, kept_vectors
from metier.models.embedder import Vectors
from metier.planning.learning.outcomes import ModelRouter

MMLU = "routellm/mmlu.jsonl.gz"
GSM8K = "routellm/gsm8k.jsonl"
LABELS = {"mmlu": (300, 500, 1500), "gsm8k": (300,)}
NEIGHBOURS = {"mmlu": 100, "gsm8k": 50}

_DRAWS = 20
_QUICK_DRAWS = 3
_RESAMPLES = 200

Array = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """Texts, their vectors, and whether the weak and the strong model were right (n x 2)."""

    texts: list[str]
    vectors: Vectors
    right: Array

    @classmethod
    def read(
        cls, folder: Path, name: str, field: str, *, limit: int | None, embedder: KeptVectors
    ) -> Self:
        found = data.rows(folder, name, limit=limit)
        clean = [row for row in found if not row["contaminated"]]
        texts = [row[field] for row in clean]
        right = np.array([[row["weak"], row["strong"]] for row in clean], dtype=np.float64)
        return cls(texts=texts, vectors=embedder.vectors(texts), right=right)

    def __getitem__(self, rows: Rows) -> Questions:
        texts = [self.texts[n] for n in rows.tolist()]
        return Questions(texts=texts, vectors=self.vectors[rows], right=self.right[rows])

    @property
    def gain(self) -> Array:
        """What the strong model adds: 1, 0 or -1."""
        return self.right[:, 1] - self.right[:, 0]


# A router gets labelled and unlabelled questions, and scores how much the latter need the strong.
Router = Callable[[Questions, Questions], Array]


def metier(labelled: Questions, asked: Questions) -> Array:
    model = ModelRouter.fit(
        labelled.texts, labelled.vectors, labelled.right, models=("weak", "strong")
    )
    predicted = model.predict(asked.texts, asked.vectors)
    return predicted[:, 1] - predicted[:, 0]


def neighbours(labelled: Questions, asked: Questions, *, k: int) -> Array:
    similarities = asked.vectors @ labelled.vectors.T
    nearest = np.argpartition(-similarities, k, axis=1)[:, :k]
    return labelled.gain[nearest].mean(axis=1)


def logistic(labelled: Questions, asked: Questions, *, penalty: float = 1.0) -> Array:
    """Probability that only the strong model is right, by regression on the vectors."""
    features = np.column_stack([np.ones(len(labelled.texts)), labelled.vectors]).astype(np.float64)
    weights = np.zeros(features.shape[1])
    won = labelled.gain > 0
    penalties = np.diag([0.0] + [penalty] * (features.shape[1] - 1))
    for _ in range(10):
        chance = 1 / (1 + np.exp(-features @ weights))
        curvature = (features * (chance * (1 - chance))[:, None]).T @ features + penalties
        weights += np.linalg.solve(curvature, features.T @ (won - chance) - penalties @ weights)
    return asked.vectors.astype(np.float64) @ weights[1:]


def chance(_: Questions, asked: Questions, *, dice: np.random.Generator) -> Array:
    return dice.random(len(asked.texts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """One draw: the rows that are reported, the neediest first."""

    rows: Rows

    @classmethod
    def of(cls, rows: Rows, scores: Array) -> Self:
        return cls(rows=rows[np.argsort(-scores, kind="stable")])

    def figures(self, gain: Array, counts: Array) -> Array:
        """APGR, CPT(50) and CPT(80) where each question counts so often: (samples x 3)."""
        weights = counts[:, self.rows]
        share = _from_zero(np.cumsum(weights, axis=1))
        recovered = _from_zero(np.cumsum(weights * gain[self.rows], axis=1))
        area = (np.diff(share) * (recovered[:, 1:] + recovered[:, :-1]) / 2).sum(axis=1)
        needed = [
            100 * np.take_along_axis(share, (recovered >= goal).argmax(axis=1)[:, None], axis=1)
            for goal in (0.5 - 1e-12, 0.8 - 1e-12)
        ]
        return np.column_stack([area, *needed])


def _from_zero(sums: Array) -> Array:
    return np.pad(sums / sums[:, -1:], ((0, 0), (1, 0)))


def figures(
    questions: Questions, draws: Sequence[Scored], *, name: str, labels: int | str
) -> dict[str, Metric]:
    """Means over the draws, with intervals from resampled questions."""
    n = len(questions.texts)
    resampled = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=_RESAMPLES)
    counts = np.concatenate([np.ones((1, n)), resampled.astype(np.float64)])
    each = np.array([draw.figures(questions.gain, counts) for draw in draws])
    means = each.mean(axis=0)
    lows, highs = np.percentile(means[1:], [2.5, 97.5], axis=0)
    found: dict[str, Metric] = {
        f"{name}.{what}_{labels}": {
            "value": round(float(value), digits),
            "n": len(draws[0].rows),
            "ci95": [round(float(low), digits), round(float(high), digits)],
        }
        for what, digits, value, low, high in zip(
            ("apgr", "cpt50", "cpt80"), (4, 2, 2), means[0], lows, highs, strict=True
        )
    }
    spread = float(each[:, 0, 0].std(ddof=1))
    return found | {f"{name}.apgr_{labels}_sd": exactly(round(spread, 4), n=len(draws))}


def drawn(questions: Questions, labels: int, draws: int, seed: int) -> Iterator[tuple[Rows, Rows]]:
    """Which rows are labelled, and which are reported on."""
    for draw in range(draws):
        order = np.random.default_rng([seed, draw]).permutation(len(questions.texts))
        yield order[:labels], order[labels:]


def few_labels(
    questions: Questions, router: Router, labels: int, draws: int, seed: int
) -> list[Scored]:
    return [
        Scored.of(asked, router(questions[labelled], questions[asked]))
        for labelled, asked in drawn(questions, labels, draws, seed)
    ]


def cross_validated(questions: Questions, router: Router, foldings: int, seed: int) -> list[Scored]:
    found = []
    for folding in range(foldings):
        scores = np.zeros(len(questions.texts))
        for labelled, asked in data.folds(len(questions.texts), seed + folding):
            rows = np.array(asked)
            scores[rows] = router(questions[np.array(labelled)], questions[rows])
        found.append(Scored.of(np.arange(len(scores)), scores))
    return found


def measured(
    name: str, questions: Questions, router: Router, *, draws: int, seed: int
) -> dict[str, Metric]:
    found: dict[str, Metric] = {}
    for labels in LABELS[name]:
        if labels * 2 > len(questions.texts):
            say(f"{name}: {len(questions.texts)} rows are too few for {labels} labels")
            continue
        scored = few_labels(questions, router, labels, draws, seed)
        found |= figures(questions, scored, name=name, labels=labels)
    if name == "gsm8k":
        scored = cross_validated(questions, router, draws, seed)
        found |= figures(questions, scored, name=name, labels="cv")
    return found


def main() -> None:
    options = data.arguments(str(__doc__)).parse_args()
    data.require(options.data, [MMLU, GSM8K])
    started = time.perf_counter()
    with kept_vectors(options.embedder, model=options.embed_model) as embedder:
        read = partial(Questions.read, options.data, limit=options.limit, embedder=embedder)
        sets = {"mmlu": read(MMLU, "prompt"), "gsm8k": read(GSM8K, "question")}
    figures_of: dict[str, dict[str, Metric]] = {}
    draws = _QUICK_DRAWS if options.limit else _DRAWS
    for name, questions in sets.items():
        routers: dict[str, Router] = {
            "metier": metier,
            f"kNN, k {NEIGHBOURS[name]}": partial(neighbours, k=NEIGHBOURS[name]),
            "logistic regression": logistic,
            "random": partial(chance, dice=np.random.default_rng(options.seed)),
        }
        for who, router in routers.items():
            say(f"{name}: {who}")
            found = measured(name, questions, router, draws=draws, seed=options.seed)
            figures_of.setdefault(who, {}).update(found)
    report(
        "strong_weak",
        figures_of.pop("metier"),
        baselines=figures_of,
        embedder=embedder.id,
        started=started,
        fitted_on=f"labels drawn from the same file, never the rows reported; {draws} draws from "
        f"seed {options.seed}; method chosen on other draws (seeds 1000 to 1019)",
    )


if __name__ == "__main__":
    main()
