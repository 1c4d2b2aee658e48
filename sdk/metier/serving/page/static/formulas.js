// Formulas in TeX, as models write them: $…$, $$…$$, \(…\) and \[…\]. They become MathML, which
// needs no styles and no fonts. What cannot be drawn stays as it was written.

import "./vendor/purify.min.js";
import { el } from "./dom.js";

const PAIRS = [["$$", "$$"], ["\\[", "\\]"], ["\\(", "\\)"], ["$", "$"]];
const MOST_CHARS = 1000;
const MOST_CHARS_OF_A_TEXT = 20_000;
const LONG_CHARS = 60;
// A few definitions can make a formula of a thousand characters grow to megabytes.
const DEFINES = /\\(?:[egx]?def|let|futurelet|(?:re|provide)?(?:new)?command)(?![a-zA-Z])/;

const TAGS = (
  "math menclose mfrac mi mmultiscripts mn mo mover mpadded mphantom mprescripts mroot mrow ms mspace msqrt " +
  "mstyle msub msubsup msup mtable mtd mtext mtr munder munderover none span"
).split(" ");
const ATTRIBUTES = (
  "accent accentunder class columnspan depth display displaystyle fence form height largeop linethickness lspace " +
  "mathvariant maxsize minsize movablelimits notation rowspan rspace scriptlevel separator stretchy symmetric width"
).split(" ");
// In place: to parse markup with styles would be a breach of the policy, even if they are dropped then.
const RULES = { IN_PLACE: true, ALLOWED_TAGS: TAGS, ALLOWED_ATTR: ATTRIBUTES };

// Where a formula ends: the place of its closing mark, -1 if a blank line or too much text comes first,
// or the text's length if nothing does.
function closing(text, start, close) {
  const last = Math.min(text.length, start + MOST_CHARS);
  for (let at = start; at < last; at += 1) {
    if (text.startsWith(close, at)) return at;
    if (text.startsWith("\n\n", at)) return -1;
    if (text[at] === "\\") at += 1;
  }
  return last === text.length ? last : -1;
}

function opened(text, at) {
  return PAIRS.find(([open]) => text.startsWith(open, at)) ?? [];
}

// A dollar may be money: "$5 and $10" is no formula.
function money(text, start, end) {
  return /\w/.test(text[start - 2] ?? "") || /\s/.test(text[start]) || /\s/.test(text[end - 1]) || /\w/.test(text[end + 1] ?? "");
}

function inline(state, silent) {
  const { src: text, pos } = state;
  const [open, close] = opened(text, pos);
  if (!open || (open === "$" && text[pos - 1] === "$")) return false;
  const start = pos + open.length;
  const end = closing(text, start, close);
  if (end <= start || end >= state.posMax || (open === "$" && money(text, start, end))) return false;
  if (!silent) state.push("formula", "code", 0).content = text.slice(pos, end + close.length);
  state.pos = end + close.length;
  return true;
}

// A formula with lines of its own. While the answer grows, its end may not be there yet.
function block(state, first, last, silent) {
  const begin = state.bMarks[first] + state.tShift[first];
  const [open, close] = opened(state.src, begin);
  if (!open || open === "$" || open === "\\(" || state.sCount[first] - state.blkIndent >= 4) return false;
  const text = state.src.slice(begin, state.eMarks[last - 1]);
  const end = closing(text, open.length, close);
  const alone = text.slice(open.length).split("\n", 1)[0].trim() === "";
  const ends = end === text.length ? alone : end > open.length && /^[ \t.,;]*(?:\n|$)/.test(text.slice(end + close.length));
  if (end < 0 || !ends) return false;
  if (silent) return true;
  let next = first + 1;
  while (next < last && state.bMarks[next] <= begin + end && state.sCount[next] >= state.blkIndent) next += 1;
  const token = state.push("formula", "code", 0);
  token.block = true;
  token.map = [first, next];
  token.content = state.getLines(first, next, state.blkIndent, false).trim();
  state.line = next;
  return true;
}

// A plugin of markdown-it: formulas become `<code class="formula">`, with their TeX as text.
export function formulas(md) {
  md.inline.ruler.before("escape", "formula", inline);
  md.block.ruler.before("fence", "formula", block, { alt: ["paragraph", "reference", "blockquote", "list"] });
  md.renderer.rules.formula = (tokens, n) => {
    const code = `<code class="formula">${md.utils.escapeHtml(tokens[n].content)}</code>`;
    return tokens[n].block ? `<p>${code}</p>\n` : code;
  };
}

let library = null;

// Draw the formulas of a text that is complete.
export function drawn(fragment) {
  let left = MOST_CHARS_OF_A_TEXT;
  for (const code of fragment.querySelectorAll("code.formula")) {
    left -= code.textContent.length;
    if (left < 0 || DEFINES.test(code.textContent)) continue;
    library ||= import("./vendor/temml.mjs").then((module) => module.default).catch(() => null);
    library.then((temml) => temml && draw(temml, code));
  }
}

function draw(temml, code) {
  const [, open, tex, after] = code.textContent.match(/^(\$\$?|\\[[(])([^]*?)(?:\$\$?|\\[\])])([.,;\s]*)$/) ?? [];
  if (!open) return;
  const displayMode = open === "$$" || open === "\\[";
  const options = { displayMode, throwOnError: true, trust: false, maxSize: [20, 400], maxExpand: 200 };
  const math = el("span");
  try {
    temml.render(tex, math, options);
  } catch {
    return; // Not TeX, or more of it than Temml knows.
  }
  globalThis.DOMPurify.sanitize(math, RULES);
  const wide = displayMode || tex.length > LONG_CHARS;
  const more = wide ? { class: "formula wide", tabindex: "0", role: "group", "aria-label": "Formula" } : { class: "formula" };
  code.replaceWith(el("span", more, ...math.childNodes, after));
}
