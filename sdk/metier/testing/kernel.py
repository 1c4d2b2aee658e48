"""Whether Semantic Kernel takes an expert as a plugin; its package is asked where it is there."""

from __future__ import annotations

import importlib.util
import inspect
import re
import warnings
from collections.abc import Iterator

from metier.experts.expert import Expert
from metier.experts.tools import Tool

# What semantic_kernel 1.45 allows: KernelFunctionMetadata.name.
_NAME = re.compile(r"[0-9A-Za-z_-]+")


def tool_problems(expert: Expert) -> Iterator[str]:
    """What a caller of the tools cannot know: names, descriptions and types that are missing."""
    for tool in expert.tools.values():
        if not _NAME.fullmatch(tool.name):
            yield f"the tool {tool.name!r} has a name with other signs than letters, digits, _ -"
        if not tool.description.strip():
            yield f"the tool {tool.name!r} has no description"
        for parameter in inspect.signature(tool.call).parameters.values():
            if parameter.annotation is parameter.empty:
                yield f"the parameter {parameter.name!r} of {tool.name!r} has no type"


def kernel_problems(expert: Expert) -> Iterator[str]:
    """How its tools differ as functions of a real kernel; nothing if that is not installed."""
    if not expert.tools or importlib.util.find_spec("semantic_kernel") is None:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns while it is imported
        from semantic_kernel import Kernel

        functions = Kernel().add_plugin(expert, plugin_name=expert.id).functions
    for name in sorted(expert.tools.keys() ^ functions.keys()):
        yield f"{name!r} is a {'tool' if name in expert.tools else 'kernel function'} alone"
    for name, tool in expert.tools.items():
        if name in functions:
            shown = [parameter.name for parameter in functions[name].metadata.parameters]
            yield from _differences(tool, shown)


def _differences(tool: Tool, shown: list[str | None]) -> Iterator[str]:
    if shown != tool.parameters:
        yield f"{tool.name!r} takes {tool.parameters}, and as a kernel function {shown}"
