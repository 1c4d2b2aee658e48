// Which view is shown: the address says it, so that back, reload and a second tab work.

import { AskView } from "./ask.js";
import { CompareView } from "./compare.js";
import { el, say } from "./dom.js";
import { ExpertsView } from "./experts.js";
import { LearntView } from "./learnt.js";
import { refreshRuns, runsAside } from "./runs.js";

const main = document.getElementById("main");
const menu = document.getElementById("menu");
let view = null;

async function show() {
  const [, name = "", id = ""] = location.hash.split("/");
  view?.leave();
  const kind = { compare: CompareView, experts: ExpertsView, learnt: LearntView }[name] ?? AskView;
  view = new kind();
  main.replaceChildren(view.node);
  for (const link of document.querySelectorAll("nav a")) {
    const own = link.hash.split("/")[1];
    if (own === (kind === AskView ? "" : name)) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.body.classList.remove("menu");
  menu.setAttribute("aria-expanded", "false");
  if (name === "new") history.replaceState(null, "", "#/");
  if (name === "run") await opened(view, id);
  else if (kind === AskView) view.text.focus();
}

async function opened(into, id) {
  try {
    await into.open(id);
  } catch (error) {
    into.list.append(el("p", { class: "bad", role: "alert" }, error.message));
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
