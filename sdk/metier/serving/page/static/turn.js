// One question with its plan, its answer, and what can be done about both.

import { call, events, house } from "./api.js";
import { button, counted, el, field, say, select } from "./dom.js";
import { Graph } from "./graph.js";
import { GrowingText, copied, markdown } from "./markdown.js";
import { Run } from "./run.js";
import { sources, stepPanel } from "./step.js";

export class Turn {
  // `before` is the conversation that the question goes on; `can` is what the view offers to do.
  constructor(question, before, can) {
    this.question = question;
    this.before = before;
    this.can = can;
    this.run = new Run();
    this.body = null;
    this.graph = null;
    this.growing = null;
    this.open = null;
    this.picture = el("div", { class: "picture" });
    this.panel = el("div");
    this.answer = el("div", { class: "answer" });
    this.foot = el("div", { class: "foot" });
    this.bar = el("div", { class: "bar" });
    this.node = el(
      "article",
      { class: "turn" },
      el("h2", { class: "question" }, question),
      this.picture,
      this.panel,
      this.answer,
      this.foot,
      this.bar,
    );
  }

  get messages() {
    const asked = { role: "user", content: this.question };
    return [...this.before, asked, { role: "assistant", content: this.run.text }];
  }

  show(kept) {
    this.run = Run.of(kept);
    this.growing = null;
    this.end();
  }

  async ask(body) {
    this.body = body;
    this.run = new Run();
    this.open = null;
    this.panel.replaceChildren();
    this.abort = new AbortController();
    this.growing = new GrowingText();
    this.answer.replaceChildren(this.growing.node);
    this.foot.replaceChildren(el("p", { class: "waiting" }));
    const asked = performance.now();
    const ticking = setInterval(() => this.tick(asked), 1000);
    this.tick(asked);
    this.bar.replaceChildren(button("Stop", () => this.stop()));
    this.node.setAttribute("aria-busy", "true");
    try {
      for await (const event of events(body, this.abort.signal)) {
        this.take(event);
        if (event.type === "token" && event.answer) this.growing.add(event.text);
      }
    } catch (error) {
      this.run.status = this.abort.signal.aborted ? "cancelled" : "failed";
      this.run.error = this.abort.signal.aborted ? "" : error.message;
    }
    clearInterval(ticking);
    this.node.removeAttribute("aria-busy");
    this.end();
    say(this.run.status === "answered" ? "The answer is complete." : `The run has ended: ${this.run.status}.`);
  }

  // What is going on, and for how long, so that a slow server does not look like a broken one.
  tick(asked) {
    const seconds = Math.round((performance.now() - asked) / 1000);
    const running = [...this.run.steps.values()].filter((step) => step.state === "running");
    const doing = running.map((step) => `${step.expert} is answering step ${step.id}`).join(", ");
    const text = doing || (this.run.plan ? "Waiting for the model" : "Planning");
    this.foot.firstChild.textContent = `${text}… ${seconds} s`;
  }

  stop() {
    this.abort?.abort();
  }

  take(event) {
    this.run.take(event);
    if (event.type === "plan_ready") {
      this.draw();
      this.can.planned?.(this);
    }
    if (event.type !== "token") this.refresh();
  }

  draw() {
    this.graph = new Graph(this.run.plan, (id) => this.toggle(id));
    this.picture.replaceChildren(this.graph.node);
  }

  refresh() {
    this.graph?.show(this.run);
    if (this.open) this.panel.replaceChildren(stepPanel(this.run, this.open, () => this.toggle(this.open)));
  }

  toggle(id) {
    const node = this.graph.nodes.get(id).node;
    this.open = this.open === id ? null : id;
    this.panel.replaceChildren();
    this.refresh();
    if (!this.open) node.focus();
  }

  end() {
    if (this.run.plan && !this.graph) this.draw();
    this.refresh();
    const { text } = this.run;
    const node = this.growing?.finish(text) ?? markdown(text);
    if (node.parentNode !== this.answer) this.answer.replaceChildren(node);
    this.foot.replaceChildren(...this.footer());
    this.bar.replaceChildren(...this.actions());
  }

  footer() {
    const { answer, status, error, notices, plan } = this.run;
    const lines = [...new Set(notices)].map((text) => el("p", { class: "notice" }, text));
    if (status === "cancelled") lines.push(el("p", { class: "bad" }, "Stopped."));
    else if (status === "interrupted") lines.push(el("p", { class: "bad" }, "The server ended in the middle of this."));
    else if (status === "running") lines.push(el("p", {}, "This is being answered elsewhere."));
    else if (status !== "answered") lines.push(el("p", { class: "bad", role: "alert" }, error || "Nothing could be answered."));
    if (!answer) return lines;
    for (const each of answer.missing) {
      lines.push(el("p", { class: "bad" }, `Not answered: ${each.task} (${each.expert}: ${each.reason})`));
    }
    const found = answer.parts.flatMap((part) => part.sources);
    const { calls, prompt_tokens: read, completion_tokens: written } = answer.usage;
    const seconds = this.run.seconds ? `${this.run.seconds.toFixed(1)} s, ` : "";
    lines.push(sources(found, plan?.documents ?? []));
    lines.push(el("p", { class: "facts" }, `${seconds}${counted(calls, "call")}, ${read} tokens read, ${written} written`));
    return lines.filter(Boolean);
  }

  actions() {
    const { id, plan, text, status, answer } = this.run;
    const made = [];
    const partial = status !== "answered" || answer?.missing.length > 0;
    if (plan && id && partial && status !== "running") {
      made.push(button("Run the rest", () => this.can.rest(this), { class: "main" }));
    }
    if (text) made.push(button("Copy", () => copied(text, "The answer is copied.")));
    made.push(button("Ask again", () => this.can.again(this)));
    made.push(button("Edit the question", () => this.can.edit(this)));
    if (plan) made.push(button("Change the plan", () => this.can.change(this)));
    if (id && this.run.status !== "running") {
      made.push(button("Good", () => this.rate({ verdict: "good" }), { "aria-label": "Good answer" }));
      made.push(button("Bad…", () => this.complain(), { "aria-label": "Bad answer…" }));
    }
    return made;
  }

  async rate(rating) {
    try {
      await call("POST", `/metier/runs/${this.run.id}/rating`, rating);
      this.bar.append(el("span", {}, `Rated ${rating.verdict}.`));
      say("Thank you. Learnt, at the top of the page, shows what ratings teach.");
    } catch (error) {
      this.bar.append(el("span", { class: "bad", role: "alert" }, error.message));
    }
  }

  async complain() {
    const { experts } = await house();
    const step = select([["", "the whole answer"], ...this.run.plan.steps.map((each) => [each.id, `step ${each.id}`])]);
    const expert = select([["", "not said"], ...experts.map((card) => [card.id, card.id])]);
    const note = el("input", { maxlength: 2000 });
    const sent = (event) => {
      event.preventDefault();
      form.remove();
      this.rate({ verdict: "bad", step_id: step.value, expert: expert.value, note: note.value });
    };
    const form = el(
      "form",
      { class: "panel", onsubmit: sent },
      field("What was bad", step),
      field("Who should have answered", expert),
      field("Why", note),
      el("button", {}, "Send"),
      button("Cancel", () => form.remove()),
    );
    this.bar.after(form);
    step.focus();
  }
}
