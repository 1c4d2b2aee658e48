"""What metier keeps is its owner's, and what killed commands left is removed."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from metier import Card, Council, Expert, Settings
from metier.cli.main import cli
from metier.experts.card import Capability
from metier.runs.store import RunStore
from metier.testing import FixedEmbedder, ScriptedModels


@pytest.fixture(autouse=True)
def small_council(monkeypatch: pytest.MonkeyPatch) -> None:
    capability = Capability(name="all", description="sums", examples=("compute a sum",))
    card = Card(id="math", description="sums", models=("m",), capabilities=(capability,))

    def installed(settings: Settings, *, runs: RunStore | None = None) -> Council:
        models = ScriptedModels({"m": lambda _: "4"})
        return Council.of(
            [Expert(card)], settings=settings, server=models, embedder=FixedEmbedder(), runs=runs
        )

    monkeypatch.setattr(Council, "from_installed", installed)


def run(*arguments: str) -> None:
    done = CliRunner().invoke(cli, arguments, prog_name="metier")
    assert done.exit_code == 0, done.stderr


def test_nobody_else_may_read_what_commands_keep(tmp_path: Path) -> None:
    document, outcomes = tmp_path / "guide.md", tmp_path / "outcomes.jsonl"
    document.write_text("# Warfarin\n\nNever together with aspirin.\n")
    rows = [{"question": f"sum {n}", "right": {"m": n % 2, "o": 1 - n % 2}} for n in range(40)]
    outcomes.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    run("config", "set", "seed", "7")
    run("ask", "compute a sum")
    run("knowledge", "add", "math", str(document))
    run("evaluate", "models", "--data", str(outcomes), "--apply")
    kept = [path for name in ("config", "cache", "state") for path in tree(tmp_path / name)]
    open_to_others = [path for path in kept if stat.S_IMODE(path.stat().st_mode) & 0o077]
    assert open_to_others == []
    assert {"config.toml", "rows.json", "outcomes.json", "knowledge.json", "runs.db"} <= {
        p.name for p in kept
    }


def tree(folder: Path) -> list[Path]:
    return [folder, *folder.rglob("*")]


def test_what_a_killed_command_left_in_the_index_is_removed() -> None:
    folder = Council.from_installed(Settings.load()).planning.folder
    folder.mkdir(parents=True)
    left = folder / ".rows.json.abcdefgh.tmp"
    left.write_text("compute a secret")
    run("ask", "compute a sum")
    assert not left.exists()


def test_what_a_killed_command_left_of_the_settings_is_removed(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    left = tmp_path / "config" / ".config.toml.abcdefgh.tmp"
    left.write_text("model = 'secret'")
    run("config", "set", "seed", "7")
    assert not left.exists()
