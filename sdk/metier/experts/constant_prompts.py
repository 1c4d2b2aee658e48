"""The beginnings of the experts' prompts that never change, by the model that reads them."""

from __future__ import annotations

from collections import Counter

from metier.errors import MetierError, PluginBroken
from metier.experts.card import GENERAL
from metier.experts.model_choice import ModelChooser
from metier.experts.registry import Registry
from metier.experts.threads import in_thread
from metier.models.resident import ResidentPrompt, slot_bytes, slots_for
from metier.models.server import InstalledModel, ModelServer


async def constant_prompts(
    registry: Registry, chooser: ModelChooser
) -> dict[str, list[ResidentPrompt]]:
    """The prompts of every expert that can be asked, by model; their plugins are imported."""
    found: dict[str, list[ResidentPrompt]] = {}
    for name, model in (await _models(registry, chooser)).items():
        try:
            expert = await in_thread(registry.expert, name)
        except PluginBroken:
            continue  # the registry lists it as broken
        prompts = found.setdefault(model.name, [ResidentPrompt(model=model.name, messages=())])
        prompts += [
            ResidentPrompt(model=model.name, messages=tuple(messages))
            for messages in expert.constant_messages
        ]
    return found


async def slots_wanted(
    registry: Registry,
    chooser: ModelChooser,
    server: ModelServer,
    *,
    num_ctx: int,
    memory_bytes: int | None,
) -> int:
    """The slots that the experts' prompts need, as far as memory allows; no plugin is imported.

    One for each expert of a model, and one for conversations without a constant beginning.
    """
    models = list((await _models(registry, chooser)).values())
    counts = Counter(model.name for model in models)
    wanted = [1]
    for model in {model.name: model for model in models}.values():
        try:
            each_bytes = slot_bytes(await server.show(model.name), num_ctx)
        except MetierError:
            continue
        fitting = slots_for(
            counts[model.name] + 1,
            slot_bytes=each_bytes,
            model_bytes=model.size_bytes,
            memory_bytes=memory_bytes,
        )
        wanted.append(fitting)
    return max(wanted)


async def _models(registry: Registry, chooser: ModelChooser) -> dict[str, InstalledModel]:
    """The model of each expert that has one."""
    found: dict[str, InstalledModel] = {}
    for name, card in registry.cards.items():
        try:
            found[name] = await chooser.model_for(card, registry.cards.get(GENERAL))
        except MetierError:
            continue
    return found
