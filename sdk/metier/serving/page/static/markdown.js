// Markdown as a model writes it. Raw HTML stays text, images are not loaded, and what is left
// passes DOMPurify, under a policy that lets nothing else make markup of a text.

import markdownit from "./vendor/markdown-it.esm.min.mjs";
import "./vendor/purify.min.js";
import { button, el, say } from "./dom.js";
import { drawn, formulas } from "./formulas.js";

const TAGS = (
  "a blockquote br code em h3 h4 h5 h6 hr li ol p pre s strong table tbody td th thead tr ul"
).split(" ");
const ATTRIBUTES = ["class", "href", "start"];
const RULES = { RETURN_DOM_FRAGMENT: true, ALLOWED_TAGS: TAGS, ALLOWED_ATTR: ATTRIBUTES };
const COLOURED = { RETURN_DOM_FRAGMENT: true, ALLOWED_TAGS: ["span"], ALLOWED_ATTR: ["class"] };
const MOST_COLOURED = 20_000;
const DEFINITION = /^ {0,3}\[[^\]\n]{1,999}\]:/m;
const CHEAP_MS = 8;
const REST = 2;
const SAFE = new Set(["http:", "https:", "mailto:"]);

const made = () => markdownit({ html: false }).disable(["image"]).use(formulas).use(withinThePage);
const md = made();
// Goes on from blocks that were already found.
const inBlocks = made();
inBlocks.core.ruler.disable("block");

function withinThePage(parser) {
  parser.core.ruler.push("within_the_page", (state) => {
    for (const token of state.tokens) {
      // The page has headings of its own above these, and none may be left out between two.
      if (token.type === "heading_open") state.env.depth = Math.min(6, Number(token.tag[1]) + 2, (state.env.depth ?? 2) + 1);
      if (token.type.startsWith("heading_")) token.tag = `h${state.env.depth}`;
      // Alignment is a style, which the policy forbids.
      if (token.type === "th_open" || token.type === "td_open") token.attrs = null;
    }
  });
}

// The blocks of a text, each as its tokens. What stands within a line is not read yet.
function blocksOf(text, env) {
  const tokens = [];
  md.block.parse(text.replace(/\r\n?/g, "\n"), md, env, tokens);
  const blocks = [];
  for (const token of tokens) {
    if (token.level === 0 && token.nesting >= 0) blocks.push([]);
    blocks.at(-1).push(token);
  }
  return blocks;
}

function html(tokens, env) {
  const state = new inBlocks.core.State("", inBlocks, env);
  state.tokens = tokens;
  inBlocks.core.process(state);
  return inBlocks.renderer.render(state.tokens, inBlocks.options, env);
}

function rendered(made, whole = true) {
  const fragment = globalThis.DOMPurify.sanitize(made, RULES);
  fragment.querySelectorAll("pre > code").forEach((code) => coloured(code, whole));
  if (whole) drawn(fragment);
  fragment.querySelectorAll("a").forEach(safeLink);
  fragment.querySelectorAll("pre").forEach(withCopy);
  fragment.querySelectorAll("table").forEach((each) => {
    const box = el("div", { class: "wide", tabindex: "0", role: "group", "aria-label": "Table" });
    each.replaceWith(box);
    box.append(each);
  });
  return fragment;
}

// A link shows where it leads, and tells nothing of this page there.
function safeLink(link) {
  const url = address(link.getAttribute("href"));
  if (!url || !SAFE.has(url.protocol)) {
    link.replaceWith(...link.childNodes);
    return;
  }
  link.setAttribute("rel", "noopener noreferrer");
  link.setAttribute("target", "_blank");
  if (url.host && !link.textContent.includes(url.host)) link.append(` (${url.host})`);
}

function address(text) {
  try {
    return new URL(text);
  } catch {
    return null; // It would lead to another place of this page.
  }
}

let highlighter = null;

// Code gets its colours once it is complete.
function coloured(code, whole) {
  const [, language] = code.className.match(/^language-(\S+)/) ?? [];
  code.removeAttribute("class");
  if (!whole || !language || code.textContent.length > MOST_COLOURED) return;
  highlighter ||= import("./vendor/highlight.min.js").then((module) => module.default).catch(() => null);
  highlighter.then((highlight) => {
    if (!highlight?.getLanguage(language)) return;
    const { value } = highlight.highlight(code.textContent, { language, ignoreIllegals: true });
    code.replaceChildren(globalThis.DOMPurify.sanitize(value, COLOURED));
  });
}

function withCopy(pre) {
  const copy = button("Copy", () => copied(pre.textContent, "The code is copied."));
  pre.tabIndex = 0;
  const box = el("div", { class: "code" });
  pre.replaceWith(box);
  box.append(pre, copy);
}

export async function copied(text, done) {
  try {
    await navigator.clipboard.writeText(text);
    say(done);
  } catch {
    say("The browser did not let the page copy.");
  }
}

export function markdown(text) {
  return el("div", { class: "text" }, rendered(md.render(text, {})));
}

// The items of a list or the rows of a table, with the tokens before and after them.
function rowsOf(block) {
  const inTable = block[0].type === "table_open";
  const [opening, level] = inTable ? ["tr_open", 2] : ["list_item_open", 1];
  const body = inTable ? block.findIndex((token) => token.type === "tbody_open") : 0;
  const starts = block.flatMap((token, n) => (token.type === opening && token.level === level && n > body ? [n] : []));
  if (!starts.length || body < 0) return null;
  const closing = opening.replace("open", "close");
  const end = block.findLastIndex((token) => token.type === closing && token.level === level) + 1;
  const rows = starts.map((start, n) => block.slice(start, starts[n + 1] ?? end));
  return { before: block.slice(0, starts[0]), rows, after: block.slice(end) };
}

const ROWS = "tbody, ul, ol";

// A text that grows. Blocks, and rows of the last one, that are complete are rendered once.
export class GrowingText {
  constructor() {
    this.node = el("div", { class: "text" });
    this.last = el("div");
    this.node.append(this.last);
    this.text = "";
    this.open = "";
    this.drawing = false;
    this.fresh = false;
    this.whole = false;
    this.box = null; // of the rows that stand in the last block
    this.rows = 0;
    this.tail = [];
    this.loose = false;
    this.depth = 2; // of the last heading
  }

  add(text) {
    this.text += text;
    this.open += text;
    this.fresh = true;
    if (!this.drawing) this.draw();
  }

  // A block that cannot be divided takes longer the longer it is: the page rests in between.
  async draw() {
    this.drawing = true;
    while (this.fresh) {
      await new Promise(requestAnimationFrame);
      if (this.whole) return;
      this.fresh = false;
      const began = performance.now();
      this.settle();
      await pause(0); // by then it is laid out
      const cost = performance.now() - began;
      if (cost > CHEAP_MS) await pause(REST * cost);
    }
    this.drawing = false;
  }

  settle(end = false) {
    const env = { depth: this.depth };
    const blocks = blocksOf(this.open, env);
    const start = blocks.at(-1)?.[0].map?.[0] ?? 0;
    blocks.forEach((block, n) => {
      const complete = end || n < blocks.length - 1;
      this.grow(block, env, complete);
      if (n === blocks.length - 1) return;
      this.last.before(...this.last.childNodes);
      this.depth = env.depth;
      this.box = null;
    });
    if (!blocks.length) this.last.replaceChildren();
    if (start > 0) this.open = this.open.split("\n").slice(start).join("\n");
  }

  // The last block, as far as it has come.
  grow(block, env, complete) {
    const found = rowsOf(block);
    if (!found) {
      this.box = null;
      this.last.replaceChildren(rendered(html(block, env), complete));
      return;
    }
    const { before, rows, after } = found;
    const made = (some, whole) => rendered(html([...before, ...some.flat(), ...after].map(copy), env), whole);
    // An empty line between two items makes paragraphs of all.
    const loose = block.some((token) => token.type === "paragraph_open" && token.level === 2 && !token.hidden);
    const standing = complete ? rows.length : rows.length - 1;
    if (!this.box || loose !== this.loose) {
      this.last.replaceChildren(made(rows.slice(0, Math.max(1, standing)), standing > 0));
      this.box = standing > 0 ? this.last.querySelector(ROWS) : null;
      this.rows = standing;
      this.loose = loose;
      this.tail = [];
      if (!this.box) return;
    }
    this.tail.forEach((node) => node.remove());
    if (standing > this.rows) this.box.append(...rowNodes(made(rows.slice(this.rows, standing), true)));
    this.rows = standing;
    this.tail = complete ? [] : rowNodes(made(rows.slice(-1), false));
    this.box.append(...this.tail);
  }

  // The whole text, once it has come: what stands is kept, unless a link is defined below its use.
  finish(text) {
    this.whole = true;
    if (text !== this.text || DEFINITION.test(text)) return markdown(text);
    this.settle(true);
    return this.node;
  }
}

function rowNodes(fragment) {
  return [...fragment.querySelector(ROWS).childNodes];
}

// Reading what stands within a line changes a token.
function copy(token) {
  return token.type === "inline" ? Object.assign(Object.create(Object.getPrototypeOf(token)), token, { children: [] }) : token;
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
