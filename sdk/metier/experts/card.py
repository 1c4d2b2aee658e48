"""The cards: what an expert says of itself, read from a `domain.toml`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from metier.errors import InvalidCard, nearest
from metier.settings.reading import parsed_toml, read_text, shown
from metier.settings.renamed import warn_renamed, with_new_keys

API_VERSION = 1
MAX_CARD_BYTES = 1 << 20
GENERAL = "general"
_HEADING = re.compile(r"\s*\[+[^\[\]\"',]+\]+\s*(#.*)?$")

_ID = r"^[a-z][a-z0-9_]{0,62}$"
Id = Annotated[str, StringConstraints(pattern=_ID)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
Reference = Annotated[
    str, StringConstraints(pattern=r"^([a-z][a-z0-9_]{0,62}\.)?[a-z][a-z0-9_]{0,62}$")
]
Kind = Literal["text", "number", "code", "quantity", "table"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, defer_build=True, extra="forbid")


class Capability(_Frozen):
    """One thing that an expert can do.

    Attributes:
        name: unique within the expert.
        examples: questions that belong to it; 20 or more make selecting reliable.
        counterexamples: questions that look alike and belong elsewhere.
        keywords: words that point to it.
        inputs: kinds of earlier results that it can use.
        output: the kind of what it returns.
        cost: what it costs next to a plain answer of the same model.
        leads_to: capabilities that often use its result next: `capability` of the same expert, or
            `expert.capability`, which need not be installed.
    """

    name: Id
    description: Text
    examples: tuple[Text, ...] = ()
    counterexamples: tuple[Text, ...] = ()
    keywords: tuple[Text, ...] = ()
    inputs: tuple[Kind, ...] = ("text",)
    output: Kind = "text"
    cost: float = Field(1.0, gt=0, allow_inf_nan=False)
    leads_to: tuple[Reference, ...] = ()


class _Head(_Frozen):
    """The `[expert]` table."""

    id: Id
    description: Text
    models: tuple[Text, ...] = ()
    prompt: str = ""
    disclaimer: str = ""
    stream: Literal["direct", "checked"] = "direct"
    max_tokens: int = Field(1024, ge=1)
    temperature: float = Field(0.0, ge=0, le=2)
    runs_on: Annotated[str, StringConstraints(max_length=63)] = ""
    think: bool = False

    @model_validator(mode="before")
    @classmethod
    def _read_old_keys(cls, table: object) -> object:
        names = {"notice": "disclaimer"}
        return with_new_keys(table, names) if isinstance(table, Mapping) else table


class Card(_Head):
    """What an expert says of itself.

    Attributes:
        id: the expert's name.
        description: what it is for, one sentence.
        models: preferred models; the first that is installed and fits in memory is taken, else
            the general expert's, else the best chat model that is installed.
        prompt: the instruction that its model gets.
        disclaimer: a sentence that the program adds to an answer with a part of this expert.
        stream: `direct` lets words out as they come, `checked` after the expert's own check.
        max_tokens: the longest answer of one step, in tokens.
        runs_on: label of the hosts that its model runs on; ignored if no host has it.
        think: whether a model that can think does so before it answers. It costs many times the
            tokens of the answer, so an expert whose program checks the answer does without.
    """

    capabilities: tuple[Capability, ...] = ()

    @property
    def is_general(self) -> bool:
        """Whether this is the expert with no domain of its own."""
        return self.id == GENERAL

    @property
    def notice(self) -> str:
        """Deprecated since version 0.2: use `disclaimer`."""
        warn_renamed("Card.notice", "Card.disclaimer")
        return self.disclaimer

    @property
    def edges(self) -> tuple[tuple[tuple[str, str], tuple[str, str]], ...]:
        """What `leads_to` declares: (expert, capability) whose result is of use, and to whom."""
        return tuple(
            ((self.id, capability.name), self._resolved(reference))
            for capability in self.capabilities
            for reference in capability.leads_to
        )

    def _resolved(self, reference: str) -> tuple[str, str]:
        expert, _, name = reference.rpartition(".")
        return expert or self.id, name


class DomainFile(_Frozen):
    """What stands in a `domain.toml`; its JSON schema is in docs/schemas/."""

    api: int
    expert: _Head
    capability: tuple[Capability, ...] = Field(min_length=1)


def is_id(text: str) -> bool:
    """Whether an expert may be called so."""
    return re.fullmatch(_ID, text) is not None


def read_card(path: Path) -> Card:
    """The card in a `domain.toml`, or in the folder that holds one.

    Raises:
        InvalidCard: names the file, the key, and what would be right.
    """
    file = path / "domain.toml" if path.is_dir() else path
    text = _read(file)
    data = _table_of(file, text)
    if data.get("api") != API_VERSION:
        raise InvalidCard(
            f"{file}: api = {shown(data.get('api'))}, and this metier reads api = {API_VERSION}",
            hint=f"Write `api = {API_VERSION}` on the first line",
        )
    try:
        parsed = DomainFile.model_validate(data)
    except ValidationError as exc:
        raise _explained(file, text, exc) from exc
    names = Counter(capability.name for capability in parsed.capability)
    for name, count in names.items():
        if count > 1:
            raise InvalidCard(f"{file}: two capabilities are called {name!r}")
    card = Card(**dict(parsed.expert), capabilities=parsed.capability)
    # Whether another expert has the capability is not known here: it may come later, or never.
    for _, (expert, name) in card.edges:
        if expert == card.id and name not in names:
            raise InvalidCard(
                f"{file}: leads_to = {name!r} is no capability here{nearest(name, names)}",
                hint="One of another expert is written as expert.capability",
            )
    return card


def _read(file: Path) -> str:
    try:
        return read_text(file, max_bytes=MAX_CARD_BYTES)
    except FileNotFoundError as exc:
        raise InvalidCard(f"{file} does not exist") from exc
    except OSError as exc:
        raise InvalidCard(f"{file} cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise InvalidCard(f"{file} cannot be read: {exc}") from exc


def _table_of(file: Path, text: str) -> dict[str, Any]:
    try:
        return parsed_toml(text)
    # tomllib lets a plain ValueError out for a number that is too long.
    except ValueError as exc:
        raise InvalidCard(f"{file} is not valid TOML: {exc}") from exc


def _explained(file: Path, text: str, exc: ValidationError) -> InvalidCard:
    """The first problem in the words of whoever wrote the file."""
    errors = exc.errors()
    # A misspelt key that is required is missing, too; the spelling is what helps.
    error = next((each for each in errors if each["type"] == "extra_forbidden"), errors[0])
    location = [part for part in error["loc"] if not isinstance(part, int)]
    key = str(location[-1])
    where = _where(file, text, error["loc"])
    if error["type"] == "extra_forbidden":
        table = _fields_at(location[:-1])
        return InvalidCard(
            f"{where}: unknown key {shown(key)}{nearest(key, table)}",
            hint=f"Known keys here: {', '.join(table)}",
        )
    if error["type"] == "missing":
        return InvalidCard(f"{where}: {key!r} is missing")
    return InvalidCard(f"{where}: {key} = {shown(error['input'])}: {error['msg']}")


def _fields_at(tables: list[str]) -> list[str]:
    model: type[BaseModel] = DomainFile
    match tables[:1]:
        case ["expert"]:
            model = _Head
        case ["capability"]:
            model = Capability
        case _:
            pass
    return list(model.model_fields)


def _where(file: Path, text: str, location: tuple[int | str, ...]) -> str:
    """`file:line, [[capability]] 2`; the line is that of the key, else that of its table."""
    table, *rest = location
    number = rest[0] + 1 if rest and isinstance(rest[0], int) else 1
    key = next((part for part in reversed(location) if isinstance(part, str)), "")
    lines = text.split("\n")
    headings = [i for i, line in enumerate(lines) if _HEADING.match(line)]
    starts = [i for i in headings if lines[i].partition("]")[0].strip(" \t[") == table]
    label = f", [[capability]] {number}" if table == "capability" and rest else ""
    heading = starts[number - 1] if len(starts) >= number else None
    start, end = 0, len(lines)
    if heading is not None:
        start, end = heading, next((i for i in headings if i > heading), end)
    found = next((i for i in range(start, end) if _assigns(lines[i], key)), heading)
    return f"{file}{label}" if found is None else f"{file}:{found + 1}{label}"


def _assigns(line: str, key: str) -> bool:
    name, equals, _ = line.partition("=")
    return bool(equals) and name.strip(" \t\"'") == key
