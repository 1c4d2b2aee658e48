// What is known of a run: the fold of its events, live or kept.

const SUMMED = ["calls", "prompt_tokens", "completion_tokens"];

export class Run {
  constructor() {
    this.id = "";
    this.plan = null;
    this.steps = new Map();
    this.text = "";
    this.notices = [];
    this.ratings = [];
    this.answer = null;
    this.status = "running";
    this.error = "";
    this.began = 0;
    this.ended = 0;
  }

  static of(kept) {
    const run = new Run();
    kept.events.forEach((event) => run.take(event));
    run.id = kept.id;
    run.text ||= kept.answer;
    run.status = kept.status;
    run.error = kept.error;
    run.ratings = kept.ratings;
    return run;
  }

  take(event) {
    const step = this.steps.get(event.step_id);
    switch (event.type) {
      case "plan_ready":
        this.id = event.run_id;
        this.plan = event.plan;
        this.began = event.at;
        event.plan.steps.forEach((each) => this.steps.set(each.id, waiting(each)));
        break;
      case "step_started":
        if (step) Object.assign(step, { state: "running", expert: event.expert, began: event.at });
        break;
      case "call_started":
        if (step) step.models.add(event.model);
        break;
      case "call_done":
        if (step) SUMMED.forEach((name) => (step.usage[name] += event.usage[name]));
        break;
      case "token":
        if (event.answer) this.text += event.text;
        else if (step) step.draft += event.text;
        break;
      case "notice":
        this.notices.push(event.text);
        break;
      case "voted":
        if (step) step.votes.push(event.vote);
        break;
      case "step_done":
        if (step) {
          const votes = event.votes.length ? event.votes : step.votes;
          Object.assign(step, { state: "done", result: event, votes, ended: event.at });
          event.models.forEach((model) => step.models.add(model));
        }
        break;
      case "step_failed":
        if (step) Object.assign(step, { state: "failed", reason: event.reason, ended: event.at });
        break;
      case "answered":
        this.answer = event.answer;
        this.text = event.answer.text;
        this.status = event.answer.parts.length ? "answered" : "failed";
        this.ended = event.at;
        break;
    }
  }

  get seconds() {
    return this.ended > this.began ? this.ended - this.began : 0;
  }
}

function waiting(step) {
  return {
    id: step.id,
    expert: step.expert,
    state: "waiting",
    models: new Set(),
    usage: { calls: 0, prompt_tokens: 0, completion_tokens: 0 },
    votes: [],
    draft: "",
    result: null,
    reason: "",
    began: 0,
    ended: 0,
  };
}
