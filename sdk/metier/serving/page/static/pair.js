// Two runs side by side, with what differs.

import { call } from "./api.js";
import { button, el, field, select, short, table } from "./dom.js";

const MOST_OFFERED = 200;

export async function differences(first, second) {
  try {
    const found = await call("GET", `/metier/runs/${first}/differences/${second}`);
    const lines = [...found.plan, ...found.versions].map((line) => [line]);
    const text = found.answer.length ? el("pre", { tabindex: "0" }, found.answer.join("\n")) : "The answers are the same.";
    return el("div", { class: "differences" }, table("Differences", ["What"], lines), text);
  } catch (error) {
    return el("p", { class: "differences" }, `Not compared: ${error.message}`);
  }
}

// Choose the kept run that is shown beside this one.
export async function otherRun(run, chosen, cancel) {
  const { runs } = await call("GET", `/metier/runs?limit=${MOST_OFFERED}`);
  const others = runs.filter((each) => each.id !== run.id);
  if (!others.length) throw new Error("There is no other run yet.");
  // Other answers to the same question come first.
  others.sort((a, b) => (b.question === run.plan?.question) - (a.question === run.plan?.question));
  const list = select(others.map((each) => [each.id, described(each)]));
  const sent = (event) => {
    event.preventDefault();
    chosen(list.value);
  };
  return el(
    "form",
    { class: "panel", "aria-label": "Show beside another run", onsubmit: sent },
    field("Earlier run", list),
    el("button", { class: "main" }, "Show both"),
    button("Cancel", cancel),
  );
}

function described({ question, title, experts, started }) {
  const when = new Date(started * 1000).toLocaleString();
  return [short(title || question, 60), experts.join(", "), when].filter(Boolean).join(" · ");
}
