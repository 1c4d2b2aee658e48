// The plan as a picture that changes while it runs. Every node is a button.

import { counted, short, svg } from "./dom.js";
import { HEIGHT, WIDTH, layout } from "./layout.js";

const SMALLEST = 0.7;
// On a laptop; a graph that is not in the page yet has no room of its own.
const USUAL_ROOM = 960;
const SIGNS = { waiting: "○", running: "◐", done: "●", failed: "✕" };

export class Graph {
  constructor(plan, open, room) {
    this.plan = plan;
    this.nodes = new Map();
    const { places, width, height } = layout(plan.steps, room || USUAL_ROOM);
    const lines = plan.steps.flatMap((step) =>
      step.needs.filter((need) => places.has(need)).map((need) => line(places.get(need), places.get(step.id))),
    );
    this.node = svg(
      "svg",
      {
        class: "graph",
        role: "group",
        "aria-label": "The plan",
        viewBox: `-2 -2 ${width + 4} ${height + 4}`,
        width: width + 4,
        height: height + 4,
      },
      svg("g", { "aria-hidden": "true" }, lines),
      plan.steps.map((step) => this.made(step, places.get(step.id), open)),
    );
    // A wide plan is scrolled on a phone rather than made too small to read.
    this.node.style.minWidth = `${width * SMALLEST}px`;
  }

  made(step, { x, y }, open) {
    const pressed = (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      open(step.id);
    };
    const texts = [17, 35, 53, 71].map((top) => svg("text", { x: 10, y: top }));
    const node = svg(
      "g",
      {
        class: "step",
        role: "button",
        tabindex: "0",
        transform: `translate(${x} ${y})`,
        onclick: () => open(step.id),
        onkeydown: pressed,
      },
      svg("rect", { width: WIDTH, height: HEIGHT, rx: 8 }),
      svg("svg", { width: WIDTH - 6, height: HEIGHT, "aria-hidden": "true" }, texts),
    );
    texts[0].classList.add("who");
    this.nodes.set(step.id, { node, texts, step });
    return node;
  }

  show(run) {
    for (const [id, { node, texts, step }] of this.nodes) {
      const now = run.steps.get(id);
      const stopped = now.state === "running" && run.status !== "running";
      const state = stopped ? "waiting" : now.state;
      const how = step.strategy === "single" ? "" : ` · ${step.strategy}`;
      node.setAttribute("data-state", state);
      texts[0].textContent = short(`${SIGNS[state]} ${id} · ${now.expert}${how}`, 24);
      texts[1].textContent = short(step.task, 23);
      texts[2].textContent = short([...now.models].join(", "), 26);
      texts[3].textContent = short(stopped ? "stopped" : outcome(now), 26);
      const needs = step.needs.length ? `, needs ${step.needs.join(", ")}` : "";
      const checked = now.result?.checked ? ", checked" : "";
      node.setAttribute("aria-label", `Step ${id}, ${now.expert}${how}, ${state}${checked}${needs}: ${short(step.task, 80)}`);
    }
  }
}

function outcome(step) {
  if (step.state === "failed") return step.reason;
  if (step.state !== "done") return step.state;
  const seconds = step.ended > step.began ? `${(step.ended - step.began).toFixed(1)} s` : "";
  const tokens = step.usage.completion_tokens ? counted(step.usage.completion_tokens, "token") : "";
  return `${step.result.checked === true ? "✓ " : ""}${[seconds, tokens].filter(Boolean).join(" · ")}`;
}

function line(from, to) {
  if (to.column !== from.column) return across(from, to);
  const [x1, y1] = [from.x + WIDTH / 2, from.y + HEIGHT];
  const [x2, y2] = [to.x + WIDTH / 2, to.y];
  const middle = (y1 + y2) / 2;
  return svg("path", { d: `M${x1} ${y1}C${x1} ${middle} ${x2} ${middle} ${x2} ${y2}` });
}

// To another column: out at the right, in at the left.
function across(from, to) {
  const [x1, y1] = [from.x + WIDTH, from.y + HEIGHT / 2];
  const [x2, y2] = [to.x, to.y + HEIGHT / 2];
  const middle = x2 - (x2 - x1) / 2;
  return svg("path", { d: `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}` });
}
