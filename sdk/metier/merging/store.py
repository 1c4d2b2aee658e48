"""Ollama's models: find the parts of one, and create one from a GGUF file.

`ModelServer` is the seam for answering. Taking models apart and creating them works only with
Ollama, and only on the machine that has its files.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import uuid4

import anyio
import anyio.to_thread
from pydantic import RootModel

from metier.errors import (
    DeadlineExceeded,
    MergeRefused,
    ModelServerFailed,
    StreamInterrupted,
    WeightsUnavailable,
)
from metier.models.ollama_client import Client, errors_of
from metier.models.replies import ModelList, Step
from metier.models.server import Progress
from metier.sandbox.sandbox import quiet
from metier.settings import Settings

Report = Callable[[Progress], None]
T = TypeVar("T")

# The files in a transformers folder that a server needs to convert it.
_OF_MODEL = (".safetensors", ".json", ".model", ".txt", ".jinja")
_Whole = RootModel[dict[str, Any]]
_CARRIED = ("template", "system", "messages", "renderer", "parser", "requires")


@dataclass(frozen=True, slots=True, kw_only=True)
class Packaging:
    """What belongs to a model besides its weights.

    Attributes:
        fields: those of a create request: template, system, parameters, messages, …
        licences: the texts of its licences.
    """

    fields: Mapping[str, Any] = field(default_factory=dict)
    licences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A model on the server.

    Attributes:
        weights: its file, on the server's machine.
    """

    name: str
    weights: Path
    packaging: Packaging


class Store:
    """The models of one Ollama, as a context manager."""

    def __init__(self, settings: Settings) -> None:
        self._host = settings.host
        self._patience_s = settings.timeout_s
        self._short_s = settings.first_token_timeout_s
        self._client = Client(settings.host, connect_timeout_s=settings.connect_timeout_s)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None
    ) -> None:
        with anyio.CancelScope(shield=True):
            await self._client.close()

    async def describe(self, model: str) -> Installed:
        """Find the weights and the packaging of a model.

        Raises:
            ModelMissing: it is not installed.
            MergeRefused: it has more than one file of weights, or runs elsewhere.
            WeightsUnavailable: its file is not on this machine.
        """
        with errors_of(self._host, model=model):
            call = self._client.reply("POST", "/api/show", _Whole, {"model": model})
            shown = (await self._within(call, self._short_s)).root
        modelfile = str(shown.get("modelfile", ""))
        files = _lines(modelfile, "FROM")
        if shown.get("remote_host") or not files:
            raise MergeRefused(f"{model!r} runs elsewhere, so its weights cannot be read")
        if len(files) > 1 or _lines(modelfile, "ADAPTER"):
            raise MergeRefused(
                f"{model!r} has an adapter or a projector besides its weights",
                hint="Only text models with a single file of weights can be merged",
            )
        weights = Path(files[0])
        if not await anyio.Path(weights).is_file():
            raise WeightsUnavailable(
                f"the weights of {model!r} are not on this machine ({weights})",
                hint=f"Run the merge on the machine of {self._host}, or give a GGUF file",
            )
        return Installed(name=model, weights=weights, packaging=_packaging(shown))

    async def has(self, model: str) -> bool:
        """Whether a model is installed."""
        with errors_of(self._host, model=model):
            call = self._client.reply("GET", "/api/tags", ModelList)
            listed = await self._within(call, self._short_s)
        return model in {str(each.model) for each in listed.models}

    async def create(
        self,
        model: str,
        files: Mapping[str, Path],
        *,
        packaging: Packaging,
        quantize: str = "",
        report: Report = lambda _: None,
    ) -> None:
        """Create a model from files, given by relative name.

        Raises:
            ModelServerError: the server failed, and no model was created.
        """
        blobs = {name: await self._uploaded(path, report) for name, path in files.items()}
        body = {
            "model": model,
            "files": blobs,
            "license": list(packaging.licences) or None,
            "quantize": quantize or None,
            **packaging.fields,
        }
        try:
            with errors_of(self._host, model=model):
                await self._make({key: value for key, value in body.items() if value}, report)
        except StreamInterrupted as exc:
            raise ModelServerFailed(f"Ollama could not make {model!r}: {exc.message}") from exc

    async def copy(self, model: str, target: str) -> None:
        """Give a model a second name."""
        with errors_of(self._host, model=model):
            call = self._client.send("POST", "/api/copy", {"source": model, "destination": target})
            await self._within(call, self._short_s)

    async def delete(self, model: str) -> None:
        """Delete a name, and the weights that no other model uses."""
        with errors_of(self._host, model=model):
            call = self._client.send("DELETE", "/api/delete", {"model": model})
            await self._within(call, self._short_s)

    @asynccontextmanager
    async def converted(self, folder: str, *, report: Report) -> AsyncIterator[Installed]:
        """Convert a folder with safetensors to a model that exists only inside the context.

        Raises:
            MergeRefused: the server cannot convert it.
        """
        files = await anyio.to_thread.run_sync(_files_of_model, folder)
        name = f"metier-converted-{uuid4().hex[:12]}"
        try:
            await self.create(name, files, packaging=Packaging(), report=report)
        except ModelServerFailed as exc:
            raise MergeRefused(
                f"Ollama cannot convert {folder}: {exc.message}",
                hint="Convert it to GGUF with llama.cpp, and merge that",
            ) from exc
        try:
            yield await self.describe(name)
        finally:
            with anyio.CancelScope(shield=True):
                await self.delete(name)

    async def _uploaded(self, path: Path, report: Report) -> str:
        report(Progress(status=f"uploading to Ollama: {path.name}"))
        digest = f"sha256:{await anyio.to_thread.run_sync(_sha256, path)}"
        with errors_of(self._host):
            if not await self._client.has_blob(digest):
                await self._within(self._client.upload(digest, path), self._patience_s)
        return digest

    async def _make(self, body: Mapping[str, Any], report: Report) -> None:
        last = ""
        async with aclosing(self._client.parts("/api/create", Step, body)) as steps:
            while step := await self._within(anext(steps, None), self._patience_s):
                last = step.status or ""
                report(Progress(status=last))
        if last != "success":
            raise StreamInterrupted(f"it ended with {last!r}")

    async def _within(self, call: Awaitable[T], limit_s: float) -> T:
        with anyio.move_on_after(limit_s):
            return await call
        raise DeadlineExceeded(
            f"{self._host} did not answer within {limit_s:.0f} s", hint="See: metier doctor"
        )


def _files_of_model(name: str) -> dict[str, Path]:
    """The files that a server needs to convert a folder.

    Raises:
        MergeRefused: it contains no safetensors.
    """
    every = sorted(Path(name).expanduser().iterdir())
    files = {each.name: each for each in every if each.suffix in _OF_MODEL}
    if not any(name.endswith(".safetensors") for name in files):
        raise MergeRefused(
            f"the folder {name!r} contains no safetensors",
            hint="Give the folder with config.json and the weights, or a GGUF file",
        )
    return files


def _packaging(shown: Mapping[str, Any]) -> Packaging:
    modelfile = str(shown.get("modelfile", ""))
    fields = {name: shown[name] for name in _CARRIED if shown.get(name)}
    for name in ("renderer", "parser"):  # some servers list them only in the Modelfile
        if name not in fields and (found := _lines(modelfile, name.upper())):
            fields[name] = found[0]
    if parameters := _parameters(str(shown.get("parameters", ""))):
        fields["parameters"] = parameters
    licences = (str(shown["license"]),) if shown.get("license") else ()
    return Packaging(fields=fields, licences=licences)


def _lines(modelfile: str, command: str) -> list[str]:
    """The arguments of a one-line command."""
    lines = (line.partition(" ") for line in modelfile.splitlines())
    return [rest.strip() for word, _, rest in lines if word == command]


def _parameters(text: str) -> dict[str, Any]:
    """Parse lines such as `stop    "<|im_end|>"`; a repeated name gets a list."""
    found: dict[str, Any] = {}
    for line in text.splitlines():
        name, _, value = line.strip().partition(" ")
        if not name:
            continue
        found.setdefault(name, []).append(_literal(value.strip()))
    return {
        name: values if len(values) > 1 or name == "stop" else values[0]
        for name, values in found.items()
    }


def _literal(text: str) -> object:
    """Parse a value in Go's notation, which is Python's except for booleans."""
    if text in ("true", "false"):
        return text == "true"
    try:
        with quiet():
            return ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):  # nested too deeply
        return text


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
