"""Semantic Kernel in both directions (extra `semantic-kernel`).

- `expert_plugin`, `council_plugin`: an expert or a council as a plugin of a kernel.
- `CouncilChatCompletion`, `CouncilAgent`: a council as a chat service, or as an agent.
- `ModelChatCompletion`: one model as a chat service that calls functions, also a small one.
- `ExpertSelectingChatCompletion`, `FunctionSelector`: any chat service, offered only the functions
  that fit the turn.
- `from_kernel_plugin`: any plugin as experts.

Importing this package does not import semantic_kernel; each name does, when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from metier.bridges.loading import lazily

if TYPE_CHECKING:
    from metier.bridges.semantic_kernel.agent import CouncilAgent
    from metier.bridges.semantic_kernel.chat import (
        CouncilChatCompletion,
        CouncilPromptExecutionSettings,
    )
    from metier.bridges.semantic_kernel.experts import from_kernel_plugin
    from metier.bridges.semantic_kernel.model import (
        ModelChatCompletion,
        ModelPromptExecutionSettings,
    )
    from metier.bridges.semantic_kernel.plugin import council_plugin, expert_plugin
    from metier.bridges.semantic_kernel.selecting import (
        ExpertSelectingChatCompletion,
        FunctionSelector,
    )

__all__ = [
    "CouncilAgent",
    "CouncilChatCompletion",
    "CouncilPromptExecutionSettings",
    "ExpertSelectingChatCompletion",
    "FunctionSelector",
    "ModelChatCompletion",
    "ModelPromptExecutionSettings",
    "council_plugin",
    "expert_plugin",
    "from_kernel_plugin",
]

_HOMES = {
    "CouncilAgent": "agent",
    "CouncilChatCompletion": "chat",
    "CouncilPromptExecutionSettings": "chat",
    "ExpertSelectingChatCompletion": "selecting",
    "FunctionSelector": "selecting",
    "ModelChatCompletion": "model",
    "ModelPromptExecutionSettings": "model",
    "council_plugin": "plugin",
    "expert_plugin": "plugin",
    "from_kernel_plugin": "experts",
}

__getattr__ = lazily(__name__, _HOMES, extra="semantic-kernel")
