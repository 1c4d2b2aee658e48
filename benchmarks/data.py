"""The measurement sets: where they are read from, and what to say where they are not."""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.contract import say

DEFAULT = Path("../shared/data")
MISSING = 2

_SOURCES = {
    "chains": "requests that were written for it; ours are in benchmarks/own",
    "followups": "questions that were written for it; ours are in benchmarks/own",
    "gsm8k": "github.com/openai/grade-school-math, grade_school_math/data/test.jsonl",
    "humaneval": "github.com/openai/human-eval, data/HumanEval.jsonl.gz",
    "llmrouter": "github.com/ulab-uiuc/LLMRouter, data/dcrouter_preprocessed and data/example_data",
    "medical": "github.com/dmis-lab/self-biorag, data/benchmark",
    "metatool": "github.com/HowieHwong/MetaTool, dataset/",
    "mmlu_pro": "github.com/TIGER-AI-Lab/MMLU-Pro, eval_results/*.zip",
    "multi_intent": "SOURCES.md beside it names the repository of each set",
    "natural": "questions that were written for it; there is no public source",
    "pubmedqa": "github.com/pubmedqa/pubmedqa, data/",
    "sealtools": "github.com/fairyshine/Seal-Tools, Seal-Tools_Dataset: tool.jsonl as tools.jsonl, "
    "the rows with one call of dev.jsonl and test_*_domain.jsonl as requests.jsonl",
    "routellm": "github.com/lm-sys/RouteLLM, routellm/evals/{mmlu,gsm8k}",
    "taskbench": "github.com/microsoft/JARVIS, taskbench/data_*",
    "ultratool": "github.com/WxxShirley/GNN4TaskPlan, data/ultratool",
}

Row = dict[str, Any]


def arguments(description: str) -> argparse.ArgumentParser:
    """The arguments that every benchmark over a measurement set takes."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DEFAULT, help="folder of the sets")
    parser.add_argument("--limit", type=int, help="use at most this many rows of each kind")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--embedder", choices=["ollama", "sentence-transformers"], default="ollama")
    parser.add_argument("--embed-model", default="all-minilm", help="name, or folder of the model")
    return parser


def require(folder: Path, files: Sequence[str]) -> None:
    """Stop with exit code 2 where a file of a set is not there."""
    missing = [name for name in files if not (folder / name).is_file()]
    if not missing:
        return
    say(f"{folder} lacks {', '.join(missing)}")
    for name in sorted({name.split("/")[0] for name in files}):
        say(f"  {name}: {_SOURCES[name]}")
    say("Name the folder that holds them with --data.")
    sys.exit(MISSING)


def rows(folder: Path, name: str, *, limit: int | None = None) -> list[Row]:
    """The rows of a `.jsonl` or `.jsonl.gz`; with a limit, the first in an order by hash."""
    path = folder / name
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        lines = [line for line in file if line.strip()]
    if limit is not None:
        lines = sorted(lines, key=_hashed)[:limit]
    return [json.loads(line) for line in lines]


def folds(count: int, seed: int, *, parts: int = 5) -> Iterator[tuple[list[int], list[int]]]:
    """The numbers to learn from and the numbers to report on, `parts` times."""
    order = sorted(range(count), key=lambda n: _hashed(f"{seed} {n}"))
    for part in range(parts):
        held = set(order[part::parts])
        yield [n for n in order if n not in held], [n for n in order if n in held]


def _hashed(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
