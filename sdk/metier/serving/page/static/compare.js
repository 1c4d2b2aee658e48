// One question to several, in columns; who is best may be said before who it was is shown.

import { call, house } from "./api.js";
import { el, field, say } from "./dom.js";
import { Turn } from "./turn.js";
import { refreshRuns } from "./runs.js";

const MOST = 6;

export class CompareView {
  constructor() {
    this.text = el("textarea", { rows: 3, required: true });
    this.choices = el("fieldset", {}, el("legend", {}, `Who answers (2 to ${MOST})`));
    this.blind = el("input", { type: "checkbox" });
    this.problem = el("p", { class: "bad", role: "alert" });
    this.columns = el("div", { class: "columns" });
    this.turns = [];
    this.node = el(
      "div",
      { class: "compare" },
      el("h2", {}, "Compare"),
      el(
        "form",
        { class: "box", onsubmit: (event) => this.submitted(event) },
        field("Question for all", this.text),
        this.choices,
        el("label", { class: "choice" }, this.blind, " Hide who is who until I have chosen"),
        this.problem,
        el("button", { class: "main" }, "Compare"),
      ),
      el("p", { class: "facts" }, "They answer one after the other, so that their times can be compared."),
      this.columns,
    );
    this.load();
  }

  async load() {
    try {
      const [{ experts, strategies }, { models }] = await Promise.all([
        house(),
        call("GET", "/metier/models").catch(() => ({ models: [] })),
      ]);
      const all = [
        ...strategies.map((name) => ({ label: `the council, ${name}`, body: { strategy: name } })),
        ...experts.map((card) => ({ label: card.id, body: { experts: [card.id] } })),
        ...models.map(({ name }) => ({ label: `the council on ${name}`, body: { models: [name] } })),
      ];
      this.boxes = all.map((who) => ({ who, box: el("input", { type: "checkbox" }) }));
      this.choices.append(...this.boxes.map(({ who, box }) => el("label", { class: "choice" }, box, ` ${who.label}`)));
    } catch (error) {
      this.problem.textContent = error.message;
    }
  }

  async submitted(event) {
    event.preventDefault();
    const chosen = this.boxes.filter(({ box }) => box.checked).map(({ who }) => who);
    const right = chosen.length >= 2 && chosen.length <= MOST;
    this.problem.textContent = right ? "" : `Choose 2 to ${MOST} of them.`;
    if (!right) return;
    this.leave();
    const blind = this.blind.checked;
    this.turns = (blind ? shuffled(chosen) : chosen).map((who, n) => this.column(who, n, blind));
    this.columns.replaceChildren(...this.turns.map(({ node }) => node));
    const messages = [{ role: "user", content: this.text.value.trim() }];
    const turns = this.turns;
    for (const { turn, who } of turns) {
      if (turns !== this.turns) return;
      await turn.ask({ messages, ...who.body });
      turn.bar.replaceChildren();
    }
    turns.forEach((each) => this.choosable(each));
    refreshRuns();
    say("All have answered.");
  }

  column(who, n, blind) {
    const turn = new Turn(this.text.value.trim(), [], {});
    const name = `Answer ${String.fromCharCode(65 + n)}`;
    const head = el("h3", {}, blind ? name : who.label);
    turn.node.querySelector("h2").replaceWith(head);
    turn.node.classList.toggle("blind", blind);
    return { who, turn, head, name, node: turn.node };
  }

  choosable(column) {
    if (column.turn.run.status !== "answered") return;
    const best = el("button", { type: "button", onclick: () => this.best(column) }, `${column.name} is best`);
    column.turn.bar.replaceChildren(best);
  }

  async best(column) {
    const others = this.turns.filter((each) => each !== column).map(({ who }) => who.label);
    for (const { turn, head, who, name } of this.turns) {
      turn.node.classList.remove("blind");
      head.textContent = `${name}: ${who.label}`;
      turn.bar.replaceChildren();
    }
    const note = `preferred to ${others.join(", ")}${this.blind.checked ? ", blind" : ""}`.slice(0, 2000);
    try {
      await call("POST", `/metier/runs/${column.turn.run.id}/rating`, { verdict: "good", note });
      column.turn.bar.append("Chosen, and rated good.");
    } catch (error) {
      column.turn.bar.append(`Not rated: ${error.message}`);
    }
  }

  leave() {
    const { turns } = this;
    this.turns = [];
    turns.forEach(({ turn }) => turn.stop());
  }
}

function shuffled(list) {
  const mixed = [...list];
  for (let i = mixed.length - 1; i > 0; i -= 1) {
    const j = Math.floor(Math.random() * (i + 1));
    [mixed[i], mixed[j]] = [mixed[j], mixed[i]];
  }
  return mixed;
}
