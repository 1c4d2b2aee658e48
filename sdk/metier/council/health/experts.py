"""Whether each expert has its model, its code and its place in the index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from anyio import to_thread

from metier.council.council import Council
from metier.council.health.check import Check
from metier.council.suggesting import suggestions
from metier.errors import MetierError, ModelMissing, PluginBroken
from metier.experts.card import GENERAL
from metier.experts.model_choice import STARTER
from metier.experts.stand_in import smallest_embedder
from metier.experts.suggesting import Suggestion
from metier.models.embedder import weights_of
from metier.models.languages import in_english, reads_only_english
from metier.models.server import full_name
from metier.models.vector_checks import embedded
from metier.planning.index import CapabilityIndex, hash_of
from metier.planning.teaching import has_examples, teachers


def expert_checks(council: Council) -> list[Check]:
    """What can be seen without the server: the cards and the plugins."""
    return [
        *_calibration(council),
        *_languages(council),
        *_plugins(council),
    ]


async def model_checks(council: Council) -> list[Check]:
    """The model of each expert, and whether there is a general one."""
    cards = council.registry.cards
    found = [_model(each, cards[each.expert].models) for each in await suggestions(council)]
    if GENERAL in cards:
        return found
    detail = "there is none to answer what no other expert covers, and to compose results"
    missing = Check(name="general expert", ok=False, detail=detail, fix="metier experts list")
    return [missing, *found]


def _model(found: Suggestion, wanted: Sequence[str]) -> Check:
    name = f"model of {found.expert}"
    if found.runs_on is None:
        better = found.better or (wanted[-1] if wanted else STARTER)
        fix = f"metier models pull {better}"
        return Check(name=name, ok=False, detail=found.problem, fix=fix)
    if found.better is None or found.installed:
        return Check(name=name, ok=True, detail=found.runs_on)
    stand_in = "" if found.runs_on in wanted else ", which its card does not name"
    detail = f"{found.runs_on}{stand_in}; {found.better} would be better and fits"
    return Check(name=name, ok=True, detail=detail, fix=f"metier models pull {found.better}")


async def embedder_check(council: Council, *, reachable: bool) -> Check:
    """Whether it makes vectors, the same on all hosts."""
    name = f"embedder {council.embedder.id}"
    if council.settings.embedder == "ollama" and not reachable:
        detail = "it needs the server"
        return Check(name=name, ok=False, detail=detail, fix="ollama serve")
    try:
        vectors = await embedded(council.embedder, ["test"])
    except MetierError as exc:
        fix = f"metier models pull {council.settings.embed_model}"
        detail = (
            exc.message + await _instead(council) if isinstance(exc, ModelMissing) else exc.message
        )
        return Check(name=name, ok=False, detail=detail, fix=fix)
    detail = f"{vectors.shape[1]} dimensions"
    if council.settings.embedder == "ollama" and (others := await _other_weights(council)):
        fix = f"metier models pull {council.settings.embed_model} --host all"
        detail += f"; other weights on {others}, where it is not used"
        return Check(name=name, ok=False, detail=detail, fix=fix)
    return Check(name=name, ok=True, detail=detail)


async def _instead(council: Council) -> str:
    """What plans while the embedder is not installed."""
    other = await smallest_embedder(council.server)
    if other is None:
        return ", so whole questions go to the general expert, or to the one of `ask -e`"
    return f", so {other.name} is used to choose experts"


async def _other_weights(council: Council) -> str:
    """Hosts whose embedder would give other vectors than the one in use."""
    name = f"{full_name(council.settings.embed_model)}@"
    listed = await council.server.list()
    return ", ".join(
        model.name.removeprefix(name) for model in listed if model.name.startswith(name)
    )


async def current_state(council: Council) -> dict[str, object]:
    """How the saved index compares with the cards, and with the weights of the embedder."""
    weights = await weights_of(council.embedder)
    return await to_thread.run_sync(partial(index_state, council, weights=weights))


def index_state(council: Council, *, weights: str = "") -> dict[str, object]:
    """How the saved index compares with the cards."""
    of = council.embedder.id
    saved = CapabilityIndex.load(council.planning.folder, embedder_id=of, weights=weights)
    cards = council.registry.cards
    have = saved.experts if saved is not None else {}
    stale = [name for name, card in cards.items() if have.get(name) != hash_of(card)]
    return {
        "folder": str(council.planning.folder),
        "embedder": council.embedder.id,
        "vectors": len(saved) if saved is not None else 0,
        "fits": saved is not None and not stale and set(have) == set(cards),
        "to_embed": stale,
    }


async def index_check(council: Council) -> Check:
    """Whether the saved index is up to date."""
    state = await current_state(council)
    if state["fits"]:
        return Check(name="index", ok=True, detail=f"{state['vectors']} vectors, up to date")
    detail = "it does not match the cards" if state["vectors"] else "not built yet"
    return Check(name="index", ok=False, detail=detail, fix="metier index build")


def _calibration(council: Council) -> Iterator[Check]:
    """Whether the cards have examples to calibrate on."""
    cards = council.registry.cards
    silent = [name for name, card in cards.items() if not has_examples(card)]
    if silent and not teachers(cards):
        detail = f"metier's default: no examples in {', '.join(silent[:5])}"
        more = f" and {len(silent) - 5} more" if len(silent) > 5 else ""
        yield Check(name="calibration", ok=True, detail=detail + more)


def _languages(council: Council) -> Iterator[Check]:
    """Whether the embedder knows the language of each expert's examples."""
    foreign = list[str]()
    model = council.settings.embed_model
    for name, card in council.registry.cards.items():
        english = [in_english(text) for entry in card.capabilities for text in entry.examples]
        if english and 2 * sum(english) <= len(english):
            foreign.append(name)
    if foreign and reads_only_english(model):
        detail = f"{model} reads English only, unlike most examples of {', '.join(foreign)}"
        fix = "metier config set embed_model embeddinggemma"
        yield Check(name="languages", ok=False, detail=detail, fix=fix)


def _plugins(council: Council) -> Iterator[Check]:
    """Import every plugin's code, to find out which is broken."""
    registry = council.registry
    for name, entry in registry.entries.items():
        if entry.code is None:
            continue
        try:
            registry.expert(name)
        except PluginBroken:
            continue
        yield Check(name=f"plugin {name}", ok=True, detail=entry.code.value)
    for broken in registry.broken:
        reinstall = f"pip install --force-reinstall {broken.origin.partition(':')[0]}"
        fix = f"fix {broken.origin}" if broken.origin.endswith(".toml") else reinstall
        yield Check(name=f"plugin {broken.name}", ok=False, detail=broken.error.message, fix=fix)
