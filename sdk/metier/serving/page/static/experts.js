// The house: who is there, whether it works, and where a question would go.

import { call, house } from "./api.js";
import { counted, el, field, shown, table } from "./dom.js";
import { mapNodes } from "./map.js";

export class ExpertsView {
  constructor() {
    this.checks = el("div", {}, el("p", {}, "Looking…"));
    this.health = el("div");
    this.map = el("div");
    this.cards = el("div");
    this.question = el("input", { maxlength: 20000 });
    this.node = el(
      "div",
      { class: "experts" },
      el("h2", {}, "Health"),
      this.checks,
      this.health,
      el("h2", {}, "Map of capabilities"),
      el(
        "form",
        { class: "row", onsubmit: (event) => this.asked(event) },
        field("Where does this question lie?", this.question),
        el("button", {}, "Show"),
      ),
      this.map,
      el("h2", {}, "Experts"),
      this.cards,
    );
    shown(this.checks, checkNodes);
    shown(this.health, healthNode);
    shown(this.cards, cardNodes);
    shown(this.map, () => mapNodes(""));
  }

  asked(event) {
    event.preventDefault();
    shown(this.map, () => mapNodes(this.question.value));
  }

  leave() {}
}

// What `metier doctor` says, and what mends it.
async function checkNodes() {
  const { checks } = await call("GET", "/metier/checks");
  const line = ({ name, ok, detail, fix }) =>
    el("li", {}, `${ok ? "✓" : "✕"} ${name}: ${detail}`, fix && [" → ", el("code", {}, fix)]);
  return [el("ul", { class: "checks" }, checks.map(line))];
}

async function healthNode() {
  const [found, listed] = await Promise.all([
    call("GET", "/metier/health"),
    call("GET", "/metier/models").catch(() => ({ models: [] })),
  ]);
  const { server } = found;
  const lines = [
    server.problem ? `✕ ${server.problem}` : `Model server ${server.version} at ${server.address}`,
    found.keeps_runs ? "Questions are kept." : "Questions are not kept.",
    ...found.knowledge.map(knowledgeLine),
  ];
  const models = listed.models.map((each) => [
    each.name,
    each.size_bytes ? `${Math.round(each.size_bytes / 1e6)} MB` : "",
    each.quantization,
    each.hosts.join(", ") || server.address,
    each.loaded ? "in memory" : "on disk",
  ]);
  return [
    el("ul", {}, lines.map((line) => el("li", {}, line))),
    el(
      "div",
      { class: "beside" },
      table("Which model each expert runs on", ["Expert", "Model", "Problem"], found.experts.map((each) => [each.id, each.model, each.problem || "none"])),
      table("Models", ["Name", "Size", "Weights", "Host", "State"], models),
    ),
  ];
}

function knowledgeLine({ domain, documents, names, problem }) {
  if (problem) return `✕ Knowledge of ${domain}: ${problem}`;
  const more = documents > names.length ? `, and ${documents - names.length} more` : "";
  return el(
    "details",
    {},
    el("summary", {}, `Knowledge of ${domain}: ${counted(documents, "document")}`),
    el("p", {}, `${names.join(", ")}${more}`),
  );
}

async function cardNodes() {
  const { experts } = await house();
  return experts.map(cardNode);
}

// What is only in the expert's code is asked for when its card is opened.
function cardNode(card) {
  const code = el("div", { class: "code-of" });
  const opened = () => shown(code, () => codeNodes(card.id));
  return el(
    "details",
    { class: "card", ontoggle: (event) => event.target.open && opened() },
    el("summary", {}, el("strong", {}, card.id), ` ${card.description}`),
    card.disclaimer && el("p", { class: "notice" }, card.disclaimer),
    el("p", { class: "facts" }, `Models: ${card.models.join(", ") || "any"}`),
    code,
    card.capabilities.map((each) => [
      el("h3", {}, each.name),
      el("p", {}, each.description),
      each.keywords.length > 0 && el("p", { class: "facts" }, `Keywords: ${each.keywords.join(", ")}`),
      texts("Examples", each.examples),
      texts("For others", each.counterexamples),
    ]),
  );
}

function texts(title, listed, tag = "h4") {
  return listed.length > 0 && [el(tag, {}, title), el("ul", {}, listed.map((text) => el("li", {}, text)))];
}

async function codeNodes(id) {
  const { tools, version, problem } = await call("GET", `/metier/experts/${encodeURIComponent(id)}`);
  return [
    el("p", { class: "facts" }, `Code: ${version || "none, its card is all"}`),
    problem && el("p", { class: "bad" }, problem),
    texts("Tools", tools.map((each) => `${each.name}: ${each.description}`), "h3"),
  ].flat().filter(Boolean);
}
