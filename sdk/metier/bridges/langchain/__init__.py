"""LangChain in both directions (extra `langchain`, which is langchain-core alone).

- `CouncilChatModel`: a council, or one expert, as a chat model, and so as a `Runnable`.
- `ModelChatModel`: one model as a chat model that calls tools, also a small one.
- `from_runnable`, `from_tools`: any `Runnable`, or tools, as experts.

Importing this package does not import langchain_core; each name does, when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from metier.bridges.loading import lazily

if TYPE_CHECKING:
    from metier.bridges.langchain.calling import ModelChatModel
    from metier.bridges.langchain.experts import from_runnable, from_tools
    from metier.bridges.langchain.model import CouncilChatModel

__all__ = ["CouncilChatModel", "ModelChatModel", "from_runnable", "from_tools"]

_HOMES = {
    "CouncilChatModel": "model",
    "ModelChatModel": "calling",
    "from_runnable": "experts",
    "from_tools": "experts",
}

__getattr__ = lazily(__name__, _HOMES, extra="langchain")
