"""Errors about models and the servers that run them."""

from __future__ import annotations

from collections.abc import Iterable

from metier.errors.root import MetierError, nearest


class ModelError(MetierError):
    """The base of errors about one model."""

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
    """The server rejected the request."""

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
    """A model's output does not have the requested format."""

    code = "invalid_output"
    retryable = True


class ModelServerError(MetierError):
    """The base of errors about the model server."""

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
    """A reply broke off, or ended without the server's end marker."""

    code = "stream_interrupted"
    retryable = True


class ClusterUnavailable(ModelServerError):
    """Ray is not installed, or no cluster answers at the address."""

    code = "cluster_unavailable"

    def __init__(self, reason: str) -> None:
        super().__init__(
            reason,
            hint="Install it with: pip install 'metier[ray]'; "
            "start a cluster with: ray start --head; one that asks for a token needs "
            "RAY_AUTH_MODE=token and RAY_AUTH_TOKEN here, too",
        )


class WeightsUnavailable(MetierError):
    """A model's weights cannot be downloaded from any source this machine can reach."""

    code = "weights_unavailable"
