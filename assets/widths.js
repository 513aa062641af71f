// Espaliers: what is left of every layer, with a slider through the prunings that is answered here. The server sends all of them once.
// `data` is what charts/widths_drawing.py calls a scene. Called anew with every change of it and of the theme; nothing may be added twice.

const TITLES = 76, SIZES = 40, NUMBERS = 58, NARROWEST = 240, HEAD = 46, THIN = 1.5;
const DASHES = { solid: "", dot: "2 4", dash: "8 5", longdash: "14 5", dashdot: "8 4 2 4", longdashdot: "14 4 2 4" };

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

// Labels moved apart, from the lowest place on, so that they stand `gap` from each other and end above `floor`.
function apart(places, gap, floor) {
  const order = [...places.keys()].sort((a, b) => places[b] - places[a]), found = [...places];
  let below = floor;
  for (const i of order) { found[i] = Math.min(places[i], below); below = found[i] - gap; }
  return found;
}

class Espaliers {
  constructor(root, report) {
    Object.assign(this, { root, report, touched: false });
    this.slider = make("input", { type: "range", className: "espalier-range", min: 0, step: 1 });
    this.value = make("output");
    this.name = make("label");
    this.value.setAttribute("aria-live", "polite");
    this.control = make("div", { className: "control" }, this.name, this.slider, this.value);
    this.plate = make("div", { className: "plate" });
    this.hint = make("div", { className: "hint", hidden: true });
    root.replaceChildren(this.control, this.plate, this.hint);
    this.slider.oninput = () => { this.touched = true; this.move(+this.slider.value); };
    this.slider.onchange = () => this.report(this.scene.positions[+this.slider.value].removed);
    this.plate.onpointermove = (event) => this.point(event.target.closest?.("[data-row]"), event);
    this.plate.onpointerleave = () => { this.hint.hidden = true; };
    this.plate.addEventListener("focusin", (event) => this.point(event.target.closest("[data-row]")));
    this.plate.addEventListener("focusout", () => { this.hint.hidden = true; });
    this.plate.onkeydown = (event) => this.walk(event);
    this.watch = new ResizeObserver(() => { if (this.scene && Math.abs(this.root.clientWidth - this.width) > 1) this.draw(); });
    this.watch.observe(root);
  }

  take(scene, dark) {
    const before = this.scene?.positions[+this.slider.value]?.removed;
    this.scene = scene;
    this.dark = dark;
    this.inks = scene.themes[dark ? "dark" : "light"];
    const distance = (p) => Math.abs(p.removed - before);
    const at = this.touched && before !== undefined ? scene.positions.reduce((best, p, i, all) => (distance(p) < distance(all[best]) ? i : best), 0) : scene.chosen;
    this.slider.id = `${scene.key}-slider`;
    this.name.htmlFor = this.slider.id;
    this.value.setAttribute("for", this.slider.id);
    this.name.textContent = scene.slider;
    this.slider.max = scene.positions.length - 1;
    this.slider.value = at;
    this.control.hidden = scene.positions.length < 2;
    this.draw();
  }

  draw() {
    this.width = Math.max(260, this.root.clientWidth);
    this.steps = [];
    this.svg = ink("svg", { role: "group", "aria-label": this.scene.label, "font-family": "Source Sans, sans-serif", "font-size": 14 });
    const height = this.scene.drawing === "lines" ? this.lines() : this.branches();
    this.svg.setAttribute("width", this.width);
    this.svg.setAttribute("height", height);
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${height}`);
    this.plate.replaceChildren(this.svg);
    this.svg.querySelector("[data-row]")?.setAttribute("tabindex", "0");
    this.move(+this.slider.value);
  }

  colour(profile) { return profile[this.dark ? "dark" : "light"]; }
  moment(profile, i) { return profile.moments[profile.at[i]]; }

  text(x, y, words, props = {}) {
    const node = ink("text", { x, y, fill: this.inks.text, ...props }, words);
    this.svg.append(node);
    return node;
  }

  // A target for pointer and keyboard around what is drawn of one layer of one pick.
  target(p, r, box) {
    const node = ink("rect", { ...box, fill: "transparent", tabindex: -1, role: "img", "data-row": r, "data-profile": p, rx: 3 });
    this.svg.append(node);
    this.steps.push((i) => node.setAttribute("aria-label", `${this.scene.profiles[p].label}, ${this.moment(this.scene.profiles[p], i).words[r]}`));
  }

  // Rows at which the resolution changes: the first of each, with it.
  stages() {
    const rows = this.scene.rows;
    return rows.map((row, r) => [r, row.resolution]).filter(([r, size]) => size && size !== rows[r - 1]?.resolution);
  }

  branches() {
    const { scene, inks } = this, stages = this.stages(), LABELS = TITLES + (stages.length ? SIZES : 0);
    const count = scene.rows.length, most = Math.max(1, Math.floor((this.width - LABELS) / NARROWEST));
    const ROW = Math.max(25, Math.min(48, Math.round(250 / count))), BAR = Math.round(0.64 * ROW);
    const lines = Math.ceil(scene.profiles.length / most), columns = Math.ceil(scene.profiles.length / lines), tall = HEAD + count * ROW + 26;
    const panel = (this.width - LABELS) / columns, longest = Math.min(420, panel - NUMBERS - 14);
    scene.profiles.forEach((profile, p) => {
      const column = p % columns, top = Math.floor(p / columns) * tall, left = LABELS + column * panel, centre = left + longest / 2;
      const [colour, label] = this.colour(profile);
      const y = (r) => top + HEAD + (count - 1 - r) * ROW;
      const head = columns === 1 ? 0 : left;  // a narrow screen has room for a long name from its edge on
      this.text(head, top + 16, profile.label, { fill: label, "font-weight": 700 });
      const below = this.text(head, top + 34, "", { fill: inks.soft, "font-size": 13 });
      this.steps.push((i) => { const m = this.moment(profile, i); below.textContent = `${m.total}, ${m.when}`; });
      this.svg.append(ink("line", { x1: centre, x2: centre, y1: top + HEAD - 4, y2: top + HEAD + count * ROW + 10, stroke: inks.trunk, "stroke-width": 3, "stroke-linecap": "round" }));
      for (const [r, size] of column === 0 ? stages : []) {
        const end = left + (columns - 1) * panel + longest + NUMBERS;
        if (r) this.svg.append(ink("line", { x1: 0, x2: end, y1: y(r) + ROW, y2: y(r) + ROW, stroke: inks.trunk, "stroke-dasharray": "2 4" }));
        this.text(0, y(r) + ROW / 2, size, { fill: inks.soft, "font-size": 12, "dominant-baseline": "central" });
      }
      scene.rows.forEach((row, r) => {
        const whole = longest * scene.span[r], at = { y: y(r) + (ROW - BAR) / 2, height: BAR, rx: 3 };
        if (column === 0) this.text(LABELS - 12, y(r) + ROW / 2, row.title, { "text-anchor": "end", "dominant-baseline": "central", fill: inks.soft });
        const bar = (fill, opacity = 1) => { const node = ink("rect", { ...at, fill, opacity }); this.svg.append(node); return node; };
        const set = (node, units) => {
          const wide = units > 0 ? Math.max(THIN, (whole * units) / row.units) : 0;
          node.setAttribute("x", centre - wide / 2);
          node.setAttribute("width", wide);
        };
        set(bar(inks.before), row.units);
        const reach = bar(colour, 0.45), solid = bar(colour);
        const number = this.text(left + longest + NUMBERS, y(r) + ROW / 2, "", { "text-anchor": "end", "dominant-baseline": "central" });
        this.steps.push((i) => {
          const m = this.moment(profile, i), [, low, high] = m.kept[r];
          set(reach, high);
          set(solid, low);
          number.textContent = m.short[r][scene.by === "share" ? 0 : 1];
        });
        this.target(p, r, { x: left, y: y(r), width: longest + NUMBERS, height: ROW });
      });
    });
    return lines * tall - 8;
  }

  lines() {
    const { scene, inks } = this, count = scene.rows.length, narrow = this.width < 560;
    // Long names stand in rows on top, each with a piece of its line; short ones at the lines' ends.
    const listed = narrow || scene.profiles.some((p) => p.label.length > 18);
    const left = 58, right = listed ? 12 : 150, top = listed ? 16 + 20 * scene.profiles.length : 12, tall = 300, bottom = top + tall;
    const wide = this.width - left - right, slot = wide / count, most = scene.by === "share" ? 1 : Math.max(...scene.rows.map((r) => r.units));
    const x = (r) => left + slot * (r + 0.5), y = (share) => bottom - tall * share;
    const height = (r, units) => y(scene.by === "share" ? units / scene.rows[r].units : units / most);
    for (const tick of [0, 0.25, 0.5, 0.75, 1]) {
      this.svg.append(ink("line", { x1: left, x2: left + wide, y1: y(tick), y2: y(tick), stroke: inks.grid }));
      const words = scene.by === "share" ? `${100 * tick} %` : Math.round(most * tick).toLocaleString("en");
      this.text(left - 8, y(tick), words, { "text-anchor": "end", "dominant-baseline": "central", fill: inks.soft, "font-size": 13 });
    }
    for (const [r, size] of this.stages()) {
      const edge = left + slot * r;
      if (r) this.svg.append(ink("line", { x1: edge, x2: edge, y1: top, y2: bottom, stroke: inks.soft, "stroke-dasharray": "2 4", opacity: 0.6 }));
      this.text(edge + 4, bottom - 6, size, { fill: inks.soft, "font-size": 11 });
    }
    const crowded = slot < 64;
    scene.rows.forEach((row, r) => {
      const place = crowded ? { transform: `rotate(-45 ${x(r)} ${bottom + 16})`, "text-anchor": "end" } : { "text-anchor": "middle" };
      this.text(x(r), bottom + 18, row.title, { fill: inks.soft, "font-size": 13, ...place });
    });
    const path = (of) => scene.rows.map((_, r) => `${r ? "L" : "M"}${x(r)} ${of(r)}`).join("");
    this.svg.append(ink("path", { d: path((r) => height(r, scene.rows[r].units)), fill: "none", stroke: inks.before, "stroke-width": 5, "stroke-linejoin": "round" }));
    const names = scene.profiles.map((profile, p) => {
      const [colour, label] = this.colour(profile);
      const band = ink("path", { fill: colour, opacity: 0.16 });
      const line = ink("path", { fill: "none", stroke: colour, "stroke-width": 2.25, "stroke-dasharray": DASHES[profile.dash] ?? "" });
      this.svg.append(band, line);
      const dots = scene.rows.map(() => { const dot = ink("circle", { r: 4.5, fill: colour, stroke: inks.paper, "stroke-width": 1.5 }); this.svg.append(dot); return dot; });
      this.steps.push((i) => {
        const { kept } = this.moment(profile, i);
        line.setAttribute("d", path((r) => height(r, kept[r][0])));
        const back = scene.rows.map((_, r) => `L${x(count - 1 - r)} ${height(count - 1 - r, kept[count - 1 - r][1])}`).join("");
        band.setAttribute("d", `${path((r) => height(r, kept[r][2]))}${back}Z`);
        dots.forEach((dot, r) => { dot.setAttribute("cx", x(r)); dot.setAttribute("cy", height(r, kept[r][0])); });
      });
      scene.rows.forEach((_, r) => this.target(p, r, { x: x(r) - Math.min(14, slot / 2), y: 0, width: Math.min(28, slot), height: 24 }));
      const targets = [...this.svg.querySelectorAll(`[data-profile="${p}"]`)];
      this.steps.push((i) => targets.forEach((t, r) => t.setAttribute("y", height(r, this.moment(profile, i).kept[r][0]) - 12)));
      if (listed) this.svg.append(ink("line", { x1: left, x2: left + 30, y1: 9 + 20 * p, y2: 9 + 20 * p, stroke: colour, "stroke-width": 2.25, "stroke-dasharray": DASHES[profile.dash] ?? "" }));
      return this.text(listed ? left + 38 : left + wide + 8, 14 + 20 * p, profile.label, { fill: label, "font-weight": 700, "font-size": narrow ? 13 : 14 });
    });
    if (!listed) {
      this.steps.push((i) => {
        const ends = apart(scene.profiles.map((profile) => height(count - 1, this.moment(profile, i).kept[count - 1][0]) + 5), 19, bottom + 5);
        names.forEach((name, p) => name.setAttribute("y", ends[p]));
      });
    }
    const title = `${scene.what[0].toUpperCase()}${scene.what.slice(1)} kept${scene.by === "share" ? ", share of each layer" : ""}`;
    this.text(0, 0, title, { fill: inks.soft, "font-size": 13, "text-anchor": "middle", transform: `translate(12 ${top + tall / 2}) rotate(-90)` });
    return bottom + (crowded ? 74 : 30);
  }

  move(i) {
    for (const step of this.steps) step(i);
    const { words } = this.scene.positions[i] ?? { words: "" };
    this.value.textContent = words;
    this.slider.setAttribute("aria-valuetext", `${words} removed`);
    this.slider.style.setProperty("--done", `${(100 * i) / Math.max(1, this.scene.positions.length - 1)}%`);
    if (!this.hint.hidden && this.pointed?.isConnected) this.hint.textContent = this.words(this.pointed);
  }

  words(target) {
    const profile = this.scene.profiles[+target.dataset.profile];
    return `${profile.label}. ${this.moment(profile, +this.slider.value).words[+target.dataset.row]}`;
  }

  point(target, event) {
    this.pointed = target;
    if (!target) { this.hint.hidden = true; return; }
    this.hint.textContent = this.words(target);
    this.hint.hidden = false;
    const frame = this.root.getBoundingClientRect(), box = target.getBoundingClientRect();
    const [x, y] = event ? [event.clientX, event.clientY] : [box.left + 8, box.bottom - 12];
    const left = Math.min(x - frame.left + 12, frame.width - this.hint.offsetWidth - 4);
    this.hint.style.transform = `translate(${Math.max(0, left)}px, ${y - frame.top + 16}px)`;
  }

  walk(event) {
    const step = { ArrowUp: [0, 1], ArrowDown: [0, -1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key], from = event.target.dataset;
    if (!step || from.row === undefined) return;
    event.preventDefault();
    const [across, along] = this.scene.drawing === "lines" ? [step[1], step[0]] : step;
    const next = this.svg.querySelector(`[data-profile="${+from.profile + across}"][data-row="${+from.row + along}"]`);
    if (!next) return;
    event.target.setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    next.focus();
  }

  // The picture as it stands, on its paper, as an address to save.
  async picture(format, margin = 12, scale = 3) {
    const copy = this.svg.cloneNode(true), wide = this.width + 2 * margin, high = +this.svg.getAttribute("height") + 2 * margin;
    for (const target of copy.querySelectorAll("[data-row]")) target.remove();
    copy.prepend(ink("rect", { x: -margin, y: -margin, width: wide, height: high, fill: this.inks.paper }));
    copy.setAttribute("viewBox", `${-margin} ${-margin} ${wide} ${high}`);
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
  const root = parentElement.querySelector(".espalier-widths"), dark = isDark(parentElement);
  const report = (removed) => setStateValue("position", removed);
  root.espalier ??= new Espaliers(root, report);
  const { espalier } = root, mark = JSON.stringify([{ ...data, chosen: 0 }, dark]);
  espalier.report = report;
  if (espalier.mark !== mark) { espalier.mark = mark; espalier.take(data, dark); }
  const pictures = (window.espalierPictures ??= new Map());
  pictures.set(data.key, (format) => espalier.picture(format));
  return () => pictures.delete(data.key);
}
