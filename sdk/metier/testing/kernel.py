"""Whether Semantic Kernel takes an expert as a plugin; its package is asked where it is there."""

from __future__ import annotations

import importlib.util
import inspect
import re
import warnings
from collections.abc import Iterator

from metier.experts.expert import Expert
from metier.experts.tools import Skill

# What semantic_kernel 1.45 allows: KernelFunctionMetadata.name.
_NAME = re.compile(r"[0-9A-Za-z_-]+")


def skill_problems(expert: Expert) -> Iterator[str]:
    """What a caller of the skills cannot know: names, descriptions and types that are missing."""
    for skill in expert.skills.values():
        if not _NAME.fullmatch(skill.name):
            yield f"the skill {skill.name!r} has a name with other signs than letters, digits, _ -"
        if not skill.description.strip():
            yield f"the skill {skill.name!r} has no description"
        for parameter in inspect.signature(skill.call).parameters.values():
            if parameter.annotation is parameter.empty:
                yield f"the parameter {parameter.name!r} of {skill.name!r} has no type"


def kernel_problems(expert: Expert) -> Iterator[str]:
    """How its skills differ as functions of a real kernel; nothing where that is not installed."""
    if not expert.skills or importlib.util.find_spec("semantic_kernel") is None:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns while it is imported
        from semantic_kernel import Kernel

        functions = Kernel().add_plugin(expert, plugin_name=expert.id).functions
    for name in sorted(expert.skills.keys() ^ functions.keys()):
        yield f"{name!r} is a {'skill' if name in expert.skills else 'kernel function'} alone"
    for name, skill in expert.skills.items():
        if name in functions:
            shown = [parameter.name for parameter in functions[name].metadata.parameters]
            yield from _differences(skill, shown)


def _differences(skill: Skill, shown: list[str | None]) -> Iterator[str]:
    if shown != skill.parameters:
        yield f"{skill.name!r} takes {skill.parameters}, and as a kernel function {shown}"
