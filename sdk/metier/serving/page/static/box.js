// The box in which a question is typed, with its files and choices, and its draft.

import { call, house } from "./api.js";
import { button, el, field, renewed, say, select } from "./dom.js";
import { draftOf, keepDraft } from "./draft.js";

const MOST_BYTES = 8 << 20;

export class QuestionBox {
  // `draft` is the key of what was left in it; `ask` is called with a question and how to ask it.
  constructor(draft, ask) {
    this.reading = 0;
    this.draft = draft;
    this.ask = ask;
    this.documents = [];
    this.go = el("button", { class: "main" }, "Ask");
    this.files = el("ul", { class: "files" });
    this.text = el("textarea", { rows: 2, required: true });
    this.expert = select([["", "who fits"]]);
    this.strategy = select([["single", "single"]]);
    this.node = this.form();
    this.restore(draftOf(draft));
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
      this.node.requestSubmit();
    });
    return el(
      "form",
      { class: "box", onsubmit: (event) => this.submitted(event), oninput: () => this.keep() },
      field("Question", this.text),
      this.files,
      el(
        "details",
        {},
        el("summary", {}, "Expert, strategy, documents"),
        field("Expert", this.expert),
        field("Strategy", this.strategy),
        field("Documents (texts or PDFs; or drop them here)", picker),
      ),
      this.go,
    );
  }

  async restore({ text = "", documents = [], expert = "", strategy = "single" }) {
    this.text.value = text;
    this.documents = documents;
    this.listed();
    try {
      const { experts, strategies } = await house();
      this.expert.append(...experts.map((card) => el("option", { value: card.id }, card.id)));
      const others = strategies.filter((name) => name !== "single");
      this.strategy.append(...others.map((name) => el("option", { value: name }, name)));
      this.expert.value = expert;
      this.strategy.value = strategy;
    } catch (error) {
      say(error.message);
    }
  }

  get empty() {
    return !this.text.value && !this.documents.length;
  }

  // Keep the draft: neither another view nor a reload loses it.
  keep(text = this.text.value, documents = this.documents) {
    keepDraft(this.draft, { text, documents, expert: this.expert.value, strategy: this.strategy.value });
  }

  async attachPdf(file) {
    say(`Reading ${file.name}…`);
    this.reading += 1;
    try {
      const { text } = await call("POST", "/metier/pdf", file);
      this.documents = [...this.documents, { name: file.name, text }];
      say(`${file.name} was read.`);
    } catch (error) {
      say(`${file.name}: ${error.message}`);
    } finally {
      this.reading -= 1;
    }
  }

  async attach(chosen) {
    for (const file of chosen) {
      const text = file.size > MOST_BYTES ? "\0" : await file.text();
      // A small PDF may be without a zero byte, and would pass as a text.
      if (text.startsWith("%PDF-")) await this.attachPdf(file);
      else if (text.includes("\0")) say(`${file.name} is not a text, or too large.`);
      else this.documents = [...this.documents, { name: file.name, text }];
    }
    this.listed();
    this.keep();
  }

  listed() {
    renewed(
      this.files,
      ...this.documents.map((each) =>
        el("li", {}, each.name, " ", button("Remove", () => this.removed(each), { "aria-label": `Remove ${each.name}` })),
      ),
    );
  }

  removed(document) {
    this.documents = this.documents.filter((other) => other !== document);
    this.listed();
    this.keep();
    if (!this.documents.length) this.text.focus();
  }

  submitted(event) {
    event.preventDefault();
    const question = this.text.value.trim();
    if (!question || this.go.disabled) return;
    if (this.reading) return say("A document is still being read.");
    const { documents } = this;
    this.text.value = "";
    this.documents = [];
    this.listed();
    this.ask(question, {
      documents,
      strategy: this.strategy.value,
      experts: this.expert.value ? [this.expert.value] : null,
    });
    // The button cannot have the focus while a question is answered; but on a phone the keyboard
    // would cover the answer.
    if (matchMedia("(pointer: fine)").matches) this.text.focus();
  }
}
