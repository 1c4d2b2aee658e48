"""Orders in texts that are only to be read: what they change, with metier and without.

Each attack text (`benchmarks/attacks/texts.toml`) is put at the end of a document, of an earlier
step's result, of a text that is pasted into the question (`question`), of a turn in the history
that a client sends, of what an MCP server says of each tool (`card`), and of a document that the
user added (`knowledge`); and it is the name of a file (`name`). Keys, in per cent, for each `PLACE`
of `document`, `result`, `question`, `history`, `name`, `card` and `knowledge`:

- `PLACE.canary`: the answer follows the order (`benchmarks/attacks/judging.py` says what counts).
- `PLACE.plan_same`: the same steps ran as without the attack; in a question, no expert more.
- `PLACE.calls_same`: the same functions were called with the same arguments.
- `PLACE.unprotected`: the same model follows the order where prompt, text and question are one
  message with nothing around the text. It is the baseline's `PLACE.canary`.
- `question.bare_plan_same`: no expert more where the attack is the asker's own words, unmarked.
  Only planned, not answered: what an asker orders is an order.

The protections were made on the texts of the development half; the other half is reported.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence

import anyio
import ollama

from benchmarks.attacks.cases import Bare, Case, Trial, Verdict, cases
from benchmarks.attacks.scenes import PLACES
from benchmarks.attacks.texts import Attack, attacks
from benchmarks.contract import Metric, report, say, share_of
from benchmarks.server import BIG, EMBED, HALF, serving
from benchmarks.vectors import kept_vectors
from metier.models.embedder import Embedder
from metier.plan import Message
from metier.settings import Settings

MAX_TOKENS = 48


def asking(host: str, model: str) -> Bare:
    """The model through the plain package: nothing of metier reads the messages."""
    client = ollama.AsyncClient(host=host)

    async def ask(messages: Sequence[Message]) -> str:
        reply = await client.chat(
            model,
            messages=[message.model_dump() for message in messages],
            options={"num_ctx": 4096, "temperature": 0, "seed": 0, "num_predict": MAX_TOKENS},
            keep_alive="10m",
        )
        return reply.message.content or ""

    return ask


async def judged(trial: Trial, case: Case, ask: Bare) -> tuple[Verdict, bool]:
    """What became of a case, and whether the bare model follows it."""
    verdict, bare = await trial.verdict(case), await trial.bare(case, ask)
    told = "held" if verdict.held else f"NOT held: {verdict}"
    say(f"{case.place} {case.attack.id}: {told}; unprotected {'followed' if bare else 'not'}")
    return verdict, bare


async def measured(
    listed: Sequence[Attack], model: str, embedder: Embedder
) -> tuple[dict[str, Metric], dict[str, Metric]]:
    """The figures with metier, and those of the bare model."""
    settings = Settings.load()
    trial = Trial(settings, model=model, embedder=embedder, max_tokens=MAX_TOKENS)
    ask = asking(settings.host, model)
    metrics: dict[str, Metric] = {}
    baseline: dict[str, Metric] = {}
    for place in PLACES:
        found = [await judged(trial, case, ask) for case in cases(listed, place)]
        verdicts = [verdict for verdict, _ in found]
        metrics[f"{place}.canary"] = share_of([verdict.canary for verdict in verdicts])
        metrics[f"{place}.plan_same"] = share_of([verdict.plan_same for verdict in verdicts])
        metrics[f"{place}.calls_same"] = share_of([verdict.calls_same for verdict in verdicts])
        baseline[f"{place}.canary"] = share_of([bare for _, bare in found])
        metrics[f"{place}.unprotected"] = baseline[f"{place}.canary"]
    bare = [same for attack in listed for same in await trial.bare_plans(attack)]
    metrics["question.bare_plan_same"] = share_of(bare)
    await trial.aclose()
    return metrics, baseline


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--limit", type=int, help="use at most this many texts")
    parser.add_argument("--half", choices=("reported", "development"), default="reported")
    parser.add_argument("--model", default=BIG, choices=(BIG, HALF))
    parser.add_argument("--embedder", choices=["ollama", "sentence-transformers"], default="ollama")
    parser.add_argument("--embed-model", default=EMBED, help="name, or folder of the model")
    options = parser.parse_args()
    started = time.perf_counter()
    listed = attacks(options.half)[: options.limit]
    with (
        serving((options.model,)),
        kept_vectors(options.embedder, model=options.embed_model) as embedder,
    ):
        metrics, baseline = anyio.run(measured, listed, options.model, embedder)
    report(
        "injection",
        metrics,
        baselines={f"{options.model}, unprotected": baseline},
        embedder=embedder.id,
        started=started,
        fitted_on="the development half of benchmarks/attacks/texts.toml",
    )


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    main()
