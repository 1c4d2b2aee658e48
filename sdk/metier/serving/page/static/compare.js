// One question to several, in columns; who is best may be said before who it was is shown.

import { call, house } from "./api.js";
import { announce, button, el, field } from "./dom.js";
import { draftOf, forgetDraft, keepDraft } from "./draft.js";
import { rated } from "./rating.js";
import { refreshRuns } from "./runs.js";
import { Turn } from "./turn.js";

const MOST = 6;
const START = "#/compare";
const BLIND = "blind";
const BEST = "preferred to ";
// Models that only make vectors cannot answer.
const EMBEDS = /embed|bert|minilm|^bge/i;

export class CompareView {
  // `address` names the runs that are compared; it grows as they begin.
  constructor(address) {
    this.address = address;
    this.alive = true;
    this.running = 0;
    this.text = el("textarea", { rows: 3, required: true, value: draftOf(START).text ?? "" });
    this.text.addEventListener("input", () => keepDraft(START, { text: this.text.value }));
    this.choices = el("fieldset", {}, el("legend", {}, `Who answers (2 to ${MOST})`));
    this.blind = el("input", { type: "checkbox" });
    this.problem = el("p", { class: "bad", role: "alert" });
    this.list = el("div", { class: "columns" });
    this.columns = [];
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
      this.list,
    );
    this.load();
  }

  async load() {
    try {
      const [{ experts, strategies }, { models }] = await Promise.all([
        house(),
        call("GET", "/metier/models").catch(() => ({ models: [] })),
      ]);
      const answering = models.filter((each) => !EMBEDS.test(each.name) && !EMBEDS.test(each.family));
      const all = [
        ...strategies.map((name) => ({ label: `the council, ${name}`, body: { strategy: name } })),
        ...experts.map((card) => ({ label: card.id, body: { experts: [card.id] } })),
        ...answering.map(({ name }) => ({ label: `the council on ${name}`, body: { models: [name] } })),
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
    this.columns.forEach(({ turn }) => turn.stop());
    const question = this.text.value.trim();
    const blind = this.blind.checked;
    const columns = (blind ? shuffled(chosen) : chosen).map((who) => ({ who, turn: this.turn(question) }));
    this.show(columns, blind);
    this.running += 1;
    for (const { turn, who } of columns) {
      if (columns !== this.columns) break;
      await turn.ask({ messages: [{ role: "user", content: question }], ...who.body });
      turn.bar.replaceChildren();
    }
    this.running -= 1;
    if (columns !== this.columns) return;
    this.choosable();
    refreshRuns();
    announce("All have answered.");
  }

  turn(question) {
    return new Turn(question, [], { planned: () => this.moved() });
  }

  show(columns, blind) {
    this.columns = columns;
    this.hidden = blind;
    columns.forEach((each, n) => {
      each.name = `Answer ${String.fromCharCode(65 + n)}`;
      each.head = el("h3", { tabindex: "-1" }, blind ? each.name : each.who.label);
      each.turn.node.querySelector("h2").replaceWith(each.head);
      each.turn.node.classList.toggle("blind", blind);
    });
    this.list.replaceChildren(...columns.map(({ turn }) => turn.node));
  }

  // The address names the runs, so that reload, back and another tab show them again.
  moved() {
    const ids = this.columns.map(({ turn }) => turn.run.id).filter(Boolean);
    this.address = [START, ...(this.hidden ? [BLIND] : []), ...ids].join("/");
    forgetDraft(START);
    if (this.node.isConnected) history.replaceState(null, "", this.address);
  }

  async open(names) {
    const ids = names.filter((name) => name !== BLIND);
    const runs = await Promise.all(ids.map((id) => call("GET", `/metier/runs/${encodeURIComponent(id)}`)));
    this.text.value ||= runs[0].question;
    const columns = runs.map((kept) => ({ who: { label: answering(kept) }, turn: this.turn(kept.question) }));
    this.show(columns, names.includes(BLIND));
    columns.forEach(({ turn }, n) => turn.show(runs[n]));
    await Promise.all(columns.map(({ turn }) => turn.watch(() => this.alive)));
    this.choosable();
  }

  choosable() {
    const chosen = ({ turn }) => turn.run.ratings.some((each) => each.note.startsWith(BEST));
    const done = this.columns.some(chosen);
    for (const column of this.columns) {
      const { bar, run } = column.turn;
      if (done) bar.replaceChildren(...(chosen(column) ? ["Chosen, and rated good."] : []));
      else if (run.status !== "answered") bar.replaceChildren();
      else bar.replaceChildren(button(`${column.name} is best`, () => this.best(column)));
    }
  }

  async best(column) {
    const others = this.columns.filter((each) => each !== column).map(({ who }) => who.label);
    const note = `${BEST}${others.join(", ")}${this.hidden ? ", blind" : ""}`.slice(0, 2000);
    for (const { turn, head, who, name } of this.columns) {
      turn.node.classList.remove("blind");
      head.textContent = `${name}: ${who.label}`;
      turn.bar.replaceChildren();
    }
    column.head.focus({ preventScroll: true });
    this.hidden = false;
    this.moved();
    try {
      column.turn.run.ratings = await rated(column.turn.run.id, { verdict: "good", note });
      this.choosable();
    } catch (error) {
      column.turn.bar.append(`Not rated: ${error.message}`);
    }
  }

  // Whether this tab would lose something without it.
  get unfinished() {
    return this.running > 0;
  }

  leave() {
    this.alive = false;
  }
}

// Who answered a kept run, as far as its plan says it.
function answering({ experts, models, events }) {
  const { plan } = events.find((event) => event.type === "plan_ready") ?? { plan: { steps: [] } };
  const strategies = plan.steps.map((step) => step.strategy);
  return [...new Set([...experts, ...strategies, ...models])].join(" · ");
}

function shuffled(list) {
  const mixed = [...list];
  for (let i = mixed.length - 1; i > 0; i -= 1) {
    const j = Math.floor(Math.random() * (i + 1));
    [mixed[i], mixed[j]] = [mixed[j], mixed[i]];
  }
  return mixed;
}
