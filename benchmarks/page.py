"""How fast the page of `metier serve` is, in Debian's Chromium on loopback.

Keys: `first_paint_ms` (first contentful paint) and `interactive_ms` (the question box has the
focus), each in a new browser context without a cache; `stream_fps` and `stream_longest_frame_ms`
while an answer of 2,000 tokens comes at 200 tokens a second, and `stream_blocks_again` (finished
blocks of the answer that were rendered again); the same three of an answer that is one block from
its first word to its last, as `stream_list_…`, `stream_table_…` and `stream_code_…`;
`open_200_ms` (a conversation of 200 messages, from the click on it to all of it being there and
painted). The models are scripted: only the page and its server are measured.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import threading
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import anyio
import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.contract import Metric, median_of, report, say
from metier import Card, Council, Expert, Message, Settings
from metier.experts.card import Capability
from metier.models.server import ChatRequest, Chunk
from metier.runs.store import RunStore
from metier.serving import Access, ServingLimits, http_app
from metier.serving.running import listening
from metier.testing import FixedEmbedder, ScriptedModels

MESSAGES = 200
TOKENS = 2000
TOKENS_PER_S = 200
PARAGRAPH = "It has **ten** words, a `name`, and $x^2$ in it. "
STREAMS = {
    "": "\n\n".join([PARAGRAPH * 5] * (TOKENS // (5 * len(PARAGRAPH.split())))),
    "list_": "".join(f"- Item **{n}** has `eight` words, and $x^2$.\n" for n in range(TOKENS // 8)),
    "table_": "| a | b | c |\n| - | - | - |\n"
    + "".join(f"| {n} | **two** | `x` |\n" for n in range(TOKENS // 7)),
    "code_": "```python\n" + "".join(f"x{n} = f(x, {n}) # add\n" for n in range(TOKENS // 6)),
}
SHORT = "# Answer\n\n| a | b |\n| - | - |\n| 1 | 2 |\n\n" + PARAGRAPH * 3

_INTERACTIVE = """
new MutationObserver((_, observer) => {
  if (document.activeElement?.localName !== "textarea") return;
  window.interactive = performance.now();
  observer.disconnect();
}).observe(document, { childList: true, subtree: true });
document.addEventListener("focusin", () => (window.interactive ??= performance.now()));
"""
_PAINT = """() => new Promise((resolve) => {
  const found = () => performance.getEntriesByName("first-contentful-paint")[0];
  if (found()) resolve(found().startTime);
  const observer = new PerformanceObserver(() => found() && resolve(found().startTime));
  observer.observe({ type: "paint", buffered: true });
})"""
_FRAMES = """() => {
  window.frames_seen = [];
  window.again = 0;
  new MutationObserver((changes) => {
    for (const { target, removedNodes } of changes) {
      if (target.matches(".answer, .answer > .text")) window.again += removedNodes.length;
    }
  }).observe(document.querySelector("main"), { childList: true, subtree: true });
  const frame = (at) => {
    if (document.querySelector(".answer .text > div > *")) window.frames_seen.push(at);
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}"""
_OPEN = """() => new Promise((resolve) => {
  const began = performance.now();
  document.querySelector(".runs a").click();
  new MutationObserver((_, observer) => {
    if (!document.querySelector(".turn .bar button")) return;
    observer.disconnect();
    requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - began)));
  }).observe(document.querySelector("main"), { childList: true, subtree: true });
})"""


class Paced(ScriptedModels):
    """Models whose words come at the pace of a fast machine, if `paced`."""

    paced = False
    long = ""

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """The reply, word by word."""
        began, count = time.perf_counter(), 0
        async for chunk in super().chat(request):
            count += 1
            due = began + count / TOKENS_PER_S
            if self.paced:
                await anyio.sleep(max(0.0, due - time.perf_counter()))
            yield chunk


def council(folder: Path, models: ScriptedModels) -> Council:
    """Two experts, and a store."""
    experts = [
        Expert(
            Card(
                id=name,
                description=name,
                models=("small",),
                capabilities=(Capability(name="all", description=f"everything about {name}"),),
            )
        )
        for name in ("general", "math")
    ]
    settings = Settings(cache_dir=folder, state_dir=folder)
    return Council.of(
        experts,
        settings=settings,
        server=models,
        embedder=FixedEmbedder(),
        runs=RunStore.of(settings),
    )


@contextmanager
def served(made: Council) -> Iterator[str]:
    """Its address on loopback."""
    app = http_app(made, access=Access(), limits=ServingLimits())
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error")
    with listening(config) as bound:
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([bound],), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
        server.should_exit = True
        thread.join(20)


@contextmanager
def window(browser: Browser, address: str) -> Iterator[Page]:
    """The page in a context of its own, with nothing in its cache."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.add_init_script(_INTERACTIVE)
    page = context.new_page()
    page.goto(address)
    page.get_by_label("Question", exact=True).wait_for()
    yield page
    context.close()


def loading(browser: Browser, address: str, *, runs: int) -> tuple[Metric, Metric]:
    """First paint, and when a question can be typed."""
    painted: list[float] = []
    ready: list[float] = []
    for _ in range(runs):
        with window(browser, address) as page:
            painted.append(page.evaluate(_PAINT))
            page.wait_for_function("window.interactive")
            ready.append(page.evaluate("window.interactive"))
    return median_of(painted), median_of(ready)


def streams(
    browser: Browser, address: str, models: Paced, *, runs: int
) -> Iterator[tuple[str, Metric]]:
    """What is measured of each kind of answer while it comes."""
    for kind, text in STREAMS.items():
        models.long = text
        seen = [streaming(browser, address) for _ in range(runs)]
        for name, values in zip(
            ("fps", "longest_frame_ms", "blocks_again"), zip(*seen, strict=True), strict=True
        ):
            yield f"stream_{kind}{name}", median_of(values)


def streaming(browser: Browser, address: str) -> tuple[float, float, float]:
    """Frames a second while an answer comes, the longest frame, and blocks rendered again."""
    with window(browser, address) as page:
        page.evaluate(_FRAMES)
        page.get_by_label("Question", exact=True).fill("everything about math")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Ask again").wait_for(timeout=120_000)
        frames = page.evaluate("window.frames_seen")
        again = page.evaluate("window.again")
    lengths = [after - before for before, after in pairwise(frames)]
    seconds = (frames[-1] - frames[0]) / 1000
    say(f"{len(frames)} frames in {seconds:.1f} s")
    return round(len(lengths) / seconds, 1), round(max(lengths), 1), again


def opening(browser: Browser, address: str, *, runs: int) -> Metric:
    """From the click on a conversation until it is there."""
    found: list[float] = []
    for _ in range(runs):
        with window(browser, address) as page:
            page.locator(".runs a").first.wait_for()
            found.append(page.evaluate(_OPEN))
            assert page.locator(".question").count() == MESSAGES // 2
    return median_of(found)


def conversation() -> tuple[Message, ...]:
    """All messages but the last answer."""
    asked = [
        Message(role="user", content=f"Question {n} about math?") for n in range(MESSAGES // 2)
    ]
    pairs = [(each, Message(role="assistant", content=SHORT)) for each in asked]
    return tuple(message for pair in pairs for message in pair)[:-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9, help="times each load is repeated")
    parser.add_argument("--streams", type=int, default=5, help="times each answer is streamed")
    arguments = parser.parse_args()
    started = time.perf_counter()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise SystemExit("no chromium: apt install chromium")
    models = Paced({"small": lambda request: SHORT if len(request.messages) > 5 else models.long})
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        made = council(Path(folder), models)
        with served(made) as address:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            paint, ready = loading(browser, address, runs=arguments.runs)
            made.ask_sync(conversation())
            opened = opening(browser, address, runs=arguments.runs)
            models.paced = True
            streamed = dict(streams(browser, address, models, runs=arguments.streams))
            browser.close()
    metrics = {
        "first_paint_ms": paint,
        "interactive_ms": ready,
        "open_200_ms": opened,
    } | streamed
    report("page", metrics, baselines={}, embedder="fixed", started=started)


if __name__ == "__main__":
    main()
