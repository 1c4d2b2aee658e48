#!/usr/bin/env python3
"""Check the documentation: links, fenced blocks, and the pages that are made from the code.

A link must point to a file that exists, and to a heading that is in it. A Python block must
compile, TOML and JSON must parse, and a TOML block with `[expert]` must be a card.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tempfile
import textwrap
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from metier.errors import InvalidCard
from metier.experts.card import read_card

ROOT = Path(__file__).parent.parent
PAGES = ("*.md", "docs/**/*.md", "plugins/*/README.md")

_FENCE = re.compile(r"^(\s*)(`{3,})\s*(\w*)[^`]*$")
_LINK = re.compile(r"\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)|^\s*\[[^\]]+\]:\s*(\S+)")
_CODE = re.compile(r"`[^`]*`")
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$")
_ELSEWHERE = re.compile(r"^[a-z][a-z0-9+.-]*:", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block of a page."""

    file: Path
    line: int
    language: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page, its prose by line number, and its fenced blocks."""

    prose: tuple[tuple[int, str], ...]
    blocks: tuple[Block, ...]


@cache
def read(file: Path) -> Page:
    """Prose and blocks apart, so that code is not searched for links."""
    prose: list[tuple[int, str]] = []
    blocks: list[Block] = []
    fence, start, language, held = "", 0, "", []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if not fence and (opened := _FENCE.match(line)):
            fence, language, start, held = opened[2], opened[3], number, []
        elif not fence:
            prose.append((number, line))
        elif line.strip() == fence:
            text = textwrap.dedent("\n".join(held)) + "\n"
            blocks.append(Block(file=file, line=start, language=language, text=text))
            fence = ""
        else:
            held.append(line)
    if fence:
        blocks.append(Block(file=file, line=start, language="unclosed", text=""))
    return Page(prose=tuple(prose), blocks=tuple(blocks))


def problems(root: Path) -> Iterator[str]:
    """Everything that is wrong with the pages below a folder, as `file:line: what`."""
    for file in sorted({file for pattern in PAGES for file in root.glob(pattern)}):
        page = read(file)
        found = [*bad_links(file, page, root), *bad_blocks(page)]
        yield from (f"{file.relative_to(root)}:{line}: {what}" for line, what in sorted(found))


def bad_links(file: Path, page: Page, root: Path) -> Iterator[tuple[int, str]]:
    for number, line in page.prose:
        for match in _LINK.finditer(_CODE.sub("", line)):
            target = match[1] or match[2]
            if not _ELSEWHERE.match(target) and (what := bad_target(file, target, root)):
                yield number, what


def bad_target(file: Path, target: str, root: Path) -> str:
    """What is wrong with a relative link; empty where it is well."""
    path, _, heading = target.partition("#")
    aim = (file.parent / path).resolve() if path else file
    if not aim.is_relative_to(root.resolve()) or not aim.exists():
        return f"there is no {target}"
    if heading and heading not in anchors(aim):
        return f"there is no heading #{heading} in {aim.relative_to(root.resolve())}"
    return ""


def anchors(file: Path) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    seen: Counter[str] = Counter()
    found: set[str] = set()
    for _, line in read(file).prose:
        if heading := _HEADING.match(line):
            text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).lower()
            slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
            found.add(f"{slug}-{seen[slug]}" if slug in seen else slug)
            seen[slug] += 1
    return found


def bad_blocks(page: Page) -> Iterator[tuple[int, str]]:
    for block in page.blocks:
        try:
            READERS.get(block.language, _accept)(block)
        except (SyntaxError, ValueError, InvalidCard) as exc:
            yield block.line, f"{block.language} block: {exc}"


def read_python(block: Block) -> None:
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    compile(block.text, f"{block.file.name}:{block.line}", "exec", flags=flags)


def read_toml(block: Block) -> None:
    if "expert" not in tomllib.loads(block.text):
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "domain.toml"
        file.write_text(block.text, encoding="utf-8")
        read_card(file)


def read_json(block: Block) -> None:
    json.loads(block.text)


def read_jsonl(block: Block) -> None:
    for line in block.text.splitlines():
        json.loads(line)


def refuse_unclosed(block: Block) -> None:
    raise ValueError("it has no end")


def _accept(block: Block) -> None:
    """Shell, text and pictures are for people."""


READERS: dict[str, Callable[[Block], None]] = {
    "python": read_python,
    "toml": read_toml,
    "json": read_json,
    "jsonl": read_jsonl,
    "unclosed": refuse_unclosed,
}


def main() -> None:
    made = subprocess.run([sys.executable, ROOT / "scripts" / "docs.py", "--check"])
    found = list(problems(ROOT))
    for problem in found:
        print(f"check-docs: {problem}", file=sys.stderr)
    if found or made.returncode != 0:
        sys.exit(1)


if __name__ == "__main__":
    main()
