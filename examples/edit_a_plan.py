"""Look at a plan, change it, keep it as JSON, and run it."""

from metier import Council, Plan

QUESTION = "What is the capital of Australia, and what is 17 * 23?"

with Council.from_installed() as council:
    plan = council.plan_sync(QUESTION)
    for step in plan.steps:
        print(step.id, step.expert, step.task)

    # Whoever was chosen, let the general expert answer in one step.
    first = plan.steps[0].model_copy(update={"expert": "general", "task": plan.question})
    edited = plan.model_copy(update={"steps": (first,)})

    kept = edited.model_dump_json(indent=2)
    print(council.run_sync(Plan.parse(kept)).text)
