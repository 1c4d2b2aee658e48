// The conversation, and the box that goes on with it.

import { call } from "./api.js";
import { QuestionBox } from "./box.js";
import { button, el, field } from "./dom.js";
import { forgetDraft } from "./draft.js";
import { planEditor } from "./edit.js";
import { markdown } from "./markdown.js";
import { differences, otherRun } from "./pair.js";
import { refreshRuns } from "./runs.js";
import { Turn } from "./turn.js";

export class AskView {
  // `address` names the conversation that is shown; it changes as the conversation goes on.
  constructor(address) {
    this.address = address;
    this.alive = true;
    this.turns = [];
    this.running = 0;
    this.list = el("div", { class: "turns" });
    this.box = new QuestionBox(address, (question, options) =>
      this.ask(question, this.turns.at(-1)?.messages ?? [], options),
    );
    this.node = el("div", { class: "ask" }, this.list, this.box.node);
    this.node.addEventListener("dragover", (event) => event.preventDefault());
    this.node.addEventListener("drop", (event) => {
      event.preventDefault();
      this.box.attach(event.dataTransfer.files);
    });
  }

  ask(question, before, options) {
    const turn = this.added(question, before, this.list);
    this.turns.push(turn);
    const messages = [...before, { role: "user", content: question }];
    // Until it has a plan it has no address: the draft keeps it.
    if (this.box.empty) this.box.keep(question, options.documents);
    return this.follow(turn, { messages, ...options });
  }

  added(question, before, place) {
    const turn = new Turn(question, before, {
      planned: (each) => this.moved(each),
      again: (each) => this.replaced(each, each.question),
      rest: (each) => this.follow(each, { plan: each.run.plan, reuse: each.run.id }),
      edit: (each) => this.editQuestion(each),
      change: (each) => this.changePlan(each),
      beside: (each) => this.besideAnother(each),
    });
    place.append(turn.node);
    return turn;
  }

  // The address names the newest run, also while another view is shown.
  moved({ run, first }) {
    forgetDraft(this.address);
    this.address = first ? `#/pair/${first}/${run.id}` : `#/run/${run.id}`;
    this.box.draft = this.address;
    this.box.keep();
    if (this.node.isConnected) history.replaceState(null, "", this.address);
  }

  async follow(turn, body) {
    turn.node.scrollIntoView({ block: "start" });
    this.busy(1);
    await turn.ask(body);
    this.busy(-1);
    await this.compared(turn);
    refreshRuns();
  }

  // A question goes on from an answer, so it waits for it.
  busy(change) {
    this.running += change;
    this.box.go.disabled = this.running > 0;
  }

  // Ask a question instead of one that was asked: what came after it is left out.
  replaced(turn, question) {
    const index = this.turns.indexOf(turn);
    const gone = index < 0 ? [] : this.turns.splice(index);
    gone.forEach((each) => (each.node.closest(".pair") ?? each.node).remove());
    const { documents, strategy, experts, models } = turn.asked;
    this.ask(question, turn.before, { documents, strategy, experts, models });
    this.turns.at(-1).focus();
  }

  editQuestion(turn) {
    const label = "Edit the question";
    return turn.openForm(label, () => {
      const text = el("textarea", { rows: 3, required: true, value: turn.question });
      const sent = (event) => {
        event.preventDefault();
        this.replaced(turn, text.value.trim() || turn.question);
      };
      return el(
        "form",
        { class: "panel", onsubmit: sent },
        field("Question, changed", text),
        el("button", { class: "main" }, "Ask this"),
        button("Cancel", () => turn.closeForm(label)),
      );
    });
  }

  changePlan(turn) {
    const label = "Change the plan";
    const run = (plan) => {
      turn.closeForm(label);
      this.rerun(turn, plan);
    };
    return turn.openForm(label, () => planEditor(turn.run.plan, run, () => turn.closeForm(label)));
  }

  besideAnother(turn) {
    const label = "Beside another…";
    const chosen = (id) => (location.hash = `#/pair/${id}/${turn.run.id}`);
    return turn.openForm(label, () => otherRun(turn.run, chosen, () => turn.closeForm(label)));
  }

  // The old run stays; the new one stands beside it, with what differs.
  rerun(turn, plan) {
    const index = this.turns.indexOf(turn);
    const place = turn.node.closest(".pair") ?? turn.node;
    const pair = el("div", { class: "pair" });
    place.replaceWith(pair);
    pair.append(turn.node);
    const next = this.added(turn.question, turn.before, pair);
    next.first = turn.run.id;
    if (index >= 0) this.turns[index] = next;
    const done = this.follow(next, { plan, reuse: turn.run.id });
    next.focus();
    return done;
  }

  // What differs, once both have ended.
  async compared(turn) {
    if (!turn.first || !turn.run.id) return;
    const found = await differences(turn.first, turn.run.id);
    const pair = turn.node.closest(".pair");
    pair?.querySelector(".differences")?.remove();
    pair?.append(found);
  }

  async open(ids) {
    const runs = await Promise.all(ids.map((id) => call("GET", `/metier/runs/${encodeURIComponent(id)}`)));
    const last = runs.at(-1);
    const before = earlierOf(last);
    this.earlier(before, last.conversation);
    const pair = runs.length > 1 && el("div", { class: "pair" });
    if (pair) this.list.append(pair);
    const turns = runs.map((kept) => this.added(kept.question, earlierOf(kept), pair || this.list));
    turns.forEach((turn, n) => turn.show(runs[n]));
    turns[0].node.scrollIntoView({ block: "start" });
    const shown = turns.at(-1);
    this.turns.push(shown);
    if (pair) shown.first = runs[0].id;
    await Promise.all(turns.map((turn) => turn.watch(() => this.alive)));
    await this.compared(shown);
  }

  // What was said before: as text, each with a way to its plan.
  earlier(messages, ids) {
    const asked = messages.filter((message) => message.role === "user").length;
    let number = 0;
    const said = messages.map((message) => {
      if (message.role !== "user") return el("div", { class: "answer" }, markdown(message.content));
      const id = ids.length === asked + 1 ? ids[number] : null;
      number += 1;
      return el(
        "h2",
        { class: "question" },
        message.content,
        id && el("a", { href: `#/run/${id}`, class: "more" }, "Plan and sources"),
      );
    });
    this.list.append(...said);
  }

  // Whether this tab would lose something without it: a run, a text or a file.
  get unfinished() {
    return this.running > 0 || !this.box.empty;
  }

  focus() {
    this.box.text.focus();
  }

  leave() {
    this.alive = false;
  }
}

// What was said before the question of a run, which may have no answer.
function earlierOf(run) {
  return run.messages.slice(0, run.messages.findLastIndex((said) => said.role === "user"));
}
