"use strict";
(() => {
const { graph } = window;
const { isArray } = Array;
const boxes = graph.boxes.map((box, i) =>
  ({ op: "", symbol: "", rules: [], ...graph.operations[box.operation], ...box, i, users: [] }));
const root = boxes.at(-1);
for (const box of boxes) {
  box.edges.forEach((edge, k) => {
    if (!edge) return;
    boxes[box.parents[k]].users.push([box.i, k]);
    edge.rule = box.rules[k];
    if (!isArray(edge.share)) edge.share = Number(edge.share);
  });
}

// ---- Words ----
const pen = document.createElement("canvas").getContext("2d");
pen.font = "13px system-ui, sans-serif";
const wide = words => pen.measureText(words).width;
// a long text loses its middle: the end of a path tells more than its start
function fit(words, most) {
  if (wide(words) <= most) return words;
  const letters = Array.from(words);
  const shown = () => [...letters.slice(0, 9), "…", ...letters.slice(9)].join("");
  while (letters.length && wide(shown()) > most) letters.splice(Math.min(9, letters.length - 1), 1);
  return shown();
}
function say(x, digits = 4) {
  if (x === null || x === undefined) return "—";
  if (isArray(x)) return range(x);
  x = Number(x);
  if (Number.isNaN(x)) return "not a number";
  if (!Number.isFinite(x)) return x > 0 ? "infinity" : "−infinity";
  const size = Math.abs(x), whole = size >= 1 ? Math.floor(Math.log10(size)) + 1 : 1;
  const isPlain = size === 0 || (size >= 1e-4 && size < 1e6);
  const out = isPlain ? String(Number(x.toPrecision(Math.max(digits, whole))))
    : x.toExponential(digits - 1).replace(/\.?0+e/, "e").replace("e+", "e");
  return (out === "-0" ? "0" : out).replaceAll("-", "−");
}
function range([low, high, , , nans, infinite]) {
  const parts = low === null ? [] : [low === high ? `all ${say(low)}` : `${say(low)} to ${say(high)}`];
  if (nans) parts.push(`${nans} not a number`);
  if (infinite) parts.push(`${infinite} infinite`);
  return parts.join(", ") || "empty";
}
const full = x => (isArray(x) ? `${range(x)}; mean ${say(x[2])}, norm ${say(x[3])}` : say(x));
const shapeOf = ({ shape }) => (shape ? `(${shape.join(", ")}${shape.length === 1 ? "," : ""})` : "");
const bracket = x => (x.startsWith("−") ? `(${x})` : x);
const between = (words, first, last) =>
  (words.length > first + last ? [...words.slice(0, first), "…", ...words.slice(-last)] : words);

// ---- Names and formulas ----
// a name in another script is isolated, so that it does not reverse the formula around it
const apart = name => (/^[ -~]*$/.test(name) ? name : `\u2068${name}\u2069`);
const name = box => (box.title ? apart(box.title) : say(box.data));
// a name that is an expression, or a number that would run into its neighbours
const isLoose = word => /[\s+*/×÷(−-]/.test(word) && !/^[\d.]+e−?\d+$/.test(word);
const atom = word => (isLoose(word) ? `(${word})` : word);
const by = box => `∂${atom(name(root))}/∂${atom(name(box))}`;
const operands = box => box.parents.map(p => boxes[p]);
const isTwice = (box, operand) => operands(box).filter(other => other === operand).length > 1;
// at the result ∂L/∂x is both the local derivative and the unknown: there the operation stands for L
function slopeOf(box, operand) {
  const words = made(box, name);
  const isCall = /^[\w√]+\([^()]*\)$/.test(words), isLong = isTwice(box, operand) || words.length > 24;
  const what = box !== root ? atom(name(box)) : isLong ? box.op : isCall ? words : `(${words})`;
  return `∂${what}/∂${atom(name(operand))}`;
}
const figure = box => (isArray(box.data) ? name(box) : say(box.data));
// a formula with names, or numbers, for the letters that stand for them: \ue000 and on for the operands
function fill(rule, box, write) {
  return rule.replace(/[\ue000-\uf8ff]/g, (letter, at) => {
    const before = rule.slice(0, at), after = rule.slice(at + 1);
    if (letter === "\uf8ff") return after.startsWith(" /") ? `(${by(box)})` : by(box);
    const other = letter === "\uf8fe" ? box : operands(box)[letter.charCodeAt(0) - 0xe000];
    const word = write(other);
    const isInside = before && !/(\(|, )$/.test(before);
    if (/^[−\d]/.test(word) && !before.endsWith("−")) {
      if (/^[⁰¹²³⁴-⁹⁻^ᵀ]/.test(after)) return /^\d+(\.\d+)?$/.test(word) ? word : `(${word})`;
      return isInside || /^ [×/@−÷]/.test(after) ? bracket(word) : word;
    }
    return isInside || (after && !/^(\)|, )/.test(after)) ? atom(word) : word;
  });
}
function made(box, write) {
  const words = between(operands(box).map(write), 6, 1);
  return box.how ? fill(box.how, box, write) : `${box.op}(${words.join(", ")})`;
}
const isZero = x => (isArray(x) ? x[0] === 0 && x[1] === 0 && !isOdd(x) : Number(x) === 0);
const isOdd = x => (isArray(x) ? x[4] + x[5] > 0 : !Number.isFinite(Number(x)));

// ---- The steps ----
const ops = boxes.filter(box => box.parents.length);
const pulls = [...ops].reverse().filter(box => box.grad !== null);
const steps = [
  { is: "start" }, ...ops.map(box => ({ is: "forward", box })),
  { is: "seed", box: root }, ...pulls.map(box => ({ is: "backward", box })), { is: "end" },
];
const seed = ops.length + 1, last = steps.length - 1;
const madeAt = new Map(ops.map((box, k) => [box.i, k + 1]));
let now = 0, isPredicting = false, chosen = null, state = new Map();
const answered = new Set();
const hides = (t, k) => isPredicting && t === now && !answered.has(`${t}:${k}`);
const isKnown = box => (madeAt.get(box.i) ?? 0) <= now;

// the gradient that has arrived at each node after step t, and its parts
function arrived(t) {
  const held = new Map();
  if (t >= seed) held.set(root.i, { total: root.grad, parts: 1, of: 1 });
  for (let s = seed + 1; s <= Math.min(t, last - 1); s++) {
    const { box } = steps[s];
    box.edges.forEach((edge, k) => {
      if (!edge) return;
      const operand = boxes[box.parents[k]], before = held.get(operand.i);
      const unseen = hides(s, k) || !!(before && before.unseen);
      const parts = (before ? before.parts : 0) + 1, of = operand.users.length;
      const entry = { total: edge.total, parts, of, before, unseen };
      held.set(operand.i, entry);
      if (s === t) edge.now = entry;
    });
  }
  return held;
}

// ---- Elements: text reaches the page as text alone ----
const $ = id => document.getElementById(id);
function put(element, attributes, ...children) {
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value !== false && value !== null) element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}
const h = (tag, attributes, ...children) => put(document.createElement(tag), attributes, ...children);
const v = (tag, attributes, ...children) =>
  put(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, ...children);
const note = (...words) => h("p", { class: "note" }, ...words);
const also = words => h("p", { class: "also why" }, words);
// kept on one line, if there is room
const bit = words => put(new DocumentFragment(), {}, h("span", { class: "bit math" }, words), " ");

// ---- Colour: orange below zero, blue above, on a logarithmic scale that is symmetric about it ----
const middle = x => (isArray(x) ? x[2] : Number(x));
const largest = all => Math.max(...all.map(x => Math.abs(middle(x)) || 0).filter(Number.isFinite), 0);
const steepest = largest(boxes.map(box => box.grad));
// the attributes that colour an element; with `strength` 1 the text on it is readable
function tint(x, most, strength = 1) {
  x = middle(x);
  if (!x || !most || Number.isNaN(x)) return { class: "tint", "fill-opacity": 0 };
  const part = Math.log1p(1000 * Math.min(Math.abs(x) / most, 1)) / Math.log1p(1000);
  const opacity = strength * (0.08 + 0.37 * part);
  return { class: `tint ${x > 0 ? "plus" : "minus"}`, "fill-opacity": opacity.toFixed(3) };
}

// ---- Groups: the modules in which nodes were made ----
const groups = new Map();
for (const box of boxes) {
  box.scope.forEach((title, d) => {
    const key = JSON.stringify(box.scope.slice(0, d + 1)), around = JSON.stringify(box.scope.slice(0, d));
    if (!groups.has(key)) groups.set(key, { key, group: true, title, depth: d + 1, around, members: [] });
    groups.get(key).members.push(box);
  });
}
// a group of one box, or of all boxes of the group around it, is not worth a frame
const isWorth = ({ members, around }) =>
  members.length > 1 && members.length !== (groups.get(around) || { members: [] }).members.length;
for (const box of boxes) {
  box.groups = box.scope.map((_, d) => groups.get(JSON.stringify(box.scope.slice(0, d + 1)))).filter(isWorth);
}
const framed = [...groups.values()].filter(isWorth);
// at the start, where the whole would be too small to read: one box for all between the inputs and the result
const fold = { key: "fold", group: true, title: "the computation", depth: 1, members: [] };
const leaves = boxes.filter(box => !box.parents.length);
const isParameter = ({ kind }) => Number(kind === "parameter");
// a number without a name, and with one use, says little
const telling = leaves.filter(leaf => leaf.title || leaf.uses > 1).reverse()
  .sort((a, b) => isParameter(a) - isParameter(b));
let folded = new Set(), beside = 0;
function foldAllBut(count) {
  const seen = new Set([root, ...telling.slice(0, count)]);
  fold.members = count ? boxes.filter(box => !seen.has(box)) : [];
  [folded, beside] = [new Set(fold.members), count];
}
const groupsOf = box => (!beside ? box.groups : folded.has(box) ? [fold] : []);
const LEVELS = [() => false, group => inner.has(group), group => group.depth > 1, () => true];
const shut = new Set();
let peek = new Set(), cover = LEVELS[0], isOpened = false;
const isShut = group => group === fold || (!peek.has(group.key) && (shut.has(group.key) || cover(group)));
const ends = box => groupsOf(box).find(isShut) || box;
const inner = new Set(boxes.map(box => box.groups.at(-1)));
function shutLevel(test) {
  shut.clear();
  for (const group of framed) if (test(group)) shut.add(group.key);
  return new Set(boxes.map(ends)).size;
}
LEVELS.find(test => shutLevel(test) <= 60);

// ---- Layout: layers along the main axis, one container after another from the inside out ----
let isTall = false;
const GAP = 64, SPACE = 16;
const across = item => (isTall ? item.w : item.h), along = item => (isTall ? item.h : item.w);
const mean = all => all.reduce((sum, x) => sum + x, 0) / all.length;
function ranksOf(items, links) {
  const [into, out] = [0, 1].map(() => new Map(items.map(item => [item, []])));
  for (const [a, b] of links) { into.get(b).push(a); out.get(a).push(b); }
  const rank = new Map(items.map(item => [item, 0])), left = new Set(items);
  const waits = new Map(items.map(item => [item, into.get(item).length]));
  const free = items.filter(item => !waits.get(item));
  while (left.size) {
    // groups can form a circle: then the next is one that is reached already
    const item = free.pop() ?? [...left].find(other => rank.get(other)) ?? [...left].at(-1);
    if (!left.delete(item)) continue;
    for (const other of out.get(item)) {
      if (left.has(other)) rank.set(other, Math.max(rank.get(other), rank.get(item) + 1));
      waits.set(other, waits.get(other) - 1);
      if (!waits.get(other)) free.push(other);
    }
  }
  for (const item of items) {
    const next = Math.min(...out.get(item).map(after => rank.get(after)));
    if (!into.get(item).length && next < Infinity) rank.set(item, Math.max(0, next - 1));
  }
  return rank;
}
// A lane leads past the boxes of one group: from an item there to another, from outside (null) to an item, or
// from an item to outside. `cells` are its places in the ranks between, `before`, `after` its continuations
// in the two items, `out` and `into` the places where it leaves and enters its group.
const at = (lanes, place, item) => (lanes.size ? mean([...lanes].map(place)) : across(item) / 2);
const leaving = lane => at(lane.before, other => other.out, lane.from);
const entering = lane => at(lane.after, other => other.into, lane.to);
const cellOf = (rank, item) =>
  ({ item, rank, main: item ? along(item) : 0, cross: item ? across(item) : 2, near: [] });
const top = cell => cell.c - cell.cross / 2;
function cellsOf(items, lanes) {
  const inside = lanes.filter(lane => lane.from && lane.to).map(lane => [lane.from, lane.to]);
  const rank = ranksOf(items, inside), last = Math.max(0, ...rank.values());
  const cells = items.map(item => cellOf(rank.get(item), item));
  const place = new Map(items.map((item, i) => [item, cells[i]]));
  for (const lane of lanes) {
    const [a, b] = [lane.from, lane.to].map(item => item && place.get(item));
    const [first, end] = [a ? a.rank + 1 : 0, b ? b.rank : last + 1];
    Object.assign(lane, { a, b, cells: [] });
    if (end - first < 40) for (let r = first; r < end; r++) lane.cells.push(cellOf(r));
    cells.push(...lane.cells);
    const stops = lane.cells.map(cell => [cell, 0]);
    if (a) stops.unshift([a, leaving(lane) - a.cross / 2]);
    if (b) stops.push([b, entering(lane) - b.cross / 2]);
    stops.slice(1).forEach(([cell, off], k) => {
      const [before, offBefore] = stops[k];
      before.near.push({ cell, off: off - offBefore });
      cell.near.push({ cell: before, off: offBefore - off });
    });
  }
  return cells;
}
// the order in the ranks: each cell at the mean place of its neighbours, to and fro
function order(rows) {
  const part = cell => cell.at / Math.max(1, rows[cell.rank].length - 1);
  rows.forEach(row => row.forEach((cell, k) => { cell.at = k; }));
  for (let sweep = 0; sweep < 10; sweep++) {
    const isBack = sweep % 2;
    for (const row of isBack ? [...rows].reverse() : rows) {
      for (const cell of row) {
        const others = cell.near.map(near => near.cell);
        const side = others.filter(other => (isBack ? other.rank > cell.rank : other.rank < cell.rank));
        cell.wish = mean((side.length ? side : [cell]).map(part));
      }
      row.sort((a, b) => a.wish - b.wish).forEach((cell, k) => { cell.at = k; });
    }
  }
}
// each as near to its neighbours as the order allows: blocks that would overlap become one, at their mean
function settle(row, pulls, weightOf) {
  const blocks = [];
  for (const cell of row) {
    const side = pulls(cell), weight = weightOf(cell);
    const wish = (side.length ? mean(side.map(near => near.cell.c + near.off)) : cell.c) - cell.offset;
    const block = { sum: wish * weight, n: weight, cells: [cell] };
    while (blocks.length && blocks.at(-1).sum / blocks.at(-1).n > block.sum / block.n) {
      const before = blocks.pop();
      block.sum += before.sum;
      block.n += before.n;
      block.cells.unshift(...before.cells);
    }
    blocks.push(block);
  }
  for (const block of blocks) for (const cell of block.cells) cell.c = block.sum / block.n + cell.offset;
}
function arrange(items, lanes, inset) {
  const cells = cellsOf(items, lanes), rows = [];
  for (const cell of cells) (rows[cell.rank] ||= []).push(cell);
  for (let r = 0; r < rows.length; r++) rows[r] ||= [];
  order(rows);
  for (const row of rows) {
    let c = 0;
    for (const cell of row) {
      cell.offset = c + cell.cross / 2;
      c += cell.cross + (cell.item ? SPACE : SPACE / 2);
    }
    for (const cell of row) cell.c = cell.offset - c / 2;
  }
  const back = cell => cell.near.filter(near => near.cell.rank < cell.rank);
  for (const cell of cells) {
    cell.back = back(cell);
    cell.lead = cell.back.filter(near => back(near.cell).length);
  }
  const settleAll = (order, pulls, weightOf = () => 1) => order.forEach(row => settle(row, pulls, weightOf));
  for (let sweep = 0; sweep < 12; sweep++) {
    settleAll(sweep % 2 ? [...rows].reverse() : rows, cell => cell.near);
  }
  // at last each cell straight behind its operands, and the leaves as near as that allows
  const heavy = cell => (cell.back.length ? 1e4 : 1);
  settleAll(rows, cell => (cell.lead.length ? cell.lead : cell.back), heavy);
  settleAll([...rows].reverse(), cell => (cell.back.length ? [] : cell.near), heavy);
  const least = Math.min(...cells.map(top), 0);
  let main = 0, most = 0;
  for (const row of rows) {
    const size = Math.max(0, ...row.map(cell => cell.main));
    for (const cell of row) {
      cell.m = [main, main + size];
      cell.c -= least;
      most = Math.max(most, cell.c + cell.cross / 2);
      const m = main + (size - cell.main) / (cell.back.length ? 2 : 1);
      if (cell.item) cell.item.at = isTall ? [top(cell), m] : [m, top(cell)];
    }
    main += size + GAP;
  }
  main -= GAP;
  for (const lane of lanes) {
    const [first, end] = [lane.cells[0], lane.cells.at(-1)];
    if (!lane.to) lane.out = inset + (end ? end.c : top(lane.a) + leaving(lane));
    if (!lane.from) lane.into = inset + (first ? first.c : top(lane.b) + entering(lane));
  }
  return { w: isTall ? most : main, h: isTall ? main : most };
}
const whole = { key: "", depth: 0, at: [0, 0] };
function measure(item) {
  if (item.group) {
    item.label = fit(item.title, 150);
    Object.assign(item, { w: Math.max(wide(item.label), 60) + 30, h: 44 });
  } else if (item.w === undefined) {
    const scope = `${item.scope.slice(1).join(".")}.`;
    item.label = fit(item.title.startsWith(scope) ? item.title.slice(scope.length) : item.title, 130);
    item.sign = fit(item.symbol, 80);
    const lines = boxLines(item, { total: item.grad });
    const head = wide(item.label) + (item.sign ? wide(item.sign) + 12 : 0);
    item.w = Math.max(head, ...lines.map(wide), 24) + 26;
    item.h = (item.label ? 26 : 10) + 18 * lines.length;
  }
}
const idOf = item => item.key ?? item.i;
let seen, links, size = { w: 1, h: 1 }, layoutKey = "";
// the groups around each box, from the outermost to the box itself, or to its closed group
function chains(inside) {
  const chain = new Map();
  seen = [];
  for (const box of boxes) {
    const end = ends(box), all = groupsOf(box);
    const around = [whole, ...(end === box ? all : all.slice(0, all.indexOf(end))), end];
    chain.set(box.i, around);
    if (!chain.has(end)) {
      chain.set(end, around);
      seen.push(end);
      measure(end);
    }
    around.slice(1).forEach((item, d) => inside.get(around[d]).items.add(item));
  }
  return chain;
}
// the lanes out of the operand's groups, across the group that holds both, and into the result's groups
function lanesOf(a, b, inside) {
  const [from, to] = [a.at(-1), b.at(-1)];
  const lane = (group, start, end) => {
    const all = inside.get(group).lanes, key = [idOf(from), start && idOf(start), end && idOf(end)].join(">");
    if (!all.has(key)) all.set(key, { group, from: start, to: end, before: new Set(), after: new Set() });
    return all.get(key);
  };
  let d = 1;
  while (a[d] === b[d]) d++;
  const lanes = [
    ...a.slice(d + 1).map((item, e) => lane(a[d + e], item, null)).reverse(),
    lane(a[d - 1], a[d], b[d]),
    ...b.slice(d + 1).map((item, e) => lane(b[d + e], null, item)),
  ];
  lanes.forEach((one, j) => {
    if (one.from && one.from !== from) one.before.add(lanes[j - 1]);
    if (one.to && one.to !== to) one.after.add(lanes[j + 1]);
  });
  return lanes;
}
function lay() {
  const open = beside ? [] : framed.filter(group => !isShut(group)).sort((a, b) => a.depth - b.depth);
  const key = `${isTall}|${beside}|${open.map(group => group.key).join()}`;
  if (key === layoutKey) return;
  layoutKey = key;
  const inside = new Map([whole, ...open].map(group => [group, { items: new Set(), lanes: new Map() }]));
  const chain = chains(inside), drawn = new Map();
  links = [];
  for (const box of boxes) box.parents.forEach((p, k) => {
    const [a, b] = [chain.get(p), chain.get(box.i)], [from, to] = [a.at(-1), b.at(-1)];
    if (from === to) return;
    const id = `${idOf(from)}>${idOf(to)}`, known = drawn.get(id);
    if (known && (from.group || to.group)) { known.edges.push([box.i, k]); return; }
    const nth = known ? ++known.again : 0;
    const link = { from, to, lanes: lanesOf(a, b, inside), edges: [[box.i, k]], nth, again: 0 };
    if (!known) drawn.set(id, link);
    links.push(link);
  });
  for (const group of [...open].reverse().concat(whole)) {
    const { items, lanes } = inside.get(group), [pad, top] = group === whole ? [16, 16] : [12, 28];
    const laid = arrange([...items].reverse(), [...lanes.values()], isTall ? pad : top);
    const least = group === whole ? 0 : wide(group.title) + 30;
    Object.assign(group, { w: Math.max(laid.w + 2 * pad, least), h: laid.h + top + pad, pad, top, items });
  }
  for (const group of [whole, ...open]) {
    const [x, y] = [group.at[0] + group.pad, group.at[1] + group.top];
    for (const item of group.items) item.at = [item.at[0] + x, item.at[1] + y];
  }
  size = { w: whole.w, h: whole.h };
  draw(open);
}

// ---- The picture ----
const world = $("world"), picture = $("picture");
function outline(kind, w, h) {
  const r = Math.min({ input: Math.min(h / 2, 20), parameter: 9, constant: 0 }[kind] ?? 7, w / 2);
  if (kind === "parameter") return `M${r} 0H${w - r}l${r} ${r}V${h - r}l${-r} ${r}H${r}l${-r} ${-r}V${r}Z`;
  const turn = (x, y) => `a${r} ${r} 0 0 1 ${x} ${y}`;
  return `M${r} 0H${w - r}${turn(r, r)}V${h - r}${turn(-r, r)}H${r}${turn(-r, -r)}V${r}${turn(r, -r)}Z`;
}
function shapes(kind, w, h) {
  const shape = (more, by) =>
    v("path", { class: "shape", d: outline(kind, w + more, h + more), transform: `translate(${by} ${by})` });
  const behind = { group: [shape(0, 5)], result: [shape(6, -3)] }[kind] || [];
  return [...behind, shape(0, 0)];
}
function gradientWords(box, entry) {
  if (box.grad === null) return "";
  if (!entry) return "∂ —";
  if (entry.unseen) return "∂ ?";
  return isArray(entry.total) ? `∂ norm ${say(entry.total[3])}` : `∂ ${say(entry.total)}`;
}
function boxLines(box, entry, isKnown = true) {
  const gradient = gradientWords(box, entry);
  if (!isArray(box.data)) return [[isKnown ? say(box.data) : "…", gradient].filter(Boolean).join(" | ")];
  return [shapeOf(box), isKnown ? fit(range(box.data), 190) : "…", gradient].filter(Boolean);
}
function drawFrame(group) {
  const [x, y] = group.at;
  return v("g", { class: "frame" }, v("rect", { x, y, width: group.w, height: group.h, rx: 8 }),
    v("text", { x: x + 8, y: y + 17 }, group.title));
}
function tellOf(item) {
  if (item.group) return `${item.title}: ${item.members.length} boxes; click to open`;
  const how = item.op ? ` = ${made(item, name)}` : "";
  const uses = item.users.length > 1 ? `, used ${item.users.length} times: its parts are added` : "";
  return `${item.title || "a constant"}${how}\n${item.kind}${uses}`;
}
function drawBox(item) {
  const kind = item.group ? "group" : item.kind, { w, h } = item;
  const g = v("g", { class: `box ${kind}`, transform: `translate(${item.at.join(" ")})` });
  const spoken = `Open ${item.title}, ${item.group ? item.members.length : 1} boxes`;
  if (item.group) put(g, { "data-group": item.key, role: "button", tabindex: 0, "aria-label": spoken });
  else g.dataset.node = item.i;
  g.append(v("title", {}, tellOf(item)), ...shapes(kind, w, h),
    v("path", { class: "tint", d: outline(kind, w, h) }),
    v("path", { class: "ring", d: outline(kind, w + 14, h + 14), transform: "translate(-7 -7)" }));
  if (item.label) {
    const line = v("text", { x: 13, y: 18 }, item.group ? `+ ${item.label}` : item.label);
    if (item.sign) line.append(v("tspan", { class: "op", dx: 10 }, item.sign));
    g.append(line);
  }
  const lines = item.group ? [""] : boxLines(item, null);
  item.texts = lines.map((_, k) => g.appendChild(v("text", { x: 13, y: (item.label ? 36 : 19) + 18 * k })));
  if (!item.group && item.users.length > 1) {
    const times = `used ${item.users.length}×`, width = 0.85 * wide(times) + 8;
    g.append(v("rect", { class: "mark", x: w - width / 2 - 4, y: -8, width, height: 16, rx: 8 }),
      v("text", { x: w - 4, y: 4 }, times));
  }
  g.onclick = () => (item.group ? unfold(item) : choose(item.i));
  item.g = g;
  return g;
}
function draw(open) {
  world.replaceChildren(...open.map(drawFrame), ...links.map(drawLink), ...seen.map(drawBox));
}
function drawLink(link) {
  const { from, to } = link, shift = link.nth * 12 - link.again * 6;
  // points as [along, across]; between the ranks alone a line goes across, elsewhere straight on
  const turned = ([m, c]) => (isTall ? [c, m] : [m, c]);
  const edge = (item, far) => {
    const [m, c] = turned(item.at);
    return [m + far * along(item), c + across(item) / 2 + shift];
  };
  const path = [edge(from, 1)];
  for (const { group, a, b, cells } of link.lanes) {
    const [m, c] = turned([group.at[0] + group.pad, group.at[1] + group.top]);
    if (a) path.push([m + a.m[1] + 8, path.at(-1)[1]]);
    for (const cell of cells) path.push([m + cell.m[0], c + cell.c], [m + cell.m[1], c + cell.c]);
    if (b) path.push([m + b.m[0] - 10, null]);
  }
  const [end, within] = edge(to, 0);
  path.push([end - 7, within]);
  for (let k = path.length - 2; k; k--) path[k][1] ??= path[k + 1][1];
  const points = path.map(turned), first = points[0];
  let d = `M${first}`;
  for (let k = 1; k < path.length; k++) {
    const half = (path[k - 1][0] + path[k][0]) / 2, isStraight = path[k][1] === path[k - 1][1];
    const bend = [turned([half, path[k - 1][1]]), turned([half, path[k][1]])];
    d += isStraight ? `L${points[k]}` : `C${bend.join(" ")} ${points[k]}`;
  }
  const gap = Math.max(1, path.findIndex(([m], k) => k && m - path[k - 1][0] > 20));
  const [x, y] = [0, 1].map(i => (points[gap - 1][i] + points[gap][i]) / 2);
  const head = ([x, y], by) => (isTall ? `M${x - 4} ${y}h8l-4 ${by}z` : `M${x} ${y - 4}v8l${by} -4z`);
  const back = isTall ? [first[0], first[1] + 7] : [first[0] + 7, first[1]];
  link.heads = [head(points.at(-1), 7), head(back, -7)];
  link.g = v("g", { class: "edge" }, v("path", { d }), v("path", { class: "head", d: link.heads[0] }),
    v("text", { x: x + (isTall ? 34 : 0), y: y - (isTall ? 0 : 8) }));
  return link.g;
}
function unfold(group) {
  if (group === fold) isOpened = true;
  else shut.delete(group.key);
  show(false);
}
function paint() {
  const step = steps[now], { box } = step, at = box && ends(box);
  const isActive = ([i, k]) =>
    box && i === box.i && (step.is === "forward" || (step.is === "backward" && box.edges[k]));
  const takes = new Set(box ? operands(box).filter((_, k) => isActive([box.i, k])).map(ends) : []);
  for (const item of seen) {
    const { g } = item, entry = item.group ? null : state.get(item.i), isLate = !item.group && !isKnown(item);
    const lines = item.group ? [`${item.members.length} boxes`] : boxLines(item, entry, !isLate);
    const isTaken = takes.has(item) && item !== at, isChosen = item.i === chosen;
    const classes = { now: item === at, takes: isTaken, later: isLate, chosen: isChosen };
    for (const [cls, on] of Object.entries(classes)) g.classList.toggle(cls, !!on);
    item.texts.forEach((line, k) => { line.textContent = lines[k] ?? ""; });
    const total = entry && !entry.unseen ? entry.total : "";
    put(g.querySelector(".tint"), tint(total, steepest));
    if (!item.group) put(g, { "data-value": isLate ? "" : item.data, "data-grad": total });
  }
  for (const link of links) {
    const on = link.edges.find(isActive), isBack = on && step.is === "backward";
    if (!on && !link.isRaised) continue;
    link.g.classList.toggle("on", !!on);
    link.g.children[1].setAttribute("d", link.heads[isBack ? 1 : 0]);
    const local = isBack && !link.to.group && !hides(now, on[1]) ? box.edges[on[1]].local : null;
    link.g.lastChild.textContent = local !== null && box.parents.length <= 12 ? `× ${say(local)}` : "";
    if (on) world.append(link.g);
    else world.insertBefore(link.g, seen[0].g);
    link.isRaised = !!on;
  }
}

// ---- The step in words ----
function explainPart(box, k) {
  const edge = box.edges[k], operand = boxes[box.parents[k]], entry = edge.now, { before } = entry;
  const isHidden = hides(now, k) && !isArray(edge.share), isScalar = edge.local !== null;
  const isPlain = isHidden || isArray(edge.share) || isZero(edge.share) || isOdd(edge.share);
  const sign = isPlain ? "" : edge.share > 0 ? "plus" : "minus";
  const rule = h("div", { class: `rule ${sign}`, "data-operand": operand.i, "data-position": k });
  const line = rule.appendChild(h("div", {}, bit(h("b", {}, `${by(operand)} +=`))));
  const passed = edge.rule ? fill(edge.rule, box, name) : `what ${box.op} passes on of ${by(box)}`;
  line.append(bit(isScalar ? `${by(box)} × ${slopeOf(box, operand)}` : passed));
  if (isHidden) { rule.append(ask(box, k)); return rule; }
  if (isScalar) line.append(bit(`= ${bracket(say(box.grad))} × ${bracket(say(edge.local))}`));
  line.append(bit(`= ${full(edge.share)}`));
  put(rule, { "data-share": edge.share, "data-total": entry.total, "data-local": edge.local });
  put(rule, { "data-upstream": box.grad, "data-before": before ? before.total : null });
  if (isArray(edge.share)) rule.append(note(`shape ${shapeOf(operand)}, as ${name(operand)} has`));
  if (isScalar && edge.rule && !box.shape) {
    const [slope, formula] = [`local derivative: ${slopeOf(box, operand)}`, fill(edge.rule, box, name)];
    const words = [slope, formula, fill(edge.rule, box, figure), say(edge.local)];
    const told = words.filter((word, j) => word !== words[j - 1]).join(" = ");
    rule.append(h("div", { class: "also math", "data-rule": "" }, told));
  }
  rule.append(...why(box, operand, edge).map(also));
  if (entry.of > 1) {
    const held = before ? `Already ${full(before.total)}, now ${full(entry.total)}`
      : `Part 1 of ${entry.of}: now ${full(entry.total)}`;
    const uses = `${name(operand)} is used ${entry.of} times: its parts are added. `;
    const which = before ? ` (part ${entry.parts} of ${entry.of}).` : ".";
    rule.append(h("p", { class: "also" }, uses, h("b", {}, held), which));
  }
  return rule;
}
function whyNotFinite(box, { share }) {
  const early = [...operands(box), box].find(other => isOdd(other.data));
  const cause = isOdd(box.grad) ? `the gradient that arrives, ${by(box)}, is not finite`
    : early ? `${name(early)} is ${say(early.data)} already in the forward pass`
    : `${box.op} has no finite slope here, or the product is too large`;
  return `${isArray(share) ? "Not all of it is finite" : `The part is ${say(share)}`}, because ${cause}.`;
}
function whyZero(box, operand, { local, flat }) {
  const out = [], isCancelled = box.users.some(([i, k]) => !isZero(boxes[i].edges[k].share));
  const what = isCancelled ? `the parts that arrived at ${name(box)} cancel`
    : "nothing arrives from above, the side of the result";
  if (isZero(box.grad)) out.push(`0, because ${what}: ${by(box)} is 0.`);
  if (flat) out.push(`0, because the local derivative ${slopeOf(box, operand)} is 0 here.`);
  else if (local === null && !out.length) {
    out.push("0, because what arrives and the local derivatives cancel in the sum, " +
      "or are too small for floating-point numbers.");
  }
  return out.length ? out : ["0, because the product is too small for a floating-point number."];
}
function why(box, operand, edge) {
  if (isOdd(edge.share)) return [whyNotFinite(box, edge)];
  return isZero(edge.share) ? whyZero(box, operand, edge) : [];
}
function guessed(typed) {
  const plain = typed.trim().toLowerCase().replace(/[−–]/g, "-").replace(",", ".");
  const word = plain.replace(/∞|inf(inity)?$/, "Infinity");
  return word && (word === "nan" || !Number.isNaN(Number(word))) ? Number(word) : null;
}
function ask(box, k) {
  const goal = box.edges[k].share, operand = boxes[box.parents[k]].title || "the operand";
  const label = `Your prediction of the part that ${operand} receives`;
  const field = h("input", { type: "text", autocomplete: "off", "aria-label": label });
  const check = h("button", { type: "submit" }, "Check"), said = h("span", { role: "status" });
  const reveal = h("button", { type: "button", class: "reveal" }, "Reveal");
  const form = h("form", { class: "ask" }, bit("="), field, " ", check, " ", reveal, " ", said);
  const done = verdict => {
    answered.add(`${now}:${k}`);
    show(false);
    const rule = $("step").querySelector(`[data-position="${k}"]`);
    rule.append(h("p", { class: "right", role: "status" }, verdict));
    ($("step").querySelector("form input") || $("buttons").querySelector("[data-go=next]")).focus();
  };
  form.onsubmit = event => {
    event.preventDefault();
    const guess = guessed(field.value), isNear = Math.abs(guess - goal) <= 0.01 * Math.abs(goal);
    if (guess !== null && (Object.is(guess, goal) || isNear)) return done(`Right: ${say(goal)}.`);
    said.className = "wrong";
    said.textContent = guess === null ? "Type a number, as 0.5 or −2."
      : goal && guess === -goal ? "Not yet: look at the sign." : "Not yet.";
  };
  reveal.onclick = () => done("Revealed.");
  return h("div", {}, form, note(`${by(box)} is ${say(box.grad)}.`));
}
const SAYS = {
  start() {
    const given = telling.filter(leaf => leaf.title).map(leaf => `${name(leaf)} = ${say(leaf.data)}`);
    const next = `The forward pass computes everything else from them, up to the result ${name(root)}. ` +
      "The backward pass then finds the gradients. Press Next, below, or the key →.";
    return ["Before the first step",
      given.length ? h("p", {}, `These numbers are given: ${between(given, 4, 4).join("; ")}.`) : "",
      h("p", {}, next)];
  },
  forward(box) {
    const [words, numbers, result] = [made(box, name), made(box, figure), say(box.data)];
    const isSame = numbers === words || numbers === result;
    const line = h("p", { class: "rule math", "data-forward": box.i, "data-value": box.data },
      bit(h("b", {}, name(box))), bit(`= ${words}`), isSame ? "" : bit(`= ${numbers}`),
      isArray(box.data) ? bit(`: ${full(box.data)}`) : words === result ? "" : bit(`= ${result}`));
    return [`Forward pass: ${name(box)} is computed`, line,
      box.shape ? note(`shape ${shapeOf(box) || "()"}`) : "",
      box.grad === null ? note("No gradient will go through it.") : ""];
  },
  seed() {
    const attributes = { class: "rule math plus", "data-seed": root.i, "data-total": root.grad };
    return ["The backward pass begins at the result",
      h("p", attributes, h("b", {}, `${by(root)} = ${say(root.grad)}`)),
      h("p", {}, `${name(root)} changes exactly as much as ${name(root)} itself. ` +
        "All other gradients are still unknown: “∂ —”.")];
  },
  backward(box) {
    return [`Backward through ${name(box)} = ${made(box, name)}`,
      h("p", {}, bit(`${by(box)} = ${full(box.grad)}`), "has arrived, with all its parts. " +
        "Each operand that is no constant receives its part, by the chain rule:"),
      ...box.edges.map((edge, k) => (edge ? explainPart(box, k) : ""))];
  },
  end() {
    const wanted = leaves.filter(leaf => leaf.title && leaf.grad !== null).reverse();
    const row = (cell, words, attributes) => h("tr", attributes, ...words.map(word => h(cell, {}, word)));
    const rows = wanted.map(leaf => {
      const { data, grad } = leaf, value = isArray(data) ? shapeOf(leaf) : say(data);
      const gradient = isArray(grad) ? `${range(grad)}, norm ${say(grad[3])}` : say(grad);
      return row("td", [name(leaf), value, gradient], { "data-leaf": leaf.i, "data-total": grad });
    });
    return ["Done: every gradient is known",
      h("table", {}, row("th", ["number", "value", "gradient"]), ...rows)];
  },
};
function explain() {
  const { is, box } = steps[now], [title, ...parts] = SAYS[is](box);
  $("step").replaceChildren(h("h2", {}, title), ...parts);
  const elements = [...$("step").querySelectorAll("h2, p, .rule > div:first-child, .also")];
  const words = new Set(elements.map(element => element.textContent.replace(/\s+/g, " ").trim()));
  const told = `Step ${now} of ${last}. ${[...words].join(" ")}`.slice(0, 1500);
  const spoken = told.replace(/∂(\S+)\/∂/g, "the derivative of $1 by ").replaceAll("+=", "gets");
  $("live").textContent = spoken.replaceAll("×", "times").replaceAll("−", "minus ");
}

// ---- One node: its value, its gradient, and all its paths to the result ----
function heat(data, title) {
  if (!isArray(data) || !data[6]) return [];
  const rows = data[6], [high, across] = data[7], most = largest(rows.flat()), side = 20;
  const n = Math.max(...rows.map(row => row.length));
  const map = v("svg", { class: "heat", viewBox: `0 0 ${n * side} ${rows.length * side}`, role: "img",
    "aria-label": `Heat map of the ${title}: ${full(data)}`, style: `max-width:${Math.min(320, n * 40)}px` });
  rows.forEach((row, y) => row.forEach((x, k) => {
    const place = { x: k * side, y: y * side, width: side - 0.5, height: side - 0.5 };
    map.append(v("rect", { ...place, ...tint(x, most, 2) },
      v("title", {}, `row ${y * high}, column ${k * across}: ${say(x)}`)));
  }));
  const blocks = high * across > 1 ? ` Each cell is the mean of a block of up to ${high} × ${across}.` : "";
  return [h("h3", {}, title), map, note(`${full(data)}. Blue above 0, orange below.${blocks}`)];
}
const MOST = 20;
function paths(box) {
  const counts = new Map([[root.i, 1n]]), found = [], stack = [[box.i, null]];
  for (let i = root.i - 1; i >= box.i; i--) {
    counts.set(i, boxes[i].users.reduce((sum, [user]) => sum + (counts.get(user) || 0n), 0n));
  }
  while (stack.length && found.length < MOST) {
    const [i, before] = stack.pop();
    if (i === root.i) found.push(before);
    else for (const [user, k] of [...boxes[i].users].reverse()) stack.push([user, { user, k, before }]);
  }
  const links = path => {
    const out = [];
    for (; path; path = path.before) out.unshift(path);
    return out;
  };
  return { total: counts.get(box.i), found: found.map(links) };
}
function explainPaths(box) {
  const { total, found } = paths(box), list = h("ul"), are = total > 1n ? "paths" : "path";
  let sum = 0, hasArrays = false;
  for (const path of found) {
    const stops = [box, ...path.map(({ user }) => boxes[user])].map(name);
    const item = list.appendChild(h("li", {}, between(stops, 4, 4).join(" → ")));
    const locals = path.map(({ user, k }) => boxes[user].edges[k].local);
    if (locals.includes(null)) { hasArrays = true; continue; }
    const product = locals.reduceRight((x, y) => x * Number(y), 1);
    sum += product;
    const factors = between(locals.map(local => bracket(say(local))), 4, 4).join(" × ");
    item.append(": ", h("span", { class: "math", "data-product": product }, `${factors} = ${say(product)}`));
  }
  const few = `Along each path the local derivatives are multiplied; the sum over all paths is ${say(sum)}.`;
  const many = "The gradient is the sum over all paths. " +
    "The backward pass does not walk them one by one: it adds at every node.";
  const rest = total > MOST ? `; the first ${MOST}` : "";
  const title = `${total.toLocaleString("en")} ${are} to ${name(root)}${rest}`;
  const why = total > MOST ? note(many) : hasArrays ? "" : note(few);
  return [h("h3", { "data-paths": String(total) }, title), list, why];
}
function explainNode() {
  $("node").hidden = chosen === null;
  if (chosen === null) return;
  const box = boxes[chosen], entry = state.get(chosen);
  const isComplete = now === last || (entry && !entry.unseen && entry.parts === entry.of);
  const isSecret = isPredicting && !isComplete;
  const digits = data => (isArray(data) ? full(data) : say(data, 10));
  const fact = (label, words, attributes) =>
    h("p", attributes, h("b", {}, `${label} `), h("span", { class: "math" }, words));
  const close = h("button", { type: "button", style: "float:right", "aria-label": "Close" }, "Close");
  close.onclick = () => choose(null);
  const about = [
    box.op ? `${box.kind} ${box.kind === "result" ? "of " : ""}${box.op}` : box.kind,
    box.scope.length && `in ${box.scope.join(" › ")}`, shapeOf(box) && `Tensor ${shapeOf(box)}`,
    box.users.length > 1 && `used ${box.users.length} times`,
  ];
  const parts = entry ? `${full(entry.total)} (${entry.parts} of ${entry.of} parts)` : "nothing";
  const soFar = isComplete ? `= ${digits(box.grad)}` : `so far ${parts}; at the end ${digits(box.grad)}`;
  const gradient = box.grad === null ? fact("Gradient", "none: it is a constant")
    : isSecret ? fact("Gradient", "hidden while you predict it")
    : fact(`Gradient ${by(box)}`, soFar, { "data-grad": box.grad });
  const how = box.op ? `${made(box, name)} = ` : "";
  $("node").replaceChildren(close, h("h2", {}, box.title || "a constant"),
    note(about.filter(Boolean).join(", ")),
    fact("Value", how + digits(box.data), { "data-value": box.data }), gradient,
    ...(isSecret || box.grad === null || box === root ? [] : explainPaths(box)),
    ...heat(box.data, "value"), ...(isSecret ? [] : heat(box.grad, "gradient")));
}
function choose(i) {
  chosen = i;
  $("nodes").value = i === null ? "" : String(i);
  show(false);
  if (i !== null) $("node").scrollIntoView({ block: "nearest" });
}

// ---- Looking at it: pan, zoom, fit ----
// the view: "auto", the whole where its letters can be read, else the part near the present box; "whole";
// or "free", as the reader left it
const view = { x: 0, y: 0, k: 1, by: "auto" };
const READABLE = 12 / 13, ABOVE = 44;
const place = () => put(world, { transform: `translate(${view.x} ${view.y}) scale(${view.k})` });
const fitting = ({ width, height }) => Math.min(1.3, width / size.w, (height - ABOVE) / size.h);
function look() {
  const frame = picture.getBoundingClientRect(), { width, height } = frame;
  if (!width) return;
  const { box } = steps[now], item = box && ends(box), k = fitting(frame);
  if (view.by !== "free") view.k = view.by === "auto" ? Math.max(k, READABLE) : k;
  const { x, y } = view, [left, top] = item ? [item.at[0] * view.k + x, item.at[1] * view.k + y] : [0, 0];
  const [right, bottom] = item ? [left + item.w * view.k, top + item.h * view.k] : [0, 0];
  const isSeen = left >= 0 && top >= 0 && right <= width && bottom <= height;
  if (view.by !== "free" || !isSeen) {
    const [cx, cy] = item ? [item.at[0] + item.w / 2, item.at[1] + item.h / 2] : [0, size.h / 2];
    const placed = (shown, all, c) => (all * view.k <= shown + 1 ? (shown - all * view.k) / 2
      : Math.min(0, Math.max(shown - all * view.k, shown / 2 - c * view.k)));
    view.x = placed(width, size.w, cx);
    view.y = ABOVE + placed(height - ABOVE, size.h, cy);
  }
  place();
}
function zoom(factor, x, y) {
  if (!factor) {
    view.by = "whole";
    show(false);
    return;
  }
  const { width, height } = picture.getBoundingClientRect();
  const k = Math.min(6, Math.max(0.05, view.k * factor)), by = k / view.k;
  const [cx, cy] = [x ?? width / 2, y ?? height / 2];
  Object.assign(view, { by: "free", x: cx - (cx - view.x) * by, y: cy - (cy - view.y) * by, k });
  place();
}
let held = null, moved = 0;
const spot = event => {
  const { left, top } = picture.getBoundingClientRect();
  return [event.clientX - left, event.clientY - top];
};
picture.addEventListener("wheel", event => {
  event.preventDefault();
  zoom(Math.exp(-Math.max(-200, Math.min(200, event.deltaY)) / 400), ...spot(event));
}, { passive: false });
picture.addEventListener("pointerdown", event => { [held, moved] = [spot(event), 0]; });
window.addEventListener("pointermove", event => {
  if (!held) return;
  const [x, y] = spot(event), [dx, dy] = [x - held[0], y - held[1]];
  moved += Math.abs(dx) + Math.abs(dy);
  if (moved < 4) return;
  held = [x, y];
  Object.assign(view, { by: "free", x: view.x + dx, y: view.y + dy });
  place();
});
for (const kind of ["pointerup", "pointercancel"]) window.addEventListener(kind, () => { held = null; });
// a drag is no click
picture.addEventListener("click", event => { if (moved >= 4) event.stopPropagation(); }, true);
picture.addEventListener("keydown", event => {
  if (!["Enter", " "].includes(event.key) || event.target.getAttribute("role") !== "button") return;
  event.stopPropagation();
  event.target.dispatchEvent(new MouseEvent("click", { bubbles: true }));
});

// ---- Going from step to step ----
// the first view shows inputs and result in readable letters: it closes as many groups as that needs
function layAll() {
  const isFirst = now === 0 && view.by === "auto" && !isOpened, frame = picture.getBoundingClientRect();
  const first = [...LEVELS.map(test => [test, 0]), ...[8, 4, 2, 1].map(count => [LEVELS[0], count])];
  for (const [test, count] of isFirst ? first : [[LEVELS[0], 0]]) {
    cover = test;
    foldAllBut(count);
    lay();
    if (fitting(frame) >= READABLE) break;
  }
}
function show(isStepped) {
  state = arrived(now);
  if (isStepped) peek = new Set(steps[now].box ? steps[now].box.groups.map(group => group.key) : []);
  layAll();
  paint();
  explain();
  explainNode();
  look();
  put($("slider"), { "aria-valuetext": `step ${now} of ${last}, ${steps[now].is}` });
  $("slider").value = now;
  $("count").textContent = `step ${now} of ${last}`;
  const ends = { first: 0, back: 0, next: last, last };
  for (const button of $("buttons").children) button.disabled = ends[button.dataset.go] === now;
}
function go(t) {
  t = Math.max(0, Math.min(last, t));
  if (t === now) return;
  now = t;
  show(true);
  // a frame of a notebook may not touch its history
  try { history.replaceState(null, "", `#step=${now}`); } catch { /* nothing to link to */ }
}
let timer = null;
function play(on) {
  clearInterval(timer);
  timer = null;
  if (on) {
    if (now === last) go(0);
    timer = setInterval(() => {
      if (now === last || $("step").querySelector(".ask")) play(false);
      else go(now + 1);
    }, 1600);
  }
  const button = $("buttons").querySelector("[data-go=play]"), word = on ? "Pause" : "Play";
  button.querySelector("path").setAttribute("d", on ? "M3 2h4v12H3zM9 2h4v12H9z" : "M3 1v14l11-7z");
  put(button, { "aria-label": word, title: `${word} (Space)` });
}
const ACTIONS = {
  first: () => go(0), back: () => go(now - 1), play: () => play(timer === null),
  next: () => go(now + 1), last: () => go(last),
};
function act(what) {
  if (what !== "play") play(false);
  ACTIONS[what]();
}
for (const button of $("buttons").children) button.onclick = () => act(button.dataset.go);
const KEYS = { ArrowRight: "next", ArrowLeft: "back", Home: "first", End: "last", " ": "play" };
const ZOOMS = { "+": 1.3, "-": 0.77, 0: 0 };
document.addEventListener("keydown", event => {
  const { target, key } = event;
  const isTaken = target.matches("input, select, textarea") || (key === " " && target.matches("button"));
  if (event.ctrlKey || event.metaKey || event.altKey || isTaken) return;
  if (KEYS[key]) {
    event.preventDefault();
    act(KEYS[key]);
  } else if (key in ZOOMS) zoom(ZOOMS[key]);
  else if (key === "?") intro($("intro").hidden);
  else if (key === "Escape") chosen === null ? intro(false) : choose(null);
});
$("slider").max = last;
$("slider").oninput = () => { play(false); go(Number($("slider").value)); };
for (const button of $("zoom").children) button.onclick = () => zoom(Number(button.dataset.zoom));
$("predict").onclick = () => {
  isPredicting = !isPredicting;
  play(false);
  put($("predict"), { "aria-pressed": String(isPredicting) });
  if (isPredicting && now < seed) go(seed + 1);
  else show(false);
  const field = $("step").querySelector("form input");
  if (field) field.focus({ preventScroll: true });
};
function intro(isOpen) {
  $("intro").hidden = !isOpen;
  put($("help"), { "aria-expanded": String(isOpen) });
  show(false);
}
$("help").onclick = () => intro($("intro").hidden);
$("dismiss").onclick = () => { intro(false); $("help").focus(); };
const titled = boxes.filter(box => box.title).map(box => h("option", { value: box.i }, fit(box.title, 270)));
$("nodes").append(h("option", { value: "" }, "a node…"), ...titled);
$("nodes").onchange = () => choose($("nodes").value === "" ? null : Number($("nodes").value));
for (const element of document.querySelectorAll(".root")) element.textContent = name(root);
document.title = `${root.title}: the chain rule, step by step`;
function linked() {
  const found = /^#step=(\d+)$/.exec(location.hash);
  if (found || !location.hash) go(found ? Number(found[1]) : 0);
}
function turn() {
  isTall = window.innerWidth <= 880;
  show(false);
}
window.addEventListener("hashchange", linked);
window.addEventListener("resize", turn);
turn();
linked();
document.documentElement.dataset.ready = "yes";
})();
