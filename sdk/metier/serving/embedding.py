"""Embeddings, made by the council's own embedder."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Literal

import numpy as np
from pydantic import BeforeValidator, Field
from starlette.requests import Request

from metier.models.embedder import Vectors
from metier.models.vector_checks import embedded as checked_vectors
from metier.serving.failures import refused
from metier.serving.forms import Wire
from metier.serving.questions import CHARS_PER_TOKEN
from metier.serving.reading import Body, NullableText
from metier.serving.service import Service

_MOST_TEXTS = 2048


def _no_tokens(given: object) -> object:
    """Refuse tokens by their numbers: they are of a tokenizer that is not here."""
    if isinstance(given, list) and given and isinstance(given[0], int | list):
        raise refused(
            "tokens cannot be embedded: send text "
            "(LangChain: OpenAIEmbeddings(check_embedding_ctx_length=False))",
            param="input",
        )
    return given


Texts = Annotated[
    str | Annotated[list[str], Field(min_length=1, max_length=_MOST_TEXTS)],
    BeforeValidator(_no_tokens),
]


class EmbeddingsBody(Body):
    """The body of a request to `/v1/embeddings`."""

    model: str = Field(min_length=1)
    input: Texts
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = Field(None, ge=1)


class EmbedBody(Body):
    """The body of a request to `/api/embed`."""

    model: str = Field(min_length=1)
    input: Texts
    # 0 means "as the model has them" there.
    dimensions: int | None = Field(None, ge=0)


class OldEmbedBody(Body):
    """The body of a request to `/api/embeddings`."""

    model: str = Field(min_length=1)
    prompt: NullableText


async def vectors_of(
    service: Service, request: Request, model: str, given: Texts, *, dimensions: int | None = None
) -> Vectors:
    """Return one unit vector per text.

    Args:
        model: the embedder's own name, or any model of the server.
        dimensions: the length that the vectors should have.

    Raises:
        Refused: no model has this name, a text is empty, the embedder's vectors have another
            length, the client leaves or the server stops.
        MetierError: the embedder failed.
    """
    texts = [given] if isinstance(given, str) else given
    if model.removesuffix(":latest") != service.council.settings.embed_model:
        service.model(model)
    if not all(text.strip() for text in texts):
        raise refused("a text to embed is empty", param="input")
    embed = partial(checked_vectors, service.council.embedder, texts, role="document")
    vectors = await service.counted(request, embed)
    if dimensions and dimensions != vectors.shape[1]:
        raise refused(
            f"the embedder's vectors have {vectors.shape[1]} dimensions, not {dimensions}",
            param="dimensions",
        )
    return vectors


def embeddings(vectors: Vectors, body: EmbeddingsBody) -> Wire:
    """The reply in OpenAI's form."""
    rows = [
        {"object": "embedding", "index": index, "embedding": _encoded(row, body.encoding_format)}
        for index, row in enumerate(vectors)
    ]
    read = _tokens(body.input)
    usage = {"prompt_tokens": read, "total_tokens": read}
    return {"object": "list", "data": rows, "model": body.model, "usage": usage}


def embedded(vectors: Vectors, body: EmbedBody) -> Wire:
    """The reply in Ollama's form."""
    return {
        "model": body.model,
        "embeddings": vectors.tolist(),
        "prompt_eval_count": _tokens(body.input),
    }


def _encoded(row: Vectors, how: Literal["float", "base64"]) -> str | Sequence[float]:
    if how == "base64":
        return base64.b64encode(row.astype(np.dtype("<f4")).tobytes()).decode()
    return row.tolist()


def _tokens(given: Texts) -> int:
    """An estimate of the tokens; embedders do not count them."""
    texts = [given] if isinstance(given, str) else given
    return sum(1 + len(text) // CHARS_PER_TOKEN for text in texts)
