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
const SAFE = new Set(["http:", "https:", "mailto:"]);

const md = markdownit({ html: false }).disable(["image"]).use(formulas);
md.core.ruler.push("within_the_page", (state) => {
  for (const token of state.tokens) {
    // The page has headings of its own above these.
    if (token.type.startsWith("heading_")) token.tag = `h${Math.min(6, Number(token.tag[1]) + 2)}`;
    // Alignment is a style, which the policy forbids.
    if (token.type === "th_open" || token.type === "td_open") token.attrs = null;
  }
});

function rendered(text, whole = true) {
  const fragment = globalThis.DOMPurify.sanitize(md.render(text), RULES);
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
  return el("div", { class: "text" }, rendered(text));
}

// A text that grows. Blocks that are complete are rendered once; only the last one is again.
export class GrowingText {
  constructor() {
    this.node = el("div", { class: "text" });
    this.last = el("div");
    this.node.append(this.last);
    this.text = "";
    this.open = "";
    this.waiting = false;
    this.whole = false;
  }

  add(text) {
    this.text += text;
    this.open += text;
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      if (!this.whole) this.settle();
    });
  }

  settle() {
    const tops = md.parse(this.open, {}).filter((token) => token.level === 0 && token.map);
    const start = tops.length ? tops[tops.length - 1].map[0] : 0;
    if (start > 0) {
      const lines = this.open.split("\n");
      this.last.before(rendered(lines.slice(0, start).join("\n")));
      this.open = lines.slice(start).join("\n");
    }
    this.last.replaceChildren(rendered(this.open, false));
  }

  // The whole text, once it has come: what stands is kept, unless a link is defined below its use.
  finish(text) {
    this.whole = true;
    if (text !== this.text || DEFINITION.test(text)) return markdown(text);
    this.settle();
    this.last.replaceChildren(rendered(this.open));
    return this.node;
  }
}
