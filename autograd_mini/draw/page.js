"use strict";
(() => {
const { graph } = window;
const KINDS = ["parameter", "input", "constant", "operation", "result"];
const isArray = Array.isArray;
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
function say(x, digits = 4) {
  if (x === null || x === undefined) return "—";
  if (isArray(x)) return range(x);
  x = Number(x);
  if (Number.isNaN(x)) return "not a number";
  if (!Number.isFinite(x)) return x > 0 ? "infinity" : "−infinity";
  const size = Math.abs(x);
  const plain = size === 0 || (size >= 1e-4 && size < 1e6);
  const whole = size >= 1 ? Math.floor(Math.log10(size)) + 1 : 1;
  const out = plain ? String(Number(x.toPrecision(Math.max(digits, whole)))) : x.toExponential(digits - 1).replace(/\.?0+e/, "e").replace("e+", "e");
  return (out === "-0" ? "0" : out).replaceAll("-", "−");
}
function range([low, high, , , nans, infinite]) {
  const parts = low === null ? [] : [low === high ? `all ${say(low)}` : `${say(low)} to ${say(high)}`];
  if (nans) parts.push(`${nans} not a number`);
  if (infinite) parts.push(`${infinite} infinite`);
  return parts.join(", ") || "empty";
}
const full = x => (isArray(x) ? `${range(x)}; mean ${say(x[2])}, norm ${say(x[3])}` : say(x));
const shapeOf = box => (box.shape ? `(${box.shape.join(", ")}${box.shape.length === 1 ? "," : ""})` : "");
// the end of a path tells more than its beginning
function cut(name, most) {
  const letters = Array.from(name);
  return letters.length <= most ? name : `${letters.slice(0, 9).join("")}…${letters.slice(10 - most).join("")}`;
}
// letters of any script are set apart, so that none reverses the formula around it
const apart = name => (/^[ -~]*$/.test(name) ? name : `\u2068${name}\u2069`);
const shared = new Map();
for (const box of boxes) shared.set(cut(box.title, 32), (shared.get(cut(box.title, 32)) || 0) + 1);
const name = box => (box.title ? apart(shared.get(cut(box.title, 32)) > 1 ? box.title : cut(box.title, 32)) : say(box.data));
// a name that is an expression, or a number that would run into what stands beside it
const loose = word => /[\s+*/×÷(−-]/.test(word) && !/^[\d.]+e−?\d+$/.test(word);
const atom = word => (loose(word) ? `(${word})` : word);
const by = box => `∂${atom(name(root))}/∂${atom(name(box))}`;
// at the result ∂L/∂L arrives, so that ∂L/∂x for the local derivative would be the unknown itself: there the operation stands for L
function slopeOf(box, operand) {
  const words = made(box, name), twice = box.parents.filter(p => p === operand.i).length > 1;
  const what = box !== root ? atom(name(box)) : twice || words.length > 24 ? box.op : /^[\w√]+\([^()]*\)$/.test(words) ? words : `(${words})`;
  return `∂${what}/∂${atom(name(operand))}`;
}
const bracket = x => (x.startsWith("−") ? `(${x})` : x);
const figure = box => (isArray(box.data) ? name(box) : say(box.data));
function fill(rule, box, write) {
  const operands = box.parents.map(p => boxes[p]);
  return rule.replace(/[\ue000-\uf8ff]/g, (letter, at) => {
    const k = letter.charCodeAt(0) - 0xe000, before = rule.slice(0, at), after = rule.slice(at + 1);
    if (letter === "\uf8ff") return after.startsWith(" /") ? `(${by(box)})` : by(box);
    const other = letter === "\uf8fe" ? box : operands[k], word = write(other);
    const beside = (before && !/(\(|, )$/.test(before)) || (after && !/^(\)|, )/.test(after));
    if (before.endsWith(" if ") && after.startsWith(" else") && word === say(other.data)) return String(Number(other.data) !== 0);
    if (/^[−\d]/.test(word) && !before.endsWith("−")) {
      if (/^[⁰¹²³⁴-⁹⁻^ᵀ]/.test(after)) return /^\d+(\.\d+)?$/.test(word) ? word : `(${word})`;
      return word.startsWith("−") && (/^ [×/@−÷]/.test(after) || (before && !/(\(|, )$/.test(before))) ? `(${word})` : word;
    }
    return beside ? atom(word) : word;
  });
}
function call(box, write) {
  const words = box.parents.map(p => write(boxes[p]));
  return `${box.op}(${words.length > 8 ? [...words.slice(0, 6), "…", words.at(-1)].join(", ") : words.join(", ")})`;
}
function made(box, write) {
  if (box.op === "cast" && box.shape && !boxes[box.parents[0]].shape) return `${write(boxes[box.parents[0]])} as a Tensor`;
  return box.how ? fill(box.how, box, write) : call(box, write);
}
const zero = x => (isArray(x) ? x[0] === 0 && x[1] === 0 && !odd(x) : Number(x) === 0);
const odd = x => (isArray(x) ? x[4] + x[5] > 0 : !Number.isFinite(Number(x)));

// ---- The steps ----
const ops = boxes.filter(box => box.parents.length);
const pulls = [...ops].reverse().filter(box => box.grad !== null);
const steps = [{ is: "start" }, ...ops.map(box => ({ is: "forward", box })), { is: "seed", box: root }, ...pulls.map(box => ({ is: "backward", box })), { is: "end" }];
const seed = ops.length + 1;
const made_at = new Map(ops.map((box, k) => [box.i, k + 1]));
let now = 0, predicting = false, chosen = null;
const answered = new Set();
const hides = (t, k) => predicting && t === now && !answered.has(`${t}:${k}`);

// what has arrived at each node once step t is done, and in what parts
function arrived(t) {
  const held = new Map();
  const put = (box, entry) => held.set(box.i, entry);
  if (t >= seed) put(root, { total: root.grad, parts: 1, of: 1 });
  for (let s = seed + 1; s <= Math.min(t, steps.length - 2); s++) {
    const box = steps[s].box;
    box.edges.forEach((edge, k) => {
      if (!edge) return;
      const operand = boxes[box.parents[k]];
      const before = held.get(operand.i);
      const parts = (before ? before.parts : 0) + 1;
      const of = operand.users.length;
      put(operand, { total: edge.total, parts, of, before, unseen: hides(s, k) || !!(before && before.unseen) });
      if (s === t) edge.now = held.get(operand.i);
    });
  }
  return held;
}

// ---- Groups: the modules in which nodes were made ----
const groups = new Map();
for (const box of boxes) {
  for (let d = 1; d <= box.scope.length; d++) {
    const key = JSON.stringify(box.scope.slice(0, d));
    if (!groups.has(key)) groups.set(key, { key, group: true, title: box.scope[d - 1], depth: d, around: d > 1 ? JSON.stringify(box.scope.slice(0, d - 1)) : null, members: [] });
    groups.get(key).members.push(box);
  }
}
// a group of one box, or of all that is in the group around it, is not worth a frame
for (const box of boxes) {
  box.groups = box.scope.map((_, d) => groups.get(JSON.stringify(box.scope.slice(0, d + 1))))
    .filter(group => group.members.length > 1 && group.members.length !== (groups.get(group.around) || { members: [] }).members.length);
  for (const group of box.groups) group.used = true;
}
const shut = new Set();
let peek = new Set();
function shutBelow(test) {
  shut.clear();
  for (const group of groups.values()) if (group.used && test(group)) shut.add(group.key);
}
const ends = box => box.groups.find(group => shut.has(group.key) && !peek.has(group.key)) || box;
const inner = new Set(boxes.map(box => box.groups.length && box.groups.at(-1).key));
for (const test of [() => false, group => inner.has(group.key), group => group.depth > 1, () => true]) {
  shutBelow(test);
  if (new Set(boxes.map(ends)).size <= 60) break;
}

// ---- Elements: text reaches the page as text alone ----
const $ = id => document.getElementById(id);
function put(element, attributes, ...children) {
  for (const [key, value] of Object.entries(attributes || {})) if (value !== false && value !== null) element.setAttribute(key, value);
  element.append(...children);
  return element;
}
const h = (tag, attributes, ...children) => put(document.createElement(tag), attributes, ...children);
const v = (tag, attributes, ...children) => put(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, ...children);
const pen = document.createElement("canvas").getContext("2d");
pen.font = "13px system-ui, sans-serif";
const wide = words => pen.measureText(words).width;
function fit(words, most) {
  if (wide(words) <= most) return words;
  let letters = Array.from(words).slice(0, 60);
  while (letters.length && wide(`${letters.join("")}…`) > most) letters.pop();
  return `${letters.join("")}…`;
}

// ---- Colour: orange below zero, blue above, on a logarithmic scale that is symmetric about it ----
const middle = x => (isArray(x) ? x[2] : Number(x));
const largest = Math.max(...boxes.map(box => Math.abs(middle(box.grad)) || 0).filter(Number.isFinite), 0);
function tint(x, most) {
  x = middle(x);
  if (!x || !most || Number.isNaN(x)) return null;
  const size = Math.min(Math.abs(x) / most, 1);
  return { sign: x > 0 ? "plus" : "minus", opacity: (0.08 + 0.37 * Math.log1p(1000 * size) / Math.log1p(1000)).toFixed(3) };
}

// ---- Layout: layers along the main axis, one container after another from the inside out ----
let tall = false;
const GAP = 80, SPACE = 16;
function layers(items, links) {
  const place = new Map(items.map((item, i) => [item, i]));
  const out = items.map(() => []), into = items.map(() => []);
  for (const [a, b] of links) { out[place.get(a)].push(place.get(b)); into[place.get(b)].push(place.get(a)); }
  const rank = items.map(() => 0), waits = into.map(from => from.length), done = items.map(() => false);
  const free = waits.flatMap((n, i) => (n ? [] : [i]));
  for (let settled = 0; settled < items.length; settled++) {
    if (!free.length) {
      // groups can stand in a circle: then one that is reached already goes next
      const left = items.flatMap((_, i) => (done[i] ? [] : [i]));
      free.push(left.find(i => rank[i]) ?? left.at(-1));
    }
    const i = free.pop();
    if (done[i]) { settled--; continue; }
    done[i] = true;
    for (const j of out[i]) if (!done[j]) { rank[j] = Math.max(rank[j], rank[i] + 1); if (!--waits[j]) free.push(j); }
  }
  items.forEach((_, i) => {
    if (!into[i].length && out[i].length) rank[i] = Math.max(rank[i], Math.min(...out[i].map(j => rank[j])) - 1);
  });
  return { rank, place };
}
// A lane leads past the boxes of one group: from an item there to another; from outside (null) to an item; or from an item to outside.
// `cells` are the places that it takes in the ranks between; `before` and `after` are its continuations inside the two items,
// `out` and `into` the places where it leaves and enters its group.
const across = item => (tall ? item.w : item.h);
const mean = all => all.reduce((sum, x) => sum + x, 0) / all.length;
const leaves = lane => (lane.before.size ? mean([...lane.before].map(other => other.out)) : across(lane.from) / 2);
const enters = lane => (lane.after.size ? mean([...lane.after].map(other => other.into)) : across(lane.to) / 2);
function arrange(items, lanes, inset) {
  const { rank, place } = layers(items, lanes.filter(lane => lane.from && lane.to).map(lane => [lane.from, lane.to]));
  const cells = items.map((item, i) => ({ item, rank: rank[i], main: tall ? item.h : item.w, cross: across(item), near: [] }));
  const last = Math.max(0, ...rank);
  for (const lane of lanes) {
    const [a, b] = [lane.from, lane.to].map(item => item && cells[place.get(item)]);
    const [first, end] = [a ? a.rank + 1 : 0, b ? b.rank : last + 1];
    Object.assign(lane, { a, b, cells: [] });
    if (end - first < 40) for (let r = first; r < end; r++) lane.cells.push({ rank: r, main: 0, cross: 2, near: [] });
    cells.push(...lane.cells);
    const stops = [a && [a, leaves(lane) - a.cross / 2], ...lane.cells.map(cell => [cell, 0]), b && [b, enters(lane) - b.cross / 2]].filter(Boolean);
    stops.slice(1).forEach(([cell, off], k) => {
      const [before, offBefore] = stops[k];
      before.near.push({ cell, off: off - offBefore });
      cell.near.push({ cell: before, off: offBefore - off });
    });
  }
  const rows = [];
  for (const cell of cells) (rows[cell.rank] ||= []).push(cell);
  for (let r = 0; r < rows.length; r++) rows[r] ||= [];
  rows.forEach(row => row.forEach((cell, k) => { cell.at = k; }));
  for (let sweep = 0; sweep < 10; sweep++) {
    for (const row of sweep % 2 ? [...rows].reverse() : rows) {
      for (const cell of row) {
        const side = cell.near.map(near => near.cell).filter(other => (sweep % 2 ? other.rank > cell.rank : other.rank < cell.rank));
        cell.wish = side.length ? mean(side.map(other => other.at / Math.max(1, rows[other.rank].length - 1))) : cell.at / Math.max(1, row.length - 1);
      }
      row.sort((a, b) => a.wish - b.wish).forEach((cell, k) => { cell.at = k; });
    }
  }
  for (const row of rows) {
    let c = 0;
    for (const cell of row) { cell.offset = c + cell.cross / 2; cell.c = cell.offset; c += cell.cross + (cell.item ? SPACE : SPACE / 2); }
    for (const cell of row) cell.c -= c / 2;
  }
  const back = cell => cell.near.filter(near => near.cell.rank < cell.rank);
  for (const cell of cells) { cell.back = back(cell); cell.lead = cell.back.filter(near => back(near.cell).length); }
  // at last straight on from what was computed before, and the leaves as near as that allows
  const PULLS = [...Array(12).fill(cell => cell.near), cell => (cell.lead.length ? cell.lead : cell.back), cell => (cell.back.length ? [] : cell.near)];
  PULLS.forEach((pulls, sweep) => {
    for (const row of sweep % 2 ? [...rows].reverse() : rows) {
      // as near to its neighbours as the order allows: blocks that would overlap become one, at their mean
      const blocks = [];
      for (const cell of row) {
        const side = pulls(cell), weight = sweep > 11 && cell.back.length ? 1e4 : 1;
        const wish = (side.length ? mean(side.map(near => near.cell.c + near.off)) : cell.c) - cell.offset;
        let block = { sum: wish * weight, n: weight, cells: [cell] };
        while (blocks.length && blocks.at(-1).sum / blocks.at(-1).n > block.sum / block.n) {
          const before = blocks.pop();
          block = { sum: before.sum + block.sum, n: before.n + block.n, cells: [...before.cells, ...block.cells] };
        }
        blocks.push(block);
      }
      for (const block of blocks) for (const cell of block.cells) cell.c = block.sum / block.n + cell.offset;
    }
  });
  let main = 0;
  const least = Math.min(...cells.map(cell => cell.c - cell.cross / 2), 0);
  let most = 0;
  for (const row of rows) {
    const size = Math.max(0, ...row.map(cell => cell.main));
    for (const cell of row) {
      cell.m = [main, main + size];
      cell.c -= least;
      most = Math.max(most, cell.c + cell.cross / 2);
      if (cell.item) {
        const m = main + (size - cell.main) / (cell.back.length ? 2 : 1);
        cell.item.at = tall ? [cell.c - cell.cross / 2, m] : [m, cell.c - cell.cross / 2];
      }
    }
    main += size + GAP;
  }
  main -= GAP;
  for (const lane of lanes) {
    const top = cell => cell.c - cell.cross / 2;
    if (!lane.to) lane.out = inset + (lane.cells.length ? lane.cells.at(-1).c : top(lane.a) + leaves(lane));
    if (!lane.from) lane.into = inset + (lane.cells.length ? lane.cells[0].c : top(lane.b) + enters(lane));
  }
  return { w: tall ? most : main, h: tall ? main : most };
}
const whole = { key: "", depth: 0, at: [0, 0] };
function measure(item) {
  if (item.group) {
    item.label = fit(item.title, 150);
    Object.assign(item, { w: Math.max(wide(item.label), 60, wide(groupWords(item, true))) + 30, h: 44 });
  } else if (item.w === undefined) {
    const scope = `${item.scope.slice(1).join(".")}.`;
    const own = item.scope.length > 1 && item.title.startsWith(scope) ? item.title.slice(scope.length) : item.title;
    item.label = fit(own, 130);
    item.sign = fit(item.symbol, 80);
    const lines = boxLines(item, { total: item.grad });
    item.w = Math.max(wide(item.label) + (item.sign ? wide(item.sign) + 12 : 0), ...lines.map(wide), 24) + 26;
    item.h = (item.label ? 26 : 10) + 18 * lines.length;
  }
}
const idOf = item => item.key ?? item.i;
let seen, links, size = { w: 1, h: 1 }, layoutKey = "";
function lay() {
  const open = [...groups.values()].filter(group => group.used && (!shut.has(group.key) || peek.has(group.key)));
  const key = `${tall}|${open.map(group => group.key).join()}`;
  if (key === layoutKey) return false;
  layoutKey = key;
  const inside = new Map([whole, ...open].map(group => [group, { items: new Set(), lanes: new Map() }]));
  const chain = new Map();
  seen = [];
  for (const box of boxes) {
    const end = ends(box);
    const around = [whole, ...(end === box ? box.groups : box.groups.slice(0, box.groups.indexOf(end))), end];
    chain.set(box.i, around);
    if (!chain.has(end)) { chain.set(end, around); seen.push(end); measure(end); }
    for (let d = 1; d < around.length; d++) inside.get(around[d - 1]).items.add(around[d]);
  }
  links = [];
  const drawn = new Map();
  for (const box of boxes) box.parents.forEach((p, k) => {
    const [a, b] = [chain.get(p), chain.get(box.i)];
    const [from, to] = [a.at(-1), b.at(-1)];
    if (from === to) return;
    let d = 1;
    while (a[d] === b[d]) d++;
    const id = `${idOf(from)}>${idOf(to)}`;
    const known = drawn.get(id);
    if (known && (from.group || to.group)) { known.edges.push([box.i, k]); return; }
    // out of the groups of the operand, across the one that holds both, and into those of the result
    const lane = (group, start, end) => {
      const all = inside.get(group).lanes, key = `${idOf(from)}:${start && idOf(start)}>${end && idOf(end)}`;
      if (!all.has(key)) all.set(key, { group, from: start, to: end, before: new Set(), after: new Set() });
      return all.get(key);
    };
    const lanes = [...a.slice(d + 1).map((item, e) => lane(a[d + e], item, null)).reverse(), lane(a[d - 1], a[d], b[d]), ...b.slice(d + 1).map((item, e) => lane(b[d + e], null, item))];
    lanes.forEach((one, j) => {
      if (one.from && one.from !== from) one.before.add(lanes[j - 1]);
      if (one.to && one.to !== to) one.after.add(lanes[j + 1]);
    });
    const link = { from, to, lanes, edges: [[box.i, k]], nth: known ? ++known.again : 0, again: 0 };
    if (!known) drawn.set(id, link);
    links.push(link);
  });
  for (const group of [...open].sort((a, b) => b.depth - a.depth).concat(whole)) {
    const { items, lanes } = inside.get(group);
    const pad = group === whole ? 16 : 12, top = group === whole ? 16 : 28;
    const laid = arrange([...items].reverse(), [...lanes.values()], tall ? pad : top);
    Object.assign(group, { w: Math.max(laid.w + 2 * pad, group === whole ? 0 : wide(`− ${group.title}`) + 30), h: laid.h + top + pad, pad, top, items });
  }
  for (const group of [whole, ...open.sort((a, b) => a.depth - b.depth)]) {
    for (const item of group.items) item.at = [item.at[0] + group.at[0] + group.pad, item.at[1] + group.at[1] + group.top];
  }
  size = { w: whole.w, h: whole.h };
  draw(open);
  return true;
}

// ---- The picture ----
const world = $("world"), picture = $("picture");
function outline(kind, w, h2) {
  const r = kind === "input" ? h2 / 2 : kind === "parameter" ? 9 : kind === "constant" ? 0 : 7;
  if (kind === "parameter") return `M${r} 0H${w - r}L${w} ${r}V${h2 - r}L${w - r} ${h2}H${r}L0 ${h2 - r}V${r}Z`;
  const q = Math.min(r, w / 2);
  return `M${q} 0H${w - q}A${q} ${q} 0 0 1 ${w} ${q}V${h2 - q}A${q} ${q} 0 0 1 ${w - q} ${h2}H${q}A${q} ${q} 0 0 1 0 ${h2 - q}V${q}A${q} ${q} 0 0 1 ${q} 0Z`;
}
function shapes(kind, w, h2) {
  const shape = v("path", { class: "shape", d: outline(kind, w, h2) });
  if (kind === "group") return [v("path", { class: "shape", d: outline(kind, w, h2), transform: "translate(5 5)" }), shape];
  if (kind === "result") return [v("path", { class: "shape", d: outline(kind, w + 6, h2 + 6), transform: "translate(-3 -3)" }), shape];
  return [shape];
}
function boxLines(box, entry, known = true) {
  const gradient = box.grad === null ? "" : entry && entry.unseen ? "∂ ?" : entry ? (isArray(entry.total) ? `∂ norm ${say(entry.total[3])}` : `∂ ${say(entry.total)}`) : "∂ —";
  if (!isArray(box.data)) return [`${known ? say(box.data) : "…"}${gradient ? ` | ${gradient}` : ""}`];
  return [shapeOf(box), known ? fit(range(box.data), 190) : "…", gradient].filter(Boolean);
}
function groupWords(group, last) {
  const wanted = group.members.filter(box => box.users.some(([i]) => !group.members.includes(boxes[i])) || box === root);
  if (wanted.length === 1 && !isArray(wanted[0].data)) return boxLines(wanted[0], last ? { total: wanted[0].grad } : state.get(wanted[0].i), last || known(wanted[0]))[0];
  return `${group.members.length} boxes`;
}
let state = new Map();
const known = box => !made_at.has(box.i) || made_at.get(box.i) <= now;
function draw(open) {
  world.replaceChildren();
  for (const group of open) {
    const [x, y] = group.at;
    const frame = v("g", { class: "frame", "data-group": group.key },
      v("rect", { x, y, width: group.w, height: group.h, rx: 8 }),
      v("text", { x: x + 8, y: y + 17, role: "button", tabindex: 0, "aria-label": `Close ${group.title}` }, `− ${group.title}`));
    frame.lastChild.onclick = () => toggle(group);
    world.append(frame);
  }
  for (const link of links) world.append(drawLink(link));
  for (const item of seen) {
    const [x, y] = item.at;
    const kind = item.group ? "group" : item.kind;
    const g = v("g", { class: `box ${kind}`, transform: `translate(${x} ${y})` });
    if (item.group) put(g, { "data-group": item.key, role: "button", tabindex: 0, "aria-label": `Open ${item.title}, ${item.members.length} boxes` });
    else g.dataset.node = item.i;
    const told = item.group ? `${item.title}: ${item.members.length} boxes; click to open` : `${item.title || "a constant"}${item.op ? ` = ${made(item, name)}` : ""}\n${item.kind}${item.users.length > 1 ? `, used ${item.users.length} times: its parts are added` : ""}`;
    item.shown = null;
    g.append(v("title", {}, told), v("path", { class: "ring", d: outline(kind, item.w + 14, item.h + 14), transform: "translate(-7 -7)" }), ...shapes(kind, item.w, item.h),
      v("path", { class: "tint", d: outline(kind, item.w, item.h) }));
    if (item.label) {
      const line = v("text", { x: 13, y: 18 }, item.group ? `+ ${item.label}` : item.label);
      if (item.sign) line.append(v("tspan", { class: "op", dx: 10 }, item.sign));
      g.append(line);
    }
    const lines = item.group ? 1 : boxLines(item, null).length;
    item.texts = [];
    for (let k = 0; k < lines; k++) item.texts.push(g.appendChild(v("text", { x: 13, y: (item.label ? 36 : 19) + 18 * k })));
    if (!item.group && item.users.length > 1) {
      const times = `used ${item.users.length}×`, w = 0.85 * wide(times) + 8;
      g.append(v("rect", { class: "mark", x: item.w - w / 2 - 4, y: -8, width: w, height: 16, rx: 8 }), v("text", { x: item.w - 4, y: 4 }, times));
    }
    g.onclick = () => (item.group ? toggle(item) : choose(item.i));
    item.g = g;
    world.append(g);
  }
}
function drawLink(link) {
  const { from, to } = link;
  const shift = link.nth * 12 - link.again * 6;
  // points as [along, across]; between the ranks alone a line goes across, elsewhere straight on
  const turned = ([m, c]) => (tall ? [c, m] : [m, c]);
  const edge = (item, far) => { const [m, c] = turned(item.at); return [m + far * (tall ? item.h : item.w), c + across(item) / 2 + shift]; };
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
  const points = path.map(turned), stop = points.at(-1);
  let d = `M${points[0]}`;
  for (let k = 1; k < points.length; k++) {
    const [[x, y], [x2, y2]] = [points[k - 1], points[k]];
    if (path[k][1] === path[k - 1][1]) d += `L${x2} ${y2}`;
    else d += tall ? `C${x} ${(y + y2) / 2} ${x2} ${(y + y2) / 2} ${x2} ${y2}` : `C${(x + x2) / 2} ${y} ${(x + x2) / 2} ${y2} ${x2} ${y2}`;
  }
  const gap = Math.max(1, path.findIndex(([m], k) => k && m - path[k - 1][0] > 20));
  const head = (p, sign) => (tall ? `M${p[0] - 4} ${p[1]}h8l-4 ${7 * sign}z` : `M${p[0]} ${p[1] - 4}v8l${7 * sign} -4z`);
  const [a, b] = [points[gap - 1], points[gap]], [x, y] = points[0];
  link.heads = [head(stop, 1), head(tall ? [x, y + 7] : [x + 7, y], -1)];
  link.g = v("g", { class: "edge" }, v("path", { d }), v("path", { class: "head", d: link.heads[0] }), v("text", { x: (a[0] + b[0]) / 2 + (tall ? 34 : 0), y: (a[1] + b[1]) / 2 - (tall ? 0 : 8) }));
  return link.g;
}
function toggle(group) {
  if (shut.has(group.key) && !peek.has(group.key)) shut.delete(group.key);
  else { shut.add(group.key); peek.delete(group.key); }
  show(false);
}
function paint() {
  const step = steps[now];
  const at = step.box && ends(step.box);
  const active = ([i, k]) => step.box && step.is !== "seed" && i === step.box.i && (step.is === "forward" || step.box.edges[k]);
  const takes = new Set(step.box && step.box.parents.filter((p, k) => active([step.box.i, k])).map(p => ends(boxes[p])));
  for (const item of seen) {
    const { g } = item;
    const entry = item.group ? null : state.get(item.i);
    const late = !item.group && !known(item);
    const lines = item.group ? [groupWords(item)] : boxLines(item, entry, !late);
    const classes = [["now", item === at], ["takes", takes.has(item) && item !== at], ["later", late], ["chosen", item.i === chosen]];
    const shown = [lines, classes, entry && entry.total].join("|");
    // most boxes are as they were
    if (shown === item.shown) continue;
    item.shown = shown;
    for (const [cls, on] of classes) g.classList.toggle(cls, on);
    item.texts.forEach((line, k) => { line.textContent = lines[k] ?? ""; });
    const colour = entry && !entry.unseen ? tint(entry.total, largest) : null;
    put(g.querySelector(".tint"), { class: `tint ${colour ? colour.sign : ""}`, "fill-opacity": colour ? colour.opacity : 0 });
    if (!item.group) put(g, { "data-value": late ? "" : item.data, "data-grad": entry && !entry.unseen ? entry.total : "" });
  }
  for (const link of links) {
    const on = link.edges.find(active), back = on && step.is === "backward", edge = back && step.box.edges[on[1]];
    if (!on && !link.raised) continue;
    link.g.classList.toggle("on", !!on);
    link.g.children[1].setAttribute("d", link.heads[back ? 1 : 0]);
    const told = back && edge.local !== null && !link.to.group && !hides(now, on[1]) && step.box.parents.length <= 12;
    link.g.lastChild.textContent = told ? `× ${say(edge.local)}` : "";
    if (on) world.append(link.g);
    else world.insertBefore(link.g, seen[0].g);
    link.raised = !!on;
  }
}

// ---- The step in words ----
// broken between lines as a whole, where it can be
const bit = words => put(new DocumentFragment(), {}, h("span", { class: "bit math" }, words), " ");
const note = (...words) => h("p", { class: "note" }, ...words);
function explainPart(box, k) {
  const edge = box.edges[k], operand = boxes[box.parents[k]], entry = edge.now;
  const hidden = hides(now, k) && !isArray(edge.share);
  const before = entry.before;
  const scalar = edge.local !== null;
  const rule = h("div", { class: `rule ${hidden || isArray(edge.share) || zero(edge.share) || odd(edge.share) ? "" : edge.share > 0 ? "plus" : "minus"}`, "data-operand": operand.i, "data-position": k });
  const line = h("div", {}, bit(h("b", {}, `${by(operand)} +=`)));
  const twice = box.parents.filter(p => p === operand.i).length > 1;
  if (scalar) line.append(bit(`${by(box)} × ${slopeOf(box, operand)}`));
  else line.append(bit(edge.rule ? `${fill(edge.rule, box, name)}` : `what ${box.op} passes on of ${by(box)}`));
  rule.append(line);
  if (twice) rule.append(note(`${name(operand)} is operand ${box.parents.map((p, j) => (p === operand.i ? j + 1 : 0)).filter(Boolean).join(" and ")} of ${name(box)}; this is the part by operand ${k + 1}.`));
  if (hidden) {
    rule.append(ask(box, k));
    return rule;
  }
  if (scalar) line.append(bit(`= ${bracket(say(box.grad))} × ${bracket(say(edge.local))}`));
  line.append(bit(`= ${full(edge.share)}`));
  put(rule, { "data-share": edge.share, "data-total": entry.total, "data-local": edge.local, "data-upstream": box.grad });
  const fitted = refit(box, operand, edge.rule || "");
  if (isArray(edge.share) || fitted) rule.append(note(`${count(operand) > 1 ? `shape ${shapeOf(operand)}, as ${name(operand)} has` : "one number"}${fitted}`));
  if (isArray(edge.share) && predicting) rule.append(note("An array is not asked for."));
  if (scalar && edge.rule && !box.shape) {
    const words = [`local derivative: ${slopeOf(box, operand)}`, fill(edge.rule, box, name), fill(edge.rule, box, figure), say(edge.local)];
    const cases = edge.rule.includes(" if ");
    rule.append(h("div", { class: "also math", "data-rule": "" }, cases ? `${words[0]} is ${words[1]}: here ${words[3]}` : words.filter((word, j) => word !== words[j - 1]).join(" = ")));
  }
  for (const words of why(box, operand, edge)) rule.append(h("p", { class: "also why" }, words));
  if (entry.of > 1) {
    rule.append(h("p", { class: "also sum" }, `${name(operand)} is used ${entry.of} times: its parts are added. `,
      h("b", {}, before ? `Already ${full(before.total)}, now ${full(entry.total)}` : `Part 1 of ${entry.of}: now ${full(entry.total)}`),
      before ? ` (part ${entry.parts} of ${entry.of}).` : "."));
    if (before) put(rule, { "data-before": before.total });
  }
  return rule;
}
// how the formula's shape becomes the operand's, where something must be done
const count = box => (box.shape || []).reduce((n, m) => n * m, 1);
function refit(box, operand, rule) {
  if (rule.startsWith("sum(") && count(operand) < count(box)) return `: summed over what was repeated in the forward pass`;
  if (!rule.includes("\uf8ff") || !box.shape || /@|\w\([^)]*\uf8ff/.test(rule)) return "";
  if (count(operand) > count(box)) return `: ${by(box)}, of shape ${shapeOf(box)}, is repeated over what ${box.op} put together`;
  return rule === "\uf8ff" && count(box) > 1 && shapeOf(operand) !== shapeOf(box) ? ": the same numbers in another shape" : "";
}
// at a corner of a function the slope jumps, and its rule is a convention
function corner(box, edge) {
  const [x, y, z] = box.parents.map(p => boxes[p].data), first = name(boxes[box.parents[0]]);
  if (box.shape) return "";
  const at = ["relu", "abs", "leaky_relu"].includes(box.op) && Number(x) === 0 ? `0, where ${first} is`
    : ["maximum", "minimum"].includes(box.op) && Number(x) === Number(y) ? "a tie" : box.op === "clip" && [y, z].map(Number).includes(Number(x)) ? `the edge, where ${first} is` : "";
  if (!at) return "";
  return `${box.op} has a corner at ${at}: the slope jumps there, and by convention this derivative is ${say(edge.local)}${at === "a tie" ? " (a tie shares evenly)" : ""}.`;
}
function why(box, operand, edge) {
  const { local, share } = edge, out = [], slope = slopeOf(box, operand), above = by(box), bent = corner(box, edge);
  if (odd(share)) {
    const what = isArray(share) ? "Not all of it is finite" : `The part is ${say(share)}`;
    const early = [...box.parents.map(p => boxes[p]), box].find(other => odd(other.data));
    if (odd(box.grad)) out.push(`${what}, because what arrives from above, ${above}, is not finite already.`);
    else if (early) out.push(`${what}, because ${name(early)} is ${isArray(early.data) ? "not finite" : say(early.data)} already in the forward pass.`);
    else if (local === null) out.push(`${what}, although what arrives is: ${box.op} makes it so.`);
    else out.push(odd(local) ? `${what}, because the local derivative ${slope} is ${say(local)}: no finite slope here.` : `${what}: the product is too large for a floating-point number.`);
  } else if (zero(share)) {
    const cancelled = box.users.length > 1 && box.users.some(([i, k]) => !zero(boxes[i].edges[k].share));
    if (zero(box.grad)) out.push(cancelled ? `0, because the parts that arrived at ${name(box)} cancel: ${above} is 0.` : `0, because nothing arrives from above, the side of the result: ${above} is 0.`);
    const smooth = edge.local === null && /relu|abs|maximum|minimum|clip|max|min/.test(box.op) ? "" : `: to first order, a small change of ${name(operand)} does not change ${name(box)}`;
    if (edge.flat) out.push(`0, because the local derivative ${slope} is 0 here${bent ? "" : smooth}.`);
    else if (local === null && !out.length) out.push(`0, because what arrives and the local derivatives cancel in the sum, or are too small for floating-point numbers.`);
    if (!out.length) out.push("0, because the product is too small for a floating-point number.");
  }
  if (bent) out.push(bent);
  const product = box.grad * local;
  if (local !== null && !isArray(share) && !odd(share) && !(Math.abs(product - share) <= 1e-6 * Math.abs(share))) out.push(`The rule of ${box.op} computes this part in one go; the product alone would lose it.`);
  return out;
}
function ask(box, k) {
  const edge = box.edges[k], operand = boxes[box.parents[k]];
  const field = h("input", { type: "text", inputmode: "text", autocomplete: "off", "aria-label": `Your prediction of the part that ${operand.title || "the operand"} receives` });
  const said = h("span", { role: "status" });
  const form = h("form", { class: "ask" }, bit("="), field, " ", h("button", { type: "submit" }, "Check"), " ", h("button", { type: "button", class: "reveal" }, "Reveal"), " ", said);
  const done = verdict => {
    answered.add(`${now}:${k}`);
    show(false);
    const rule = $("step").querySelector(`[data-position="${k}"]`);
    rule.append(h("p", { class: "right", role: "status" }, verdict));
    const next = $("step").querySelector("form input");
    if (next) next.focus();
    else $("buttons").querySelector("[data-go=next]").focus();
  };
  form.onsubmit = event => {
    event.preventDefault();
    const typed = field.value.trim().toLowerCase().replace(/[−–]/g, "-").replace(",", ".").replace(/^\+/, "");
    const guess = /^(nan|not a number)$/.test(typed) ? NaN : /^-?(∞|inf|infinity)$/.test(typed) ? (typed[0] === "-" ? -Infinity : Infinity) : Number(typed || "none");
    const goal = edge.share, number = !Number.isNaN(guess) || /^n/.test(typed);
    if (number && (Object.is(guess, goal) || Math.abs(guess - goal) <= 0.01 * Math.abs(goal))) { done(`Right: ${say(goal)}.`); return; }
    said.className = "wrong";
    said.textContent = !number ? "Type a number, as 0.5 or −2." : goal && guess === -goal ? "Not yet: look at the sign." : "Not yet.";
  };
  form.querySelector(".reveal").onclick = () => done("Revealed.");
  return h("div", {}, form, note(`${by(box)} is ${say(box.grad)}, ${[...new Set(box.parents)].filter(p => boxes[p].title).slice(0, 8).map(p => `${name(boxes[p])} is ${say(boxes[p].data)}`).join(", ")}, ${name(box)} is ${say(box.data)}.`));
}
const WHAT = String.raw`((?:\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)|[^\s()/])+)`;
const spoken = formula => formula.replace(RegExp(`∂${WHAT}/∂${WHAT}`, "g"), "the derivative of $1 by $2");
function explain() {
  const step = steps[now], { box } = step, parts = [], root_ = name(root);
  const title = words => parts.push(h("h2", {}, words));
  const leaves = boxes.filter(other => !other.parents.length && other.title).reverse();
  if (step.is === "start") {
    title("Before the first step");
    parts.push(h("p", {}, leaves.length ? `These numbers are given: ${leaves.slice(0, 8).map(leaf => (isArray(leaf.data) ? `${name(leaf)}: array ${shapeOf(leaf)}, values ${range(leaf.data)}` : `${name(leaf)} = ${say(leaf.data)}`)).join("; ")}${leaves.length > 8 ? ` and ${leaves.length - 8} more` : ""}.` : ""),
      h("p", {}, ops.length ? `The forward pass computes everything else from them, up to the result ${root_}. The backward pass then finds the gradients. Press Next, below, or the key →.` : "Nothing is computed from it."));
  } else if (step.is === "forward") {
    title(`Forward pass: ${name(box)} is computed`);
    const [words, numbers] = [made(box, name), made(box, figure)];
    parts.push(h("p", { class: "rule math", "data-forward": box.i, "data-value": box.data },
      bit(h("b", {}, name(box))), bit(`= ${words}`), numbers === words || numbers === say(box.data) || box.op === "cast" ? "" : bit(`= ${numbers}`), isArray(box.data) ? bit(`: ${full(box.data)}`) : words === say(box.data) ? "" : bit(`= ${say(box.data)}`)));
    if (box.shape) parts.push(note(`shape ${shapeOf(box) || "()"}, from ${box.parents.map(p => `${name(boxes[p])} ${shapeOf(boxes[p])}`).join(" and ")}`));
    if (odd(box.data)) parts.push(h("p", { class: "also why" }, isArray(box.data) ? "Not all of it is finite." : `The result is ${say(box.data)}: no finite number.`));
    if (box.grad === null) parts.push(note("No gradient will go through it."));
    if (graph.stale.includes(box.i)) parts.push(h("p", { class: "also why" }, "A number that it was made from has been changed since: run the forward pass again, and explore that."));
  } else if (step.is === "seed") {
    title("The backward pass begins at the result");
    parts.push(h("p", { class: "rule math plus", "data-seed": root.i, "data-total": root.grad }, h("b", {}, `${by(root)} = ${say(root.grad)}`)),
      h("p", {}, `${root_} changes exactly as much as ${root_} itself. All other gradients are still unknown: “∂ —”.`));
  } else if (step.is === "backward") {
    title(`Backward through ${name(box)} = ${made(box, name)}`);
    parts.push(h("p", {}, bit(`${by(box)} = ${full(box.grad)}`), `${box === root ? "was the start" : box.users.length > 1 ? `is complete: ${box.users.length > 2 ? `all ${box.users.length}` : "both"} parts have arrived` : "has arrived"}. ${box.edges.filter(Boolean).length > 1 ? "Each operand receives" : "Its operand receives"} its part, by the chain rule:`));
    box.edges.forEach((edge, k) => { if (edge) parts.push(explainPart(box, k)); });
    const still = [...new Set(box.parents.filter((p, k) => !box.edges[k]))].map(p => boxes[p]);
    if (still.length) parts.push(note(`${still.slice(0, 6).map(name).join(", ")}${still.length > 6 ? ` and ${still.length - 6} more` : ""} ${still.length > 1 ? "are constants, which need" : "is a constant, which needs"} no gradient.`));
  } else {
    const wanted = leaves.filter(leaf => leaf.grad !== null);
    title("Done: every gradient is known");
    const body = h("tbody");
    for (const leaf of wanted.slice(0, 200)) {
      body.append(h("tr", { "data-leaf": leaf.i, "data-total": leaf.grad }, h("td", {}, name(leaf)), h("td", {}, isArray(leaf.data) ? shapeOf(leaf) : say(leaf.data)), h("td", {}, isArray(leaf.grad) ? `${range(leaf.grad)}, norm ${say(leaf.grad[3])}` : say(leaf.grad))));
    }
    const first = wanted.find(leaf => !isArray(leaf.grad) && !zero(leaf.grad) && !odd(leaf.grad));
    if (first) parts.push(h("p", {}, `How to read it: if ${name(first)} alone grows by a very small h, ${root_} changes by about ${bracket(say(first.grad))} × h. Where ${root_} is a loss, training moves each parameter a little against its gradient.`));
    parts.push(h("table", {}, h("thead", {}, h("tr", {}, h("th", {}, ["parameter", "input"].filter(kind => wanted.some(leaf => leaf.kind === kind)).join(" or ") || "number"), h("th", {}, "value"), h("th", {}, "gradient"))), body));
    if (wanted.length > 200) parts.push(note(`and ${wanted.length - 200} more`));
  }
  $("step").replaceChildren(...parts);
  const words = [...$("step").querySelectorAll("h2, p, .rule > div:first-child, .also")].map(element => element.textContent.replace(/\s+/g, " ").trim());
  $("live").textContent = spoken(`Step ${now} of ${steps.length - 1}. ${[...new Set(words)].join(" ")}`).slice(0, 1500).replaceAll("+=", "gets").replaceAll("×", "times").replaceAll("−", "minus ");
}

// ---- One node: its value, its gradient, and all its paths to the result ----
function heat(data, title) {
  const [rows, [high, across]] = [data[6], data[7]];
  const most = Math.max(...rows.flat().map(x => Math.abs(Number(x)) || 0).filter(Number.isFinite), 0);
  const n = Math.max(...rows.map(row => row.length)), side = 20;
  const map = v("svg", { class: "heat", viewBox: `0 0 ${n * side} ${rows.length * side}`, role: "img", "aria-label": `Heat map of the ${title}: ${full(data)}`, style: `max-height:220px;max-width:${Math.min(320, n * 40)}px` });
  rows.forEach((row, y) => row.forEach((x, k) => {
    const colour = tint(x, most);
    map.append(v("rect", { x: k * side, y: y * side, width: side - 0.5, height: side - 0.5, class: `tint ${colour ? colour.sign : ""}`, "fill-opacity": colour ? 2 * colour.opacity : 0 }, v("title", {}, `row ${y * high}, column ${k * across}: ${say(x)}`)));
  }));
  return [h("h3", {}, title), map, note(`${full(data)}. Blue above 0, orange below.${high * across > 1 ? ` Each cell is the mean of a block of up to ${high} × ${across}.` : ""}`)];
}
const MOST = 20;
function paths(box) {
  const count = new Map([[root.i, 1n]]);
  for (let i = boxes.length - 2; i >= box.i; i--) count.set(i, boxes[i].users.reduce((sum, [user]) => sum + (count.get(user) || 0n), 0n));
  const found = [], stack = [[box.i, null]];
  while (stack.length && found.length < MOST) {
    const [i, last] = stack.pop();
    if (i === root.i) { found.push(last); continue; }
    for (const [user, k] of [...boxes[i].users].reverse()) stack.push([user, { user, k, last, i }]);
  }
  return {
    total: count.get(box.i),
    found: found.map(link => { const out = []; for (; link; link = link.last) out.unshift(link); return out; }),
  };
}
function huge(n) {
  const digits = n.toString();
  return digits.length <= 12 ? digits.replace(/\B(?=(\d{3})+$)/g, ",") : `about 10^${digits.length - 1}`;
}
function explainNode() {
  const panel = $("node");
  panel.hidden = chosen === null;
  if (chosen === null) return;
  const box = boxes[chosen], entry = state.get(chosen), complete = now === steps.length - 1 || (entry && !entry.unseen && entry.parts === entry.of);
  const secret = predicting && !complete;
  const close = h("button", { type: "button", style: "float:right", "aria-label": "Close" }, "Close");
  close.onclick = () => choose(null);
  const parts = [close, h("h2", {}, box.title || "a constant"), note([box.op ? `${box.kind} ${box.kind === "result" ? `of ${box.op}` : box.op}` : box.kind, box.scope.length && `in ${box.scope.join(" › ")}`, shapeOf(box) && `Tensor ${shapeOf(box)}`, box.users.length && `used ${box.users.length} time${box.users.length > 1 ? "s" : ""}`].filter(Boolean).join(", "))];
  const fact = (label, words, attributes) => parts.push(h("p", attributes, h("b", {}, `${label} `), h("span", { class: "math" }, words)));
  fact("Value", `${box.op ? `${made(box, name)} = ` : ""}${isArray(box.data) ? full(box.data) : say(box.data, 10)}`, { "data-value": box.data });
  if (box.grad === null) fact("Gradient", "none: it is a constant");
  else if (secret) fact("Gradient", "hidden while you predict it");
  else {
    const last = isArray(box.grad) ? full(box.grad) : say(box.grad, 10);
    fact(`Gradient ${by(box)}`, complete ? `= ${last}` : `so far ${entry ? `${full(entry.total)} (${entry.parts} of ${entry.of} parts)` : "— (nothing has arrived)"}; at the end ${last}`, { "data-grad": box.grad });
  }
  if (!secret && box.grad !== null && box !== root) {
    const { total, found } = paths(box);
    parts.push(h("h3", { "data-paths": String(total) }, `${huge(total)} path${total > 1n ? "s" : ""} to ${name(root)}${total > MOST ? `; the first ${MOST}` : ""}`));
    const list = h("ul");
    let sum = 0, plain = true;
    for (const path of found) {
      const locals = path.map(({ user, k }) => boxes[user].edges[k].local);
      const stops = [box, ...path.map(({ user }) => boxes[user])].map(name);
      const line = stops.length > 9 ? [...stops.slice(0, 4), `… ${stops.length - 8} more …`, ...stops.slice(-4)] : stops;
      const item = h("li", {}, line.join(" → "));
      if (locals.every(local => local !== null)) {
        const product = locals.reduceRight((x, y) => x * Number(y), 1);
        sum += product;
        const factors = locals.map(local => bracket(say(local)));
        item.append(": ", h("span", { class: "math", "data-product": product }, `${factors.length > 9 ? [...factors.slice(0, 4), "…", ...factors.slice(-4)].join(" × ") : factors.join(" × ")} = ${say(product)}`));
      } else plain = false;
      list.append(item);
    }
    parts.push(list);
    const equal = Object.is(sum, Number(box.grad)) || Math.abs(sum - box.grad) <= 1e-6 * Math.abs(box.grad);
    if (plain && total <= MOST && !(equal || (zero(sum) && zero(box.grad)))) parts.push(note("The products in this order leave the range or the digits of floating-point numbers: the gradient is what the backward pass adds up, node by node."));
    else if (plain && total <= MOST) parts.push(note(`Along each path the local derivatives are multiplied${total > 1n ? `; the sum over all paths, ${say(sum)}, is the gradient` : `: that is the gradient`}.`));
    else if (total > MOST) parts.push(note("The gradient is the sum over all paths. The backward pass need not walk them one by one: it adds at every node."));
  }
  if (isArray(box.data) && box.data[6]) parts.push(...heat(box.data, "value"));
  if (isArray(box.grad) && box.grad[6] && !secret) parts.push(...heat(box.grad, "gradient"));
  panel.replaceChildren(...parts);
}
function choose(i) {
  chosen = i;
  $("nodes").value = i === null ? "" : String(i);
  show(false);
  if (i !== null) $("node").scrollIntoView({ block: "nearest" });
}

// ---- Looking at it: pan, zoom, fit ----
// what is seen: "auto", the whole where its letters can be read, else what is near the present box; "whole"; or "free", as the reader left it
const view = { x: 0, y: 0, k: 1, by: "auto" };
const READABLE = 0.6, ABOVE = 44;
const place = () => world.setAttribute("transform", `translate(${view.x} ${view.y}) scale(${view.k})`);
function look() {
  const { width, height } = picture.getBoundingClientRect();
  if (!width) return;
  const k = Math.min(1.3, width / size.w, (height - ABOVE) / size.h);
  const item = steps[now].box && ends(steps[now].box);
  if (view.by !== "free") {
    view.k = view.by === "auto" && k < READABLE ? 0.75 : k;
    view.x = (width - size.w * view.k) / 2;
    view.y = ABOVE + (height - ABOVE - size.h * view.k) / 2;
    if (view.k > k) {
      const [cx, cy] = item ? [item.at[0] + item.w / 2, item.at[1] + item.h / 2] : [0, size.h / 2];
      const within = (shown, all, c) => (all * view.k <= shown ? (shown - all * view.k) / 2 : Math.min(0, Math.max(shown - all * view.k, shown / 2 - c * view.k)));
      view.x = within(width, size.w, cx);
      view.y = within(height, size.h, cy);
    }
  } else if (item) {
    const nudge = (at, length, shown, offset) => {
      const a = at * view.k + offset, b = a + length * view.k;
      return a < 8 ? offset + 8 - a : b > shown - 8 ? offset + shown - 8 - b : offset;
    };
    view.x = nudge(item.at[0], item.w, width, view.x);
    view.y = nudge(item.at[1], item.h, height, view.y);
  }
  place();
}
function zoom(factor, x, y) {
  if (!factor) { view.by = "whole"; look(); return; }
  const { width, height } = picture.getBoundingClientRect();
  const k = Math.min(6, Math.max(0.05, view.k * factor));
  const [cx, cy] = [x ?? width / 2, y ?? height / 2];
  Object.assign(view, { by: "free", x: cx - (cx - view.x) * k / view.k, y: cy - (cy - view.y) * k / view.k, k });
  place();
}
const fingers = new Map();
let moved = 0;
const spot = event => { const { left, top } = picture.getBoundingClientRect(); return [event.clientX - left, event.clientY - top]; };
picture.addEventListener("wheel", event => { event.preventDefault(); zoom(Math.exp(-Math.max(-200, Math.min(200, event.deltaY)) / 400), ...spot(event)); }, { passive: false });
picture.addEventListener("pointerdown", event => { fingers.set(event.pointerId, spot(event)); moved = 0; });
window.addEventListener("pointermove", event => {
  const before = fingers.get(event.pointerId);
  if (!before) return;
  const after = spot(event);
  moved += Math.abs(after[0] - before[0]) + Math.abs(after[1] - before[1]);
  if (moved < 4) return;
  const other = [...fingers].find(([id]) => id !== event.pointerId);
  fingers.set(event.pointerId, after);
  if (other) {
    const far = p => Math.hypot(p[0] - other[1][0], p[1] - other[1][1]) || 1;
    zoom(far(after) / far(before), (after[0] + other[1][0]) / 2, (after[1] + other[1][1]) / 2);
  } else {
    Object.assign(view, { by: "free", x: view.x + after[0] - before[0], y: view.y + after[1] - before[1] });
    place();
  }
});
for (const kind of ["pointerup", "pointercancel"]) window.addEventListener(kind, event => fingers.delete(event.pointerId));
// a drag is no click
picture.addEventListener("click", event => { if (moved >= 4) event.stopPropagation(); }, true);
picture.addEventListener("keydown", event => {
  if ((event.key === "Enter" || event.key === " ") && event.target.getAttribute("role") === "button") {
    event.preventDefault();
    event.stopPropagation();
    const { group } = event.target.closest("[data-group]").dataset;
    event.target.dispatchEvent(new MouseEvent("click", { bubbles: true }));
    const again = [...world.querySelectorAll("[data-group]")].find(g => g.dataset.group === group);
    if (again) (again.matches("[role]") ? again : again.querySelector("[role]")).focus();
  }
});

// ---- Going from step to step ----
function show(stepped) {
  state = arrived(now);
  if (stepped) peek = new Set(steps[now].box ? steps[now].box.groups.map(group => group.key) : []);
  lay();
  paint();
  explain();
  explainNode();
  look();
  $("slider").value = now;
  $("slider").setAttribute("aria-valuetext", `step ${now} of ${steps.length - 1}, ${steps[now].is}`);
  $("count").textContent = `step ${now} of ${steps.length - 1}`;
  for (const button of $("buttons").children) {
    const { go: to } = button.dataset;
    button.disabled = (["first", "back"].includes(to) && now === 0) || (["next", "last"].includes(to) && now === steps.length - 1);
  }
}
function go(t) {
  t = Math.max(0, Math.min(steps.length - 1, t));
  if (t === now) return;
  now = t;
  show(true);
  // a frame of a notebook may not touch its history
  try { history.replaceState(null, "", `#step=${now}`); } catch { /* nothing to link to */ }
}
let timer = null;
const waits = () => !!$("step").querySelector(".ask");
function play(on) {
  clearInterval(timer);
  timer = null;
  if (on) {
    if (now === steps.length - 1) go(0);
    timer = setInterval(() => { if (now === steps.length - 1 || waits()) play(false); else go(now + 1); }, 1600 / Number($("speed").value));
  }
  const button = $("buttons").querySelector("[data-go=play]");
  button.replaceChildren(icon(on ? "pause" : "play"));
  put(button, { "aria-label": on ? "Pause" : "Play", title: `${on ? "Pause" : "Play"} (Space)` });
}
const ICONS = { first: "M2 2h2v12H2zM14 2v12L5 8z", back: "M12 2v12L3 8z", play: "M3 1v14l11-7z", pause: "M3 2h4v12H3zM9 2h4v12H9z", next: "M4 2v12l9-6z", last: "M12 2h2v12h-2zM2 2v12l9-6z" };
const icon = what => v("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, v("path", { d: ICONS[what] }));
const ACTIONS = {
  first: ["To the start (Home)", () => go(0)],
  back: ["One step back (←)", () => go(now - 1)],
  play: ["Play (Space)", () => play(timer === null)],
  next: ["Next step (→)", () => go(now + 1)],
  last: ["To the end (End)", () => go(steps.length - 1)],
};
for (const [what, [title, act]] of Object.entries(ACTIONS)) {
  const button = h("button", { type: "button", "data-go": what, title, "aria-label": title }, icon(what), ...(what === "next" ? ["Next"] : []));
  button.onclick = () => { if (what !== "play") play(false); act(); };
  $("buttons").append(button);
}
const KEYS = { ArrowRight: "next", ArrowLeft: "back", Home: "first", End: "last", " ": "play" };
document.addEventListener("keydown", event => {
  const { target, key } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || target.matches("input, select, textarea") || (key === " " && target.matches("button"))) return;
  if (KEYS[key]) { event.preventDefault(); if (key !== " ") play(false); ACTIONS[KEYS[key]][1](); }
  else if (key === "?") intro($("intro").hidden);
  else if (key === "Escape") { if (chosen !== null) choose(null); else intro(false); }
  else if (key === "+" || key === "-" || key === "0") zoom({ "+": 1.3, "-": 0.77, 0: 0 }[key]);
});
$("slider").max = steps.length - 1;
$("slider").oninput = () => { play(false); go(Number($("slider").value)); };
$("speed").onchange = () => { if (timer !== null) play(true); };
for (const button of $("zoom").children) button.onclick = () => zoom(Number(button.dataset.zoom));
// arrays are not asked for
if (!pulls.some(box => box.edges.some(edge => edge && !isArray(edge.share)))) put($("predict"), { disabled: "", title: "There is nothing to ask for: all gradients are arrays" });
$("predict").onclick = () => {
  predicting = !predicting;
  play(false);
  put($("predict"), { "aria-pressed": predicting });
  if (predicting && now < seed) go(seed + 1);
  else show(false);
  const field = $("step").querySelector("form input");
  if (field) field.focus({ preventScroll: true });
};
function intro(open) {
  $("intro").hidden = !open;
  put($("help"), { "aria-expanded": open });
  try { localStorage.setItem("autograd-mini-intro", open ? "open" : "shut"); } catch { /* it comes back */ }
  look();
}
$("help").onclick = () => intro($("intro").hidden);
$("dismiss").onclick = () => { intro(false); $("help").focus(); };
$("nodes").append(h("option", { value: "" }, "a node…"), ...boxes.filter(box => box.title).map(box => h("option", { value: box.i }, cut(box.title, 40))));
$("nodes").onchange = () => choose($("nodes").value === "" ? null : Number($("nodes").value));
for (const kind of [...KINDS, "group"]) {
  if (kind === "group" ? [...groups.values()].some(group => group.used) : boxes.some(box => box.kind === kind)) {
    $("legend").append(h("span", {}, v("svg", { viewBox: "-5 -5 40 26", class: kind, "aria-hidden": "true" }, v("g", { class: `box ${kind}` }, ...shapes(kind, 30, 16))), kind === "group" ? "module, click to open" : kind));
  }
}
for (const [cls, words] of [["later", "not computed yet"], ["now", "this step"]]) {
  $("legend").append(h("span", {}, v("svg", { viewBox: "-5 -5 40 26", "aria-hidden": "true" }, v("g", { class: `box ${cls}` }, ...shapes("operation", 30, 16))), words));
}
$("legend").append(h("span", {}, "gradient: blue above 0, orange below"));
for (const element of document.querySelectorAll(".root")) element.textContent = apart(cut(root.title, 32));
document.title = `${cut(root.title, 40)}: the chain rule, step by step`;
function linked() {
  const found = /^#step=(\d+)$/.exec(location.hash);
  if (found || !location.hash) go(found ? Number(found[1]) : 0);
}
try { if (localStorage.getItem("autograd-mini-intro") === "open") { $("intro").hidden = false; put($("help"), { "aria-expanded": true }); } } catch { /* folded away */ }
const turn = () => { tall = window.innerWidth <= 720; lay(); paint(); look(); };
window.addEventListener("hashchange", linked);
window.addEventListener("resize", turn);
tall = window.innerWidth <= 720;
show(true);
linked();
document.documentElement.dataset.ready = "yes";
})();
