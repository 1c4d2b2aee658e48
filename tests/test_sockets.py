"""No process that metier starts opens a socket to another machine: the system's calls are read."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fake_ollama import fake_ollama
from pdfs import pdf

from metier.testing import FixedEmbedder

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")

ADDRESS = re.compile(r'sa_family=AF_INET6?, .*?(?:inet_addr\("|inet_pton\(AF_INET6, ")([^"]+)"')
HERE = ("127.", "::1")


def turned_to(trace: Path, command: list[str]) -> set[str]:
    """The addresses that a command and all its children connect or send to."""
    calls = "trace=connect,sendto,sendmsg,sendmmsg"
    traced = ["strace", "-f", "--quiet=all", "-s", "0", "-e", calls, "-o", str(trace), *command]
    done = subprocess.run(traced, capture_output=True, text=True, check=False, timeout=400)
    if "Operation not permitted" in done.stderr:
        pytest.skip("this machine lets nobody trace")
    assert done.returncode == 0, done.stderr
    return set(ADDRESS.findall(trace.read_text()))


def test_the_addresses_are_seen(tmp_path: Path) -> None:
    # Reserved for documentation (RFC 5737). Nothing is sent: a datagram's socket is only connected.
    code = "import socket; socket.socket(type=socket.SOCK_DGRAM).connect(('192.0.2.1', 9))"
    bare = [sys.executable, "-I", "-S", "-c", code]
    assert turned_to(tmp_path / "trace", bare) == {"192.0.2.1"}


def test_no_process_turns_to_another_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "guide.pdf").write_bytes(pdf(["The owl sleeps."]))
    metier = [sys.executable, "-m", "metier"]
    models = ["all-minilm:latest", "qwen2.5-coder:1.5b"]
    with fake_ollama(FixedEmbedder(), models=models, reply="It is 12.") as server:
        monkeypatch.setenv("OLLAMA_HOST", server.host)
        # In one process the reader of PDFs, in the other that of calculations.
        for name, arguments in {
            "add": ["knowledge", "add", "medical", str(tmp_path / "guide.pdf")],
            "ask": ["ask", "What is 15% of 80?"],
        }.items():
            found = turned_to(tmp_path / name, [*metier, *arguments])
            assert found, "not even the model server is turned to"
            assert [each for each in found if not each.startswith(HERE)] == []
