"""What Monty lacks of Python: telling its gaps from errors of the program."""

from __future__ import annotations

import builtins
import re
from types import FunctionType, NoneType

# The types whose attributes are known here. Another that the program did not make is Monty's.
_TYPES = {name: kind for name, kind in vars(builtins).items() if isinstance(kind, type)}
_TYPES |= {kind.__name__: kind for kind in (NoneType, FunctionType)}
_MODULE = re.compile(r"No module named '([^']+)'")
_OF_MODULE = re.compile(r"module '([^']+)' has no attribute '([^']+)'")
_IMPORT = re.compile(r"cannot import name '([^']+)' from '([^']+)'")
_ATTRIBUTE = re.compile(r"(?:type object )?'([^']+)'(?: object)? has no attribute '([^']+)'")
_NAME = re.compile(r"name '([^']+)' is not defined")


def lacks(error: BaseException, message: str, code: str) -> str:
    """What Monty lacks or refuses, where that is the reason of an error; else ``""``."""
    match error:
        case SyntaxError():
            # CPython has parsed it before.
            return f"syntax: {message}"
        case ImportError():
            return _missing_import(message)
        case TypeError() if message == "'list' object is not an iterator":
            return "generator expressions as iterators"
        case NotImplementedError() if "not yet support" in message:
            return message.partition("yet support")[2].lstrip("s ")
        case RuntimeError() if "in this environment" in message or "error in monty" in message:
            return message
        case PermissionError() if message.startswith("Permission denied"):
            return f"permission: {message}"
        case AttributeError():
            return _missing_attribute(message, code)
        case NameError() if found := _NAME.search(message):
            return f"builtin {found[1]!r}" if _known(builtins, found[1]) else ""
    return ""


def _missing_import(message: str) -> str:
    if found := _MODULE.search(message):
        return f"module {found[1]!r}"
    found = _IMPORT.search(message)
    return f"{found[1]!r} of module {found[2]!r}" if found else ""


def _missing_attribute(message: str, code: str) -> str:
    if found := _OF_MODULE.search(message):
        return f"{found[2]!r} of module {found[1]!r}"
    found = _ATTRIBUTE.search(message)
    if found is None:
        return ""
    owner = _TYPES.get(found[1])
    own = owner is None and f"class {found[1]}" in code
    lacking = _known(owner, found[2]) or (owner is None and not own)
    return f"{found[2]!r} of {found[1]!r}" if lacking else ""


def _known(owner: object, name: str) -> bool:
    """Whether CPython has the name: then it is Monty that does not."""
    return hasattr(owner, name) or (name.startswith("__") and name.endswith("__"))
