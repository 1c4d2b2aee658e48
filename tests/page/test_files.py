"""The files of the page, and what guards them."""

from __future__ import annotations

import gzip
import hashlib
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from kept_runs import council
from page.asking import caller, question

from metier.serving.page.files import page_files

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "sdk" / "metier" / "serving" / "page" / "static"
MOST_BYTES = 400_000
LICENCES = {
    f"{name}.LICENSE.txt"
    for name in ("highlight", "markdown-it", "markdown-it-parts", "purify", "temml")
}


async def test_a_browser_gets_the_page(tmp_path: Path) -> None:
    accept = "text/html,application/xhtml+xml,*/*;q=0.8"
    async with council(tmp_path) as asked, caller(asked) as client:
        page = await client.get("/", headers={"accept": accept})
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "<title>metier</title>" in page.text


@pytest.mark.parametrize("accept", ["*/*", "", "application/json", "text/plain"])
async def test_a_program_gets_the_words_that_it_looks_for(tmp_path: Path, accept: str) -> None:
    async with council(tmp_path) as asked, caller(asked) as client:
        page = await client.get("/", headers={"accept": accept})
        probed = await client.head("/", headers={"accept": accept})
    assert page.text == "Ollama is running"
    assert probed.status_code == 200


async def test_every_file_comes_with_a_policy_that_allows_nothing_inline(tmp_path: Path) -> None:
    async with council(tmp_path) as asked, caller(asked) as client:
        for name in page_files():
            reply = await client.get(f"/page/{name}")
            policy = reply.headers["content-security-policy"]
            assert reply.status_code == 200
            assert "default-src 'none'" in policy
            assert "require-trusted-types-for 'script'" in policy
            assert "unsafe" not in policy
            assert "http" not in policy
            assert reply.headers["x-content-type-options"] == "nosniff"
            assert reply.headers["referrer-policy"] == "no-referrer"


async def test_a_file_that_the_browser_has_is_not_sent_again(tmp_path: Path) -> None:
    async with council(tmp_path) as asked, caller(asked) as client:
        first = await client.get("/page/main.js")
        again = await client.get("/page/main.js", headers={"if-none-match": first.headers["etag"]})
    assert first.headers["content-type"] == "text/javascript; charset=utf-8"
    assert again.status_code == 304
    assert again.content == b""


@pytest.mark.parametrize(
    "path",
    [
        "/page/",
        "/page/nothing.js",
        "/page/../files.py",
        "/page/%2e%2e/files.py",
        "/page/..%2f..%2fapp.py",
        "/page/vendor",
        "/page//etc/passwd",
    ],
)
async def test_nothing_else_of_the_machine_is_served(tmp_path: Path, path: str) -> None:
    async with council(tmp_path) as asked, caller(asked) as client:
        assert (await client.get(path)).status_code == 404


def test_vendored_files_are_those_that_were_published() -> None:
    vendor = STATIC / "vendor"
    libraries = tomllib.loads((vendor / "vendored.toml").read_text())
    licences = [library["licence_files"] for library in libraries.values()]
    listed = {name: each["sha256"] for name, each in libraries.items()}
    listed |= {name: each["sha256"] for files in licences for name, each in files.items()}
    found = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in vendor.iterdir()
        if file.name != "vendored.toml"
    }
    assert found == listed
    assert found.keys() >= LICENCES


def test_each_vendored_file_is_of_the_version_that_is_written_down() -> None:
    vendor = STATIC / "vendor"
    docs = (ROOT / "docs" / "dependencies.md").read_text()
    for name, library in tomllib.loads((vendor / "vendored.toml").read_text()).items():
        assert all(library[field] for field in ("package", "path", "source", "licence"))
        version = library["version"]
        head = (vendor / name).read_text()[:200]
        assert f" {version} " in head or f"v{version} " in head or name == "temml.mjs"
        assert f"| {library['licence']}" in docs
        assert f"| {version} |" in docs


async def test_the_page_is_sent_small(tmp_path: Path) -> None:
    sent: dict[str, int] = {}
    async with council(tmp_path) as asked, caller(asked) as client:
        for name, file in page_files().items():
            async with client.stream("GET", f"/page/{name}") as reply:
                packed = b"".join([part async for part in reply.aiter_raw()])
            assert reply.headers["content-encoding"] == "gzip"
            assert gzip.decompress(packed) == file.data
            sent[name] = len(packed)
    assert sum(sent.values()) <= MOST_BYTES, sent


@pytest.mark.parametrize("accepted", ["", "identity", "br", "gzip;q=0", "xgzip"])
async def test_a_file_is_sent_as_it_is_to_whom_reads_no_gzip(tmp_path: Path, accepted: str) -> None:
    headers = {"accept-encoding": accepted}
    async with council(tmp_path) as asked, caller(asked) as client:
        plain = await client.get("/page/main.js", headers=headers)
        packed = await client.get("/page/main.js", headers={"accept-encoding": "br, gzip;q=0.5"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert plain.content == packed.content
    assert plain.headers["etag"] != packed.headers["etag"]
    assert "Accept-Encoding" in plain.headers["vary"]


async def test_nothing_else_is_packed(tmp_path: Path) -> None:
    async with council(tmp_path) as asked, caller(asked) as client:
        for path in ("/metier/experts", "/metier/runs", "/v1/models"):
            assert "content-encoding" not in (await client.get(path)).headers
        reply = await client.post("/metier/runs", json=question("What is 2 + 2?"))
    assert "content-encoding" not in reply.headers


def test_the_page_names_no_other_host_and_holds_no_inline_code() -> None:
    page = (STATIC / "index.html").read_text()
    assert "//" not in page.replace("<!doctype html>", "")
    assert "style=" not in page
    assert "onclick" not in page
    own = list(STATIC.glob("*.js"))
    assert not [file.name for file in own if "innerHTML" in file.read_text()]
    assert not [file.name for file in own if "https://" in file.read_text()]


def test_the_page_asks_for_all_its_modules_at_once() -> None:
    page = (STATIC / "index.html").read_text()
    own = {file.name for file in STATIC.glob("*.js")}
    assert not [name for name in own if f'"/page/{name}"' not in page]


def test_a_wheel_holds_every_file(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        names = set(opened.namelist())
    held = {f"metier/serving/page/static/{name}" for name in page_files()}
    beside = {*LICENCES, "vendored.toml"}
    licences = {f"metier/serving/page/static/vendor/{name}" for name in beside}
    assert held | licences <= names
