"""The functions that fit a turn, in place of all that a kernel has.

Semantic Kernel has this for .NET only (`ContextualFunctionProvider`). Here it is a chat service
around another: the only place that sees history, settings and kernel together.
"""

from __future__ import annotations

import copy
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import Field
from semantic_kernel import Kernel
from semantic_kernel.connectors.ai.chat_completion_client_base import ChatCompletionClientBase
from semantic_kernel.connectors.ai.prompt_execution_settings import PromptExecutionSettings
from semantic_kernel.contents import (
    AuthorRole,
    ChatHistory,
    ChatMessageContent,
    FunctionCallContent,
    StreamingChatMessageContent,
)
from semantic_kernel.functions import KernelFunctionMetadata

from metier.bridges.semantic_kernel.plugin import CARD
from metier.bridges.tools import distinct, identifier, sentence
from metier.experts.card import Capability, Card
from metier.models.embedder import Embedder
from metier.models.vector_checks import embedded
from metier.planning.index import CapabilityIndex, synchronised
from metier.planning.selecting import Selector

# Functions of an orchestration, which an agent needs whatever the turn is about.
_ALWAYS = ("Handoff",)


class FunctionSelector:
    """Chooses functions for a text, with the index that chooses experts. It asks no model.

    Vectors of functions are made once, and anew only if a description changes.

    Args:
        embedder: who makes vectors: `council.embedder`, for example.
        top: how many functions are kept.
        examples: questions that belong to a function, by its full name (`plugin-function`); they
            make it surer. A function of `expert_plugin` brings those of its card.
        always: plugins whose functions are kept in every turn.
    """

    def __init__(
        self,
        embedder: Embedder,
        *,
        top: int = 5,
        examples: Mapping[str, Sequence[str]] | None = None,
        always: Sequence[str] = _ALWAYS,
    ) -> None:
        self._embedder = embedder
        self._top = top
        self._examples = dict(examples or {})
        self._always = frozenset(always)
        self._built: _Built | None = None

    async def select(self, text: str, functions: Sequence[KernelFunctionMetadata]) -> list[str]:
        """The full names of those that fit, best first, then those that are always kept."""
        kept = [each.fully_qualified_name for each in functions if self._is_always(each)]
        chosen = [each for each in functions if not self._is_always(each)]
        if not text.strip() or not chosen:
            return kept
        built = await self._built_for(chosen)
        queries = await embedded(self._embedder, [text], dimension=built.index.dimension)
        (candidates,) = built.selector.rank([text], queries, top=self._top)
        return [*(built.names[candidate.expert] for candidate in candidates), *kept]

    def _is_always(self, function: KernelFunctionMetadata) -> bool:
        return function.plugin_name in self._always

    async def _built_for(self, functions: Sequence[KernelFunctionMetadata]) -> _Built:
        known = tuple((each.fully_qualified_name, each.description) for each in functions)
        built = self._built
        if built is None or known != built.known:
            ids = distinct(identifier(name) for name, _ in known)
            cards = {
                expert_id: _card(expert_id, each, self._examples.get(each.fully_qualified_name, ()))
                for expert_id, each in zip(ids, functions, strict=True)
            }
            index, _ = await synchronised(
                built.index if built else None, cards.values(), self._embedder
            )
            names = {expert_id: name for expert_id, (name, _) in zip(ids, known, strict=True)}
            built = _Built(known=known, names=names, index=index, selector=Selector(index, cards))
            self._built = built
        return built


@dataclass(frozen=True, slots=True, kw_only=True)
class _Built:
    """What is made for one set of functions.

    Attributes:
        known: their full names and descriptions.
        names: their full names by the ids of their cards.
    """

    known: tuple[tuple[str, str | None], ...]
    names: Mapping[str, str]
    index: CapabilityIndex
    selector: Selector


class ExpertSelectingChatCompletion(ChatCompletionClientBase):
    """A chat service that is offered only the functions that fit the turn.

    The user's own filters hold: what they exclude is not chosen from. Functions that the
    conversation has called already stay, since their calls stand in its history. Without a
    question to choose by, no function is offered.

    Args:
        inner: any chat service that calls functions.
        selector: what chooses.
    """

    SUPPORTS_FUNCTION_CALLING: ClassVar[bool] = True
    inner: ChatCompletionClientBase = Field(exclude=True)
    selector: Any = Field(exclude=True)

    def __init__(self, inner: ChatCompletionClientBase, selector: FunctionSelector) -> None:
        super().__init__(
            ai_model_id=inner.ai_model_id,
            service_id=inner.service_id,
            instruction_role=inner.instruction_role,
            inner=inner,
            selector=selector,
        )

    def get_prompt_execution_settings_class(self) -> type[PromptExecutionSettings]:
        """Those of the service inside."""
        return self.inner.get_prompt_execution_settings_class()

    def service_url(self) -> str | None:
        """That of the service inside."""
        return self.inner.service_url()

    async def get_chat_message_contents(
        self, chat_history: ChatHistory, settings: PromptExecutionSettings, **kwargs: Any
    ) -> list[ChatMessageContent]:
        """The reply of the service inside, which may call what was chosen."""
        chosen = await self._chosen(chat_history, settings, kwargs.get("kernel"))
        return await self.inner.get_chat_message_contents(chat_history, chosen, **kwargs)

    async def get_streaming_chat_message_contents(
        self, chat_history: ChatHistory, settings: PromptExecutionSettings, **kwargs: Any
    ) -> AsyncGenerator[list[StreamingChatMessageContent], Any]:
        """The same, piece by piece."""
        chosen = await self._chosen(chat_history, settings, kwargs.get("kernel"))
        stream = self.inner.get_streaming_chat_message_contents(chat_history, chosen, **kwargs)
        async with aclosing(stream) as messages:
            async for each in messages:
                yield each

    async def _chosen(
        self, history: ChatHistory, settings: PromptExecutionSettings, kernel: Kernel | None
    ) -> PromptExecutionSettings:
        """The settings, cast now: a later cast would bring the old behaviour back."""
        given = self.get_prompt_execution_settings_from_settings(copy.deepcopy(settings))
        behavior = given.function_choice_behavior
        given.extension_data.pop("function_choice_behavior", None)
        if behavior is None or kernel is None or not behavior.enable_kernel_functions:
            return given
        functions = behavior.get_config(kernel).available_functions or []
        chosen = await self.selector.select(_question(history), functions)
        allowed = {each.fully_qualified_name for each in functions}
        called = [name for name in _called(history) if name in allowed]
        kept = list(dict.fromkeys([*chosen, *called]))
        # An empty list of functions would mean all of them.
        filters = {"included_functions": kept}
        narrowed = behavior.model_copy(update={"filters": filters}) if kept else None
        given.function_choice_behavior = narrowed
        return given


def _card(expert_id: str, function: KernelFunctionMetadata, examples: Sequence[str]) -> Card:
    stored = (function.additional_properties or {}).get(CARD)
    if stored is not None:
        return Card.model_validate(stored).model_copy(update={"id": expert_id})
    description = sentence(function.description or "", function.name)
    capability = Capability(
        name=identifier(function.name), description=description, examples=tuple(examples)
    )
    return Card(id=expert_id, description=description, capabilities=(capability,))


def _question(history: ChatHistory) -> str:
    said = [message.content for message in history.messages if message.role == AuthorRole.USER]
    return said[-1] if said else ""


def _called(history: ChatHistory) -> list[str]:
    return [
        item.name
        for message in history.messages
        for item in message.items
        if isinstance(item, FunctionCallContent) and item.name
    ]
