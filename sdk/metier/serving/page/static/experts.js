// The house: who is there, whether it works, and where a question would go.

import { call, house } from "./api.js";
import { counted, el, field, percent, shown, svg, table } from "./dom.js";

const SIZE = 360;
const SHAPES = 6;

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

async function mapNodes(question) {
  const found = await call("POST", "/metier/map", { question });
  const names = [...new Set(found.places.map((place) => place.expert))];
  const at = (value) => (SIZE / 2) * (1 + 0.9 * value);
  const points = found.places.map((place) => {
    const n = names.indexOf(place.expert);
    return svg(
      "g",
      { class: `point p${n % SHAPES}`, transform: `translate(${at(place.x)} ${at(place.y)})` },
      svg("title", {}, `${place.expert}: ${place.capability}`),
      svg("circle", { r: 5 }),
      svg("text", { x: 7, y: 4 }, `${n + 1}`),
    );
  });
  if (found.question) {
    const [x, y] = found.question.map(at);
    points.push(svg("g", { class: "asked", transform: `translate(${x} ${y})` }, svg("path", { d: "M-8 0H8M0-8V8" }), svg("title", {}, "The question")));
  }
  const label = `Capabilities by how alike they are, in two dimensions that keep ${percent(found.kept)} of the differences`;
  const map = svg("svg", { class: "map", role: "img", "aria-label": label, viewBox: `-8 -8 ${SIZE + 40} ${SIZE + 16}` }, points);
  const tables = [];
  if (found.nearest.length) {
    const rows = found.nearest.map((near) => [near.expert, near.text, percent(near.similarity)]);
    tables.push(table("Nearest to the question", ["Expert", "Text of its card", "Alike"], rows));
  }
  const pairs = found.overlaps.map((each) => [each.first.join(": "), each.second.join(": "), percent(each.similarity)]);
  tables.push(table("Capabilities of different experts that are most alike", ["One", "Another", "Alike"], pairs));
  return [el("div", { class: "beside" }, el("div", {}, map, legend(names), el("p", { class: "facts" }, `${label}.`)), el("div", {}, tables))];
}

function legend(names) {
  const dot = (n) => svg("svg", { class: `point p${n % SHAPES}`, viewBox: "-5 -5 10 10", "aria-hidden": "true" }, svg("circle", { r: 5 }));
  return el("ul", { class: "legend" }, names.map((name, n) => el("li", {}, dot(n), ` ${n + 1} ${name}`)));
}
