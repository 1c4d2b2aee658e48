"""Ollama's own client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import ollama
import pytest
from bridges.kitchen import council, models
from serving.running_server import served

from metier.testing.models import Reply

BREAD = "How long does bread bake?"


@contextmanager
def client(**replies: list[Reply]) -> Iterator[ollama.Client]:
    with (
        models(**replies) as server,
        served(council(server)) as url,
        ollama.Client(host=url, trust_env=False) as made,
    ):
        yield made


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def test_the_models_are_listed_with_a_tag() -> None:
    with client() as made:
        listed = {model.model: model for model in made.list().models}
    assert {"metier:latest", "cooking:latest", "metier:vote"} <= listed.keys()
    assert listed["metier:latest"].details is not None
    assert listed["metier:latest"].details.family == "metier"
    assert len({model.digest for model in listed.values()}) == len(listed)


@pytest.mark.parametrize("name", ["metier", "metier:latest"])
def test_the_council_chats(name: str) -> None:
    with client(cooking=["Forty minutes."]) as made:
        reply = made.chat(name, said(BREAD))
    assert reply.message.content == "Forty minutes."
    assert reply.done_reason == "stop"
    assert reply.eval_count == 2
    assert reply.model == name


def test_a_chat_streams_progress_as_thinking() -> None:
    with client(cooking=["Forty minutes."]) as made:
        lines = list(made.chat("metier", said(BREAD), stream=True))
    assert "".join(line.message.content or "" for line in lines) == "Forty minutes."
    thoughts = "".join(line.message.thinking or "" for line in lines)
    assert "[1] cooking begins" in thoughts
    assert [line.done for line in lines][-2:] == [False, True]


def test_progress_is_left_out_if_the_client_wants_no_thinking() -> None:
    with client(cooking=["Forty minutes."]) as made:
        reply = made.chat("metier", said(BREAD), think=False)
    assert reply.message.thinking is None


def test_a_prompt_is_answered() -> None:
    with client(cooking=["Forty minutes."]) as made:
        reply = made.generate("cooking", BREAD, system="Be brief.")
    assert reply.response == "Forty minutes."


def test_a_request_without_a_prompt_only_loads() -> None:
    with client() as made:
        assert made.generate("metier", "").done_reason == "load"
        assert made.chat("metier", []).done_reason == "load"
        assert made.generate("metier", "", keep_alive=0).done_reason == "unload"


def test_an_answer_is_cut_where_the_options_say() -> None:
    with client(cooking=["one two three four"] * 2) as made:
        stopped = made.chat("cooking", said(BREAD), options={"stop": [" three"]})
        short = made.chat("cooking", said(BREAD), options={"num_predict": 1})
    assert stopped.message.content == "one two"
    assert (short.message.content, short.done_reason) == ("one ", "length")


def test_an_answer_is_drawn_with_the_seed_of_the_options() -> None:
    with (
        models(cooking=["Forty minutes."]) as server,
        served(council(server)) as url,
        ollama.Client(host=url, trust_env=False) as made,
    ):
        made.chat("cooking", said(BREAD), options={"seed": 7})
    assert server.requests[0].sampling.seed == 7


def test_an_unknown_model_is_not_found() -> None:
    with client() as made, pytest.raises(ollama.ResponseError, match="not found") as caught:
        made.chat("nobody", said(BREAD))
    assert caught.value.status_code == 404


def test_images_are_refused() -> None:
    with client() as made, pytest.raises(ollama.ResponseError, match="images") as caught:
        made.chat("metier", [{"role": "user", "content": BREAD, "images": [b"\x89PNG"]}])
    assert caught.value.status_code == 400


def test_texts_are_embedded_by_the_councils_embedder() -> None:
    with client() as made:
        both = made.embed("metier", ["bread", "wine"]).embeddings
        one = made.embeddings("metier", "bread").embedding
    assert len(both) == 2
    assert list(both[0]) == list(one)


def test_vectors_have_the_length_that_is_asked_for_or_are_refused() -> None:
    with client() as made:
        assert len(made.embed("metier", "bread", dimensions=256).embeddings[0]) == 256
        with pytest.raises(ollama.ResponseError, match="256 dimensions, not 64") as caught:
            made.embed("metier", "bread", dimensions=64)
    assert caught.value.status_code == 400


def test_a_model_is_shown_with_its_context() -> None:
    with client() as made:
        shown = made.show("cooking")
    assert shown.modelinfo is not None
    assert shown.modelinfo["metier.context_length"] == 4096
    assert shown.capabilities == ["completion", "thinking"]


def test_no_model_is_in_memory_here() -> None:
    with client() as made:
        assert list(made.ps().models) == []


@pytest.mark.parametrize(
    ("change", "given"),
    [
        ("pull", {"model": "metier"}),
        ("push", {"model": "metier"}),
        ("delete", {"model": "metier"}),
        ("create", {"model": "mine", "from_": "metier"}),
        ("copy", {"source": "metier", "destination": "mine"}),
        ("create_blob", {"path": __file__}),
    ],
)
def test_models_are_not_changed_over_http(change: str, given: dict[str, str]) -> None:
    with client() as made, pytest.raises(ollama.ResponseError, match="no models") as caught:
        getattr(made, change)(**given)
    assert caught.value.status_code == 501


def test_an_experts_model_keeps_to_a_format() -> None:
    with (
        models(cooking=['{"minutes": 40}']) as server,
        served(council(server)) as url,
        ollama.Client(host=url, trust_env=False) as made,
    ):
        reply = made.chat("cooking", said(BREAD), format="json")
    assert reply.message.content == '{"minutes": 40}'
    assert server.requests[0].sampling.schema == {"type": "object"}
