"""Does a request ask for one step or for several? TaskBench's `kind`, single against chain or dag.

Keys: `untrained.*` is the splitter as it ships, fitted on no row of TaskBench; `trained.*` is
`IntentClassifier` after 3,600 other rows, five times drawn at random (means over the rows that were
not drawn). Each has `accuracy`, `f1` of "several", and the accuracy on each of the three sets.
`whole.*` is the share of requests for one thing that stay in one piece, `several.*` the share of
requests for several that are cut. The first 60 rows of each TaskBench set, in the order of their
hash, were read while the rules were written, and are left out.

Baselines: the commoner answer; a threshold on the number of words; logistic regression on the
vector; and on the vector and the 1,000 commonest words. All learn from the same 3,600 rows.
"""

from __future__ import annotations

import hashlib
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.contract import Metric, mean_of, report, say, share_of
from benchmarks.data import arguments, require, rows
from benchmarks.vectors import kept_vectors
from metier.models.embedder import Vectors
from metier.planning.needs import IntentClassifier, asks_several

SETS = ("huggingface", "multimedia", "dailylifeapis")
FILES = [f"taskbench/{name}_requests.jsonl.gz" for name in SETS]
OTHERS = {
    "whole.gsm8k": ("gsm8k/test.jsonl", "question"),
    "whole.mbpp": ("mbpp/mbpp.jsonl", "text"),
    "whole.humaneval": ("humaneval/test.jsonl", "prompt"),
    "whole.medqa": ("medical/medqa_us_4opt.jsonl", "question"),
    "whole.metatool": ("metatool/queries.jsonl.gz", "query"),
    "several.metatool": ("metatool/multi_candidates.jsonl", "query"),
    "several.ultratool": ("ultratool/plans.jsonl.gz", "request"),
}
READ = 60
LEARNT = 3600
DRAWS = 5
WORDS = 1000
SAMPLE = 2000
PENALTIES = (0.3, 1.0, 3.0)

Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]
Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    texts: list[str]
    sets: npt.NDArray[np.str_]
    several: Flags
    vectors: Vectors

    def picked(self, numbers: Numbers) -> list[str]:
        return [self.texts[n] for n in numbers]


Rule = Callable[[Requests, Numbers, Numbers], Flags]


def requests(folder: Path, limit: int | None) -> tuple[list[str], list[str], list[bool]]:
    texts: list[str] = []
    sets: list[str] = []
    several: list[bool] = []
    for name, file in zip(SETS, FILES, strict=True):
        found = sorted(rows(folder, file), key=lambda row: hashed(row["request"]))[READ:]
        for row in found[:limit]:
            texts.append(row["request"])
            sets.append(name)
            several.append(row["kind"] != "single")
    return texts, sets, several


def hashed(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def majority(data: Requests, learn: Numbers, held: Numbers) -> Flags:
    return np.full(len(held), data.several[learn].mean() >= 0.5)


def word_count(data: Requests, learn: Numbers, held: Numbers) -> Flags:
    counts = np.array([len(text.split()) for text in data.texts])
    right = [(data.several[learn] == (counts[learn] >= least)).mean() for least in range(1, 120)]
    return counts[held] >= 1 + int(np.argmax(right))


def on_vector(data: Requests, learn: Numbers, held: Numbers) -> Flags:
    return logistic(data.vectors, data.several, learn, held)


def on_vector_and_words(data: Requests, learn: Numbers, held: Numbers) -> Flags:
    found = [Counter(re.findall(r"\w+", text.lower())) for text in data.texts]
    total = Counter(word for n in learn for word in found[n])
    place = {word: n for n, (word, _) in enumerate(total.most_common(WORDS))}
    counts = np.zeros((len(found), WORDS))
    for row, words in zip(counts, found, strict=True):
        for word in words.keys() & place.keys():
            row[place[word]] = np.log1p(words[word])
    return logistic(np.hstack([data.vectors, counts]), data.several, learn, held)


def logistic(rows: npt.NDArray[np.floating], labels: Flags, learn: Numbers, held: Numbers) -> Flags:
    """Predictions of a logistic regression; its penalty is chosen on a sixth of what it learns."""
    design = np.hstack([rows, np.ones((len(rows), 1))]).astype(np.float64)
    inner, probe = learn[len(learn) // 6 :], learn[: len(learn) // 6]

    def right(penalty: float) -> float:
        weights = fitted(design[inner], labels[inner], penalty)
        return float(((design[probe] @ weights > 0) == labels[probe]).mean())

    best = max(PENALTIES, key=right)
    return design[held] @ fitted(design[learn], labels[learn], best) > 0


def fitted(design: Array, labels: Flags, penalty: float) -> Array:
    weights = np.zeros(design.shape[1])
    for _ in range(8):
        chance = 1 / (1 + np.exp(-design @ weights))
        gradient = design.T @ (labels - chance) - penalty * weights
        hessian = (design * (chance * (1 - chance))[:, None]).T @ design
        weights += np.linalg.solve(hessian + penalty * np.eye(len(weights)), gradient)
    return weights


def learnt(data: Requests, learn: Numbers, held: Numbers) -> Flags:
    head = IntentClassifier.fit(
        data.picked(learn), data.vectors[learn], data.several[learn].tolist()
    )
    return head.predict(data.picked(held), data.vectors[held]) >= 0.5


RULES: dict[str, Rule] = {
    "trained": learnt,
    "majority": majority,
    "number of words": word_count,
    "logistic on vector": on_vector,
    "logistic on vector and words": on_vector_and_words,
}


def drawn(data: Requests, rule: Rule, seed: int) -> tuple[Array, Array]:
    """For each row how often it was held out, and how often "several" was said of it then."""
    asked, said = np.zeros(len(data.texts)), np.zeros(len(data.texts))
    for draw in range(DRAWS):
        order = np.random.default_rng(seed + draw).permutation(len(data.texts))
        cut = min(LEARNT, len(order) * 3 // 5)
        asked[order[cut:]] += 1
        said[order[cut:]] += rule(data, order[:cut], order[cut:])
    return asked, said


def figures(data: Requests, asked: Array, said: Array) -> dict[str, Metric]:
    seen = asked > 0
    share = said[seen] / asked[seen]
    several = data.several[seen]
    right = 100 * np.where(several, share, 1 - share)
    found = {"accuracy": mean_of(right.tolist()), "f1": f1(several, share)}
    for name in SETS:
        found[name] = mean_of(right[data.sets[seen] == name].tolist())
    return found


def f1(several: Flags, share: Array) -> Metric:
    """F1 of "several" in percent, with a bootstrap interval."""

    def value(weight: npt.NDArray[np.number]) -> float:
        return float(200 * (weight * several * share).sum() / (weight * (several + share)).sum())

    n = len(several)
    draws = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=2000)
    low, high = np.percentile([value(draw) for draw in draws], [2.5, 97.5])
    return {
        "value": round(value(np.ones(n)), 2),
        "n": n,
        "ci95": [round(float(low), 2), round(float(high), 2)],
    }


def guards(folder: Path, limit: int | None, seed: int) -> dict[str, Metric]:
    """What the rules do to other sets, as far as they are there."""
    found: dict[str, Metric] = {}
    for key, (file, field) in OTHERS.items():
        if not (folder / file).is_file():
            say(f"without {key}: {file} is not there")
            continue
        read = rows(folder, file)
        texts = [row[field] for row in read if "ultratool" not in key or row["test"]]
        texts = sorted(texts, key=lambda text: hashed(f"{seed} {text}"))[: limit or SAMPLE]
        wanted = key.startswith("several")
        found[key] = share_of([asks_several(text) == wanted for text in texts])
    return found


def main(arguments_given: Sequence[str]) -> None:
    options = arguments(__doc__ or "").parse_args(arguments_given)
    started = time.perf_counter()
    require(options.data, FILES)
    texts, sets, several = requests(options.data, options.limit)
    with kept_vectors(options.embedder, model=options.embed_model) as embedder:
        data = Requests(
            texts=texts,
            sets=np.array(sets),
            several=np.array(several),
            vectors=embedder.vectors(texts),
        )
    cut = np.array([asks_several(text) for text in texts])
    found = {"untrained": figures(data, np.ones(len(texts)), cut.astype(np.float64))}
    for name, rule in RULES.items():
        say(f"{name} …")
        found[name] = figures(data, *drawn(data, rule, options.seed))
    ours = {f"{who}.{key}": m for who in ("untrained", "trained") for key, m in found[who].items()}
    report(
        "taskbench_kind",
        ours | guards(options.data, options.limit, options.seed),
        baselines={who: found[who] for who in found if who not in ("untrained", "trained")},
        embedder=embedder.id,
        started=started,
        fitted_on=f"untrained: nothing; others: {LEARNT} other rows at random, {DRAWS} draws",
    )


if __name__ == "__main__":
    main(sys.argv[1:])
