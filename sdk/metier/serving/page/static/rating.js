// What people say of an answer: shown with it, and asked for in a form.

import { call, house } from "./api.js";
import { button, el, field, select } from "./dom.js";

export function ratingText({ verdict, step_id: step, expert, note }) {
  const parts = [`Rated ${verdict}.`, step && `Step ${step}.`, expert && `${expert} should have answered.`];
  return [...parts, note && `“${note}”`].filter(Boolean).join(" ");
}

// Keep a rating; all ratings of its run are returned.
export async function rated(id, rating) {
  return (await call("POST", `/metier/runs/${id}/rating`, rating)).ratings;
}

// Who should have answered, and why. What is refused stays in the form, with the reason.
export async function complaint(run, done, cancel) {
  const { experts } = await house();
  const step = select([["", "the whole answer"], ...run.plan.steps.map((each) => [each.id, `step ${each.id}`])]);
  const expert = select([["", "not said"], ...experts.map((card) => [card.id, card.id])]);
  const note = el("input", { maxlength: 2000 });
  const problem = el("p", { class: "bad", role: "alert" });
  const sent = async (event) => {
    event.preventDefault();
    const rating = { verdict: "bad", step_id: step.value, expert: expert.value, note: note.value };
    try {
      done(await rated(run.id, rating));
    } catch (error) {
      problem.textContent = error.message;
    }
  };
  return el(
    "form",
    { class: "panel", "aria-label": "A bad answer", onsubmit: sent },
    field("What was bad", step),
    field("Who should have answered", expert),
    field("Why", note),
    problem,
    el("button", {}, "Send"),
    button("Cancel", cancel),
  );
}
