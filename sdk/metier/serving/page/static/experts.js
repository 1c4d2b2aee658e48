// The house: who is there, whether it works, and where a question would go.

import { call, house } from "./api.js";
import { counted, el, field, shown, table } from "./dom.js";
import { mapNodes } from "./map.js";

export class ExpertsView {
  constructor() {
    this.health = el("div", {}, el("p", {}, "Looking…"));
    this.map = el("div");
    this.cards = el("div");
    this.question = el("input", { maxlength: 20000 });
    this.node = el(
      "div",
      { class: "experts" },
      el("h2", {}, "Health"),
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

async function healthNode() {
  const [found, listed] = await Promise.all([
    call("GET", "/metier/health"),
    call("GET", "/metier/models").catch(() => ({ models: [] })),
  ]);
  const { server } = found;
  const lines = [
    server.problem ? `✕ ${server.problem}` : `✓ Model server ${server.version} at ${server.address}`,
    `Embedder ${found.embedder}`,
    found.keeps_runs ? "Questions are kept." : "Questions are not kept.",
    ...found.knowledge.map(knowledgeLine),
    ...found.broken.map((each) => `✕ ${each.name}: ${each.problem}`),
  ];
  const models = listed.models.map((each) => [
    each.name,
    each.size_bytes ? `${Math.round(each.size_bytes / 1e6)} MB` : "",
    each.quantization,
    each.loaded ? "in memory" : "on disk",
  ]);
  return [
    el("ul", {}, lines.map((line) => el("li", {}, line))),
    el(
      "div",
      { class: "beside" },
      table("Which model each expert runs on", ["Expert", "Model", "Problem"], found.experts.map((each) => [each.id, each.model, each.problem || "none"])),
      table("Models", ["Name", "Size", "Weights", "State"], models),
    ),
  ];
}

function knowledgeLine({ domain, documents, problem }) {
  return problem ? `✕ Knowledge of ${domain}: ${problem}` : `Knowledge of ${domain}: ${counted(documents, "document")}`;
}

async function cardNodes() {
  const { experts } = await house();
  return experts.map((card) =>
    el(
      "details",
      { class: "card" },
      el("summary", {}, el("strong", {}, card.id), ` ${card.description}`),
      card.disclaimer && el("p", { class: "notice" }, card.disclaimer),
      el("p", { class: "facts" }, `Models: ${card.models.join(", ") || "any"}`),
      card.capabilities.map((each) => [
        el("h3", {}, each.name),
        el("p", {}, each.description),
        el("ul", {}, each.examples.map((text) => el("li", {}, text))),
      ]),
    ),
  );
}
