// Where the steps of a plan lie: each below all that it needs, with few crossing lines.

export const WIDTH = 176;
export const HEIGHT = 82;
const GAP_X = 18;
const GAP_Y = 26;
// More in a row would not fit on a laptop.
const MOST_IN_A_ROW = 5;
// More below each other would not, either.
const MOST_ROWS = 5;
// Between two columns, which a line crosses.
const FOLD_X = 44;
const SWEEPS = 4;

function layersOf(steps) {
  const depth = new Map();
  const byId = new Map(steps.map((step) => [step.id, step]));
  const depthOf = (id) => {
    if (!depth.has(id)) {
      depth.set(id, 0); // A circle, which the server refuses, ends here, too.
      const below = (byId.get(id)?.needs ?? []).filter((need) => byId.has(need)).map(depthOf);
      depth.set(id, Math.max(-1, ...below) + 1);
    }
    return depth.get(id);
  };
  const layers = [];
  for (const step of steps) (layers[depthOf(step.id)] ??= []).push(step);
  return layers.filter(Boolean);
}

function neighbours(steps) {
  const up = new Map(steps.map((step) => [step.id, [...step.needs]]));
  const down = new Map(steps.map((step) => [step.id, []]));
  for (const step of steps) step.needs.forEach((need) => down.get(need)?.push(step.id));
  return { up, down };
}

// Order each layer by the middle of its neighbours in the layer before, down and up in turn.
function untangled(layers, steps) {
  const { up, down } = neighbours(steps);
  const place = new Map();
  const number = (layer) => layer.forEach((step, n) => place.set(step.id, n - layer.length / 2));
  layers.forEach(number);
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const towards = sweep % 2 ? down : up;
    const order = sweep % 2 ? [...layers].reverse() : layers;
    for (const layer of order) {
      const middle = new Map(
        layer.map((step) => {
          const near = towards.get(step.id).filter((id) => place.has(id)).map((id) => place.get(id));
          const own = place.get(step.id);
          return [step.id, near.length ? near.reduce((a, b) => a + b, 0) / near.length : own];
        }),
      );
      layer.sort((a, b) => middle.get(a.id) - middle.get(b.id));
      number(layer);
    }
  }
  return layers;
}

// Steps of a layer do not need each other, so a wide layer can be several rows.
function rows(layer) {
  const count = Math.ceil(layer.length / MOST_IN_A_ROW);
  const size = Math.ceil(layer.length / count);
  return Array.from({ length: count }, (_, n) => layer.slice(n * size, (n + 1) * size));
}

// How many rows lie in each column: a long plan goes on at the top of the next one, if there is room.
function folded(widths, room) {
  const most = Math.ceil(widths.length / MOST_ROWS);
  for (let count = most; count > 1; count -= 1) {
    const size = Math.ceil(widths.length / count);
    const columns = Array.from({ length: Math.ceil(widths.length / size) }, (_, n) => widths.slice(n * size, (n + 1) * size));
    const width = columns.reduce((sum, column) => sum + Math.max(...column) + FOLD_X, -FOLD_X);
    if (width <= room) return size;
  }
  return widths.length;
}

// The places of the steps. `room` is the width that may be used, in pixels.
export function layout(steps, room) {
  const layers = untangled(layersOf(steps), steps).flatMap(rows);
  const widths = layers.map((layer) => layer.length * (WIDTH + GAP_X) - GAP_X);
  const size = folded(widths, room);
  const places = new Map();
  let left = 0;
  for (let first = 0; first < layers.length; first += size) {
    const width = Math.max(...widths.slice(first, first + size));
    layers.slice(first, first + size).forEach((layer, row) => {
      const x = left + (width - widths[first + row]) / 2;
      layer.forEach((step, n) => {
        places.set(step.id, { x: x + n * (WIDTH + GAP_X), y: row * (HEIGHT + GAP_Y), column: first });
      });
    });
    left += width + FOLD_X;
  }
  return { places, width: left - FOLD_X, height: Math.min(size, layers.length) * (HEIGHT + GAP_Y) - GAP_Y };
}
