"""Files of a stranger's: cards, settings, plans, events, questions, weights, recipes, documents."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from benchmarks import ggufs
from fuzz.target import Target
from kept_runs import PLAN
from pdfs import pdf
from pydantic import ValidationError

from metier import Plan, Settings, read_card
from metier.evaluating.questions import (
    answer_questions,
    outcome_questions,
    routing_questions,
    splitting_questions,
)
from metier.events import Token, fold, parse_event
from metier.experts.knowledge.documents import chunks_of
from metier.experts.knowledge.pdf import Unreadable
from metier.experts.registry import builtin_domains
from metier.merging.gguf_file import GgufFile
from metier.merging.recipe import read_recipe

TOML = [b"[[", b"]]", b"[", b"{", b'"""', b"'''", b"=", b".", b"\\u", b"1979-05-27", b"0x", b"inf"]
JSON = [b"[", b"]", b"{", b"}", b'"', b"\\ud800", b"null", b"true", b":", b",", b"\\"]
YAML = [b"- ", b": ", b"&a", b"*a", b"!!python/object", b"|", b">", b"{", b"[", b"? ", b"<<", b"%"]
PDF = [b"obj", b"endobj", b"stream", b"/Kids", b"/Length", b"<<", b">>", b"/FlateDecode", b"xref"]
CARD = b"""\
api = 1
[expert]
id = "cooking"
description = "Recipes and quantities"
models = ["small"]
prompt = '''Answer.'''
[[capability]]
name = "scale"
description = "Scale a recipe"
examples = ["How much flour for 6?"]
counterexamples = []
keywords = ["flour"]
leads_to = ["bake"]
[[capability]]
name = "bake"
description = "Bake"
"""
MEDICAL = (builtin_domains() / "medical" / "domain.toml").read_bytes()
RECIPE = b"""\
method = "ties"
base = "base.gguf"
[[models]]
model = "one.gguf"
weight = 0.5
density = [0.2, 0.8]
[[tensors]]
match = "attn"
weight = 1
"""
MERGEKIT = b"""\
merge_method: dare_ties
base_model: base.gguf
models:
  - model: one.gguf
    parameters:
      weight: [0, 0.5, 1]
      density: {value: 0.3, filter: mlp}
  - model: two.gguf
parameters:
  normalize: true
dtype: bfloat16
"""
QUESTIONS = b'{"question": "What is 2 + 2?", "expert": "math", "gold": {"kind": "number"}}\n'


def from_file(name: str, read: Callable[[Path], object]) -> Callable[[bytes, Path], object]:
    """A reader of files of this name."""

    def written_and_read(data: bytes, folder: Path) -> object:
        file = folder / name
        file.write_bytes(data)
        return read(file)

    return written_and_read


def follow(data: bytes) -> None:
    plan = Plan.parse(data)
    plan.check({step.expert for step in plan.steps})
    assert Plan.parse(plan.model_dump_json()) == plan


def tell(data: bytes) -> None:
    fold([parse_event(line) for line in data.splitlines()])


def look_into(file: Path) -> None:
    opened = GgufFile.open(file)
    for name in opened.keys:
        opened.scalar(name)
        opened.value_bytes(name)
        opened.entry(name)


def ask(file: Path) -> None:
    answer_questions(routing_questions(file, {"math"}))
    outcome_questions(file)
    splitting_questions(file)


def weights() -> bytes:
    names = ("token_embd.weight", "blk.0.ffn_up.weight")
    tensors = {name: np.ones((2, 32), np.float32) for name in names}
    keys = {"general.tags": ["a", "é"], "x.flag": True, "x.scores": [0.5, -1.0]}
    with TemporaryDirectory() as folder:
        return ggufs.written(Path(folder) / "small.gguf", tensors, keys=keys).read_bytes()


EVENT = Token(run_id="a", seq=1, at=0.0, step_id="1", text="It is", answer=True)

TARGETS = [
    Target(
        name="cards",
        read=from_file("domain.toml", read_card),
        seeds=[CARD, CARD, MEDICAL],
        words=TOML,
    ),
    Target(
        name="settings",
        read=from_file("config.toml", lambda file: Settings.load(file=file, environment={})),
        seeds=[b'host = "127.0.0.1"\nmodel = "a"\nnum_ctx = 4096\nkeep_runs = false\nhosts = []\n'],
        words=TOML,
    ),
    Target(
        name="plans",
        read=lambda data, _: follow(data),
        seeds=[PLAN.model_dump_json().encode()],
        words=JSON,
    ),
    Target(
        name="events",
        read=lambda data, _: tell(data),
        seeds=[EVENT.model_dump_json().encode() + b"\n"],
        words=JSON,
        # As its docstring says: an event is read by who wrote it.
        refusals=(ValidationError,),
    ),
    Target(
        name="questions",
        read=from_file("q.jsonl", ask),
        seeds=[QUESTIONS, json.dumps({"question": "Who?", "expert": None}).encode()],
        words=JSON,
    ),
    Target(name="GGUF heads", read=from_file("a.gguf", look_into), seeds=[weights()]),
    Target(name="recipes", read=from_file("r.toml", read_recipe), seeds=[RECIPE], words=TOML),
    Target(
        name="mergekit recipes",
        read=from_file("r.yaml", read_recipe),
        seeds=[MERGEKIT],
        words=YAML,
    ),
    Target(
        name="documents",
        read=lambda data, _: [chunks_of(data, name) for name in ("a.md", "a.txt")],
        seeds=[
            b"# A\n\nThe text. More of it.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```\ncode\n```\n"
        ],
        words=[b"# ", b"\n\n", b"```", b"| ", b"> ", b"---\n", b". ", b"\f"],
        refusals=(Unreadable,),
    ),
    Target(
        name="PDFs",
        read=lambda data, _: chunks_of(data, "a.pdf"),
        seeds=[
            pdf(["Warfarin thins the blood."], ["Page two."]),
            pdf(["a"], packed=b"BT (a) Tj ET"),
        ],
        words=PDF,
        refusals=(Unreadable,),
    ),
]
