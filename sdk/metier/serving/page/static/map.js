// The map of capabilities: what each point is, and which ones lie near it.

import { call } from "./api.js";
import { el, percent, svg, table } from "./dom.js";

const SIZE = 360;
const SHAPES = 6;
const REACH = 11;
const NEAR = 3;
const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

export async function mapNodes(question) {
  const found = await call("POST", "/metier/map", { question });
  const names = [...new Set(found.places.map((place) => place.expert))];
  const label = `Capabilities by how alike they are, in two dimensions that keep ${percent(found.kept)} of the differences`;
  const chosen = el("p", { class: "chosen" }, "Choose a point to see what it is. The arrow keys lead from point to point.");
  const map = svg(
    "svg",
    { class: "map", role: "group", "aria-label": label, viewBox: `-8 -8 ${SIZE + 40} ${SIZE + 16}` },
    points(found.places, names, (place) => chosen.replaceChildren(about(place, found.places))),
    found.question && asked(found.question.map(at)),
  );
  const tables = [];
  if (found.nearest.length) {
    const rows = found.nearest.map((near) => [near.expert, near.text, percent(near.similarity)]);
    tables.push(table("Nearest to the question", ["Expert", "Text of its card", "Alike"], rows));
  }
  const pairs = found.overlaps.map((each) => [each.first.join(": "), each.second.join(": "), percent(each.similarity)]);
  tables.push(table("Capabilities of different experts that are most alike", ["One", "Another", "Alike"], pairs));
  const left = el("div", {}, map, chosen, legend(names), el("p", { class: "facts" }, `${label}.`));
  return [el("div", { class: "beside" }, left, el("div", {}, tables))];
}

const at = (value) => (SIZE / 2) * (1 + 0.9 * value);
const nameOf = (place) => `${place.expert}: ${place.capability}`;

// Every point is a button; with the keyboard the map is one stop, and arrows lead on.
function points(places, names, choose) {
  const nodes = places.map((place, index) => {
    const n = names.indexOf(place.expert);
    const take = () => {
      nodes.forEach((node, other) => {
        node.setAttribute("tabindex", other === index ? "0" : "-1");
        node.classList.toggle("here", other === index);
      });
      choose(place);
    };
    const moved = (event) => {
      const step = STEPS[event.key];
      if (!step) return;
      event.preventDefault();
      nodes[(index + step + nodes.length) % nodes.length].focus();
    };
    return svg(
      "g",
      {
        class: `point p${n % SHAPES}`,
        role: "button",
        tabindex: index ? "-1" : "0",
        "aria-label": nameOf(place),
        transform: `translate(${at(place.x)} ${at(place.y)})`,
        onclick: take,
        onfocus: take,
        onkeydown: moved,
      },
      svg("title", {}, nameOf(place)),
      svg("circle", { class: "reach", r: REACH }),
      svg("circle", { r: 5 }),
      svg("text", { x: 7, y: 4, "aria-hidden": "true" }, `${n + 1}`),
    );
  });
  return nodes;
}

function about(place, places) {
  const far = (other) => Math.hypot(other.x - place.x, other.y - place.y);
  const near = places.filter((other) => other !== place).sort((a, b) => far(a) - far(b)).slice(0, NEAR);
  return el("span", {}, el("strong", {}, nameOf(place)), near.length > 0 && `. Nearest on the map: ${near.map(nameOf).join("; ")}`);
}

function asked([x, y]) {
  return svg("g", { class: "asked", transform: `translate(${x} ${y})` }, svg("path", { d: "M-8 0H8M0-8V8" }), svg("title", {}, "The question"));
}

function legend(names) {
  const dot = (n) => svg("svg", { class: `point p${n % SHAPES}`, viewBox: "-5 -5 10 10", "aria-hidden": "true" }, svg("circle", { r: 5 }));
  return el("ul", { class: "legend" }, names.map((name, n) => el("li", {}, dot(n), ` ${n + 1} ${name}`)));
}
