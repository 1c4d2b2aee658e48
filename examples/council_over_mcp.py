"""Over MCP: `metier mcp` as a server, asked by a client, as a program of your own would."""

import asyncio
import os
import sys

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

SERVER = StdioServerParameters(
    command=sys.executable, args=["-m", "metier", "mcp"], env=dict(os.environ)
)


async def on_progress(progress: float, total: float | None, message: str | None) -> None:
    print(f"{progress:g} of {total or 0:g}: {message}", file=sys.stderr)


async def main() -> None:
    async with stdio_client(SERVER) as (read, write), ClientSession(read, write) as session:
        await session.initialize()
        print("tools:", *(tool.name for tool in (await session.list_tools()).tools))
        question = {"question": "What is 15% of 80?"}
        result = await session.call_tool("ask", question, progress_callback=on_progress)
        print(*(content.text for content in result.content if content.type == "text"))


asyncio.run(main())
