"""What docs/bridges.md shows runs, and names everything that the bridges offer."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from bridges.kitchen import COOKING, GENERAL, QUIET, Cooking, card, models
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from semantic_kernel.core_plugins import TextPlugin, TimePlugin
from semantic_kernel.functions import KernelPlugin

from metier import Council, Settings
from metier.bridges import semantic_kernel
from metier.bridges.semantic_kernel import CouncilAgent
from metier.experts.expert import Expert
from metier.testing import FixedEmbedder

pytestmark = [pytest.mark.anyio, *QUIET]

PAGE = Path(__file__).parents[2] / "docs" / "bridges.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)

SERVER = """
from mcp.server.fastmcp import FastMCP

server = FastMCP("shop")


@server.tool()
def price(product: str) -> str:
    \"\"\"What a product costs.\"\"\"
    return f"{product}: 2 EUR"


server.run()
"""


@tool
def search(query: str) -> str:
    """Search the shop."""
    return query


@tool
def price(product: str) -> str:
    """The price of a product."""
    return product


def names(tmp_path: Path) -> dict[str, Any]:
    """What the page takes for given."""
    server = models(math=["4"], general=["Two euros each."] * 2)
    experts: list[Expert] = [Expert(card("math", "What is 2 + 2?")), Expert(GENERAL)]
    made = Council.of(experts, settings=Settings.load(), server=server, embedder=FixedEmbedder())
    program = tmp_path / "shop.py"
    program.write_text(SERVER)
    offered = {name: getattr(semantic_kernel, name) for name in semantic_kernel.__all__}
    return offered | {
        "ClientSession": ClientSession,
        "Cooking": lambda: Cooking(COOKING),
        "TimePlugin": TimePlugin,
        "card": card("yours"),
        "chain_of_yours": RunnableLambda(str.upper),
        "council": made,
        "editor": CouncilAgent("math", council=made, name="editor"),
        "parameters": StdioServerParameters(command=sys.executable, args=[str(program)]),
        "price": price,
        "search": search,
        "shop_plugin": KernelPlugin.from_object("shop", TextPlugin()),
        "stdio_client": stdio_client,
    }


async def run(code: str, namespace: dict[str, Any]) -> None:
    made = compile(code, PAGE.name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(made, namespace)
    if inspect.isawaitable(result):
        await result


async def test_what_the_page_shows_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    namespace = names(tmp_path)
    for block in BLOCKS:
        await run(block, namespace)
    assert capsys.readouterr().out == "4"
    entries = namespace["council"].registry.entries
    assert {"cooking", "yours", "shop", "shop_price", "time_plugin_now"} <= entries.keys()
    assert namespace["answer"].parts


@pytest.mark.parametrize("bridge", ["langchain", "mcp", "semantic_kernel"])
def test_every_name_of_a_bridge_stands_on_the_page(bridge: str) -> None:
    text = PAGE.read_text()
    module = importlib.import_module(f"metier.bridges.{bridge}")
    served = {"serve_http", "serve_stdio"}  # what `metier mcp` calls
    assert [name for name in module.__all__ if name not in text and name not in served] == []
