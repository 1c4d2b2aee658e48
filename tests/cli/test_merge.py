"""`metier merge`: what people type and see. Files into files, so that no Ollama is needed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import gguf
import numpy as np
import pytest
from benchmarks import ggufs
from click.testing import CliRunner, Result
from small_models import model, weights

from metier.cli.main import cli
from metier.merging.methods import METHODS


@pytest.fixture
def pair(tmp_path: Path) -> list[str]:
    licence = {"general.license": "apache-2.0"}
    return [
        model(tmp_path / "one.gguf", 0, keys=licence),
        model(tmp_path / "two.gguf", 1),
    ]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["merge", *arguments], prog_name="metier")


def test_two_files_become_one(pair: list[str], tmp_path: Path) -> None:
    out = str(tmp_path / "out.gguf")
    done = run(*pair, "--method", "linear", "--weight", "3", "--weight", "1", "-o", out)
    assert done.exit_code == 0, done.stderr
    assert done.stdout == f"{out}\n"
    assert "linear: 0 M weights in 8 tensors, 0 MB as Q8_0" in done.stderr
    assert f"no known licence for {pair[1]}" in done.stderr
    assert "the licences of all parents apply to the result" in done.stderr
    result = ggufs.read(Path(out))["blk.0.attn_norm.weight"]
    expected = (3 * weights(0)["blk.0.attn_norm.weight"] + weights(1)["blk.0.attn_norm.weight"]) / 4
    assert result == pytest.approx(expected, rel=1e-5)


def test_the_report_lies_beside_the_file(pair: list[str], tmp_path: Path) -> None:
    done = run(*pair, "-o", str(tmp_path / "out.gguf"), "--json")
    shown = json.loads(done.stdout)
    assert (shown["recipe"]["method"], shown["licence"], shown["kept"]) == (
        "slerp",
        "apache-2.0",
        True,
    )
    kept = json.loads((tmp_path / "out.json").read_text())
    assert kept == {key: value for key, value in shown.items() if key != "kept"}


@pytest.mark.parametrize(
    ("options", "method"),
    [([], "slerp"), (["--base"], "task_arithmetic")],
)
def test_the_method_follows_from_what_is_given(
    options: list[str], method: str, pair: list[str], tmp_path: Path
) -> None:
    given = [*options, model(tmp_path / "base.gguf", 2)] if options else []
    done = run(*pair, *given, "-o", str(tmp_path / "out.gguf"), "--check")
    assert f"{method}: " in done.stdout


def test_the_help_shows_every_method_and_an_option_for_every_parameter() -> None:
    shown = run("-h").stdout
    for method in METHODS.values():
        assert f"\n  {method.name} " in shown
        for name in method.names:
            assert f"--{name.replace('_', '-')} " in shown


def test_an_option_of_one_method_is_refused_for_another(pair: list[str], tmp_path: Path) -> None:
    out = str(tmp_path / "out.gguf")
    done = run(*pair, "--gamma", "0.1", "-o", out)
    assert done.exit_code == 2
    assert "gamma has no effect on slerp, which takes t" in done.stderr
    base = model(tmp_path / "base.gguf", 2)
    given = ["--method", "breadcrumbs", "--gamma", "0.1", "--density", "0.5", "--density", "0.6"]
    assert run(*pair, "--base", base, *given, "-o", out, "--check").exit_code == 0


def test_an_adapter_is_merged_into_its_model(pair: list[str], tmp_path: Path) -> None:
    halves = {"blk.0.ffn_up.weight.lora_a": np.ones((1, 32), np.float32),
              "blk.0.ffn_up.weight.lora_b": np.ones((64, 1), np.float32)}  # fmt: skip
    lora = ggufs.adapter(tmp_path / "lora.gguf", halves, alpha=1)
    out = tmp_path / "out.gguf"
    given = ["--method", "passthrough", "--quantize", "f32", "-o", str(out)]
    done = run(f"{pair[0]}+{lora}", *given)
    assert done.exit_code == 0, done.stderr
    result = ggufs.read(out)["blk.0.ffn_up.weight"]
    np.testing.assert_allclose(result, weights(0)["blk.0.ffn_up.weight"] + 1, rtol=1e-5, atol=1e-6)


def test_the_scratch_folder_of_a_merge_that_was_killed_is_removed(
    pair: list[str], tmp_path: Path
) -> None:
    left = tmp_path / ".metier-merge-abcdefgh.tmp"
    left.mkdir()
    (left / "model.gguf").write_text("half")
    (tmp_path / "metier-merge-notes").mkdir()
    out = tmp_path / "out.gguf"
    assert run(*pair, "-o", str(out)).exit_code == 0
    made = {out.name, "out.json", "metier-merge-notes", *(Path(each).name for each in pair)}
    assert {path.name for path in tmp_path.iterdir()} == made


def test_checking_writes_nothing(pair: list[str], tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    done = run(*pair, "-o", str(tmp_path / "out.gguf"), "--check")
    assert done.exit_code == 0
    assert "licence" in done.stdout
    assert sorted(tmp_path.iterdir()) == before


def test_a_recipe_is_followed(pair: list[str], tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    models = "".join(f"[[models]]\nmodel = {json.dumps(each)}\n" for each in pair)
    recipe.write_text(f'method = "slerp"\nt = 0\n{models}')
    out = tmp_path / "out.gguf"
    done = run("--recipe", str(recipe), "-o", str(out), "--quantize", "F32")
    assert done.exit_code == 0, done.stderr
    assert ggufs.read(out)["blk.1.ffn_up.weight"] == pytest.approx(
        weights(0)["blk.1.ffn_up.weight"], rel=1e-5
    )
    fields = gguf.GGUFReader(out).fields
    assert fields["general.name"].contents() == "out"


def test_the_terminal_and_the_report_say_if_models_are_quantized_differently(
    pair: list[str], tmp_path: Path
) -> None:
    coarse = model(tmp_path / "coarse.gguf", 1, kinds={"blk.0.ffn_up.weight": "Q8_0"})
    done = run(pair[0], coarse, "-o", str(tmp_path / "out.gguf"))
    assert "note: the models are quantized differently in 1 of 8 tensors" in done.stderr
    (notice,) = json.loads((tmp_path / "out.json").read_text())["notices"]
    assert notice.startswith("the models are quantized differently")


def test_dare_that_drops_nothing_says_so(pair: list[str], tmp_path: Path) -> None:
    base = model(tmp_path / "base.gguf", 2)
    done = run(*pair, "--base", base, "--method", "dare_ties", "-o", "x.gguf", "--check")
    assert "with a density of 1 dare_ties drops nothing" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["A", "B"], "the result has no name"),
        (["-o", "x.gguf"], "there are no models to merge"),
        (["A", "gone.gguf", "-o", "x.gguf"], "there is no file or folder 'gone.gguf'"),
        (["A", "B", "-o", "A"], "is one of the models to merge"),
        (["a:1b+x.gguf", "--method", "passthrough", "-o", "a:1b"], "'a:1b' is one of the models"),
        (["A", "B", "-o", "x.gguf", "--quantize", "q4_k_m"], "only Ollama can make Q4_K_M"),
        (["A", "B", "-o", "x.gguf", "--t", "2"], "t must be between 0 and 1"),
        (["A", "B", "-o", "x.gguf", "--base", "A", "--t", "0", "--weight", "1", "--weight", "2",
          "--weight", "3"], "there are 2 models, but --weight is given 3 times"),
        (["A", "B", "-o", "x.gguf", "--method", "ties"], "ties merges 1 or more models and"),
        (["A", "B", "-o", "bad name"], "'bad name' is not a valid model name"),
        (["--recipe", "gone.toml", "-o", "x.gguf"], "gone.toml cannot be read"),
        (["A", "--recipe", "r.toml", "-o", "x.gguf"], "r.toml already says what to merge and how"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_usage(
    arguments: list[str], complaint: str, pair: list[str]
) -> None:
    names = {"A": pair[0], "B": pair[1]}
    done = run(*(names.get(each, each) for each in arguments))
    assert done.exit_code == 2
    assert complaint in done.stderr


def test_what_is_there_already_stays_unless_it_may_go(pair: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out.gguf"
    out.write_bytes(b"mine")
    done = run(*pair, "-o", str(out))
    assert done.exit_code == 2
    assert "already exists. Give another name, or --replace" in done.stderr
    assert out.read_bytes() == b"mine"
    assert run(*pair, "-o", str(out), "--replace").exit_code == 0
    assert out.read_bytes() != b"mine"


def test_models_that_do_not_fit_fail(pair: list[str], tmp_path: Path) -> None:
    other = model(tmp_path / "other.gguf", 1, architecture="qwen2")
    done = run(pair[0], other, "-o", str(tmp_path / "out.gguf"))
    assert done.exit_code == 1
    assert "is a qwen2 model, but the first is llama" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_merge_that_is_ended_from_outside_leaves_nothing(
    number: signal.Signals, tmp_path: Path
) -> None:
    big = {**weights(0), "token_embd.weight": weights(0, rows=600_000)["token_embd.weight"]}
    tokens = [f"t{n}" for n in range(600_000)]
    pair = [model(tmp_path / f"{n}.gguf", n, tensors=big, tokens=tokens) for n in range(2)]
    out = tmp_path / "out"
    out.mkdir()
    command = [sys.executable, "-m", "metier", "merge", *pair, "-o", str(out / "child.gguf")]
    with subprocess.Popen([*command, "--threads", "1"], stderr=subprocess.PIPE) as done:
        assert done.stderr is not None
        # Where stderr is no terminal, it says so in a line when the first tensor is begun.
        assert any(b"child.gguf: merging" in line for line in done.stderr)
        done.send_signal(number)
        assert done.wait(timeout=60) == 130
    assert list(out.iterdir()) == []


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["one", "two"], "several recipes can only be merged on a cluster"),
        (["one"], "the result has no name"),
        (["one", "one"], "two results are called 'one'"),
        (["one", "two", "three"], "there are 2 recipes and 3 names"),
    ],
)
def test_several_recipes_need_a_cluster_and_a_name_each(
    names: list[str], said: str, pair: list[str], tmp_path: Path
) -> None:
    recipe = tmp_path / "recipe.toml"
    models = "\n".join(f'[[models]]\nmodel = "{each}"' for each in pair)
    recipe.write_text(f'method = "slerp"\n{models}\n')
    outputs = [argument for name in names for argument in ("-o", name)]
    done = run("--recipe", str(recipe), "--recipe", str(recipe), *outputs)
    assert done.exit_code == 2
    assert said in done.stderr
