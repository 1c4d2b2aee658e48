// The conversation, and the box that goes on with it.

import { call, house } from "./api.js";
import { button, el, field, say, select, table } from "./dom.js";
import { planEditor } from "./edit.js";
import { markdown } from "./markdown.js";
import { refreshRuns } from "./runs.js";
import { Turn } from "./turn.js";

const MOST_BYTES = 8 << 20;
const POLL_MS = 1000;

export class AskView {
  constructor() {
    this.turns = [];
    this.documents = [];
    this.running = 0;
    this.go = el("button", { class: "main" }, "Ask");
    this.list = el("div", { class: "turns" });
    this.files = el("ul", { class: "files" });
    this.text = el("textarea", { rows: 2, required: true });
    this.expert = select([["", "who fits"]]);
    this.strategy = select([["single", "single"]]);
    this.node = el("div", { class: "ask" }, this.list, this.form());
    this.node.addEventListener("dragover", (event) => event.preventDefault());
    this.node.addEventListener("drop", (event) => {
      event.preventDefault();
      this.attach(event.dataTransfer.files);
    });
    this.choices();
  }

  form() {
    const picker = el("input", { type: "file", multiple: true });
    picker.addEventListener("change", () => {
      this.attach(picker.files);
      picker.value = "";
    });
    this.text.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.box.requestSubmit();
    });
    this.box = el(
      "form",
      { class: "box", onsubmit: (event) => this.submitted(event) },
      field("Question", this.text),
      this.files,
      el(
        "details",
        {},
        el("summary", {}, "Expert, strategy, documents"),
        field("Expert", this.expert),
        field("Strategy", this.strategy),
        field("Documents (text; or drop them here)", picker),
      ),
      this.go,
    );
    return this.box;
  }

  async choices() {
    try {
      const { experts, strategies } = await house();
      this.expert.append(...experts.map((card) => el("option", { value: card.id }, card.id)));
      const others = strategies.filter((name) => name !== "single");
      this.strategy.append(...others.map((name) => el("option", { value: name }, name)));
    } catch (error) {
      say(error.message);
    }
  }

  async attach(chosen) {
    for (const file of chosen) {
      const text = file.size > MOST_BYTES ? "\0" : await file.text();
      // A small PDF may be without a zero byte, and would pass as a text.
      if (text.startsWith("%PDF-")) say(`${file.name} is a PDF, and only texts can be added here. Save it as text, or add it with metier knowledge.`);
      else if (text.includes("\0")) say(`${file.name} is not a text, or too large.`);
      else this.documents.push({ name: file.name, text });
    }
    this.listed();
  }

  listed() {
    const removed = (each) => {
      this.documents = this.documents.filter((other) => other !== each);
      this.listed();
    };
    this.files.replaceChildren(
      ...this.documents.map((each) =>
        el("li", {}, each.name, " ", button("Remove", () => removed(each), { "aria-label": `Remove ${each.name}` })),
      ),
    );
  }

  submitted(event) {
    event.preventDefault();
    const question = this.text.value.trim();
    if (!question || this.running) return;
    this.text.value = "";
    this.ask(question, this.turns.at(-1)?.messages ?? [], {
      documents: this.documents,
      strategy: this.strategy.value,
      experts: this.expert.value ? [this.expert.value] : null,
    });
    this.documents = [];
    this.listed();
  }

  ask(question, before, options) {
    const turn = this.added(question, before, this.list);
    this.turns.push(turn);
    const messages = [...before, { role: "user", content: question }];
    return this.follow(turn, { messages, ...options });
  }

  added(question, before, place) {
    const turn = new Turn(question, before, {
      planned: (each) => history.replaceState(null, "", `#/run/${each.run.id}`),
      again: (each) => this.replaced(each, each.question),
      rest: (each) => this.follow(each, { plan: each.run.plan, reuse: each.run.id }),
      edit: (each) => this.editQuestion(each),
      change: (each) => this.changePlan(each),
    });
    place.append(turn.node);
    return turn;
  }

  async follow(turn, body) {
    turn.node.scrollIntoView({ block: "start" });
    this.busy(1);
    await turn.ask(body);
    this.busy(-1);
    refreshRuns();
  }

  // A question goes on from an answer, so it waits for it.
  busy(change) {
    this.running += change;
    this.go.disabled = this.running > 0;
  }

  // Ask a question instead of one that was asked: what came after it is left out.
  replaced(turn, question) {
    const index = this.turns.indexOf(turn);
    const gone = index < 0 ? [] : this.turns.splice(index);
    gone.forEach((each) => (each.node.closest(".pair") ?? each.node).remove());
    const { documents, strategy, experts } = turn.body ?? {};
    const kept = documents ?? turn.run.plan?.documents ?? [];
    this.ask(question, turn.before, { documents: kept, strategy, experts });
  }

  editQuestion(turn) {
    const text = el("textarea", { rows: 3, required: true, value: turn.question });
    const sent = (event) => {
      event.preventDefault();
      this.replaced(turn, text.value.trim() || turn.question);
    };
    const form = el(
      "form",
      { class: "panel", onsubmit: sent },
      field("Question, changed", text),
      el("button", { class: "main" }, "Ask this"),
      button("Cancel", () => form.remove()),
    );
    turn.bar.after(form);
    text.focus();
  }

  async changePlan(turn) {
    const run = (plan) => {
      editor.remove();
      this.rerun(turn, plan);
    };
    const editor = await planEditor(turn.run.plan, run, () => editor.remove());
    turn.bar.after(editor);
    editor.querySelector("textarea").focus();
  }

  // The old run stays; the new one stands beside it, with what differs.
  async rerun(turn, plan) {
    const index = this.turns.indexOf(turn);
    const pair = el("div", { class: "pair" });
    (turn.node.closest(".pair") ?? turn.node).replaceWith(pair);
    pair.append(turn.node);
    const next = this.added(turn.question, turn.before, pair);
    if (index >= 0) this.turns[index] = next;
    await this.follow(next, { plan, reuse: turn.run.id });
    pair.append(await differences(turn.run.id, next.run.id));
  }

  async open(id) {
    const kept = await call("GET", `/metier/runs/${encodeURIComponent(id)}`);
    const before = kept.messages.slice(0, kept.messages.findLastIndex((said) => said.role === "user"));
    this.earlier(before, kept.conversation);
    const turn = this.added(kept.question, before, this.list);
    this.turns.push(turn);
    turn.show(kept);
    turn.node.scrollIntoView({ block: "start" });
    if (kept.status === "running") this.watch(turn, id);
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

  // A run of another tab: look again until it ends.
  watch(turn, id) {
    setTimeout(async () => {
      if (!turn.node.isConnected) return;
      try {
        const kept = await call("GET", `/metier/runs/${encodeURIComponent(id)}`);
        turn.show(kept);
        if (kept.status === "running") this.watch(turn, id);
      } catch (error) {
        say(error.message);
        this.watch(turn, id);
      }
    }, POLL_MS);
  }

  // A run goes on; its address shows it again.
  leave() {}
}

async function differences(first, second) {
  try {
    const found = await call("GET", `/metier/runs/${first}/differences/${second}`);
    const lines = [...found.plan, ...found.versions].map((line) => [line]);
    const text = found.answer.length ? el("pre", { tabindex: "0" }, found.answer.join("\n")) : "The answers are the same.";
    return el("div", { class: "differences" }, table("Differences", ["What"], lines), text);
  } catch (error) {
    return el("p", {}, `Not compared: ${error.message}`);
  }
}
