// Criteria against criteria: below the diagonal how far their masks agree at the slider's sparsity, above it how alike they rank everything.
// The server sends the numbers of all sparsities once; the slider is answered here. `data` is what charts/agreement.py calls a scene.
// Called anew with every change of it and of the theme; nothing may be added twice.

const LARGEST = 62, READABLE = 25, GAP = 3, LETTER = 7.2, SCALE = 168;

const make = (tag, props = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), props);
  element.append(...children);
  return element;
};

const ink = (tag, attributes = {}, text) => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return node;
};

function isDark(element) {
  const probe = make("span");
  probe.style.color = "var(--st-background-color)";
  element.append(probe);
  const [red, green, blue] = getComputedStyle(probe).color.match(/[\d.]+/g).map(Number);
  probe.remove();
  return 0.3 * red + 0.59 * green + 0.11 * blue < 128;
}

const parts = (colour) => [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
const light = ([red, green, blue]) => (0.3 * red + 0.59 * green + 0.11 * blue) / 255;

// A value from -1 to 1 on the diverging scale, as red, green, blue.
function blend(stops, value) {
  const at = ((Math.max(-1, Math.min(1, value)) + 1) / 2) * (stops.length - 1), low = Math.min(Math.floor(at), stops.length - 2);
  return parts(stops[low]).map((v, k) => Math.round(v + (parts(stops[low + 1])[k] - v) * (at - low)));
}

const shown = (value) => (value === null ? "–" : value.toFixed(2).replace("-0.00", "0.00").replace("-", "\u2212"));
const counted = (n) => n.toLocaleString("en");

class Matrix {
  constructor(root, report) {
    Object.assign(this, { root, report, touched: false });
    this.slider = make("input", { type: "range", className: "espalier-range", min: 0, step: 1 });
    this.value = make("output");
    this.name = make("label");
    this.value.setAttribute("aria-live", "polite");
    this.plate = make("div", { className: "plate" });
    this.hint = make("div", { className: "hint", hidden: true });
    root.replaceChildren(make("div", { className: "control" }, this.name, this.slider, this.value), this.plate, this.hint);
    this.slider.oninput = () => { this.touched = true; this.move(+this.slider.value); };
    this.slider.onchange = () => this.report(this.scene.positions[+this.slider.value].removed);
    this.plate.onpointermove = (event) => this.point(event.target.closest?.("[data-cell]"), event);
    this.plate.onpointerleave = () => { this.hint.hidden = true; };
    this.plate.addEventListener("focusin", (event) => this.point(event.target.closest("[data-cell]")));
    this.plate.addEventListener("focusout", () => { this.hint.hidden = true; });
    this.plate.onkeydown = (event) => this.walk(event);
    this.watch = new ResizeObserver(() => { if (this.scene && Math.abs(this.root.clientWidth - this.width) > 1) this.draw(); });
    this.watch.observe(root);
  }

  take(scene, dark) {
    const before = this.scene?.positions[+this.slider.value]?.removed;
    const kept = this.touched ? scene.positions.findIndex((p) => p.removed === before) : -1;
    Object.assign(this, { scene, inks: scene.themes[dark ? "dark" : "light"] });
    this.slider.id = `${scene.key}-slider`;
    this.name.htmlFor = this.slider.id;
    this.value.setAttribute("for", this.slider.id);
    this.name.textContent = `${scene.what[0].toUpperCase()}${scene.what.slice(1)} removed`;
    this.slider.max = scene.positions.length - 1;
    this.slider.value = kept >= 0 ? kept : scene.chosen;
    this.draw();
  }

  text(x, y, words, props = {}) {
    const node = ink("text", { x, y, fill: this.inks.text, "dominant-baseline": "central", ...props }, words);
    this.svg.append(node);
    return node;
  }

  draw() {
    const { scene, inks } = this, n = scene.names.length, longest = Math.max(...scene.names.map((name) => name.length));
    this.width = Math.max(280, this.root.clientWidth);
    const narrow = this.width < 480, letter = narrow ? 5.9 : LETTER, left = Math.min(0.34 * this.width, letter * longest + 12);
    const right = narrow ? 0.7 * letter * scene.names[n - 1].length - 8 : 0;  // the last name leans out of its column
    const cell = Math.min(LARGEST, (this.width - left - right) / n), top = 0.72 * letter * longest + 22;
    const size = cell < 32 ? 10 : cell < 40 ? 11 : 14, height = top + n * cell + (narrow ? 92 : 74);
    this.svg = ink("svg", { role: "group", "aria-label": scene.label, "font-family": "Source Sans, sans-serif", "font-size": narrow ? 12 : 14, width: this.width, height, viewBox: `0 0 ${this.width} ${height}` });
    this.cells = [];
    scene.names.forEach((name, i) => {
      const x = left + (i + 0.5) * cell, y = top - 8;
      this.text(left - 10, top + (i + 0.5) * cell, name, { "text-anchor": "end" });
      this.text(x, y, name, { transform: `rotate(-45 ${x} ${y})` });
      this.svg.append(ink("rect", { x: left + i * cell, y: top + i * cell, width: cell - GAP, height: cell - GAP, rx: 3, fill: inks.line, opacity: 0.35 }));
    });
    scene.pairs.forEach(([a, b], pair) => {
      this.cell(left + a * cell, top + b * cell, cell, size, { pair, row: b, column: a, masks: true });
      this.cell(left + b * cell, top + a * cell, cell, size, { pair, row: a, column: b, masks: false });
    });
    this.legend(narrow ? 0 : left, top + n * cell + 14, narrow);
    this.plate.replaceChildren(this.svg);
    this.svg.querySelector("[data-cell]")?.setAttribute("tabindex", "0");
    this.move(+this.slider.value);
  }

  cell(x, y, cell, size, what) {
    const box = ink("rect", { x, y, width: cell - GAP, height: cell - GAP, rx: 3, tabindex: -1, role: "img", "data-cell": `${what.row},${what.column}` });
    box.espalier = what;
    this.svg.append(box);
    const number = this.text(x + (cell - GAP) / 2, y + (cell - GAP) / 2, "", { "text-anchor": "middle", "font-size": size, "pointer-events": "none", display: cell < READABLE ? "none" : "inline" });
    this.cells.push({ box, number, what });
    if (!what.masks) this.paint(this.cells.at(-1), this.scene.ranks[what.pair]);
  }

  paint({ box, number, what }, value) {
    const colour = value === null ? parts(this.inks.paper) : blend(this.inks.diverging, value);
    box.setAttribute("fill", `rgb(${colour.join(",")})`);
    number.setAttribute("fill", light(colour) > 0.5 ? "#23281F" : "#FBFAF5");
    number.textContent = shown(value);
    box.setAttribute("aria-label", this.words(what));
  }

  legend(from, y, narrow) {
    const { scene, inks } = this, id = `${scene.key}-scale`, ramp = ink("linearGradient", { id });
    inks.diverging.forEach((colour, i) => ramp.append(ink("stop", { offset: i / (inks.diverging.length - 1), "stop-color": colour })));
    this.svg.append(ramp, ink("rect", { x: from, y, width: SCALE, height: 8, rx: 2, fill: `url(#${id})` }));
    const soft = { fill: inks.soft, "font-size": 13 };
    this.text(from, y + 20, "\u22121", soft);
    this.text(from + SCALE / 2, y + 20, "0, chance", { ...soft, "text-anchor": "middle" });
    this.text(from + SCALE, y + 20, "1, the same", { ...soft, "text-anchor": "middle" });
    const lines = narrow ? [`${scene.below}.`, `${scene.above}.`] : [`${scene.below}. ${scene.above}.`];
    lines.forEach((words, i) => this.text(from, y + 42 + 18 * i, words, soft));
  }

  move(i) {
    for (const each of this.cells) if (each.what.masks) this.paint(each, this.scene.values[each.what.pair][i]);
    const { words } = this.scene.positions[i] ?? { words: "" };
    this.value.textContent = words;
    this.slider.setAttribute("aria-valuetext", `${words} removed`);
    this.slider.style.setProperty("--done", `${(100 * i) / Math.max(1, this.scene.positions.length - 1)}%`);
    if (!this.hint.hidden && this.pointed?.isConnected) this.hint.textContent = this.words(this.pointed.espalier);
  }

  words({ pair, masks }) {
    const { scene } = this, i = +this.slider.value, [a, b] = scene.pairs[pair].map((c) => scene.names[c]);
    if (!masks) return `${a} and ${b}: correlation of the ranks of all ${scene.what} ${shown(scene.ranks[pair])}`;
    const kept = scene.kept[i], chance = counted(Math.round((kept * kept) / scene.units));
    return `${a} and ${b}, ${scene.positions[i].words} removed: both keep ${counted(scene.shared[pair][i])} of ${counted(kept)} ${scene.what}, by chance ${chance}. Agreement ${shown(scene.values[pair][i])}`;
  }

  point(target, event) {
    this.pointed = target;
    if (!target) { this.hint.hidden = true; return; }
    this.hint.textContent = this.words(target.espalier);
    this.hint.hidden = false;
    const frame = this.root.getBoundingClientRect(), box = target.getBoundingClientRect();
    const [x, y] = event ? [event.clientX, event.clientY] : [box.left + 8, box.bottom - 12];
    const left = Math.min(x - frame.left + 12, frame.width - this.hint.offsetWidth - 4);
    this.hint.style.transform = `translate(${Math.max(0, left)}px, ${y - frame.top + 16}px)`;
  }

  walk(event) {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key], from = event.target.espalier;
    if (!step || !from) return;
    event.preventDefault();
    let { row, column } = from;
    do { row += step[0]; column += step[1]; } while (row === column);
    const next = this.svg.querySelector(`[data-cell="${row},${column}"]`);
    if (!next) return;
    event.target.setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    next.focus();
  }

  // The picture as it stands, on its paper, as an address to save.
  async picture(format, margin = 12, scale = 3) {
    const copy = this.svg.cloneNode(true), wide = this.width + 2 * margin, high = +this.svg.getAttribute("height") + 2 * margin + 24;
    copy.prepend(ink("rect", { x: -margin, y: -margin - 24, width: wide, height: high, fill: this.inks.paper }));
    copy.append(ink("text", { x: 0, y: -10, fill: this.inks.text, "font-size": 14 }, `${this.name.textContent}: ${this.value.textContent}`));
    copy.setAttribute("viewBox", `${-margin} ${-margin - 24} ${wide} ${high}`);
    copy.setAttribute("width", wide);
    copy.setAttribute("height", high);
    const address = URL.createObjectURL(new Blob([new XMLSerializer().serializeToString(copy)], { type: "image/svg+xml" }));
    if (format === "svg") return address;
    const image = new Image(), canvas = make("canvas", { width: scale * wide, height: scale * high });
    image.src = address;
    await image.decode();
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    URL.revokeObjectURL(address);
    return canvas.toDataURL("image/png");
  }
}

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".espalier-agreement"), dark = isDark(parentElement);
  const report = (removed) => setStateValue("position", removed);
  root.espalier ??= new Matrix(root, report);
  const { espalier } = root, mark = JSON.stringify([{ ...data, chosen: 0 }, dark]);
  espalier.report = report;
  if (espalier.mark !== mark) { espalier.mark = mark; espalier.take(data, dark); }
  const pictures = (window.espalierPictures ??= new Map());
  pictures.set(data.key, (format) => espalier.picture(format));
  return () => pictures.delete(data.key);
}
