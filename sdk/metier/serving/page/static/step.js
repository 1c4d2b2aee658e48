// All that is known of one step: who was considered, who voted, what was found and checked.

import { call } from "./api.js";
import { button, counted, el, percent, table } from "./dom.js";
import { markdown } from "./markdown.js";

const AROUND = 160;

export function stepPanel(run, id, close) {
  const step = run.plan.steps.find((each) => each.id === id);
  const now = run.steps.get(id);
  return el(
    "section",
    { class: "panel", "aria-label": `Step ${id}` },
    el("h3", {}, `Step ${id}: ${now.expert}`),
    button("Close", close, { class: "close" }),
    el("p", {}, step.task),
    facts(step, now),
    step.reason && el("p", {}, `Why not the best candidate: ${step.reason}`),
    now.reason && el("p", { class: "bad" }, `Failed: ${now.reason}`),
    candidates(step),
    now.votes.length > 0 && votes(now.votes),
    now.result && el("h4", {}, "Result"),
    now.result ? markdown(now.result.text) : now.draft && el("pre", { tabindex: "0" }, now.draft),
    now.result && checks(now.result),
    now.result && sources(now.result.sources, run.plan.documents, now.expert),
  );
}

function facts(step, now) {
  const parts = [`strategy ${step.strategy}`];
  if (step.needs.length) parts.push(`needs ${step.needs.join(", ")}`);
  if (now.models.size) parts.push(`model ${[...now.models].join(", ")}`);
  if (now.ended > now.began) parts.push(`${(now.ended - now.began).toFixed(2)} s`);
  const { calls, prompt_tokens: read, completion_tokens: written } = now.usage;
  if (calls) parts.push(`${counted(calls, "call")}, ${read} tokens read, ${written} written`);
  return el("p", { class: "facts" }, parts.join(" · "));
}

function candidates(step) {
  if (!step.candidates.length) return el("p", {}, "No other expert was considered for this step.");
  return table(
    "Who was considered",
    ["Expert", "Probability", "Capability", "Example that matched", "Words"],
    step.candidates.map((each) => [
      each.expert,
      percent(each.probability),
      each.capability ?? "",
      each.example ?? "",
      each.words.join(", "),
    ]),
  );
}

function votes(cast) {
  return table(
    "Votes",
    ["Who", "Answer", "Weight", "Sure", "Chosen"],
    cast.map((vote) => [
      vote.model ? `${vote.expert} on ${vote.model}` : vote.expert,
      vote.error ? `none (${vote.error})` : vote.answer,
      vote.weight.toFixed(2),
      vote.confidence === null ? "" : percent(vote.confidence),
      vote.chosen ? "yes" : "",
    ]),
  );
}

function checked({ checked: passed, how_checked: how }) {
  if (passed === null) return "No check confirmed this result.";
  return `${passed ? "Checked" : "Not confirmed"}${how ? `: ${how}` : " by a check of the expert"}.`;
}

function checks(result) {
  const lines = [];
  lines.push(checked(result));
  if (result.confidence !== null) lines.push(`The expert is ${percent(result.confidence)} sure.`);
  if (result.abstained) lines.push("The expert was not sure enough to answer.");
  const values = Object.entries(result.values).map(([name, value]) => `${name} = ${value}`);
  return el("ul", {}, [...lines, ...result.warnings, ...values].map((line) => el("li", {}, line)));
}

export function sources(found, documents, expert) {
  if (!found.length) return null;
  return el(
    "div",
    { class: "sources" },
    el("h4", {}, "Sources"),
    el("ul", {}, found.map((source) => cited(source, documents, expert))),
  );
}

// The quoted passage is marked where it stands: in a document of the question, or in those that were
// added for the expert, which the server looks up.
function cited(source, documents, expert) {
  const name = source.place ? `${source.name}, ${source.place}` : source.name;
  if (!source.quote) return el("li", {}, name);
  const item = el("li", {}, `${name}: `, el("mark", {}, source.quote));
  const marked = ({ before, quote, after }) => {
    if (quote) item.replaceChildren(`${name}: `, before, el("mark", {}, quote), after);
  };
  const given = documents.find((each) => each.name === source.name);
  if (given) marked(around(source.quote, given.text));
  else if (expert) {
    const asked = { expert, name: source.name, quote: source.quote };
    call("POST", "/metier/passage", asked).then(marked, () => null);
  }
  return item;
}

// A quote is kept in one line; in its document it may run over several.
function around(quote, text) {
  const words = quote.trim().split(/\s+/).map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const found = new RegExp(words.join("\\s+")).exec(text);
  if (!found) return {};
  const end = found.index + found[0].length;
  return {
    before: text.slice(Math.max(0, found.index - AROUND), found.index),
    quote: found[0],
    after: text.slice(end, end + AROUND),
  };
}
