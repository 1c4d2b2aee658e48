// Elements without markup: whatever is given as a child becomes text.

const SVG = "http://www.w3.org/2000/svg";

function made(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "value") node.value = value;
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export function el(tag, attributes = {}, ...children) {
  return made(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return made(document.createElementNS(SVG, tag), attributes, children);
}

export function button(label, onclick, attributes = {}) {
  return el("button", { type: "button", onclick, ...attributes }, label);
}

let count = 0;

// A label and its control, tied by an id.
export function field(label, control, attributes = {}) {
  control.id ||= `f${(count += 1)}`;
  return el("div", { class: "field", ...attributes }, el("label", { for: control.id }, label), control);
}

export function select(options, chosen = "") {
  const nodes = options.map(([value, label]) =>
    el("option", { value, selected: value === chosen }, label),
  );
  return el("select", {}, nodes);
}

export function table(caption, heads, rows) {
  const body = rows.map((row) => el("tr", {}, row.map((cell) => el("td", {}, cell))));
  return el(
    "div",
    { class: "wide", tabindex: "0", role: "group", "aria-label": caption },
    el(
      "table",
      {},
      el("caption", {}, caption),
      el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col" }, head)))),
      el("tbody", {}, body),
    ),
  );
}

// Put into a place what is made for it, or why it cannot be made.
export async function shown(place, made) {
  try {
    place.replaceChildren(...(await made()));
  } catch (error) {
    place.replaceChildren(el("p", { class: "bad", role: "alert" }, error.message));
  }
}

// A sentence for those who hear the page; those who see it find it elsewhere.
export function announce(text) {
  document.getElementById("status").textContent = text;
}

const SHOWN_MS = 6000;
const READ_MS = 60;
let hiding = 0;

// A sentence for everybody: it stays until it can have been read, or is clicked away.
export function say(text) {
  announce(text);
  const toast = document.getElementById("toast");
  const hide = () => toast.replaceChildren();
  toast.replaceChildren(el("p", { onclick: hide }, text));
  clearTimeout(hiding);
  hiding = setTimeout(hide, SHOWN_MS + READ_MS * text.length);
}

const FOCUSABLE = "a[href], button, input, select, textarea, summary, [tabindex]";
const nameOf = (node) => node.getAttribute("aria-label") ?? node.textContent;

// Put new nodes into a place. Who had the focus in it has it on the same control, or the next one.
export function renewed(place, ...nodes) {
  const was = [...place.querySelectorAll(FOCUSABLE)];
  const at = was.indexOf(document.activeElement);
  const name = at < 0 ? "" : nameOf(was[at]);
  place.replaceChildren(...nodes);
  if (at < 0) return;
  const now = [...place.querySelectorAll(FOCUSABLE)];
  const next = now.find((node) => nameOf(node) === name) ?? now[Math.min(at, now.length - 1)];
  next?.focus({ preventScroll: true });
}

export function short(text, most) {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > most ? `${line.slice(0, most - 1)}…` : line;
}

export function percent(share) {
  return `${Math.round(share * 100)} %`;
}

export function counted(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
