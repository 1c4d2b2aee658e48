"""What a bridge costs, and what choosing functions is worth to a small model (MetaTool's tools).

Keys, the costs on scripted models, so that nothing but the program is timed:

- `sk.expert_call_extra_ms`: an expert through `kernel.invoke` over the same plan by `Council.run`.
- `sk.council_call_extra_ms`: a council as a chat service over `Council.ask`.
- `langchain.call_extra_ms`: an expert as LangChain's chat model over the same plan.
- `mcp.call_extra_ms`: an expert's tool, client and server in one process, over the same plan.
- `list_100_ms`: reading the cards of 100 experts; `list_100_command_ms`: `metier experts list`.

Choosing, over kernel functions made of MetaTool's 199 tools, names and descriptions alone:

- `sk.select.right`: the right function is among the 5 that are offered.
- `sk.select.called`: a real model's first call is the right function, from those 5, and from all
  199 (the baseline); `sk.select.called_some`: it calls any; `sk.select.named`: it calls or, as
  small models do, writes the call of the right one as JSON in its text, which nobody can run.
- `sk.select.prompt_tokens`: of that request; `sk.select.prompt_tokens_ratio`: to the baseline's.
- `sk.select.seconds`: how long the model takes for it.

Calling, on requests of Seal-Tools that need one call, with five functions offered
([seal_tools.py](seal_tools.py)); `--part calls` runs this alone, on 100 of them unless `--limit`
says otherwise:

- `sk.calls_right`: the model calls the right function with the right arguments, with the calls that
  it writes into its text read, and by Semantic Kernel's own connector (the baseline).
- `sk.calls_named`: the function is right, whatever the arguments.

A model is asked `--limit` questions to choose from, each with and without; those of one kind in
turn, so that the server's prefix cache serves both alike.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio

from benchmarks import seal_tools
from benchmarks.contract import Metric, median_of, report, say, share_of
from benchmarks.data import arguments, require, rows
from benchmarks.server import BIG, HALF, serving
from benchmarks.tools import capability_name
from benchmarks.vectors import kept_vectors
from metier.bridges.asking import asked, conversation
from metier.bridges.langchain import CouncilChatModel
from metier.bridges.mcp import council_server
from metier.council import Council
from metier.experts.card import Capability, Card
from metier.experts.expert import Expert
from metier.experts.registry import Registry
from metier.models.embedder import Embedder
from metier.settings import Settings
from metier.testing import FixedEmbedder, ScriptedModels

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from mcp.shared.memory import create_connected_server_and_client_session
    from semantic_kernel import Kernel
    from semantic_kernel.connectors.ai.chat_completion_client_base import ChatCompletionClientBase
    from semantic_kernel.connectors.ai.function_choice_behavior import FunctionChoiceBehavior
    from semantic_kernel.connectors.ai.ollama import (
        OllamaChatCompletion,
        OllamaChatPromptExecutionSettings,
    )
    from semantic_kernel.contents import ChatHistory, FunctionCallContent
    from semantic_kernel.functions import KernelFunctionFromMethod, KernelPlugin, kernel_function

    from metier.bridges.semantic_kernel import (
        CouncilChatCompletion,
        ExpertSelectingChatCompletion,
        FunctionSelector,
        expert_plugin,
    )

FILES = ["metatool/tools.jsonl", "metatool/queries.jsonl.gz"]
PLUGIN = "tools"
TOP = 5
# Questions whose offered functions are looked at; no model is asked.
OFFERED = 1000
CALLS = 200
WARM = 20
# All 199 functions take some 10,500 tokens.
NUM_CTX = 16384
QUESTION = "How long does bread bake?"
EXPERTS = 100
# Asked unless told otherwise: to choose from all functions, and to call one of five.
QUESTIONS = 5
REQUESTS = 100

Call = Callable[[], Awaitable[object]]


def scripted(calls: int) -> Council:
    """A council of two experts whose models answer at once."""
    cards = [
        Card(
            id=name,
            description=f"All about {name}",
            models=(name,),
            capabilities=(Capability(name="main", description=text, examples=(text,)),),
        )
        for name, text in (("cooking", QUESTION), ("wine", "Which wine goes with fish?"))
    ]
    models = ScriptedModels({"cooking": ["Forty minutes."] * calls, "wine": []})
    experts = [Expert(card) for card in cards]
    return Council.of(experts, settings=Settings.load(), server=models, embedder=FixedEmbedder())


async def extra(plain: Call, bridged: Call) -> Metric:
    """How much longer the bridged call takes, in milliseconds, each pair in turn."""
    found = []
    for number in range(WARM + CALLS):
        spent = []
        # In turn first and second: neither always finds the other's traces in the caches.
        for call in (plain, bridged) if number % 2 else (bridged, plain):
            started = time.perf_counter()
            await call()
            spent.append((time.perf_counter() - started) * 1000)
        first, second = spent if number % 2 else reversed(spent)
        found.append(second - first)
    return median_of(found[WARM:])


async def costs() -> dict[str, Metric]:
    council = scripted(8 * (WARM + CALLS))
    await council.planning.planner()
    who = asked("cooking", council=council)
    kernel = Kernel()
    function = kernel.add_plugin(expert_plugin("cooking", council=council))["ask"]
    service = CouncilChatCompletion(council)
    settings = service.instantiate_prompt_execution_settings()
    history = ChatHistory()
    history.add_user_message(QUESTION)
    model = CouncilChatModel("cooking", council=council)

    async def alone() -> object:
        return await who.answer(conversation(QUESTION))

    metrics = {
        "sk.expert_call_extra_ms": await extra(
            alone, lambda: kernel.invoke(function, question=QUESTION)
        ),
        "sk.council_call_extra_ms": await extra(
            lambda: council.ask(QUESTION),
            lambda: service.get_chat_message_content(history, settings),
        ),
        "langchain.call_extra_ms": await extra(alone, lambda: model.ainvoke(QUESTION)),
    }
    async with create_connected_server_and_client_session(council_server(council)) as session:
        metrics["mcp.call_extra_ms"] = await extra(
            alone, lambda: session.call_tool("cooking", {"question": QUESTION})
        )
    return metrics


def listing() -> dict[str, Metric]:
    """The time that it takes to list many experts, in the process and as a command."""
    with tempfile.TemporaryDirectory() as folder:
        for number in range(EXPERTS):
            card = Path(folder, f"expert_{number}", "domain.toml")
            card.parent.mkdir()
            card.write_text(
                f'api = 1\n[expert]\nid = "expert_{number}"\ndescription = "Number {number}"\n'
                f'[[capability]]\nname = "main"\ndescription = "Questions on {number}"\n'
                f'examples = ["What is {number}?", "Tell me about {number}"]\n'
            )
        settings = Settings.load(domains=(Path(folder),))
        command = [sys.executable, "-m", "metier", "experts", "list", "--json"]
        environment = os.environ | {"METIER_DOMAINS": folder}

        def read() -> None:
            assert len(Registry.from_installed(settings).entries) >= EXPERTS

        def list_them() -> None:
            subprocess.run(command, env=environment, capture_output=True, check=True)

        return {
            "list_100_ms": median_of([timed(read) for _ in range(20)]),
            "list_100_command_ms": median_of([timed(list_them) for _ in range(5)]),
        }


def timed(run: Callable[[], None]) -> float:
    started = time.perf_counter()
    run()
    return (time.perf_counter() - started) * 1000


def kernel_of(tools: Sequence[dict[str, Any]]) -> tuple[Kernel, dict[str, str]]:
    """A kernel with a function for each tool, and their full names by the tools' names."""
    functions, names = [], {}
    for tool in tools:
        name = capability_name(tool["name"])

        @kernel_function(name=name, description=tool["description"])
        def run(query: str) -> str:
            return query

        functions.append(KernelFunctionFromMethod(method=run, plugin_name=PLUGIN))
        names[tool["name"]] = f"{PLUGIN}-{name}"
    kernel = Kernel()
    kernel.add_plugin(KernelPlugin(name=PLUGIN, functions=functions))
    return kernel, names


@dataclass(frozen=True, slots=True, kw_only=True)
class Replied:
    """A model's first reply to a question."""

    called: str | None
    named: str | None
    prompt_tokens: int
    seconds: float


async def replied(service: ChatCompletionClientBase, kernel: Kernel, question: str) -> Replied:
    history = ChatHistory()
    history.add_user_message(question)
    settings = OllamaChatPromptExecutionSettings(
        options={"num_ctx": NUM_CTX, "temperature": 0.0, "seed": 0, "num_predict": 128},
        function_choice_behavior=FunctionChoiceBehavior.Auto(auto_invoke=False),
    )
    started = time.perf_counter()
    message = await service.get_chat_message_content(history, settings, kernel=kernel)
    seconds = time.perf_counter() - started
    assert message is not None
    calls = [item.name for item in message.items if isinstance(item, FunctionCallContent)]
    called = calls[0] if calls else None
    written = re.search(r'"name":\s*"([^"]+)"', message.content)
    return Replied(
        called=called,
        named=called or (written[1] if written else None),
        prompt_tokens=message.metadata["usage"].prompt_tokens,
        seconds=seconds,
    )


async def offered(
    selector: FunctionSelector, kernel: Kernel, names: dict[str, str], questions: Sequence[Any]
) -> Metric:
    functions = kernel.get_full_list_of_function_metadata()
    right = [
        names[row["tool"]] in await selector.select(row["query"], functions) for row in questions
    ]
    return share_of(right)


async def chosen(
    host: str, model: str, embedder: Embedder, folder: Path, limit: int
) -> tuple[dict[str, Metric], dict[str, Metric]]:
    """What choosing is worth: with it, and without."""
    kernel, names = kernel_of(rows(folder, FILES[0]))
    questions = rows(folder, FILES[1], limit=OFFERED)
    selector = FunctionSelector(embedder, top=TOP)
    right = await offered(selector, kernel, names, questions)
    inner = OllamaChatCompletion(ai_model_id=model, host=host)
    some = questions[:limit]
    found: dict[str, list[Replied]] = {}
    selecting = ExpertSelectingChatCompletion(inner, selector)
    for name, service in (("chosen", selecting), ("all", inner)):
        found[name] = []
        for row in some:
            reply = await replied(service, kernel, row["query"])
            found[name].append(reply)
            say(
                f"{name}: {row['query'][:60]!r} → called {reply.called}, named {reply.named} "
                f"(right: {names[row['tool']]}), "
                f"{reply.prompt_tokens} tokens, {reply.seconds:.1f} s"
            )
    wanted = [names[row["tool"]] for row in some]
    with_it, without = figures(found["chosen"], wanted), figures(found["all"], wanted)
    ratios = [
        mine.prompt_tokens / theirs.prompt_tokens
        for mine, theirs in zip(found["chosen"], found["all"], strict=True)
    ]
    with_it |= {"sk.select.right": right, "sk.select.prompt_tokens_ratio": median_of(ratios)}
    return with_it, without


def figures(replies: Sequence[Replied], wanted: Sequence[str]) -> dict[str, Metric]:
    pairs = list(zip(replies, wanted, strict=True))
    return {
        "sk.select.called": share_of([reply.called == name for reply, name in pairs]),
        "sk.select.called_some": share_of([reply.called is not None for reply, _ in pairs]),
        "sk.select.named": share_of([_bare(reply.named) == _bare(name) for reply, name in pairs]),
        "sk.select.prompt_tokens": median_of([reply.prompt_tokens for reply in replies]),
        "sk.select.seconds": median_of([reply.seconds for reply in replies]),
    }


def _bare(name: str | None) -> str | None:
    """Without its plugin, which is the same for all of them."""
    return name and name.removeprefix(f"{PLUGIN}-")


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--model", default=BIG, choices=(BIG, HALF))
    parser.add_argument("--part", choices=("costs", "choosing", "calls"), help="run this alone")
    given = parser.parse_args()
    parts = (given.part,) if given.part else ("costs", "choosing", "calls")
    require(given.data, [*(FILES if "choosing" in parts else ()), *_calling(parts)])
    started = time.perf_counter()
    metrics: dict[str, Metric] = {}
    baselines: dict[str, dict[str, Metric]] = {}
    if "costs" in parts:
        metrics |= anyio.run(costs) | listing()
    with (
        kept_vectors(given.embedder, model=given.embed_model) as embedder,
        serving((given.model,)) as host,
    ):
        if "choosing" in parts:
            limit = given.limit or QUESTIONS
            with_it, without = anyio.run(chosen, host, given.model, embedder, given.data, limit)
            metrics |= with_it
            baselines[f"all 199 functions, {given.model}"] = without
        if "calls" in parts:
            limit = given.limit or REQUESTS
            asked = seal_tools.requests(given.data, limit=limit, seed=given.seed)
            with_it, without = anyio.run(seal_tools.calls_right, host, given.model, asked)
            metrics |= with_it
            baselines[f"Semantic Kernel's connector, {given.model}"] = without
    report("bridges", metrics, baselines=baselines, embedder=embedder.id, started=started)


def _calling(parts: Sequence[str]) -> list[str]:
    return seal_tools.FILES if "calls" in parts else []


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    main()
