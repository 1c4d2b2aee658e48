"""Show what happens while an answer is made: plan, steps, words, end."""

import sys

import anyio

from metier import Council

QUESTION = "Convert 5 km to miles, then write a Python function that does it."


async def main(question: str) -> None:
    async with Council.from_installed() as council:
        async for event in council.stream(question):
            match event.type:
                case "plan_ready":
                    print("plan:", [step.expert for step in event.plan.steps])
                case "step_started":
                    print(f"\n[{event.step_id}] {event.expert}: {event.task}")
                case "token" if not event.answer:
                    print(".", end="", flush=True)
                case "step_failed":
                    print("failed:", event.reason)
                case "answered":
                    print(f"\n\n{event.answer.text}")
                case _:
                    pass


anyio.run(main, " ".join(sys.argv[1:]) or QUESTION)
