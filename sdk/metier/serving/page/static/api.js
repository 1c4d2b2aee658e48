// The server's endpoints. The key, if one is needed, stays in this tab.

import { el } from "./dom.js";

const KEPT = "metier-key";

export class Failed extends Error {
  constructor(message, code) {
    super(message);
    this.code = code;
  }
}

export async function call(method, path, body) {
  const reply = await sent(method, path, body);
  return reply.json();
}

// The events of a run, as they come.
export async function* events(body, signal) {
  const reply = await sent("POST", "/metier/runs", body, signal);
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  let ended = false;
  for (;;) {
    const { done, value } = await reader.read().catch((error) => {
      if (signal?.aborted) throw error;
      throw new Failed("The connection broke. What was answered so far is kept.", "gone");
    });
    if (done) break;
    held += value;
    const blocks = held.split("\n\n");
    held = blocks.pop();
    for (const block of blocks) {
      const line = block.split("\n").find((each) => each.startsWith("data: "));
      if (!line) continue;
      const event = JSON.parse(line.slice(6));
      if (event.type === "error") throw new Failed(event.error.message, event.error.code);
      ended ||= event.type === "answered";
      yield event;
    }
  }
  if (!ended) throw new Failed("The connection broke. What was answered so far is kept.", "gone");
}

async function sent(method, path, body, signal) {
  const raw = body instanceof Blob;
  const type = raw ? "application/pdf" : "application/json";
  const headers = body === undefined ? {} : { "content-type": type };
  const key = sessionStorage.getItem(KEPT);
  if (key) headers.authorization = `Bearer ${key}`;
  let reply;
  try {
    reply = await fetch(path, { method, headers, signal, body: raw ? body : body && JSON.stringify(body) });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Failed("The server does not answer. Is metier serve running?", "gone");
  }
  if (reply.status === 401) {
    await keyGiven(Boolean(key));
    return sent(method, path, body, signal);
  }
  if (!reply.ok) {
    const { error } = await reply.json().catch(() => ({ error: {} }));
    throw new Failed(error.message || `The server says ${reply.status}.`, error.code);
  }
  return reply;
}

let asking = null;

function keyGiven(wrong) {
  asking ||= new Promise((resolve) => {
    const input = el("input", { type: "password", id: "key", required: true, autocomplete: "off" });
    const submitted = (event) => {
      event.preventDefault();
      sessionStorage.setItem(KEPT, input.value.trim());
      dialog.close();
      dialog.remove();
      asking = null;
      resolve();
    };
    const dialog = el(
      "dialog",
      { "aria-labelledby": "keyhead", oncancel: (event) => event.preventDefault() },
      el(
        "form",
        { onsubmit: submitted },
        el("h2", { id: "keyhead" }, wrong ? "This key is wrong" : "This server needs a key"),
        el("label", { for: "key" }, "Key, as metier serve --new-key printed it"),
        input,
        el("button", {}, "Go on"),
      ),
    );
    document.body.append(dialog);
    dialog.showModal();
  });
  return asking;
}

let known = null;

// The experts and strategies, asked for once.
export function house() {
  known ||= call("GET", "/metier/experts").catch((error) => {
    known = null;
    throw error;
  });
  return known;
}
