"""What every text goes through before it is embedded, and the embedder for tests."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from metier.models.embedder import MAX_CHARS, Prefixes, normalised, prefixes_of, unit
from metier.models.ollama_embedder import OllamaEmbedder
from metier.testing import FixedEmbedder, ScriptedModels

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What is  x^2?\n", "what is x ^ 2 ?"),
        ("x_1", "x _ 1"),
        ("a**b", "a * * b"),
        ("12.5%", "12 . 5 %"),
        ("Café GRÖSSE", "cafe grosse"),
        ("π² ½", "π2 1 ⁄ 2"),
        ("“so” – ‘so’", "\" so \" - ' so '"),
        ("\tone\r\n two ", "one two"),
        ("x" * 120, f"{'x' * 50} {'x' * 50} {'x' * 20}"),
        ("", ""),
        (" \n", ""),
    ],
)
def test_a_text_is_brought_to_the_form_that_every_tokenizer_reads_alike(
    text: str, expected: str
) -> None:
    assert normalised(text) == expected


@given(st.text(max_size=MAX_CHARS // 40))
@example("ℋ")
def test_a_normalised_text_is_normal(text: str) -> None:
    assert normalised(normalised(text)) == normalised(text)


@given(st.text())
def test_every_word_is_a_short_one_or_a_symbol(text: str) -> None:
    words = normalised(text).split(" ") if normalised(text) else []
    assert [word for word in words if not re.fullmatch(r"[^\W_]{1,50}|[^\w\s]|_", word)] == []


def test_a_long_text_is_cut() -> None:
    assert normalised("word " * MAX_CHARS) == normalised(("word " * MAX_CHARS)[:MAX_CHARS])


VECTORS = arrays.arrays(
    np.float64,
    st.tuples(st.integers(1, 5), st.integers(1, 5)),
    elements=st.floats(-1e6, 1e6).filter(lambda x: x == 0 or abs(x) > 1e-3),
)


@given(VECTORS)
def test_a_row_has_length_one_unless_it_is_zero(vectors: np.ndarray) -> None:
    lengths = np.linalg.norm(unit(vectors), axis=1)
    np.testing.assert_allclose(lengths, np.any(vectors, axis=1).astype(float), atol=1e-5)


@given(VECTORS)
def test_a_row_keeps_its_direction(vectors: np.ndarray) -> None:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(unit(vectors) * lengths, vectors, rtol=1e-4, atol=1e-2)


def test_unit_vectors_are_of_the_type_that_faiss_takes() -> None:
    assert unit([[3, 4], [0, 0]]).dtype == np.float32
    np.testing.assert_allclose(unit([[3, 4], [0, 0]]), [[0.6, 0.8], [0, 0]])


async def test_a_fixed_embedder_gives_a_text_the_same_vector_everywhere() -> None:
    one = await FixedEmbedder().embed(["add two numbers", "sort a list"])
    other = await FixedEmbedder().embed(["sort a list"])
    np.testing.assert_array_equal(one[1], other[0])


async def test_a_fixed_embedder_finds_texts_with_common_words_alike() -> None:
    question, near, far = await FixedEmbedder().embed(
        ["how do I sort a list?", "sort this list", "the capital of Mongolia"]
    )
    assert question @ near > question @ far


@pytest.mark.parametrize("texts", [[], [""], ["a", "b", "c"]])
async def test_a_fixed_embedder_gives_one_unit_vector_a_text(texts: list[str]) -> None:
    vectors = await FixedEmbedder(64).embed(texts)
    assert vectors.shape == (len(texts), 64)
    np.testing.assert_allclose(
        np.linalg.norm(vectors, axis=1), [1.0 if text else 0.0 for text in texts], atol=1e-6
    )


async def test_a_fixed_embedder_remembers_what_it_was_asked() -> None:
    embedder = FixedEmbedder()
    await embedder.embed(["a", "b"])
    await embedder.embed(["c"])
    assert embedder.calls == [["a", "b"], ["c"]]


def test_the_id_of_a_fixed_embedder_names_its_dimension() -> None:
    assert FixedEmbedder(64).id != FixedEmbedder(128).id


@pytest.mark.parametrize(
    ("model", "query"),
    [
        ("all-minilm", ""),
        ("nomic-embed-text:v1.5", "search_query: "),
        ("registry/snowflake-arctic-embed2:568m", "query: "),
        ("mxbai-embed-large", "Represent this sentence for searching relevant passages: "),
    ],
)
def test_a_model_reads_what_it_wants_before_a_question(model: str, query: str) -> None:
    assert prefixes_of(model).query == query


def test_a_prefix_stands_before_the_normalised_text_of_its_role() -> None:
    prefixes = Prefixes(query="search_query: ", document="search_document: ")
    assert prefixes.on(["What is  x^2?"], "query") == ["search_query: what is x ^ 2 ?"]
    assert prefixes.on(["Sums"], "document") == ["search_document: sums"]


async def test_the_server_is_sent_the_prefix() -> None:
    sent: list[str] = []

    class Server(ScriptedModels):
        async def embed(self, model: str, texts: Sequence[str]) -> Sequence[Sequence[float]]:
            sent.extend(texts)
            return [[1.0, 0.0] for _ in texts]

    embedder = OllamaEmbedder(Server(), model="nomic-embed-text")
    await embedder.embed(["Sums"], role="document")
    await embedder.embed(["Sums"])
    assert sent == ["search_document: sums", "search_query: sums"]
