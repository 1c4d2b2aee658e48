"""An expert of one's own, beside the installed ones, without a package around it."""

from metier import Council, Expert, tool
from metier.experts.card import Capability, Card

CARD = Card(
    id="cooking",
    description="Recipes, quantities and food safety in a home kitchen",
    models=("qwen2.5-coder:1.5b",),
    prompt="You are an experienced home cook. Answer in two sentences.",
    max_tokens=120,
    capabilities=(
        Capability(
            name="scale_recipe",
            description="Scale a recipe to another number of servings",
            examples=(
                "I have 6 guests but the recipe is for 4, how much flour do I need?",
                "The cake recipe serves 8, what do I need for 20 people?",
                "Halve this pancake recipe for me",
            ),
        ),
    ),
)


class Cooking(Expert):
    @tool
    def scale(self, grams: float, recipe_servings: int, wanted_servings: int) -> str:
        """Scale an amount of an ingredient from the recipe's servings to the wanted ones."""
        return f"{grams * wanted_servings / recipe_servings:g} g"


with Council.from_installed() as council:
    council.registry.add(Cooking(CARD))
    plan = council.plan_sync("My waffle recipe serves 4. Scale it to 6 people.")
    print("chosen:", plan.steps[0].expert, plan.steps[0].candidates[0].probability)
    print(council.run_sync(plan).text)
