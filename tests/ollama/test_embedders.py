"""Both embedders give the same vectors, also for mathematics and code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from metier import Settings
from metier.errors import InvalidSettings, ModelMissing
from metier.models.ollama import OllamaServer
from metier.models.ollama_embedder import OllamaEmbedder
from metier.models.sentence_transformers import SentenceTransformersEmbedder

pytestmark = pytest.mark.anyio

TEXTS = (
    "What is the capital of Australia?",
    "What is x^2 + 3x - 4 = 0?",
    "d/dx sin(x)**2",
    "f(x)=ax^2+bx+c; f'(x)=2ax+b",
    "def f(x): return [i**2 for i in x if i != 0]",
    "SELECT a.name, count(*) FROM t AS a WHERE a.x >= 10 GROUP BY a.name;",
    "5 mg/kg * 70 kg = 350 mg",
    "snake_case_name and camelCaseName",
    "Größe, naïve café — “quotes” … ½ € 20",
    "日本語のテキスト",
    "a" * 3000,
)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
async def test_both_embedders_agree_on_words_formulas_and_code(
    ollama_settings: Settings, minilm: Path
) -> None:
    server = OllamaServer.from_settings(ollama_settings)
    ours = await OllamaEmbedder(server).embed(TEXTS)
    theirs = await SentenceTransformersEmbedder(str(minilm)).embed(TEXTS)
    await server.aclose()
    cosines = np.sum(ours * theirs, axis=1)
    assert cosines.min() > 0.999, dict(zip(TEXTS, cosines, strict=True))


async def test_vectors_are_unit_vectors(ollama_settings: Settings) -> None:
    server = OllamaServer.from_settings(ollama_settings)
    vectors = await OllamaEmbedder(server).embed(TEXTS)
    await server.aclose()
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


async def test_an_embedder_that_is_not_there_is_named(ollama_settings: Settings) -> None:
    server = OllamaServer.from_settings(ollama_settings)
    with pytest.raises(ModelMissing, match="nobody"):
        await OllamaEmbedder(server, model="nobody").embed(["text"])
    await server.aclose()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
async def test_a_folder_without_a_model_is_an_error_that_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="config set embed_model"):
        await SentenceTransformersEmbedder(str(tmp_path)).embed(["text"])
