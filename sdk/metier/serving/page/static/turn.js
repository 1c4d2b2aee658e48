// One question with its plan, its answer, and what can be done about both.

import { call, events } from "./api.js";
import { announce, button, counted, el, renewed, say } from "./dom.js";
import { Graph } from "./graph.js";
import { GrowingText, copied, markdown } from "./markdown.js";
import { complaint, rated, ratingText } from "./rating.js";
import { Run } from "./run.js";
import { sources, stepPanel } from "./step.js";

const POLL_MS = 1000;
// How a plan says that a person named the expert.
const CHOSEN = "chosen by the asker";

export class Turn {
  // `before` is the conversation that the question goes on; `can` is what the view offers to do.
  constructor(question, before, can) {
    this.question = question;
    this.before = before;
    this.can = can;
    this.run = new Run();
    this.body = null;
    // The run that it is shown beside.
    this.first = "";
    this.graph = null;
    this.growing = null;
    this.open = null;
    this.forms = new Map();
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

  // What its question was asked with; of a run that another tab began, as its plan has it.
  get asked() {
    const { plan } = this.run;
    if (this.body?.messages || !plan) return this.body ?? {};
    const all = (values) => [...new Set(values)];
    const strategies = all(plan.steps.map((step) => step.strategy));
    const chosen = plan.steps.some((step) => step.reason === CHOSEN);
    const members = plan.steps.flatMap((step) => step.members);
    return {
      // What was pasted into the question is a document, too, and would be one twice.
      documents: plan.documents.filter(({ text }) => !plan.question.includes(text)),
      strategy: strategies.length === 1 ? strategies[0] : "single",
      experts: chosen ? all(plan.steps.map((step) => step.expert)) : null,
      models: all(members.map((member) => member.model).filter(Boolean)),
    };
  }

  focus() {
    this.bar.querySelector("button").focus({ preventScroll: true });
  }

  show(kept) {
    const was = this.run.plan;
    this.run = Run.of(kept);
    this.growing = null;
    if (JSON.stringify(was) !== JSON.stringify(this.run.plan)) this.graph = null;
    this.end();
  }

  // A run that another tab or program began: look again until it ends.
  async watch(alive) {
    while (alive() && this.run.status === "running") {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      try {
        this.show(await call("GET", `/metier/runs/${this.run.id}`));
      } catch (error) {
        say(error.message);
      }
    }
  }

  async ask(body) {
    const was = this.run;
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
    renewed(this.bar, button("Stop", () => this.stop()));
    this.node.setAttribute("aria-busy", "true");
    try {
      for await (const event of events(body, this.abort.signal)) {
        this.take(event);
        if (event.type === "token" && event.answer) this.growing.add(event.text);
      }
    } catch (error) {
      this.broke(error, was);
    }
    clearInterval(ticking);
    this.node.removeAttribute("aria-busy");
    this.end();
    announce(this.run.status === "answered" ? "The answer is complete." : `The run has ended: ${this.run.status}.`);
  }

  broke(error, was) {
    // The run that was to go on is still there if it did not begin.
    if (!this.run.plan && was.plan) {
      this.run = was;
      this.growing = null;
    }
    const stopped = this.abort.signal.aborted || error.code === "run_stopped";
    this.run.status = stopped ? "cancelled" : "failed";
    this.run.error = stopped ? "" : error.message;
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

  async stopElsewhere() {
    try {
      await call("POST", `/metier/runs/${this.run.id}/stop`);
    } catch (error) {
      say(error.message);
    }
  }

  take(event) {
    this.run.take(event);
    if (event.type === "plan_ready") {
      this.draw();
      this.can.planned?.(this);
    }
    if (event.type === "token") return;
    this.graph?.show(this.run);
    if (event.step_id === this.open) this.refreshPanel();
  }

  draw() {
    this.graph = new Graph(this.run.plan, (id) => this.toggle(id), this.picture.clientWidth);
    this.picture.replaceChildren(this.graph.node);
  }

  refreshPanel() {
    const shown = this.open ? [stepPanel(this.run, this.open, () => this.toggle(this.open))] : [];
    renewed(this.panel, ...shown);
  }

  toggle(id) {
    const node = this.graph.nodes.get(id).node;
    this.open = this.open === id ? null : id;
    this.refreshPanel();
    if (!this.open) node.focus();
  }

  end() {
    if (this.run.plan && !this.graph) this.draw();
    if (this.run.plan) this.graph.show(this.run);
    this.refreshPanel();
    const { text } = this.run;
    const node = this.growing?.finish(text) ?? markdown(text);
    if (node.parentNode !== this.answer) this.answer.replaceChildren(node);
    this.foot.replaceChildren(...this.footer());
    renewed(this.bar, ...this.actions());
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
    const { id, plan, text, status, answer, ratings } = this.run;
    const made = [];
    const partial = status !== "answered" || answer?.missing.length > 0;
    if (id && status === "running") made.push(button("Stop", () => this.stopElsewhere()));
    if (plan && id && partial && status !== "running") {
      made.push(button("Run the rest", () => this.can.rest(this), { class: "main" }));
    }
    if (text) made.push(button("Copy", () => copied(text, "The answer is copied.")));
    if (!this.can.again) return made;
    made.push(button("Ask again", () => this.can.again(this)));
    made.push(button("Edit the question", () => this.can.edit(this)));
    if (plan) made.push(button("Change the plan", () => this.can.change(this)));
    if (!id || status === "running") return made;
    made.push(button("Beside another…", () => this.can.beside(this)));
    made.push(button("Good", () => this.praise(), { "aria-label": "Good answer" }));
    made.push(button("Bad…", () => this.complain(), { "aria-label": "Bad answer…" }));
    return [...made, ...ratings.map((each) => el("span", {}, ratingText(each)))];
  }

  rated(ratings) {
    this.run.ratings = ratings;
    renewed(this.bar, ...this.actions());
    say("Thank you. Learnt, at the top of the page, shows what ratings teach.");
  }

  async praise() {
    try {
      this.rated(await rated(this.run.id, { verdict: "good" }));
    } catch (error) {
      this.bar.append(el("span", { class: "bad", role: "alert" }, error.message));
    }
  }

  complain() {
    const done = (ratings) => {
      this.closeForm("Bad…");
      this.rated(ratings);
    };
    return this.openForm("Bad…", () => complaint(this.run, done, () => this.closeForm("Bad…")));
  }

  // The form of a button: one at a time. The focus goes into it, and back when it is closed.
  async openForm(label, made) {
    try {
      const open = this.forms.get(label);
      const form = open?.isConnected ? open : await made();
      this.forms.get(label)?.remove();
      this.forms.set(label, form);
      this.bar.after(form);
      form.querySelector("textarea, select, input").focus();
    } catch (error) {
      say(error.message);
    }
  }

  closeForm(label) {
    this.forms.get(label).remove();
    [...this.bar.children].find((each) => each.textContent === label)?.focus();
  }
}
