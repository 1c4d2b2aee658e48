"""Settings: who wins, what is refused, and what is written down."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from metier.errors import InvalidSettings
from metier.settings import DEFAULT_HOST, Settings, config_file, normalised_host


def file_of(folder: Path, text: str) -> Path:
    file = folder / "settings.toml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("toml", "environment", "given", "expected"),
    [
        ("", {}, {}, 4096),
        ("num_ctx = 1024", {}, {}, 1024),
        ("num_ctx = 1024", {"METIER_NUM_CTX": "2048"}, {}, 2048),
        ("num_ctx = 1024", {"METIER_NUM_CTX": "2048"}, {"num_ctx": 512}, 512),
        ("num_ctx = 1024", {}, {"num_ctx": None}, 1024),
    ],
    ids=["defaults", "file", "environment", "call", "None is not given"],
)
def test_the_call_wins_over_the_environment_over_the_file_over_the_defaults(
    tmp_path: Path,
    toml: str,
    environment: dict[str, str],
    given: dict[str, int | None],
    expected: int,
) -> None:
    file = file_of(tmp_path, toml)
    assert Settings.load(file=file, environment=environment, **given).num_ctx == expected


@pytest.mark.parametrize(
    ("toml", "environment", "given", "expected"),
    [
        ("", {}, {}, DEFAULT_HOST),
        ('host = "http://file:1"', {}, {}, "http://file:1"),
        ('host = "http://file:1"', {"OLLAMA_HOST": "ollama:2"}, {}, "http://ollama:2"),
        ("", {"OLLAMA_HOST": "ollama:2", "METIER_HOST": "own:3"}, {}, "http://own:3"),
        ("", {"METIER_HOST": "own:3"}, {"host": "http://call:4"}, "http://call:4"),
        ("", {"OLLAMA_HOST": ""}, {}, DEFAULT_HOST),
    ],
    ids=["default", "file", "OLLAMA_HOST", "METIER_HOST", "call", "empty OLLAMA_HOST"],
)
def test_the_host_comes_from_the_call_or_metier_host_or_ollama_host_or_the_file(
    tmp_path: Path,
    toml: str,
    environment: dict[str, str],
    given: dict[str, str],
    expected: str,
) -> None:
    file = file_of(tmp_path, toml)
    assert Settings.load(file=file, environment=environment, **given).host == expected


@pytest.mark.parametrize(
    ("toml", "environment", "given"),
    [
        ('host = "10.0.0.7"', {}, {}),
        ("", {"OLLAMA_HOST": "10.0.0.7"}, {}),
        ("", {"METIER_HOST": "10.0.0.7"}, {}),
        ("", {}, {"host": "10.0.0.7"}),
    ],
    ids=["file", "OLLAMA_HOST", "METIER_HOST", "call"],
)
def test_a_host_is_made_a_url_wherever_it_comes_from(
    tmp_path: Path, toml: str, environment: dict[str, str], given: dict[str, str]
) -> None:
    settings = Settings.load(file=file_of(tmp_path, toml), environment=environment, **given)
    assert settings.host == "http://10.0.0.7:11434"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:11434"),
        ("127.0.0.1:12345", "http://127.0.0.1:12345"),
        ("example.com", "http://example.com:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:12345", "http://127.0.0.1:12345"),
        ("http://0.0.0.0:12345", "http://127.0.0.1:12345"),
        (":12345", "http://127.0.0.1:12345"),
        ("http://example.com:8080/", "http://example.com:8080"),
        # As Ollama reads it: a scheme brings its own port.
        ("http://example.com", "http://example.com:80"),
        ("https://example.com", "https://example.com:443"),
        ("https://example.com:8443", "https://example.com:8443"),
        ("https://example.com/ollama/", "https://example.com:443/ollama"),
        ("example.com/ollama", "http://example.com:11434/ollama"),
        ("[::1]", "http://[::1]:11434"),
        ("[::1]:12345", "http://[::1]:12345"),
        ("::1", "http://[::1]:11434"),
        ("fe80::1:2", "http://[fe80::1:2]:11434"),
        ("[::]:11434", "http://[::1]:11434"),
        (" 127.0.0.1 ", "http://127.0.0.1:11434"),
    ],
)
def test_a_host_becomes_a_url_with_a_port(host: str, url: str) -> None:
    assert normalised_host(host) == url


@given(st.sampled_from(["h", "h:1", "http://h", "https://h", "::1", "0.0.0.0", "h/p", ":1"]))
def test_a_normalised_host_is_normal(host: str) -> None:
    assert normalised_host(normalised_host(host)) == normalised_host(host)


@pytest.mark.parametrize("host", ["http://h:port", "h:99999", "http://[::1"])
def test_a_host_that_is_no_address_is_refused_with_its_value(host: str) -> None:
    with pytest.raises(InvalidSettings, match="the environment sets host to") as caught:
        Settings.load(file=Path(os.devnull), environment={"METIER_HOST": host})
    assert repr(host) in str(caught.value)


@pytest.mark.parametrize(
    ("toml", "environment", "given", "source"),
    [
        ("num_ctxx = 1024", {}, {}, "settings.toml"),
        ("", {"METIER_NUM_CTXX": "1024"}, {}, "the environment"),
        ("", {}, {"num_ctxx": 1024}, "the call"),
    ],
    ids=["file", "environment", "call"],
)
def test_an_unknown_name_is_refused_with_its_source_and_the_nearest(
    tmp_path: Path,
    toml: str,
    environment: dict[str, str],
    given: dict[str, int],
    source: str,
) -> None:
    with pytest.raises(InvalidSettings) as caught:
        Settings.load(file=file_of(tmp_path, toml), environment=environment, **given)
    assert f"{source} sets 'num_ctxx'" in str(caught.value)
    assert "nearest: 'num_ctx'" in str(caught.value)


@pytest.mark.parametrize(
    ("toml", "environment", "given", "source", "shown"),
    [
        ('num_ctx = "many"', {}, {}, "settings.toml", "'many'"),
        ("num_ctx = 7", {"METIER_SEED": "1"}, {}, "settings.toml", "7"),
        ("num_ctx = 1024", {"METIER_NUM_CTX": "many"}, {}, "the environment", "'many'"),
        ("", {"METIER_NUM_CTX": "2048"}, {"num_ctx": -1}, "the call", "-1"),
    ],
)
def test_a_wrong_value_is_refused_with_its_source(
    tmp_path: Path,
    toml: str,
    environment: dict[str, str],
    given: dict[str, int],
    source: str,
    shown: str,
) -> None:
    with pytest.raises(InvalidSettings) as caught:
        Settings.load(file=file_of(tmp_path, toml), environment=environment, **given)
    assert f"{source} sets num_ctx to {shown}: " in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("METIER_AUTOSTART", "false", False),
        ("METIER_TIMEOUT_S", "2.5", 2.5),
        ("METIER_CACHE_DIR", "/tmp/c", Path("/tmp/c")),
    ],
)
def test_the_environment_s_texts_become_values(name: str, text: str, expected: object) -> None:
    settings = Settings.load(file=Path(os.devnull), environment={name: text})
    assert getattr(settings, name.removeprefix("METIER_").lower()) == expected


@pytest.mark.parametrize(
    ("toml", "text", "expected"),
    [
        ("", os.pathsep.join(["/a", "/b"]), [Path("/a"), Path("/b")]),
        ('domains = ["/c"]', None, [Path("/c")]),
        ('domains = ["/c"]', "", []),
    ],
)
def test_the_user_s_own_domains_beside_the_file_come_after_the_others(
    tmp_path: Path, toml: str, text: str | None, expected: list[Path]
) -> None:
    environment = {} if text is None else {"METIER_DOMAINS": text}
    settings = Settings.load(file=file_of(tmp_path, toml), environment=environment)
    assert list(settings.domains) == [*expected, tmp_path / "domains"]


def test_the_constructor_reads_neither_environment_nor_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METIER_NUM_CTX", "2048")
    monkeypatch.setenv("METIER_CONFIG", str(file_of(tmp_path, "seed = 7")))
    assert (Settings().num_ctx, Settings().seed) == (4096, 0)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        # What is tried here.
        Settings().seed = 1  # pyrefly: ignore[read-only]


def test_metier_config_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = file_of(tmp_path, "seed = 7")
    monkeypatch.setenv("METIER_CONFIG", str(file))
    assert config_file() == file
    assert Settings.load().seed == 7


def test_without_metier_config_the_file_lies_in_the_user_s_config_folder() -> None:
    assert config_file({}).parts[-2:] == ("metier", "config.toml")


@pytest.mark.parametrize("path", ["none.toml", "none/none.toml", "settings.toml/none.toml"])
def test_a_file_that_is_not_there_sets_nothing(tmp_path: Path, path: str) -> None:
    file_of(tmp_path, "seed = 7")
    assert Settings.load(file=tmp_path / path, environment={}).seed == 0


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe\x00",
        b"seed = ",
        b"seed = 1\nseed = 2",
        b"x = " + b"[" * 5000,
        b"x = " + b"9" * 5000,
    ],
    ids=["binary", "half a line", "a name twice", "nested deep", "a number too long"],
)
def test_a_file_that_is_no_toml_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "settings.toml"
    file.write_bytes(content)
    with pytest.raises(InvalidSettings, match=r"settings\.toml cannot be read"):
        Settings.load(file=file, environment={})


def test_a_folder_in_the_file_s_place_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="cannot be read"):
        Settings.load(file=tmp_path, environment={})


@pytest.mark.parametrize(
    ("toml", "environment", "given"),
    [
        ("parallel = 4", {}, {}),
        ("concurrency = 2", {"METIER_PARALLEL": "4"}, {}),
        ("", {"METIER_CONCURRENCY": "2"}, {"parallel": 4}),
    ],
    ids=["file", "environment", "call"],
)
def test_the_old_setting_parallel_is_read_as_concurrency_with_a_warning(
    tmp_path: Path, toml: str, environment: dict[str, str], given: dict[str, int]
) -> None:
    file = file_of(tmp_path, toml)
    with pytest.warns(FutureWarning, match="'parallel' is called 'concurrency'"):
        settings = Settings.load(file=file, environment=environment, **given)
    assert settings.concurrency == 4


def test_the_old_names_of_concurrency_work_in_python_and_warn() -> None:
    with pytest.warns(FutureWarning, match="'parallel' is called 'concurrency'"):
        # The old name is what is tried.
        settings = Settings(parallel=4)  # pyrefly: ignore
    with pytest.warns(DeprecationWarning, match="'Settings.concurrency'"):
        assert settings.parallel == settings.concurrency == 4


def test_the_old_and_the_new_name_in_one_place_are_refused(tmp_path: Path) -> None:
    file = file_of(tmp_path, "parallel = 2\nconcurrency = 4")
    with pytest.raises(InvalidSettings, match="sets 'parallel', which does not exist"):
        Settings.load(file=file, environment={})
