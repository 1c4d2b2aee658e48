"""Ways of combining models, all on the same samples: what each gains, and what it costs.

For gsm8k, mmlu_pro and medmcqa (`SET`): `SET.best_single` (% right of the model that was best on
other rows), and for each strategy `SET.STRATEGY` (% right), `.gain` over the best single model on
the same rows, `.calls`, `.tokens`, `.seconds` (of all its calls, one after the other, where nothing
ran beside them) and `.gain_per_call` (points for each further call). `gsm8k.vote_gain`,
`gsm8k.vote_gain_low` and `gsm8k.vote_calls` are about vote or mux, whichever was better on the
other rows; `gsm8k.auto_calls` is to be held against the last.
`defer.requests_per_answer`, `defer.most_requests`, `defer.requests_per_deferral`.

`SET.STRATEGY_unlearnt` is the same strategy where no skills were learnt, as in a new install;
`gsm8k.STRATEGY_at_N` may take N samples at most; `weighted_one_at_N` weighs samples of the best
single model by how sure each is (CISC).

Word problems are answered by programs that metier computes, as the math expert does; choices by
one token, whose probabilities are all there is to sample from. Samples are kept in a file, so a
run that is stopped goes on where it was, and a further strategy takes only what is missing. What
was made of them is kept in docs/results/combining-samples.jsonl, and what came of the strategies
that ask what no other does in combining-runs.jsonl beside it: a run that finds all of it there asks
no model. Such runs of another state of the code are made anew, unless `--keep`.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import anyio
import numpy as np
from pydantic import BaseModel

from benchmarks.combining_rows import FILES, Asked, gsm8k, medmcqa, mmlu_pro
from benchmarks.contract import Metric, exactly, mean_of, report, say, share_of
from benchmarks.data import arguments, require
from benchmarks.keeping import Keeping, key_of, revision
from benchmarks.samples import Draw, Kept, Samples, sampling
from benchmarks.server import BIG, HALF, SMALL, serving
from metier.answer import Vote
from metier.errors import ExpertFailed, MetierError
from metier.experts.card import Card
from metier.experts.expert import Task
from metier.grading import is_right
from metier.models.embedder import Vectors
from metier.models.server import ChatRequest, Chunk, Sampling
from metier.plan import OptionValue, Step
from metier.sandbox import Sandbox, Sandboxes
from metier.settings import Settings
from metier.strategies import Sampled, SampleOptions, Strategies, Voter
from metier.strategies.ballots.voting import VoteAggregator
from metier.strategies.strategy import Prompt
from metier_math.calculator import Calculator
from metier_math.doubts import doubts
from metier_math.reading import worked

# At which every sample is taken: a strategy that asks for another temperature above 0 gets these.
TEMPERATURE = 0.7
MAX_TOKENS = 500
# Strategies that ask what cannot be kept by question: on the first rows only.
SLOW: tuple[str, ...] = ("rank", "mixture", "defer")
# For questions with choices.
CLOSED: tuple[str, ...] = ("vote", "mux", "weighted", "average", "cascade", "auto")
N_SLOW = 50
N_OTHER = 40
# At most so many samples in a vote.
N_VOTES = 8
# Those that go by skills, where some were learnt.
BY_SKILL: tuple[str, ...] = ("weighted", "average", "cascade", "auto")
# For a table at equal calls: at most so many samples. Of all of a model's samples eight are kept
# only as far as a vote needed them, so that CISC, which does not stop early, has three.
EQUAL: Mapping[str, tuple[int, ...]] = {
    "vote": (3, 4, 5, 6, 8),
    "auto": (3, 4, 5, 6, 8),
    "mux": (4, 6),
    "weighted": (3,),
}
_RESULTS = Path(__file__).parents[1] / "docs" / "results"
# What was made of the samples, so that another machine need not take them again.
PUBLISHED = _RESULTS / "combining-samples.jsonl"
PUBLISHED_RUNS = _RESULTS / "combining-runs.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A set with its models and strategies.

    Attributes:
        models: the one that was best on other rows need not be the first.
        skip: where the rows begin on which skills and choices are made, if there are so many.
    """

    name: str
    load: Callable[..., list[Asked]]
    models: tuple[str, ...]
    strategies: tuple[str, ...]
    n: int
    skip: int


FIELDS = (
    Field(
        name="gsm8k",
        load=gsm8k,
        models=(BIG, HALF),
        strategies=("vote", "mux", "weighted", "cascade", "auto", *SLOW),
        n=300,
        skip=620,
    ),
    Field(
        name="mmlu_pro",
        load=mmlu_pro,
        models=(BIG, HALF, SMALL),
        strategies=CLOSED,
        n=200,
        skip=1000,
    ),
    Field(
        name="medmcqa",
        load=medmcqa,
        models=(BIG, HALF, SMALL),
        strategies=CLOSED,
        n=200,
        skip=1000,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """A strategy that is measured in another way than as it is where skills were learnt.

    Attributes:
        one: with the best single model only.
        samples: at most so many; None for the strategy's own number.
    """

    strategy: str
    learnt: bool = True
    one: bool = False
    samples: int | None = None

    @property
    def key(self) -> str:
        """As the metrics name it."""
        parts = (
            self.strategy,
            "one" if self.one else "",
            "" if self.learnt else "unlearnt",
            f"at_{self.samples}" if self.samples else "",
        )
        return "_".join(filter(None, parts))


def arms(given: Field) -> list[Arm]:
    """What is measured beside the strategies as they are."""
    found = [Arm(strategy=s, learnt=False) for s in given.strategies if s in BY_SKILL]
    if given.name == "gsm8k":
        found += [
            Arm(strategy=strategy, one=strategy == "weighted", samples=samples)
            for strategy, several in EQUAL.items()
            for samples in several
            if strategy in given.strategies
        ]
    return found


@dataclass(slots=True, kw_only=True)
class Bench:
    """A `Sampler` for one question on kept samples.

    Attributes:
        skills: accuracy of each model on other rows.
        whole: whether the texts are needed, and not only what was made of them.
        seconds: None once a sample counts whose time is not known.
    """

    row: Asked
    models: Sequence[str]
    skills: Mapping[str, float]
    samples: Samples
    calculator: Calculator
    whole: bool = False
    calls: int = 0
    tokens: int = 0
    seconds: float | None = 0.0

    @property
    def task(self) -> Task:
        text = self.row.choices.text() if self.row.choices else self.row.question
        return Task(text=text, question=text)

    @property
    def output(self) -> str:
        return "text" if self.row.choices else "number"

    @property
    def own(self) -> Voter:
        return self._voters()[0]

    @property
    def judge(self) -> Voter:
        return self.own

    @property
    def calls_left(self) -> int:
        return 100

    @property
    def sandbox(self) -> Sandbox:
        return Sandboxes()

    @property
    def voting(self) -> VoteAggregator | None:
        return None

    def _voters(self) -> list[Voter]:
        sizes = {model: size for size, model in enumerate((SMALL, HALF, BIG))}
        return [
            Voter(
                expert="general",
                model=model,
                skill=self.skills.get(model),
                size_bytes=sizes[model],
            )
            for model in self.models
        ]

    async def voters(self, among: Literal["models", "experts"]) -> Sequence[Voter]:
        return self._voters()

    def concurrency(self, voter: Voter) -> int:
        return 1

    def run_together(self, voters: Sequence[Voter]) -> bool:
        return len(voters) < 2

    def card(self, voter: Voter) -> Card:
        return Card(id=voter.expert, description="Exam questions and word problems")

    def tell(self, vote: Vote) -> None:
        """Nobody listens."""

    async def embed(self, texts: Sequence[str]) -> Vectors:
        return np.ones((len(texts), 1), dtype=np.float32)

    async def sample(
        self,
        voter: Voter,
        *,
        options: SampleOptions = SampleOptions(),
        prompt: Prompt | None = None,
    ) -> Sampled:
        if self.row.choices and prompt is None:
            return await self._letter(voter, options)
        draw = Draw()
        if options.temperature:
            draw = Draw(seed=options.draw + 1, temperature=TEMPERATURE)
        kept = await self.samples.take(
            voter.model,
            self.row.messages if prompt is None else prompt,
            draw,
            max_tokens=MAX_TOKENS,
            stop=self.row.stop if prompt is None else (),
            whole=self.whole or prompt is not None,
        )
        self._paid(kept)
        sampled = Sampled(
            text=kept.text, expert="general", models=(voter.model,), logprob=kept.logprob
        )
        return sampled if prompt is not None else await self._computed(sampled, kept)

    async def _computed(self, sampled: Sampled, kept: Kept) -> Sampled:
        """A program with its result, and marked as the math expert marks it."""
        if kept.answer is None or (kept.doubted is None and kept.text):
            kept = await self._judged(kept)
        if not kept.answer:
            raise ExpertFailed("the program has no result")
        # Its end was the stop of the reply.
        end = "\n```" if kept.text.count("```") % 2 else ""
        return sampled.model_copy(
            update={
                "text": f"{kept.text}{end}\n\nAnswer: {kept.answer}",
                "checked": False if kept.doubted else None,
            }
        )

    async def _judged(self, kept: Kept) -> Kept:
        """What a program computes, nothing where it cannot be, and what speaks against it."""
        try:
            working = worked(kept.text)
            *_, result = await self.calculator.run(working.program)
        except MetierError:
            return self.samples.judged(kept, "", doubted=False)
        doubted = bool(doubts(self.row.question, working, result))
        return self.samples.judged(kept, result.text, doubted=doubted)

    async def _letter(self, voter: Voter, options: SampleOptions) -> Sampled:
        """One token, the likeliest or drawn from its probabilities."""
        assert self.row.choices is not None
        kept = await self.samples.probe(voter.model, self.row.messages, self.row.choices.labels)
        self._paid(kept)
        shares = kept.probabilities
        letter = max(shares, key=shares.__getitem__)
        if options.temperature:
            seed = hashlib.sha256(f"{kept.key} {voter.model} {options.draw}".encode()).digest()
            heated = [share ** (1 / TEMPERATURE) for share in shares.values()]
            (letter,) = random.Random(seed).choices(list(shares), heated)  # no secret
        return Sampled(
            text=f"Answer: {letter}",
            expert="general",
            models=(voter.model,),
            confidence=shares[letter],
        )

    async def probe(
        self, voter: Voter, prompt: Prompt, labels: Sequence[str]
    ) -> Mapping[str, float]:
        kept = await self.samples.probe(voter.model, prompt, labels)
        self._paid(kept)
        return kept.probabilities

    async def stream(self, voter: Voter, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        self.calls += 1
        started = time.perf_counter()
        request = ChatRequest(
            model=voter.model,
            messages=tuple(prompt),
            sampling=Sampling(max_tokens=MAX_TOKENS, logprobs=True),
        )
        try:
            async with aclosing(self.samples.chat(request)) as chunks:
                async for chunk in chunks:
                    self.tokens += len(chunk.logprobs)
                    yield chunk
        finally:
            self._took(time.perf_counter() - started if self.samples.timed else None)

    def _paid(self, kept: Kept) -> None:
        self.calls += 1
        self.tokens += kept.tokens
        self._took(kept.seconds)

    def _took(self, seconds: float | None) -> None:
        if self.seconds is not None:
            self.seconds = None if seconds is None else self.seconds + seconds


class Run(BaseModel):
    """What a strategy made of one question.

    Attributes:
        key: a hash over the question and the models.
        revision: the state of the code.
        seconds: of all calls; None where other work ran beside one of them.
        deferrals: spans that the other model wrote.
    """

    key: str
    strategy: str
    revision: str
    right: bool
    calls: int
    tokens: int
    seconds: float | None = None
    deferrals: int = 0


async def run(name: str, bench: Bench, *, samples: int | None = None) -> Run:
    """One question by one strategy; no answer is a wrong one."""
    samples = samples or (N_VOTES if name == "vote" else None)
    options: dict[str, OptionValue] = {"samples": samples} if samples else {}
    step = Step(id="1", task=bench.task.text, expert="general", strategy=name, options=options)
    right, deferrals = False, 0
    try:
        sampled = await Strategies().run(step, bench)
        right = (await is_right(sampled.text, bench.row.gold)).is_right
        deferrals = sum(span.model == bench.models[0] for span in sampled.spans)
    except MetierError as exc:
        say(f"{name}: {exc.code}")
    return Run(
        key=_key(bench),
        strategy=name,
        revision=revision(),
        right=right,
        calls=bench.calls,
        tokens=bench.tokens,
        seconds=bench.seconds,
        deferrals=deferrals,
    )


def _key(bench: Bench) -> str:
    return key_of(*bench.models, bench.task.text)


def _shown(kept: Run) -> Run:
    seconds = None if kept.seconds is None else round(kept.seconds, 2)
    return kept.model_copy(update={"seconds": seconds})


@contextmanager
def keeping(file: Path, *, any_revision: bool) -> Iterator[Keeping[Run]]:
    """Runs of the strategies that ask what no other does; published at the end."""

    def place(kept: Run) -> tuple[str, str] | None:
        return (kept.strategy, kept.key) if any_revision or kept.revision == revision() else None

    runs = Keeping(Run, file, PUBLISHED_RUNS, place=place)
    try:
        yield runs
    finally:
        runs.publish(_shown)


class Measuring:
    """One set: skills and the choice on other rows, then every strategy on the reported ones."""

    def __init__(
        self, given: Field, samples: Samples, runs: Keeping[Run], calculator: Calculator
    ) -> None:
        self._field = given
        self._samples = samples
        self._kept = runs
        self._calculator = calculator
        self._skills: dict[str, float] = {}

    def _bench(self, row: Asked, models: Sequence[str], *, whole: bool = False) -> Bench:
        return Bench(
            row=row,
            models=models,
            skills=self._skills,
            samples=self._samples,
            calculator=self._calculator,
            whole=whole,
        )

    async def learn(self, rows: Sequence[Asked]) -> str:
        """Each model's accuracy on these rows, and which of vote and mux is better on them."""
        for model in self._field.models:
            runs = [await run("single", self._bench(row, [model])) for row in rows]
            self._skills[model] = sum(each.right for each in runs) / len(runs)
            say(f"{self._field.name}, other rows: {model} {self._skills[model]:.2f}")
        candidates: tuple[str, ...] = ("vote", "mux")
        found = {name: await self._runs(name, rows) for name in candidates}
        for name, runs in found.items():
            say(f"{self._field.name}, other rows: {name} {sum(each.right for each in runs)}")
        return max(candidates, key=lambda name: sum(each.right for each in found[name]))

    async def _runs(self, name: str, rows: Sequence[Asked]) -> list[Run]:
        runs: list[Run] = []
        for number, row in enumerate(rows, 1):
            runs.append(await self._run(name, row))
            if number % 20 == 0 or number == len(rows):
                right = sum(each.right for each in runs)
                say(f"{self._field.name} {name} {number}/{len(rows)}: {right} right")
        return runs

    async def _run(self, name: str, row: Asked) -> Run:
        if name not in SLOW:
            return await run(name, self._bench(row, self._field.models))
        bench = self._bench(row, self._field.models, whole=True)
        kept = self._kept.get((name, _key(bench)))
        return kept or self._kept.add(await run(name, bench))

    async def _by_arm(self, arm: Arm, rows: Sequence[Asked], best: str) -> list[Run]:
        benches = [self._bench(row, [best] if arm.one else self._field.models) for row in rows]
        if not arm.learnt:
            benches = [replace(bench, skills={}) for bench in benches]
        return [await run(arm.strategy, bench, samples=arm.samples) for bench in benches]

    async def report(self, rows: Sequence[Asked], chosen: str) -> dict[str, Metric]:
        """Every strategy on these rows."""
        name = self._field.name
        best = max(self._field.models, key=lambda model: self._skills[model])
        single = [await run("single", self._bench(row, [best])) for row in rows]
        metrics = {f"{name}.best_single": share_of([each.right for each in single])}
        for model in self._field.models:
            alone = [await run("single", self._bench(row, [model])) for row in rows]
            metrics[f"{name}.{model}"] = share_of([each.right for each in alone])
        found: dict[str, list[Run]] = {}
        for strategy in self._field.strategies:
            some = rows[:N_SLOW] if strategy in SLOW else rows
            found[strategy] = await self._runs(strategy, some)
            metrics |= told(name, strategy, found[strategy], single[: len(some)])
        for arm in arms(self._field):
            metrics |= told(name, arm.key, await self._by_arm(arm, rows, best), single)
        if name == "gsm8k":
            if chosen in found:
                metrics |= chosen_gain(found[chosen], single)
            if "auto" in found:
                metrics["gsm8k.auto_calls"] = metrics["gsm8k.auto.calls"]
        if "defer" in found:
            metrics |= deferring(found["defer"])
        return metrics


def told(name: str, strategy: str, runs: Sequence[Run], single: Sequence[Run]) -> dict[str, Metric]:
    """A strategy's figures beside those of the best single model on the same rows."""
    gain = _gain(runs, single)
    calls = float(np.mean([each.calls for each in runs]))
    key = f"{name}.{strategy}"
    found = {
        key: share_of([each.right for each in runs]),
        f"{key}.gain": gain,
        f"{key}.calls": mean_of([float(each.calls) for each in runs]),
        f"{key}.tokens": mean_of([float(each.tokens) for each in runs]),
    }
    if timed := [each.seconds for each in runs if each.seconds is not None]:
        found[f"{key}.seconds"] = mean_of(timed)
    if calls > 1:
        low, high = gain["ci95"]
        extra = calls - 1
        found[f"{key}.gain_per_call"] = {
            "value": round(gain["value"] / extra, 3),
            "n": gain["n"],
            "ci95": [round(low / extra, 3), round(high / extra, 3)],
        }
    return found


def chosen_gain(runs: Sequence[Run], single: Sequence[Run]) -> dict[str, Metric]:
    """The gain of the strategy that was chosen on other rows."""
    gain = _gain(runs, single)
    return {
        "gsm8k.vote_gain": gain,
        "gsm8k.vote_gain_low": exactly(gain["ci95"][0], n=gain["n"]),
        "gsm8k.vote_calls": mean_of([float(each.calls) for each in runs]),
    }


def deferring(runs: Sequence[Run]) -> dict[str, Metric]:
    """How many requests an answer and a deferral cost."""
    deferrals = sum(each.deferrals for each in runs)
    extra = sum(each.calls - 1 for each in runs)
    return {
        "defer.requests_per_answer": mean_of([float(each.calls) for each in runs]),
        "defer.most_requests": exactly(max(each.calls for each in runs), n=len(runs)),
        "defer.requests_per_deferral": exactly(round(extra / max(1, deferrals), 3), n=deferrals),
    }


def _gain(runs: Sequence[Run], single: Sequence[Run]) -> Metric:
    pairs = zip(runs, single, strict=True)
    return mean_of([100.0 * (mine.right - theirs.right) for mine, theirs in pairs])


def _parser() -> argparse.ArgumentParser:
    parser = arguments(__doc__ or "")
    parser.add_argument("--sets", default=",".join(each.name for each in FIELDS))
    parser.add_argument("--strategies", help="only these, where the set has them")
    parser.add_argument("--samples", type=Path, help="the file in which replies are kept")
    parser.add_argument("--keep", action="store_true", help="runs of other code count, too")
    parser.add_argument(
        "--untimed", action="store_true", help="other work runs beside it: keep no seconds"
    )
    parser.add_argument("--plot", type=Path, help="draw accuracy over calls into this file")
    return parser


async def measure(options: argparse.Namespace, host: str) -> dict[str, Metric]:
    """Every set that is asked for."""
    metrics: dict[str, Metric] = {}
    calculator = Calculator()
    file = options.samples.with_name("runs.jsonl")
    try:
        async with sampling(host, options.samples, PUBLISHED, timed=not options.untimed) as samples:
            with keeping(file, any_revision=options.keep) as runs:
                for each in FIELDS:
                    if each.name in options.sets.split(","):
                        given = _only(each, options.strategies)
                        measuring = Measuring(given, samples, runs, calculator)
                        metrics |= await _on_field(given, measuring, options)
    finally:
        await calculator.aclose()
    return metrics


async def _on_field(
    given: Field, measuring: Measuring, options: argparse.Namespace
) -> dict[str, Metric]:
    reported, others = split(given, options.data, limit=options.limit)
    chosen = await measuring.learn(others)
    say(f"{given.name}: {chosen} was chosen on other rows")
    return await measuring.report(reported, chosen)


def split(given: Field, folder: Path, *, limit: int | None) -> tuple[list[Asked], list[Asked]]:
    """The reported rows and the others; of a shorter set these are its last ones."""
    rows = given.load(folder, limit=given.skip + N_OTHER)
    skip = min(given.skip, len(rows) - N_OTHER)
    if skip < 1:
        raise SystemExit(f"{given.name} has {len(rows)} rows; more than {N_OTHER} are needed")
    n = min(given.n, skip, limit or given.n)
    return rows[:n], rows[skip : skip + min(n, N_OTHER)]


def _only(given: Field, names: str | None) -> Field:
    wanted = names.split(",") if names else given.strategies
    kept = tuple(name for name in given.strategies if name in wanted)
    return replace(given, strategies=kept)


def main() -> None:
    started = time.perf_counter()
    options = _parser().parse_args()
    require(options.data, FILES)
    if options.samples is None:
        options.samples = Settings.load().cache_dir / "benchmarks" / "samples.jsonl"
    with serving([BIG, HALF, SMALL]) as host:
        metrics = anyio.run(partial(measure, options, host))
    if options.plot is not None:
        # A second to import, and only for those who have the tools of development.
        from benchmarks.plotting import accuracy_over_calls

        accuracy_over_calls(metrics, options.sets.split(","), options.plot)
    report(
        "combining",
        metrics,
        baselines={"best single": {k: v for k, v in metrics.items() if k.endswith("best_single")}},
        embedder="none",
        fitted_on="skills, thresholds and the choice between vote and mux: other rows of the same "
        "sets in the order by hash",
        started=started,
    )


if __name__ == "__main__":
    main()
