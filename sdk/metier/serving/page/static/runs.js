// Earlier questions at the side: searched, opened, renamed, deleted.

import { call } from "./api.js";
import { button, el, say, short } from "./dom.js";

const WAIT_MS = 200;
const SIGNS = { answered: "", running: "…", failed: "✕", cancelled: "stopped", interrupted: "broken off" };

let search = null;
let list = null;

export function runsAside(aside) {
  let waiting = 0;
  search = el("input", { type: "search", id: "search" });
  search.addEventListener("input", () => {
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
    const query = words ? `?search=${encodeURIComponent(words)}` : "";
    const { kept, runs } = await call("GET", `/metier/runs${query}`);
    const none = kept ? "Nothing yet." : "This server keeps no questions.";
    list.replaceChildren(...(runs.length ? latest(runs, words).map(row) : [el("li", {}, none)]));
  } catch (error) {
    list.replaceChildren(el("li", { class: "bad" }, error.message));
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
  if (!confirm(`Delete “${question}” for good?`)) return;
  try {
    await call("DELETE", `/metier/runs/${run.id}`);
    say("Deleted.");
  } catch (error) {
    say(error.message);
  }
  if (location.hash.endsWith(run.id)) location.hash = "#/new";
  await refreshRuns();
}
