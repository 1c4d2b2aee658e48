"""The expert my_expert. What it says of itself is in domain.toml."""

from typing import Annotated, Literal

from metier import Expert, tool

Tea = Literal["black", "green", "white", "oolong", "herbal"]
# Grams for a litre, degrees Celsius, minutes.
_BREWS: dict[Tea, tuple[float, int, int]] = {
    "black": (12, 95, 4),
    "green": (10, 75, 2),
    "white": (10, 80, 5),
    "oolong": (12, 90, 4),
    "herbal": (14, 100, 8),
}


class MyExpert(Expert):
    """Change this: it brews tea."""

    @tool
    def brew(
        self,
        tea: Annotated[Tea, "the kind of tea"],
        millilitres: Annotated[float, "how much tea is wanted"],
    ) -> str:
        """Say how much leaf, how hot and how long for an amount of tea."""
        grams, degrees, minutes = _BREWS[tea]
        amount = grams * millilitres / 1000
        return f"{amount:.1f} g of {tea} tea, {degrees} °C, {minutes} minutes"
