"""The real packages, imported before a test makes warnings errors: what they warn of is theirs."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import langchain_core.language_models  # noqa: F401
    import mcp.server.lowlevel  # noqa: F401
    import semantic_kernel.agents
    import semantic_kernel.agents.orchestration.handoffs
    import semantic_kernel.connectors.ai.ollama
    import semantic_kernel.connectors.mcp
    import semantic_kernel.connectors.openapi_plugin
    import semantic_kernel.core_plugins  # noqa: F401
