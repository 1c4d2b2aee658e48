"""Every error that metier raises.

::

    MetierError
    ├── InvalidInput               what was asked cannot be worked on
    │   ├── EmptyQuestion
    │   ├── UnreadableInput        binary or undecodable text
    │   ├── InvalidPlan            a cycle, a missing step, an unknown expert
    │   ├── InvalidRecipe          a merge that is described wrongly
    │   ├── UnknownRun             no kept run has this id
    │   └── UnreadableWeights      no whole GGUF file
    ├── InvalidCard                a domain.toml that cannot be used
    ├── InvalidSettings
    ├── UnknownExpert
    ├── PluginBroken               a plugin that cannot be imported or built
    ├── IndexUnavailable           the index cannot be built
    │   └── Locked                 another process is writing to the same place
    ├── ModelError
    │   ├── ModelMissing           not installed on the server
    │   ├── ModelRefused           the server refused the request
    │   ├── ContextOverflow        the prompt is longer than the model's context
    │   ├── InvalidEmbedding       vectors that cannot be compared with others
    │   └── InvalidOutput          a model's words do not have the shape that was asked for
    ├── ModelServerError
    │   ├── ModelServerUnreachable
    │   ├── ModelServerBusy
    │   ├── ModelServerFailed      it answered with an error of its own
    │   ├── StreamInterrupted      a reply that ended without its end
    │   └── ClusterUnavailable     no Ray, or no cluster at the address
    ├── DeadlineExceeded
    ├── BudgetExceeded
    ├── CouncilInUse               by another event loop
    ├── ExpertFailed               a step without a result: it raised, said nothing, …
    │   └── ResourceExhausted      memory, or Python's stack, did not suffice
    ├── RunStoreUnavailable        the kept runs cannot be read or written
    ├── ReplayDiffers              a replay asks what the kept run did not ask
    ├── WeightsUnavailable         a model can be had from nowhere
    └── MergeError
        ├── MergeUnavailable       the packages that merge are not installed
        ├── MergeRefused           the models do not fit each other
        └── MergeFailed            it broke off; there is no half model
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar


class MetierError(Exception):
    """The root of all errors here.

    Attributes:
        code: a stable name for programs.
        hint: what to do next, one sentence; empty where nothing is known.
        retryable: whether the same call may succeed later.
    """

    code: ClassVar[str] = "error"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}. {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[object, ...]:
        """Copied and pickled as it is, whatever its constructor takes."""
        return _restored, (type(self), self.args, self.__dict__)


def _restored(
    kind: type[MetierError], args: tuple[object, ...], state: dict[str, object]
) -> MetierError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class InvalidInput(MetierError):
    """What was asked cannot be worked on."""

    code = "invalid_input"


class EmptyQuestion(InvalidInput):
    """There is no question in the input."""

    code = "empty_question"

    def __init__(self) -> None:
        super().__init__("the question is empty", hint='Try: metier ask "What is 15% of 80?"')


class UnreadableInput(InvalidInput):
    """A file or stream that is not text."""

    code = "unreadable_input"

    def __init__(self, source: str, *, reason: str = "it is not UTF-8 text") -> None:
        super().__init__(
            f"{source} cannot be read: {reason}",
            hint="metier reads plain text and Markdown; convert the file to text first",
        )


class InvalidPlan(InvalidInput):
    """A plan that is not a runnable DAG."""

    code = "invalid_plan"


class UnknownRun(InvalidInput):
    """No kept run has this id, or several begin with it."""

    code = "unknown_run"

    def __init__(self, message: str) -> None:
        super().__init__(message, hint="See: metier runs list")


class InvalidRecipe(InvalidInput):
    """A recipe for a merge that cannot be followed; the message names file and key."""

    code = "invalid_recipe"


class UnreadableWeights(InvalidInput):
    """A file of weights that is no whole GGUF file."""

    code = "unreadable_weights"

    def __init__(self, file: str, *, reason: str) -> None:
        super().__init__(
            f"{file} cannot be read: {reason}",
            hint="Give a whole GGUF file, or a model of Ollama. See: metier models list",
        )


class InvalidCard(MetierError):
    """A `domain.toml` that cannot be used; the message names file and key."""

    code = "invalid_card"


class InvalidSettings(MetierError):
    """A setting with an unknown name or an impossible value."""

    code = "invalid_settings"


class UnknownExpert(MetierError):
    """No expert has this id."""

    code = "unknown_expert"

    def __init__(self, expert: str, known: Iterable[str]) -> None:
        super().__init__(
            f"no expert is called {expert!r}{nearest(expert, known)}",
            hint="See: metier experts list",
        )
        self.expert = expert


class PluginBroken(MetierError):
    """A plugin whose code cannot be imported or built."""

    code = "plugin_broken"

    def __init__(self, plugin: str, reason: str) -> None:
        super().__init__(
            f"plugin {plugin!r} is broken: {reason}",
            hint=f"Reinstall it, or leave it out. See: metier experts show {plugin}",
        )


class IndexUnavailable(MetierError):
    """The capability index can be neither loaded nor built."""

    code = "index_unavailable"


class Locked(IndexUnavailable):
    """Another process is writing to the same place, and did not finish in time."""

    code = "locked"
    retryable = True

    def __init__(self, path: str) -> None:
        super().__init__(
            f"another process holds the lock {path!r}",
            hint="Wait until it has finished, and try again",
        )


class ModelError(MetierError):
    """Something about one model."""

    code = "model_error"


class ModelMissing(ModelError):
    """The server does not have this model."""

    code = "model_missing"

    def __init__(self, model: str, *, installed: Iterable[str] = ()) -> None:
        super().__init__(
            f"model {model!r} is not installed{nearest(model, installed)}",
            hint=f"Get it with: metier models pull {model}",
        )
        self.model = model


class ModelRefused(ModelError):
    """The server refused a request as it was made."""

    code = "model_refused"


class ContextOverflow(ModelError):
    """The prompt is longer than the model's context window; nothing was cut off."""

    code = "context_overflow"

    def __init__(self, model: str, *, num_ctx: int) -> None:
        super().__init__(
            f"the question with its documents is longer than the {num_ctx} tokens that "
            f"{model!r} is run with",
            hint="Shorten it, or raise the window: metier config set num_ctx 8192",
        )
        self.model = model
        self.num_ctx = num_ctx


class InvalidEmbedding(ModelError):
    """An embedder returned vectors that cannot be compared with others; none of them was saved."""

    code = "invalid_embedding"

    def __init__(self, embedder: str, problem: str, *, hint: str = "") -> None:
        super().__init__(
            f"the embedder {embedder!r} returned {problem}",
            hint=hint
            or "Get its model again (metier models pull NAME), or choose another: "
            "metier config set embed_model all-minilm",
        )


class InvalidOutput(ModelError):
    """A model's words do not have the shape that was asked for."""

    code = "invalid_output"
    retryable = True


class ModelServerError(MetierError):
    """Something about the server that runs the models."""

    code = "model_server_error"


class ModelServerUnreachable(ModelServerError):
    """Nothing answers at the server's address."""

    code = "model_server_unreachable"
    retryable = True

    def __init__(self, host: str, *, reason: str = "") -> None:
        detail = f" ({reason})" if reason else ""
        super().__init__(
            f"no Ollama answers at {host}{detail}",
            hint="Start it with `ollama serve`, or set OLLAMA_HOST. See: metier doctor",
        )
        self.host = host


class ModelServerBusy(ModelServerError):
    """The server's queue is full."""

    code = "model_server_busy"
    retryable = True


class ModelServerFailed(ModelServerError):
    """The server answered with an error of its own."""

    code = "model_server_failed"


class StreamInterrupted(ModelServerError):
    """A reply that broke off, or ended without the server saying that it is done."""

    code = "stream_interrupted"
    retryable = True


class ClusterUnavailable(ModelServerError):
    """Ray is not installed, or no cluster answers at the address."""

    code = "cluster_unavailable"

    def __init__(self, reason: str) -> None:
        super().__init__(
            reason,
            hint="Install it with: pip install 'metier[ray]'; "
            "start a cluster with: ray start --head",
        )


class DeadlineExceeded(MetierError):
    """A wait lasted longer than it may."""

    code = "deadline_exceeded"
    retryable = True


class BudgetExceeded(MetierError):
    """One more model call than the question may cost."""

    code = "budget_exceeded"

    def __init__(self, max_calls: int, *, kept: int = 0) -> None:
        rest = f"the {kept} left are for its other parts" if kept else "they are used up"
        super().__init__(
            f"the question may cost {max_calls} model calls, and {rest}",
            hint="Raise it: metier config set max_calls 24",
        )


class CouncilInUse(MetierError):
    """Another event loop is asking this council: it can be used from one at a time."""

    code = "council_in_use"
    retryable = True

    def __init__(self) -> None:
        super().__init__(
            "this council is being asked in another event loop",
            hint="Use one council in each loop, or its sync methods alone, from any thread",
        )


class ExpertFailed(MetierError):
    """A step has no result: its expert raised something (chained), said nothing, or is missing."""

    code = "expert_failed"


class ResourceExhausted(ExpertFailed):
    """A step that needs more memory, or a deeper stack, than Python has here (chained)."""

    code = "resource_exhausted"

    def __init__(
        self, cause: MemoryError | RecursionError, *, place: str = "", folder: str = ""
    ) -> None:
        ran_out = (
            "the step needs more memory than there is"
            if isinstance(cause, MemoryError)
            else "the step meets something that is nested too deep for Python"
        )
        where = f", {place}" if place else ""
        code = (
            f". If that is the code's doing, see: metier experts check {folder}" if folder else ""
        )
        super().__init__(
            f"{ran_out} ({type(cause).__name__}{where})",
            hint=f"Ask for less at once, or give it shorter texts{code}",
        )


class RunStoreUnavailable(MetierError):
    """The file of kept runs cannot be read or written."""

    code = "run_store_unavailable"


class ReplayDiffers(MetierError):
    """A replay asks a model or the embedder something that the kept run did not ask."""

    code = "replay_differs"


class WeightsUnavailable(MetierError):
    """A model's weights can be had from nowhere that this machine reaches."""

    code = "weights_unavailable"


class MergeError(MetierError):
    """Something about merging models."""

    code = "merge_error"


class MergeUnavailable(MergeError):
    """The packages that merge models are not installed."""

    code = "merge_unavailable"


class MergeRefused(MergeError):
    """The models do not fit each other; the message names the key, tensor or token."""

    code = "merge_refused"


class MergeFailed(MergeError):
    """A merge broke off; nothing half is left, and the models are as they were."""

    code = "merge_failed"


def nearest(name: str, known: Iterable[str]) -> str:
    """` (nearest: 'a', 'b')` for the known names that look like `name`, else ``""``."""
    close = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f" (nearest: {', '.join(map(repr, close))})" if close else ""
