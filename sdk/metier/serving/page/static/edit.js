// A form that changes a plan: who does what, how, and after which steps.

import { house } from "./api.js";
import { button, el, field, renewed, select } from "./dom.js";

export async function planEditor(plan, run, cancel) {
  const { experts, strategies } = await house();
  const names = experts.map((card) => [card.id, card.id]);
  const ways = strategies.map((name) => [name, name]);
  const problem = el("p", { class: "bad", role: "alert" });
  const list = el("div");
  let steps = plan.steps.map((step) => structuredClone(step));

  const draw = () => renewed(list, ...steps.map(row));

  function row(step) {
    const task = el("textarea", { rows: 2, required: true, value: step.task });
    task.addEventListener("input", () => (step.task = task.value));
    const expert = select(names, step.expert);
    expert.addEventListener("change", () => Object.assign(step, { expert: expert.value, members: [], reason: null }));
    const strategy = select(ways, step.strategy);
    strategy.addEventListener("change", () =>
      Object.assign(step, { strategy: strategy.value, members: [], options: {} }),
    );
    const others = steps.filter((other) => other !== step);
    return el(
      "fieldset",
      {},
      el("legend", {}, `Step ${step.id}`),
      field(`Task of step ${step.id}`, task),
      field(`Expert of step ${step.id}`, expert),
      field(`Strategy of step ${step.id}`, strategy),
      others.length > 0 &&
        el("div", { role: "group", "aria-label": `Step ${step.id} needs` }, "Needs ", others.map((other) => link(step, other))),
      steps.length > 1 && button(`Remove step ${step.id}`, () => remove(step)),
    );
  }

  function link(step, other) {
    const box = el("input", { type: "checkbox", checked: step.needs.includes(other.id) });
    box.addEventListener("change", () => {
      step.needs = box.checked ? [...step.needs, other.id] : step.needs.filter((id) => id !== other.id);
    });
    return el("label", { class: "choice" }, box, ` step ${other.id}`);
  }

  function remove(step) {
    steps = steps.filter((each) => each !== step);
    steps.forEach((each) => (each.needs = each.needs.filter((id) => id !== step.id)));
    draw();
  }

  function add() {
    let number = steps.length + 1;
    while (steps.some((each) => each.id === String(number))) number += 1;
    steps.push({ id: String(number), task: "", expert: names[0][0], needs: [], strategy: "single" });
    draw();
    list.lastElementChild.querySelector("textarea").focus();
  }

  function submitted(event) {
    event.preventDefault();
    problem.textContent = circle(steps) ? "These steps need each other in a circle." : "";
    if (!problem.textContent) run({ ...plan, steps });
  }

  draw();
  return el(
    "form",
    { class: "panel", "aria-label": "Change the plan", onsubmit: submitted },
    list,
    problem,
    button("Add a step", add),
    el("button", { class: "main" }, "Run this plan"),
    button("Cancel", cancel),
  );
}

function circle(steps) {
  let left = steps;
  for (;;) {
    const open = new Set(left.map((step) => step.id));
    const next = left.filter((step) => step.needs.some((need) => open.has(need)));
    if (next.length === left.length) return left.length > 0;
    left = next;
  }
}
