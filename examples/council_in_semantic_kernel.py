"""In Semantic Kernel: an expert as a streaming plugin; a council as an agent, with SK's plugins."""

import asyncio

from semantic_kernel import Kernel
from semantic_kernel.core_plugins import TimePlugin

from metier import Council
from metier.bridges.semantic_kernel import CouncilAgent, expert_plugin, from_kernel_plugin


async def main() -> None:
    async with Council.from_installed() as council:
        kernel = Kernel()
        ask = kernel.add_plugin(expert_plugin("math", council=council))["ask"]
        async for pieces in kernel.invoke_stream(ask, question="What is 15% of 80?"):
            print(pieces[0], end="", flush=True)  # pyrefly: ignore[bad-index]
        print()

        for expert in from_kernel_plugin(TimePlugin(), kernel=kernel):
            council.registry.add(expert)
        agent = CouncilAgent(council)
        reply = await agent.get_response("What is the current date in iso format?")
        print(reply, "by", reply.metadata["answer"].parts[0].expert)


asyncio.run(main())
