"""Settings: the constructor's values, else `METIER_*`, else a TOML file, else the defaults."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import platformdirs
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from metier.errors import InvalidSettings, nearest
from metier.settings.files import locked, private_folder, remove_leftovers, replace_file
from metier.settings.hosts import OLD_NAMES, Hosts, HostSettings, Names, Pins, normalised_host
from metier.settings.reading import MAX_TOML_BYTES, parsed_toml, read_text, shown
from metier.settings.renamed import warn_renamed, with_new_keys

DEFAULT_HOST = "http://127.0.0.1:11434"
APP = "metier"
_PREFIX = "METIER_"


Compose = Literal["auto", "sections", "written"]


class Settings(BaseModel):
    """What can be set; every field is also an environment variable (`METIER_NUM_CTX`, …).

    `Settings(...)` takes only what it is given. `Settings.load(...)` reads the environment and
    the file too.
    """

    model_config = ConfigDict(frozen=True, defer_build=True, extra="forbid")

    host: Annotated[str, AfterValidator(normalised_host)] = Field(
        DEFAULT_HOST, description="address of the Ollama server"
    )
    hosts: Hosts = Field(
        (), description="several Ollama servers that answer together, instead of `host`"
    )
    cluster: str | None = Field(
        None, description="address of a running Ray cluster whose hosts answer, instead of `host`"
    )
    runs_on: Pins = Field(
        {}, description="experts that run only on hosts with a label, as `medical=gpu`"
    )
    remote_steps: Names = Field(
        (), description="experts whose own code runs on the nodes of `cluster`, not only models"
    )
    model: str | None = Field(None, description="model of the general expert, over its card's")
    embedder: Literal["ollama", "sentence-transformers"] = Field(
        "ollama", description="who turns text into vectors"
    )
    embed_model: str = Field("all-minilm", description="the embedder's model")
    ask_to_split: bool = Field(
        False, description="ask the general model how to split a question where that is unsure"
    )
    compose: Compose = Field(
        "auto",
        description="how several results become one text: each under its task, or written by the "
        "general model and checked; auto lets models of 4 billion parameters or more write",
    )
    num_ctx: int = Field(4096, ge=256, description="context window of every model, in tokens")
    keep_alive: str = Field("10m", description="how long the server keeps a model loaded")
    max_calls: int = Field(16, ge=1, description="model calls that one question may cost")
    concurrency: int = Field(
        1,
        ge=1,
        description="requests that the server runs at once; metier starts one accordingly",
    )
    resident_prompts: bool = Field(
        True,
        description="start a server with a slot for each expert's prompt, as far as memory allows, "
        "and have it read them beforehand",
    )
    max_waiting: int = Field(
        64, ge=1, description="model calls that wait for the server; more are refused as busy"
    )
    max_wait_s: float = Field(
        300,
        gt=0,
        description="the longest that a question waits for its first turn at the server, in "
        "seconds; after half of it, calls to a model that is not loaded go first",
    )
    timeout_s: float = Field(900, gt=0, description="deadline of a whole question, in seconds")
    connect_timeout_s: float = Field(5, gt=0, description="deadline for a connection")
    first_token_timeout_s: float = Field(300, gt=0, description="deadline for the first token")
    token_timeout_s: float = Field(60, gt=0, description="deadline between two tokens")
    seed: int = Field(0, description="seed of every sampled answer")
    autostart: bool = Field(True, description="start a local server that is not running")
    strict_plugins: bool = Field(False, description="a broken plugin is an error")
    plugin_timeout_s: float = Field(
        60, gt=0, description="deadline for importing and building a plugin, in seconds"
    )
    serve_key_sha256: str | None = Field(
        None,
        pattern="^[0-9a-f]{64}$",
        description="hash of the key that callers of `metier serve` send; `--new-key` sets it",
    )
    domains: tuple[Path, ...] = Field((), description="more folders of domains")
    cache_dir: Path = Field(
        default_factory=lambda: platformdirs.user_cache_path(APP),
        description="where the index and downloads are kept",
    )
    state_dir: Path = Field(
        default_factory=lambda: platformdirs.user_state_path(APP),
        description="where logs, runs and added documents are kept",
    )
    keep_runs: bool = Field(
        True, description="keep every question that a command answers; see metier runs"
    )
    keep_runs_days: float = Field(
        90, ge=0, description="delete kept runs that are older; 0 keeps them"
    )
    keep_runs_mb: float = Field(
        500, ge=0, description="delete the oldest runs beyond so many megabytes; 0 for no limit"
    )

    @model_validator(mode="before")
    @classmethod
    def _read_old_names(cls, values: object) -> object:
        return with_new_keys(values, OLD_NAMES) if isinstance(values, Mapping) else values

    @model_validator(mode="after")
    def _check_labels(self) -> Self:
        """An expert that is pinned to hosts that do not exist could never answer."""
        known = {label for host in self.hosts for label in host.labels}
        for expert, label in self.runs_on.items():
            if self.hosts and label not in known:
                raise ValueError(f"runs_on pins {expert!r} to {label!r}, which labels no host")
        return self

    @property
    def parallel(self) -> int:
        """Deprecated since version 0.2: use `concurrency`."""
        warn_renamed("Settings.parallel", "Settings.concurrency")
        return self.concurrency

    @property
    def servers(self) -> tuple[HostSettings, ...]:
        """The Ollama servers in use: `hosts`, or the single `host`."""
        return self.hosts or (HostSettings(address=self.host, concurrency=self.concurrency),)

    @classmethod
    def load(
        cls,
        *,
        file: Path | None = None,
        environment: Mapping[str, str] | None = None,
        **given: Any,  # noqa: ANN401  # pydantic validates each by its field
    ) -> Self:
        """The settings in force. The user's own domains, `domains` beside the file, are among them.

        Args:
            file: the TOML file; the platform's config folder where not given.
            environment: variables to read; `os.environ` where not given.
            given: values that win over both; a value of None counts as not given.

        Raises:
            InvalidSettings: an unknown name or an impossible value, and where it stands.
        """
        variables = os.environ if environment is None else environment
        path = file or config_file(variables)
        layers = {
            str(path): _from_file(path),
            "the environment": _from_environment(variables),
            "the call": {name: value for name, value in given.items() if value is not None},
        }
        settings = cls._from_layers(layers)
        domains = (*settings.domains, path.parent / "domains")
        return settings.model_copy(update={"domains": domains})

    @classmethod
    def _from_layers(cls, layers: Mapping[str, Mapping[str, object]]) -> Self:
        """Later layers win; each is named by where it comes from."""
        values: dict[str, Any] = {}
        layers = {source: with_new_keys(layer, OLD_NAMES) for source, layer in layers.items()}
        for source, layer in layers.items():
            _refuse_unknown(layer, source=source)
            values |= layer
        try:
            return cls(**values)
        except ValidationError as exc:
            raise InvalidSettings(_first_problem(exc, layers)) from exc


def config_file(environment: Mapping[str, str] | None = None) -> Path:
    """The settings file: `METIER_CONFIG`, else `config.toml` in the platform's config folder."""
    variables = os.environ if environment is None else environment
    if named := variables.get("METIER_CONFIG"):
        return Path(named)
    return platformdirs.user_config_path(APP) / "config.toml"


def write_setting(path: Path, name: str, value: str) -> Settings:
    """Set one value in the file, keeping the others; returns the settings it now holds.

    Raises:
        InvalidSettings: the name or value is impossible, or the file cannot be written.
    """
    file = Path(os.path.realpath(path))  # a link stays one
    try:
        if file.exists() and not file.is_file():
            raise OSError(errno.EINVAL, "it is not an ordinary file")
        private_folder(file.parent)
        with locked(file.with_name(f".{file.name}.lock")):
            remove_leftovers(file.parent, f".{file.name}.*.tmp")
            return _write_setting(file, name, value)
    except OSError as exc:
        raise InvalidSettings(
            f"{path} cannot be written: {exc.strerror}", hint="Set METIER_CONFIG to another file"
        ) from exc


def _write_setting(file: Path, name: str, value: str) -> Settings:
    before = with_new_keys(_from_file(file), OLD_NAMES)
    layers = {str(file): before, "the call": {name: _parsed(name, value)}}
    settings = Settings._from_layers(layers)  # noqa: SLF001  # the same module
    kept = {key: getattr(settings, key) for key in before.keys() | {name}}
    lines = [f"{key} = {_toml(kept[key])}\n" for key in sorted(kept)]
    try:
        replace_file(file, "".join(lines).encode())
    except UnicodeEncodeError as exc:
        raise InvalidSettings(f"{name} cannot be {value!r}: it is not UTF-8 text") from exc
    return settings


def _toml(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_toml(item) for item in value)}]"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, BaseModel):
        value = value.model_dump(exclude_defaults=True)
    if isinstance(value, Mapping):
        pairs = (f"{json.dumps(key)} = {_toml(item)}" for key, item in value.items())
        return f"{{{', '.join(pairs)}}}"
    # A TOML string is a JSON string, but for surrogates and the raw DEL character.
    text = json.dumps(str(value) if isinstance(value, Path) else value, ensure_ascii=False)
    return text.replace("\x7f", "\\u007f")


def _from_file(path: Path) -> dict[str, Any]:
    try:
        return parsed_toml(read_text(path, max_bytes=MAX_TOML_BYTES))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as exc:
        raise InvalidSettings(f"{path} cannot be read: {exc.strerror}") from exc
    # tomllib lets a plain ValueError out for a number that is too long.
    except ValueError as exc:
        raise InvalidSettings(f"{path} cannot be read: {exc}") from exc


def _from_environment(variables: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if host := variables.get("OLLAMA_HOST"):
        values["host"] = host
    for variable, text in variables.items():
        if variable.startswith(_PREFIX) and variable != f"{_PREFIX}CONFIG":
            name = variable.removeprefix(_PREFIX).lower()
            values[name] = _parsed(name, text)
    return values


def _parsed(name: str, text: str) -> object:
    """A path list is split as the system splits PATH; pydantic reads the rest from its text."""
    if name == "domains":
        return [Path(item) for item in text.split(os.pathsep) if item]
    return text


def _refuse_unknown(layer: Mapping[str, object], *, source: str) -> None:
    for name in layer:
        if name not in Settings.model_fields:
            raise InvalidSettings(
                f"{source} sets {shown(name)}, which does not exist"
                f"{nearest(name, Settings.model_fields)}",
                hint="See: metier config get",
            )


def _first_problem(exc: ValidationError, layers: Mapping[str, Mapping[str, object]]) -> str:
    error = exc.errors()[0]
    if not error["loc"]:  # the settings do not fit each other
        return error["msg"].removeprefix("Value error, ")
    name = str(error["loc"][0])
    sources = [source for source, layer in layers.items() if name in layer]
    where = sources[-1] if sources else "the defaults"
    return f"{where} sets {name} to {shown(error['input'])}: {error['msg'].lower()}"
