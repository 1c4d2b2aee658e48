"""Several hosts in the settings: as text, in the file, and what does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from metier.errors import InvalidSettings
from metier.settings import Settings, write_setting


def loaded(**variables: str) -> Settings:
    return Settings.load(file=Path("/nowhere"), environment=variables)


@pytest.mark.parametrize("text", ["a, b:1", "a b:1", '["a", {"address": "b:1"}]'])
def test_hosts_are_read_from_text(text: str) -> None:
    settings = loaded(METIER_HOSTS=text)
    assert [host.address for host in settings.hosts] == ["http://a:11434", "http://b:1"]


def test_without_hosts_the_single_host_is_the_only_server() -> None:
    settings = loaded(METIER_HOSTS="", OLLAMA_HOST="a:1")
    assert [host.address for host in settings.servers] == ["http://a:1"]


def test_what_is_set_is_read_back_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    hosts = '["a", {"address": "b", "labels": ["gpu"], "concurrency": 4, "memory_gb": 24}]'
    write_setting(file, "hosts", hosts)
    written = write_setting(file, "runs_on", "medical=gpu, code=gpu")
    read = Settings.load(file=file, environment={})
    assert read.hosts == written.hosts
    assert read.hosts[1].labels == ("gpu",)
    assert (read.hosts[1].concurrency, read.hosts[1].memory_gb) == (4, 24.0)
    assert read.runs_on == {"medical": "gpu", "code": "gpu"}


def test_experts_whose_steps_run_elsewhere_are_read_from_a_list_in_words(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    write_setting(file, "remote_steps", "medical, code")
    assert Settings.load(file=file, environment={}).remote_steps == ("medical", "code")
    assert loaded(METIER_REMOTE_STEPS="code medical").remote_steps == ("code", "medical")


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("hosts", "a, a:11434", "http://a:11434 is listed twice"),
        ("hosts", "ftp://a", "the scheme 'ftp' is neither"),
        ("hosts", "[1", "expecting"),
        ("hosts", '[{"address": "a", "label": "gpu"}]', "extra inputs are not permitted"),
        ("hosts", '[{"address": "a", "labels": ["a b"]}]', "string should match pattern"),
        ("hosts", '[{"address": "a", "memory_gb": -1}]', "greater than 0"),
        ("runs_on", "medical", "'medical' is not of the form expert=label"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(name: str, text: str, problem: str) -> None:
    with pytest.raises(InvalidSettings, match=problem) as raised:
        loaded(**{f"METIER_{name.upper()}": text})
    assert f"the environment sets {name}" in str(raised.value)


def test_an_expert_cannot_be_pinned_to_a_label_that_no_host_has() -> None:
    with pytest.raises(InvalidSettings, match="pins 'medical' to 'gpu', which labels no host"):
        loaded(METIER_HOSTS="a, b", METIER_RUNS_ON="medical=gpu")


def test_a_host_s_old_key_parallel_is_read_as_concurrency_with_a_warning() -> None:
    with pytest.warns(FutureWarning, match="'parallel' is called 'concurrency'"):
        read = Settings.load(environment={}, hosts=[{"address": "b", "parallel": 4}])
    assert read.hosts[0].concurrency == 4
