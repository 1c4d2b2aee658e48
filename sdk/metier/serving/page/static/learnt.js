// What ratings and your own data taught the planner. Applying and removing is done in a terminal.

import { call } from "./api.js";
import { counted, el, percent, shown, table } from "./dom.js";

export class LearntView {
  constructor() {
    this.ratings = el("div", {}, el("p", {}, "Looking…"));
    this.kept = el("div");
    this.node = el(
      "div",
      {},
      el("h2", {}, "What your ratings teach"),
      this.ratings,
      el("h2", {}, "What is in use"),
      this.kept,
    );
    const found = call("GET", "/metier/learnt");
    shown(this.ratings, async () => ratingNodes(await found));
    shown(this.kept, async () => keptNodes((await found).learnt));
  }

  leave() {}
}

function ratingNodes({ ratings, learnt }) {
  if (!ratings) {
    return [el("p", {}, "No rating says yet who should answer. Rate answers with Good or Bad; Bad also asks who should have answered.")];
  }
  const { n, useless, now, changes } = ratings;
  const used = learnt.some((each) => each.name === "ratings" && !each.problem);
  return [
    el(
      "p",
      {},
      `Your ratings say who should answer ${counted(n, "question")}.`,
      useless > 0 && ` ${counted(useless, "other rating")} ${useless === 1 ? "does" : "do"} not say who.`,
    ),
    el(
      "ul",
      {},
      el("li", {}, `Without ratings, ${share(now)} go to the right expert.`),
      ratings.learnt && el("li", {}, `With what the other ratings teach, ${share(ratings.learnt)} do.`),
    ),
    el("p", { class: "notice" }, used ? "This is in use. To take it back: metier learn remove ratings" : next(ratings)),
    changes.length > 0 &&
      table(
        "Questions that go to another expert",
        ["Question", "Rated as right", "Without ratings", "With ratings"],
        changes.map((each) => [each.question, each.expert, each.now, each.learnt]),
      ),
  ].filter(Boolean);
}

function share({ value, low, high }) {
  return `${percent(value)} (95 % interval ${percent(low)} to ${percent(high)})`;
}

function next({ refusal }) {
  if (refusal) return `Not in use: ${refusal}.`;
  return "Not in use. To use it: metier learn ratings --apply";
}

function keptNodes(learnt) {
  if (!learnt.length) return [el("p", {}, "Nothing was learnt yet.")];
  const rows = learnt.map((each) => [each.name, each.teaches, each.problem ? `not used: ${each.problem}` : "used"]);
  return [table("What was learnt", ["Name", "What it teaches", "State"], rows)];
}
