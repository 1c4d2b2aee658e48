// Which view is shown: the address says it, so that back, reload and a second tab work.

import { AskView } from "./ask.js";
import { CompareView } from "./compare.js";
import { el, say } from "./dom.js";
import { ExpertsView } from "./experts.js";
import { LearntView } from "./learnt.js";
import { refreshRuns, runsAside } from "./runs.js";

const VIEWS = { compare: CompareView, experts: ExpertsView, learnt: LearntView };
const main = document.getElementById("main");
const menu = document.getElementById("menu");
// Views that were left with something unfinished: a run goes on in them, or a text was typed.
const kept = new Set();
let view = null;

async function show() {
  const [, name = "", ...ids] = location.hash.split("/");
  leave();
  const kind = VIEWS[name] ?? AskView;
  const address = { run: location.hash, pair: location.hash, compare: location.hash }[name] ?? "#/";
  const old = name === "new" ? null : left(kind, address);
  view = old ?? new kind(address);
  main.replaceChildren(view.node);
  for (const link of document.querySelectorAll("nav a")) {
    const own = link.hash.split("/")[1];
    if (own === (kind === AskView ? "" : name)) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.body.classList.remove("menu");
  menu.setAttribute("aria-expanded", "false");
  if (name === "new" || old) history.replaceState(null, "", view.address);
  if (!old && ids.length && view.open) await opened(view, ids);
  else view.focus?.();
}

function leave() {
  if (view?.unfinished) {
    view.leftAt = view.address;
    kept.add(view);
  } else view?.leave();
}

// The view of an address, as it was left; for a bare one the last in which something goes on.
function left(kind, address) {
  const all = [...kept].filter((each) => each instanceof kind).reverse();
  const bare = address.split("/").length < 3;
  const found =
    all.find((each) => each.address === address || each.leftAt === address) ??
    (bare && all.find((each) => each.running)) ??
    null;
  kept.delete(found);
  return found || null;
}

async function opened(into, ids) {
  try {
    await into.open(ids);
  } catch (error) {
    into.node.prepend(el("p", { class: "bad", role: "alert" }, error.message));
    say(error.message);
  }
}

menu.addEventListener("click", () => {
  const open = document.body.classList.toggle("menu");
  menu.setAttribute("aria-expanded", String(open));
  if (open) document.getElementById("search").focus();
});

// The address names the view, so this link must not change it.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});

runsAside(document.getElementById("runs"));
window.addEventListener("hashchange", show);
show();
refreshRuns();
