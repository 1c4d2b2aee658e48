"""Running code that nobody trusts: `Sandboxes().run(code)`, `checked(sandbox, code, tests)`."""

from metier.sandbox.checking import Check, Checks, checked
from metier.sandbox.fallback import Sandboxes
from metier.sandbox.sandbox import Failure, Limits, Outcome, Sandbox, Status, quiet

__all__ = [
    "Check",
    "Checks",
    "Failure",
    "Limits",
    "Outcome",
    "Sandbox",
    "Sandboxes",
    "Status",
    "checked",
    "quiet",
]
