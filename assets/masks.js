// First-layer masks, class by sparsity, with a slider that is answered here: the server sends the counts of all sparsities once.
// data: 4 bytes little-endian length of a JSON header, the header, uint8 mean images (classes x image), uint16 counts (classes x sparsities x cells).

function read(bytes) {
  const own = bytes.slice();
  const length = new DataView(own.buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(own.subarray(4, 4 + length)));
  const images = head.classes.length * head.image[0] * head.image[1];
  const means = own.subarray(4 + length, 4 + length + (head.means ? images : 0));
  const counts = new Uint16Array(own.slice(4 + length + means.length).buffer);
  return { head, means, counts };
}

function palette(colours) {
  const stops = colours.map((c) => [1, 3, 5].map((i) => parseInt(c.slice(i, i + 2), 16)));
  return Array.from({ length: 256 }, (_, i) => {
    const at = (i / 255) * (stops.length - 1), low = Math.min(Math.floor(at), stops.length - 2);
    return stops[low].map((v, k) => Math.round(v + (stops[low + 1][k] - v) * (at - low)));
  });
}

const make = (tag, props = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), props);
  element.append(...children);
  return element;
};

function isDark(element) {
  const probe = make("span");
  probe.style.color = "var(--st-background-color)";
  element.append(probe);
  const [red, green, blue] = getComputedStyle(probe).color.match(/[\d.]+/g).map(Number);
  probe.remove();
  return 0.3 * red + 0.59 * green + 0.11 * blue < 128;
}

class Viewer {
  constructor(root, head, means, counts, report) {
    Object.assign(this, { root, head, means, counts, report });
    this.ramp = palette(head.colours);
    this.cells = head.tile ? head.tile.n * head.tile.h * head.tile.w : head.image[0] * head.image[1];
    this.build();
  }

  slice(k, s) {
    const start = (k * this.head.sparsities.length + s) * this.cells;
    return this.counts.subarray(start, start + this.cells);
  }

  largest(s) {
    let most = 0;
    for (let k = 0; k < this.head.classes.length; k++) for (const v of this.slice(k, s)) if (v > most) most = v;
    return most;
  }

  // Where entry i of a cell's counts lies in its picture.
  place(i) {
    const { tile, image } = this.head;
    if (!tile) return [i % image[1], Math.floor(i / image[1])];
    const size = tile.h * tile.w, f = Math.floor(i / size), r = i % size;
    return [(f % tile.across) * (tile.w + 1) + (r % tile.w), Math.floor(f / tile.across) * (tile.h + 1) + Math.floor(r / tile.w)];
  }

  size() {
    const { tile, image } = this.head;
    if (!tile) return [image[1], image[0]];
    return [tile.across * (tile.w + 1) - 1, Math.ceil(tile.n / tile.across) * (tile.h + 1) - 1];
  }

  paint(canvas, values, largest) {
    const [w, h] = this.size();
    if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; canvas.style.aspectRatio = w / h; }
    const pen = canvas.getContext("2d"), picture = pen.createImageData(w, h), out = picture.data;
    for (let i = 0; i < values.length; i++) {
      const [x, y] = this.place(i), at = 4 * (y * w + x);
      const colour = this.ramp[largest ? Math.min(255, Math.round((values[i] / largest) * 255)) : 0];
      out[at] = colour[0]; out[at + 1] = colour[1]; out[at + 2] = colour[2]; out[at + 3] = 255;
    }
    pen.putImageData(picture, 0, 0);
  }

  paintMean(canvas, k) {
    const [h, w] = this.head.image;
    canvas.width = w; canvas.height = h;
    const pen = canvas.getContext("2d"), picture = pen.createImageData(w, h);
    for (let i = 0; i < h * w; i++) {
      const v = this.means[k * h * w + i];
      picture.data.set([v, v, v, 255], 4 * i);
    }
    pen.putImageData(picture, 0, 0);
  }

  paintRow(row, s) {
    const { head } = this, most = this.largest(s), percent = head.sparsities[s];
    row.name.textContent = `${percent} %`;
    row.most.textContent = most.toLocaleString("en");
    row.canvases.forEach((canvas, k) => {
      this.paint(canvas, this.slice(k, s), most);
      canvas.espalier = { k, s };
      let sum = 0;
      for (const v of this.slice(k, s)) sum += v;
      canvas.setAttribute("aria-label", `${head.one} ${head.classes[k]}, ${percent} % removed: ${sum.toLocaleString("en")} weights of the first layer kept`);
    });
  }

  row(kind, label) {
    const line = make("div", { className: `row ${kind}` });
    const row = { line, name: make("span", { className: "name", textContent: label }), most: make("span", { className: "most" }), canvases: [] };
    line.append(row.name);
    for (let k = 0; k < this.head.classes.length; k++) {
      const canvas = make("canvas", { tabIndex: -1 });
      canvas.setAttribute("role", "img");
      row.canvases.push(canvas);
      line.append(canvas);
    }
    line.append(row.most);
    return row;
  }

  build() {
    const { head } = this;
    this.slider = make("input", { type: "range", className: "espalier-range", min: head.sparsities[0], max: head.sparsities.at(-1), step: 1, value: head.chosen, id: `${head.key}-slider` });
    this.value = make("output", { className: "value" });
    this.value.setAttribute("aria-live", "polite");
    const control = make("div", { className: "control" }, make("label", { htmlFor: this.slider.id, textContent: `${head.what} removed` }), this.slider, this.value);
    this.value.setAttribute("for", this.slider.id);
    if (head.tile) this.buildPlates(control);
    else this.buildRows(control);
    this.slider.oninput = () => this.choose(+this.slider.value);
    this.slider.onchange = () => this.report(+this.slider.value);
    this.grid.onpointermove = (event) => this.point(event);
    this.grid.onpointerleave = () => { this.hint.hidden = true; };
    this.grid.onkeydown = (event) => this.walk(event);
    this.choose(head.chosen);
    this.chosen.canvases[0].tabIndex = 0;
  }

  frame(control, className) {
    this.grid = make("div", { className });
    this.grid.dataset.picture = this.head.key;
    this.grid.setAttribute("role", "group");
    this.grid.setAttribute("aria-label", this.head.label);
    this.root.style.setProperty("--columns", this.head.classes.length);
    this.hint = make("div", { className: "hint", hidden: true });
    this.root.replaceChildren(control, this.grid, this.hint);
  }

  // Filters are too small for rows of sparsities: one larger picture a class, for the sparsity of the slider.
  buildPlates(control) {
    this.frame(control, "plates");
    this.chosen = { name: make("span"), most: make("span"), canvases: [] };
    for (const name of this.head.classes) {
      const canvas = make("canvas", { tabIndex: -1 });
      canvas.setAttribute("role", "img");
      this.chosen.canvases.push(canvas);
      this.grid.append(make("figure", {}, canvas, make("figcaption", { textContent: name })));
    }
  }

  buildRows(control) {
    const { head } = this, names = make("div", { className: "row names" }, make("span"));
    head.classes.forEach((name) => names.append(make("span", { textContent: name.replace("/", "/\u200b") })));
    names.append(make("span", { className: "most", textContent: "at most", title: `The most weights kept ${head.where}, of ${head.of}: the brightest colour of its row` }));
    this.frame(control, "grid");
    this.grid.append(names);
    if (head.means) {
      const means = this.row("means", "mean image");
      means.canvases.forEach((canvas, k) => { this.paintMean(canvas, k); canvas.setAttribute("aria-label", `Mean image of ${head.one} ${head.classes[k]}`); });
      this.grid.append(means.line);
    }
    this.chosen = this.row("chosen", "");
    this.grid.append(this.chosen.line);
    for (const percent of head.rows) {
      const row = this.row("fixed", "");
      this.paintRow(row, head.sparsities.indexOf(percent));
      this.grid.append(row.line);
    }
  }

  choose(percent) {
    this.value.textContent = `${percent} %`;
    this.slider.style.setProperty("--done", `${(100 * (percent - this.slider.min)) / (this.slider.max - this.slider.min)}%`);
    this.slider.setAttribute("aria-valuetext", `${percent} % of the ${this.head.what.toLowerCase()} removed`);
    this.paintRow(this.chosen, this.head.sparsities.indexOf(percent));
  }

  words(canvas, x, y) {
    const { head } = this, { k, s } = canvas.espalier, values = this.slice(k, s);
    for (let i = 0; i < values.length; i++) {
      const [px, py] = this.place(i);
      if (px !== x || py !== y) continue;
      const where = head.tile ? `filter ${Math.floor(i / (head.tile.h * head.tile.w)) + 1}` : `row ${y + 1}, column ${x + 1}`;
      return `${head.one[0].toUpperCase()}${head.one.slice(1)} ${head.classes[k]}, ${head.sparsities[s]} % removed, ${where}: ${values[i]} of ${head.of} kept`;
    }
    return "";
  }

  point(event) {
    const canvas = event.target;
    if (!canvas.espalier) { this.hint.hidden = true; return; }
    const box = canvas.getBoundingClientRect(), frame = this.root.getBoundingClientRect();
    const x = Math.floor(((event.clientX - box.left) / box.width) * canvas.width), y = Math.floor(((event.clientY - box.top) / box.height) * canvas.height);
    this.hint.textContent = this.words(canvas, x, y);
    this.hint.hidden = !this.hint.textContent;
    const left = Math.min(event.clientX - frame.left + 12, frame.width - this.hint.offsetWidth - 4);
    this.hint.style.transform = `translate(${Math.max(0, left)}px, ${event.clientY - frame.top + 16}px)`;
  }

  walk(event) {
    const step = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key];
    const columns = this.head.tile ? 5 : this.head.classes.length, all = [...this.grid.querySelectorAll("canvas")], at = all.indexOf(event.target);
    if (!step || at < 0) return;
    const column = (at % columns) + step[0], next = all[at + step[0] + step[1] * columns];
    event.preventDefault();
    if (!next || column < 0 || column >= columns) return;
    event.target.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }
}

const fingerprint = (bytes) => {
  let sum = bytes.length;
  for (let i = 0; i < bytes.length; i += 97) sum = (sum * 31 + bytes[i]) | 0;
  return sum;
};

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".espalier-viewer");
  root.classList.toggle("dark", isDark(parentElement));
  const mark = fingerprint(data);
  if (root.espalier?.mark === mark) { root.espalier.viewer.report = (level) => setStateValue("level", level); return; }
  const { head, means, counts } = read(data);
  if (root.espalier) head.chosen = +root.espalier.viewer.slider.value;
  root.espalier = { mark, viewer: new Viewer(root, head, means, counts, (level) => setStateValue("level", level)) };
}
