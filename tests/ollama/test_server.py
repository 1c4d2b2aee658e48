"""The model server on a real Ollama with real weights."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import anyio
import pytest
from script_files import loaded
from world import EMBED, HALF, SMALL

from metier import Message, Settings
from metier.errors import ContextOverflow, ModelMissing
from metier.models.ollama import OllamaServer
from metier.models.server import ChatRequest, Chunk, RawRequest, Sampling

pytestmark = pytest.mark.anyio


def ask(
    text: str, *, model: str = SMALL, think: bool = False, max_tokens: int = 30, **sampling: Any
) -> ChatRequest:
    options = Sampling(max_tokens=max_tokens, **sampling)
    return ChatRequest(
        model=model,
        messages=(Message(role="user", content=text),),
        sampling=options,
        think=think,
    )


@pytest.fixture
async def server(ollama_settings: Settings) -> AsyncIterator[OllamaServer]:
    made = OllamaServer.from_settings(ollama_settings)
    yield made
    await made.aclose()


async def chunks(server: OllamaServer, request: ChatRequest) -> list[Chunk]:
    return [chunk async for chunk in server.chat(request)]


async def test_a_reply_streams_and_ends_with_what_it_cost(server: OllamaServer) -> None:
    found = await chunks(server, ask("Say hello."))
    assert len(found) > 2
    assert all(not chunk.done for chunk in found[:-1])
    usage = found[-1].usage
    assert usage.calls == 1
    assert usage.prompt_tokens > 5
    assert 0 < usage.completion_tokens <= 30
    assert usage.total_s >= usage.decode_s > 0


async def test_a_seed_makes_a_sample_repeatable(server: OllamaServer) -> None:
    async def sample(seed: int) -> str:
        request = ask("Invent a name for a cat.", temperature=1.0, seed=seed)
        return "".join(chunk.text for chunk in await chunks(server, request))

    assert await sample(7) == await sample(7)


async def test_a_schema_is_enforced_while_the_model_writes(server: OllamaServer) -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"enum": ["Lima", "Rome"]}},
        "required": ["city"],
    }
    found = await chunks(server, ask("The capital of Peru?", model=HALF, schema=schema))
    assert json.loads("".join(chunk.text for chunk in found))["city"] in ("Lima", "Rome")


async def test_a_cut_at_max_tokens_says_so(server: OllamaServer) -> None:
    found = await chunks(server, ask("Count from 1 to 100.", max_tokens=5))
    assert found[-1].done_reason == "length"


async def test_a_stop_string_ends_the_reply(server: OllamaServer) -> None:
    request = ask("Write: one two three four", model=HALF, stop=("three",), max_tokens=40)
    assert "three" not in "".join(chunk.text for chunk in await chunks(server, request))


async def test_raw_text_is_gone_on_with_and_tells_its_probabilities(server: OllamaServer) -> None:
    sampling = Sampling(max_tokens=1, top_logprobs=5)
    request = RawRequest(model=SMALL, prompt="One, two, three,", sampling=sampling)
    found = [chunk async for chunk in server.generate(request)]
    (first,) = next(chunk.logprobs for chunk in found if chunk.logprobs)
    assert len(first.top) == 5
    assert first.logprob <= 0


async def test_a_prompt_that_is_too_long_is_an_error_and_never_cut(server: OllamaServer) -> None:
    with pytest.raises(ContextOverflow, match="metier config set num_ctx"):
        await chunks(server, ask("word " * 6000))


async def test_a_raw_prompt_that_is_too_long_is_an_error_too(server: OllamaServer) -> None:
    with pytest.raises(ContextOverflow):
        async for _ in server.generate(RawRequest(model=SMALL, prompt="word " * 6000)):
            pass


async def test_a_model_that_is_not_there_is_named_with_its_command(server: OllamaServer) -> None:
    with pytest.raises(ModelMissing, match="metier models pull nobody"):
        await chunks(server, ask("Hello", model="nobody"))


async def test_a_model_that_cannot_think_answers_without(server: OllamaServer) -> None:
    found = await chunks(server, ask("Hello", max_tokens=1, think=True))
    assert not any(chunk.thinking for chunk in found)
    assert found[-1].done


async def test_leaving_a_stream_stops_the_generation(server: OllamaServer) -> None:
    long = ask("Count from 1 to 2000 in words.", model=HALF, max_tokens=3000)
    async with aclosing(server.chat(long)) as stream:
        await anext(stream)
    # With one slot the next reply comes only when the first generation has ended.
    with anyio.fail_after(20):
        await chunks(server, ask("Hi", model=HALF, max_tokens=1))


async def test_one_context_window_everywhere_means_no_reload(server: OllamaServer) -> None:
    await server.load(SMALL)
    first = (await chunks(server, ask("Hello", max_tokens=2)))[-1].usage
    request = RawRequest(model=SMALL, prompt="Hello", sampling=Sampling(max_tokens=1))
    second = [chunk async for chunk in server.generate(request)][-1].usage
    loaded = {model.name: model for model in await server.loaded()}
    assert first.load_s < 0.5
    assert second.load_s < 0.5
    assert loaded[SMALL].context_length == 4096


async def test_an_embedding_comes_for_each_text(server: OllamaServer) -> None:
    vectors = await server.embed(EMBED, ["one", "two", "three"])
    assert [len(vector) for vector in vectors] == [384, 384, 384]


async def test_the_server_tells_its_version_and_models(server: OllamaServer) -> None:
    assert (await server.version())[0].isdigit()
    names = [model.name for model in await server.list()]
    assert {f"{EMBED}:latest", SMALL, HALF} <= set(names)


async def test_packaged_models_carry_template_stop_strings_and_licence(
    server: OllamaServer,
) -> None:
    details = await server.show(HALF)
    assert details.template.strip() == loaded("get-models").PACKAGED[HALF].template.strip()
    assert "<|im_end|>" in details.parameters
    assert details.license == "Apache-2.0"
    assert "tools" in details.capabilities


async def test_a_server_can_be_asked_from_one_loop_after_another(
    ollama_settings: Settings,
) -> None:
    server = OllamaServer.from_settings(ollama_settings)

    async def version() -> str:
        try:
            return await server.version()
        finally:
            await server.aclose()

    versions = [await anyio.to_thread.run_sync(anyio.run, version) for _ in range(2)]
    assert versions[0] == versions[1]
