"""In LangChain: a council as the model of a chain, and a chain as an expert of the council."""

import asyncio

from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda

from metier import Card, Council
from metier.bridges.langchain import CouncilChatModel, from_runnable

COUNTER = Card(id="counter", description="Counts the words of a text")


async def main() -> None:
    async with Council.from_installed() as council:
        prompt = ChatPromptTemplate.from_template("What is {share} of {whole}?")
        chain = prompt | CouncilChatModel("math", council=council) | StrOutputParser()
        print(await chain.ainvoke({"share": "15%", "whole": "80"}))

        words = RunnableLambda(lambda text: f"{len(text.split())} words")
        council.registry.add(from_runnable(words, COUNTER))
        counter = CouncilChatModel("counter", council=council)
        print((await counter.ainvoke("one two three")).text)


asyncio.run(main())
