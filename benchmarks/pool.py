"""Learning from outcomes which model of a pool to ask: LLMRouter's and MMLU-Pro's matrices.

    uv run python -m benchmarks.pool [--data DIR] [--limit N] [--seed S]

- `llmrouter6.*`: six open models of at most 9B, 14 tasks. Learns from train.jsonl.gz, reports on
  test.jsonl.gz; where that is missing, on a fixed fifth of train.
- `mmlu_pro3.*`, `mmlu_pro7.*`: three and seven open models on MMLU-Pro, 5-fold cross-validation,
  mean of three foldings.

`POOL.accuracy` is the mean score of the model that is picked, 0 to 100; `best_single` that of the
model that was best on the rows learnt from, and `gain` the difference. Bounds, not baselines:
`task_best` is told the true task or category and picks the model that was best on it; `oracle`
picks with hindsight, and profits from lucky guesses. `task`, `category` and `src` are seen by
`task_best` only, and, of the rows learnt from, by the baseline that predicts them. Intervals are
bootstraps over the questions.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from benchmarks import data
from benchmarks.contract import Metric, mean_of, report, say
from benchmarks.vectors import KeptVectors, kept_vectors
from metier.models.embedder import Vectors, unit
from metier.planning.learning.outcomes import ModelRouter

TRAIN = "llmrouter/train.jsonl.gz"
TEST = "llmrouter/test.jsonl.gz"
MMLU_PRO = "mmlu_pro/questions.jsonl.gz"
SIX = (
    "qwen2.5-7b-instruct",
    "llama-3.1-8b-instruct",
    "gemma-2-9b-it",
    "mistral-7b-instruct-v0.3",
    "codegemma-7b",
    "llama3-chatqa-1.5-8b",
)
THREE = ("mathstral-7B", "Phi-3-mini-4k-instruct", "Mistral-7B-Instruct-v0.2")
SEVEN = (
    *THREE,
    "Meta-Llama-3_1-8B-Instruct",
    "Qwen1.5-7B-Chat",
    "Yi-6b-Chat",
    "gemma-7b",
)

_FOLDINGS = 3
_KS = (10, 15, 20, 30, 40, 50, 70, 100, 140, 200, 300, 450)
_CLUSTERS = 64
_ROUNDS = 20

Array = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """Texts, their vectors, the score of each model (n x models), and the task of each."""

    texts: list[str]
    vectors: Vectors
    scores: Array
    tasks: npt.NDArray[np.str_]

    def __getitem__(self, rows: Rows) -> Questions:
        return Questions(
            texts=[self.texts[n] for n in rows.tolist()],
            vectors=self.vectors[rows],
            scores=self.scores[rows],
            tasks=self.tasks[rows],
        )

    @classmethod
    def llmrouter(cls, found: Sequence[data.Row], embedder: KeptVectors) -> Self:
        texts = [row["query"] for row in found]
        return cls(
            texts=texts,
            vectors=embedder.vectors(texts),
            scores=np.array([[row["scores"][model] for model in SIX] for row in found], float),
            tasks=np.array([row["task"] for row in found]),
        )

    @classmethod
    def mmlu_pro(cls, found: Sequence[data.Row], embedder: KeptVectors) -> Self:
        """The vector is the question's; the text has the options too, as they are asked."""
        return cls(
            texts=[_with_options(row["question"], row["options"]) for row in found],
            vectors=embedder.vectors([row["question"] for row in found]),
            scores=np.array([[row["correct"][model] for model in SEVEN] for row in found], float),
            tasks=np.array([row["category"] for row in found]),
        )


def _with_options(question: str, options: Sequence[str]) -> str:
    lines = [f"{letter}. {option}" for letter, option in zip("ABCDEFGHIJ", options, strict=False)]
    return "\n".join([question, *lines])


# A chooser gets labelled and unlabelled questions, and gives each of the latter a model's number.
Chooser = Callable[[Questions, Questions], Rows]


def metier(labelled: Questions, asked: Questions) -> Rows:
    names = [str(n) for n in range(labelled.scores.shape[1])]
    model = ModelRouter.fit(labelled.texts, labelled.vectors, labelled.scores, models=names)
    return model.predict(asked.texts, asked.vectors).argmax(axis=1)


def best_single(labelled: Questions, asked: Questions) -> Rows:
    return np.full(len(asked.texts), labelled.scores.mean(axis=0).argmax())


def neighbours(labelled: Questions, asked: Questions, *, k: int) -> Rows:
    nearest = _nearest(labelled, asked, k)
    return labelled.scores[nearest].mean(axis=1).argmax(axis=1)


def neighbours_chosen(labelled: Questions, asked: Questions) -> Rows:
    """kNN with the k that predicts best where each labelled question is left out in turn.

    What the models have in common does not decide which is picked, so it does not count.
    """
    alike = labelled.vectors @ labelled.vectors.T
    np.fill_diagonal(alike, -np.inf)
    most = min(max(_KS), len(labelled.texts) - 1)
    order = np.argsort(-alike, axis=1)[:, :most]
    means = np.cumsum(labelled.scores[order], axis=1) / np.arange(1, most + 1)[None, :, None]
    errors = {
        k: ((_apart(means[:, k - 1]) - _apart(labelled.scores)) ** 2).mean()
        for k in _KS
        if k <= most
    }
    return neighbours(labelled, asked, k=min(errors, key=errors.__getitem__))


def _apart(scores: Array) -> Array:
    return scores - scores.mean(axis=1, keepdims=True)


def clusters(labelled: Questions, asked: Questions) -> Rows:
    """The best model of the nearest of 64 k-means clusters (Avengers, 2505.19797, section 2)."""
    order = np.random.default_rng(0).permutation(len(labelled.texts))
    centres = labelled.vectors[order[:_CLUSTERS]]
    for _ in range(_ROUNDS):
        own = (labelled.vectors @ centres.T).argmax(axis=1)
        members = np.eye(len(centres), dtype=np.float32)[own].T
        centres = unit(members @ labelled.vectors)
    own = (labelled.vectors @ centres.T).argmax(axis=1)
    members = np.eye(len(centres))[own].T
    # An empty cluster is nobody's, and has the best model of all.
    means = (members @ labelled.scores + 1e-3 * labelled.scores.mean(axis=0)) / (
        members.sum(axis=1, keepdims=True) + 1e-3
    )
    return means.argmax(axis=1)[(asked.vectors @ centres.T).argmax(axis=1)]


def task_best(labelled: Questions, asked: Questions) -> Rows:
    best = {
        task: labelled.scores[labelled.tasks == task].mean(axis=0).argmax()
        for task in np.unique(labelled.tasks)
    }
    overall = labelled.scores.mean(axis=0).argmax()
    return np.array([best.get(task, overall) for task in asked.tasks])


def predicted_task_best(labelled: Questions, asked: Questions, *, k: int = 20) -> Rows:
    names, numbers = np.unique(labelled.tasks, return_inverse=True)
    votes = np.eye(len(names))[numbers][_nearest(labelled, asked, k)].sum(axis=1)
    return task_best(labelled, replace(asked, tasks=names[votes.argmax(axis=1)]))


def _nearest(labelled: Questions, asked: Questions, k: int) -> Rows:
    k = min(k, len(labelled.texts) - 1)
    return np.argpartition(-(asked.vectors @ labelled.vectors.T), k, axis=1)[:, :k]


BASELINES: dict[str, Chooser] = {
    "best single": best_single,
    **{f"kNN, k {k}": partial(neighbours, k=k) for k in (20, 50, 100, 300)},
    "kNN, k by leaving one out": neighbours_chosen,
    f"k-means, {_CLUSTERS} clusters": clusters,
    "predicted task, its best": predicted_task_best,
}

Split = tuple[Sequence[int], Sequence[int]]


def scores(questions: Questions, splits: Iterable[Split], choose: Chooser) -> Array:
    """The score of the model that is picked for each question that is reported, 0 to 100."""
    total, times = np.zeros(len(questions.texts)), np.zeros(len(questions.texts))
    for labelled, asked in splits:
        rows = np.array(asked)
        chosen = choose(questions[np.array(labelled)], questions[rows])
        total[rows] += questions.scores[rows, chosen]
        times[rows] += 1
    return 100 * total[times > 0] / times[times > 0]


def measured(
    pool: str, questions: Questions, splits: Sequence[Split]
) -> tuple[dict[str, Metric], dict[str, dict[str, Metric]]]:
    """Our figures, and those of each baseline."""
    say(f"{pool}: {len(questions.texts)} questions")
    picked = {who: scores(questions, splits, choose) for who, choose in BASELINES.items()}
    ours, single = scores(questions, splits, metier), picked["best single"]
    metrics = {
        f"{pool}.accuracy": mean_of(ours.tolist()),
        f"{pool}.best_single": mean_of(single.tolist()),
        f"{pool}.gain": mean_of((ours - single).tolist()),
        f"{pool}.task_best": mean_of(scores(questions, splits, task_best).tolist()),
        f"{pool}.oracle": mean_of(scores(questions, splits, _oracle).tolist()),
    }
    accuracies = {who: {f"{pool}.accuracy": mean_of(s.tolist())} for who, s in picked.items()}
    return metrics, accuracies


def _oracle(_: Questions, asked: Questions) -> Rows:
    return asked.scores.argmax(axis=1)


def llmrouter(
    folder: Path, embedder: KeptVectors, *, limit: int | None
) -> tuple[Questions, Split, str]:
    """All questions, who is learnt from and who is reported, and the same in words."""
    train = _scored(data.rows(folder, TRAIN, limit=limit))
    if not (folder / TEST).is_file():
        questions = Questions.llmrouter(train, embedder)
        return questions, next(data.folds(len(train), 0)), f"four fifths of {TRAIN}"
    test = _scored(data.rows(folder, TEST, limit=limit))
    questions = Questions.llmrouter([*train, *test], embedder)
    return questions, (range(len(train)), range(len(train), len(train) + len(test))), TRAIN


def _scored(found: Sequence[data.Row]) -> list[data.Row]:
    """The rows on which all six have a score."""
    return [row for row in found if all((row["scores"] or {}).get(m) is not None for m in SIX)]


def main() -> None:
    options = data.arguments(str(__doc__)).parse_args()
    data.require(options.data, [TRAIN, MMLU_PRO])
    started = time.perf_counter()
    with kept_vectors(options.embedder, model=options.embed_model) as embedder:
        six, split, learnt_from = llmrouter(options.data, embedder, limit=options.limit)
        found = data.rows(options.data, MMLU_PRO, limit=options.limit)
        seven = Questions.mmlu_pro(found, embedder)
    foldings = 1 if options.limit else _FOLDINGS
    folded = [
        split
        for folding in range(foldings)
        for split in data.folds(len(seven.texts), options.seed + folding)
    ]
    three = replace(seven, scores=seven.scores[:, : len(THREE)])
    pools = {
        "llmrouter6": (six, [split]),
        "mmlu_pro3": (three, folded),
        "mmlu_pro7": (seven, folded),
    }
    metrics: dict[str, Metric] = {}
    baselines: dict[str, dict[str, Metric]] = {}
    for pool, (questions, splits) in pools.items():
        ours, others = measured(pool, questions, splits)
        metrics |= ours
        for who, figures in others.items():
            baselines.setdefault(who, {}).update(figures)
    report(
        "pool",
        metrics,
        baselines=baselines,
        embedder=embedder.id,
        started=started,
        fitted_on=f"llmrouter6: {learnt_from}; mmlu_pro: the other four folds, {foldings} foldings "
        f"from seed {options.seed}; method chosen on other foldings (seed 1000)",
    )


if __name__ == "__main__":
    main()
