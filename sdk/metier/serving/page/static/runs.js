// Earlier questions at the side: searched, opened, renamed, deleted.

import { call } from "./api.js";
import { button, counted, el, renewed, say, short } from "./dom.js";

const WAIT_MS = 200;
const PAGE = 50;
const MOST = 200;
const SIGNS = { answered: "", running: "…", failed: "✕", cancelled: "stopped", interrupted: "broken off" };

let search = null;
let list = null;
let wanted = PAGE;

export function runsAside(aside) {
  let waiting = 0;
  search = el("input", { type: "search", id: "search" });
  search.addEventListener("input", () => {
    wanted = PAGE;
    clearTimeout(waiting);
    waiting = setTimeout(refreshRuns, WAIT_MS);
  });
  list = el("ul", { class: "runs" });
  aside.append(
    el("a", { class: "new", href: "#/new" }, "New question"),
    el("label", { for: "search" }, "Search earlier questions"),
    search,
    list,
  );
}

export async function refreshRuns() {
  try {
    const words = search.value.trim();
    const { kept, runs } = await (words ? found(words) : newest());
    const none = kept ? "Nothing yet." : "This server keeps no questions.";
    const rows = latest(runs.slice(0, wanted), words).map(row);
    if (runs.length > wanted) rows.push(el("li", {}, button("More", more)));
    renewed(list, ...(rows.length ? rows : [el("li", {}, none)]));
  } catch (error) {
    list.replaceChildren(el("li", { class: "bad" }, error.message));
  }
}

function more() {
  wanted += PAGE;
  return refreshRuns();
}

function found(words) {
  return call("GET", `/metier/runs?limit=${Math.min(MOST, wanted + 1)}&search=${encodeURIComponent(words)}`);
}

// One more than is shown, so that the button for more stands only where there are more.
async function newest() {
  const runs = [];
  for (;;) {
    const limit = Math.min(MOST, wanted + 1 - runs.length);
    const before = runs.length ? `&before=${runs.at(-1).id}` : "";
    const page = await call("GET", `/metier/runs?limit=${limit}${before}`);
    runs.push(...page.runs);
    if (page.runs.length < limit || runs.length > wanted) return { ...page, runs };
  }
}

// Of a conversation its newest question stands for all, unless words are searched for.
function latest(runs, words) {
  const before = new Set(words ? [] : runs.map((run) => run.follows));
  return runs.filter((run) => !before.has(run.id));
}

function row(run) {
  const question = short(run.title || run.question, 70) || "(no text)";
  const more = [SIGNS[run.status], run.experts.join(", "), new Date(run.started * 1000).toLocaleString()];
  return el(
    "li",
    {},
    el("a", { href: `#/run/${run.id}` }, question, el("small", {}, more.filter(Boolean).join(" · "))),
    button("✎", () => renamed(run), { "aria-label": `Rename: ${question}`, class: "rename" }),
    button("✕", () => deleted(run, question), { "aria-label": `Delete: ${question}`, class: "delete" }),
  );
}

async function renamed(run) {
  const title = prompt("Name of this conversation (empty: its question)", run.title || short(run.question, 70));
  if (title === null) return;
  try {
    await call("PATCH", `/metier/runs/${run.id}`, { title: title.slice(0, 200) });
    say("Renamed.");
  } catch (error) {
    say(error.message);
  }
  await refreshRuns();
}

async function deleted(run, question) {
  const path = `/metier/runs/${run.id}/conversation`;
  try {
    const { runs } = await call("GET", path);
    const what = runs.length > 1 ? ` and all ${counted(runs.length, "question")} of its conversation` : "";
    if (!confirm(`Delete “${question}”${what} for good?`)) return;
    await call("DELETE", path);
    say("Deleted.");
    if (runs.some((id) => location.hash.includes(id))) location.hash = "#/new";
  } catch (error) {
    say(error.message);
  }
  await refreshRuns();
  if (document.activeElement === document.body) search.focus();
}
