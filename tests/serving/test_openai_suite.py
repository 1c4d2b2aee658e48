"""openai-python's own tests of its API, from the source archive on PyPI, against our server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

import pytest
from bridges.kitchen import council
from guarded import sitecustomize as guarded
from serving.running_server import served

from metier.testing import FixedEmbedder, ScriptedModels

pytestmark = pytest.mark.matrix

FILES = ("test_models.py", "test_embeddings.py", "test_responses.py", "chat/test_completions.py")
# They were written for a server that replies to every request of the specification. Ours needs a
# model that it has, a question, and a length in which something can be said.
CHANGED = (
    (r'model="[^"]+"', 'model="metier"'),
    (r'\.retrieve\(\s*"[^"]+",?\s*\)', '.retrieve("metier")'),
    ('"role": "developer"', '"role": "user"'),
    (r"\.create\(\)", '.create(model="metier", input="string")'),
    (r"\.create\(\s*stream=True,\s*\)", '.create(model="metier", input="string", stream=True)'),
    (r"max(_completion)?_tokens=0", r"max\1_tokens=16"),
    (r"dimensions=1\b", f"dimensions={FixedEmbedder().dimension}"),
    (r' +previous_response_id="previous_response_id",\n', ""),
)
# Listed with their reasons in docs/serving.md: endpoints that are not served; and the client asks
# for base64, of which its own strict check says that it is no list.
DO_NOT_FIT = (
    "Models and delete",
    "Responses and (retrieve or delete or cancel or compact)",
    "Completions and (retrieve or update or list or delete)",
    "Embeddings and not loose and not all_params",
)
PLUGINS = ("langsmith_plugin", "socket", "benchmark", "codspeed", "cacheprovider", "metier")


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked archive of the installed version, its tests changed as above."""
    folder = tmp_path_factory.mktemp("openai")
    name = f"openai=={version('openai')}"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary=:all:", name]
    # It is downloaded, so without the guard.
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {guarded.LOG: ""},
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    if done.returncode:
        pytest.skip(f"pip cannot get the source of {name}: {done.stderr[-300:]}")
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    unpacked = folder / archive.name.removesuffix(".tar.gz")
    for each in FILES:
        file = unpacked / "tests" / "api_resources" / each
        text = file.read_text()
        for pattern, wanted in CHANGED:
            text = re.sub(pattern, wanted, text)
        file.write_text(text)
    return unpacked


def test_openais_own_tests_pass(suite: Path) -> None:
    with served(council(ScriptedModels({"cooking": lambda _: "Forty minutes at most."}))) as url:
        command = [
            *(sys.executable, "-m", "pytest", "-q", "--tb=short", "-o", "addopts="),
            *(f"-pno:{name}" for name in PLUGINS),
            *("-k", f"not ({' or '.join(f'({names})' for names in DO_NOT_FIT)})"),
            *(f"tests/api_resources/{each}" for each in FILES),
        ]
        done = subprocess.run(
            command,
            cwd=suite,
            env=os.environ | {"TEST_API_BASE_URL": f"{url}/v1", "PYTEST_ADDOPTS": ""},
            check=False,
            capture_output=True,
            text=True,
            timeout=300,
        )
    assert done.returncode == 0, done.stdout[-10_000:] + done.stderr[-2_000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed
    assert int(passed[1]) > 100
